// --announce: on which interfaces load-balancer addresses are announced, and of each interface which.
import { type AddressRange, parseCidr } from '../../model/address/ranges.ts'
import type { Announceable } from './interfaces.ts'

/** Ranges that are published to the other agents. */
const maxRanges = 64

/** Reads `auto`, `off` (undefined) or `eth0,eth1=192.168.1.224/27`. @throws Error with the rule that it breaks */
export function readAnnounceable (text: string): Announceable | undefined {
  if (text === 'off') return undefined
  if (text === 'auto') return new Map([['*', undefined]])
  const found = new Map<string, readonly AddressRange[] | undefined>()
  const items = text.split(',').map((item) => item.trim())
  if (items.length > maxRanges) throw new Error(`must not have more than ${maxRanges} items`)
  for (const item of items) {
    const [, name = '', rangeText] = /^([^\s=/]{1,15})(?:=(.+))?$/.exec(item) ?? []
    if (name === '' || name === '*') throw new Error('must be auto, off, or interfaces with commas, each alone or with a network: eth0,eth1=192.168.1.224/27')
    if (rangeText === undefined) {
      found.set(name, undefined)
      continue
    }
    const range = parseCidr(rangeText)
    if ('problem' in range) throw new Error(`${rangeText} ${range.problem}`)
    const known = found.get(name)
    if (!found.has(name) || known !== undefined) found.set(name, [...known ?? [], range])
  }
  return found
}
