// A front end as elements of the maps of the ruleset (kernel/ruleset.ts). Every value is a parsed number or address,
// printed again: no text of a manifest gets here.
import type { Choice, FrontEnd, Target } from '../front-end.ts'
import type { Family } from '../../model/address/ranges.ts'
import { parseCidr } from '../../model/address/ranges.ts'
import { slotsOf } from './slots.ts'
import { drawName, goName, numbersOf, stickyMaps } from './sticky.ts'

/** One element of a map (with a value) or of a set (without). */
export interface Element {
  readonly family: Family
  readonly map: string
  readonly key: string
  readonly value?: string
}

/** A chain that draws one of so many slots: there is one for each count in use, shared by all services. */
export interface SlotClass {
  readonly family: Family
  readonly transport: FrontEnd['transport']
  /** Draws from the slots for programs of this machine. */
  readonly isInside: boolean
  readonly keepSource: boolean
  readonly slots: number
  /** A client stays with its endpoint for so long: in a table of its own (kernel/sticky.ts). */
  readonly affinitySeconds?: number
}

export function className (slotClass: SlotClass): string {
  const { transport, isInside, keepSource, slots, affinitySeconds } = slotClass
  if (affinitySeconds !== undefined) return drawName({ ...slotClass, seconds: affinitySeconds })
  return `${isInside ? 'inside-' : ''}${transport}-${keepSource ? 'keep' : 'hide'}-random-${slots}`
}

export interface FrontEndElements {
  readonly elements: readonly Element[]
  readonly classes: readonly SlotClass[]
}

export function elementsOf (frontEnd: FrontEnd): FrontEndElements {
  const elements: Element[] = []
  const classes: SlotClass[] = []
  const { family, address, transport, port, kind, outside, inside, sources } = frontEnd
  const key = `${address} . ${transport} . ${port}`
  const add = (map: string, elementKey: string, value?: string): void => {
    elements.push({ family, map, key: elementKey, ...(value === undefined ? {} : { value }) })
  }
  const { affinitySeconds } = frontEnd
  const isSticky = affinitySeconds !== undefined
  const numbers = isSticky ? numbersOf([...outside.targets, ...inside.targets]) : new Map<string, string>()
  const carry = (choice: Choice, isInside: boolean): void => {
    const slots = slotsOf(choice.targets)
    const prefix = isInside ? 'inside-' : ''
    const services = isSticky ? stickyMaps.services(isInside) : `${prefix}services`
    if (slots.length === 0) {
      add(`${prefix}empty`, key, choice.whenNone === 'drop' ? 'drop' : 'goto no-endpoints')
      // What programs of this machine are refused must not go the way of the others.
      if (isInside && outside.targets.length > 0) add(services, key, 'accept')
      return
    }
    const slotClass: SlotClass = {
      family, transport, isInside, keepSource: choice.keepSource, slots: slots.length, ...(isSticky ? { affinitySeconds } : {})
    }
    classes.push(slotClass)
    add(services, key, `goto ${className(slotClass)}`)
    for (const [index, target] of slots.entries()) {
      const slot = `${address} . ${port} . ${index}`
      if (isSticky) add(stickyMaps.slots(isInside, transport), slot, numbers.get(`${target.address} ${target.port}`) ?? '')
      else add(`${prefix}slots-${transport}`, slot, place(target))
    }
    if (!isSticky) return
    const go = goName({ transport, keepSource: choice.keepSource, seconds: affinitySeconds })
    for (const target of choice.targets) {
      const known = `${address} . ${port} . ${numbers.get(`${target.address} ${target.port}`) ?? ''}`
      add(stickyMaps.live(isInside, transport), known, `goto ${go}`)
      add(stickyMaps.targets(transport), known, place(target))
    }
  }
  if (outside.targets.length + inside.targets.length > 0) add('carried', key)
  carry(outside, false)
  if (inside !== outside) carry(inside, true)
  if (sources !== undefined) {
    add('guarded', key)
    for (const network of widest(sources)) add('allowed', `${key} . ${network}`)
  }
  if (kind === 'load-balancer' || kind === 'external-ip') add('own', address)
  return { elements, classes }
}

function place ({ address, port }: Target): string {
  return `${address} . ${port}`
}

/** Networks without those that lie in another: the kernel's intervals must not overlap. */
function widest (networks: readonly string[]): string[] {
  const ranges = networks.map((text) => parseCidr(text)).flatMap((range) => ('problem' in range ? [] : [range]))
  const sorted = ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : a.size > b.size ? -1 : 1))
  const kept: typeof ranges = []
  for (const range of sorted) if (!kept.some((other) => other.first <= range.first && range.last <= other.last)) kept.push(range)
  return kept.map(({ text }) => text)
}
