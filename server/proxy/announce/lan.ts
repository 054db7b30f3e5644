// Speaks to the neighbours of this machine: says where an address is, and asks who else has it. By lan.pl (perl-base is on
// every Debian), else by arping for IPv4, else not at all.
import { fileURLToPath } from 'node:url'
import type { Run } from '../program.ts'
import type { NetworkInterface } from './interfaces.ts'

const script = fileURLToPath(new URL('lan.pl', import.meta.url))
/** How long neighbours are given to say that they have an address: a LAN answers in a millisecond, and is asked three times. */
export const probeMs = 400
/** Addresses of one run of a program. */
const together = 100

export interface Place {
  readonly address: string
  readonly at: NetworkInterface
}

export type LanTool = 'perl' | 'arping' | 'none'

/** Which tool works here: some address is asked for on some interface, which disturbs nobody. */
export async function lanTool (run: Run, at: NetworkInterface | undefined): Promise<LanTool> {
  if (at === undefined) return 'none'
  if ((await run('perl', [script, 'probe', '1', at.name, String(at.index), at.mac, '192.0.2.1'])).code === 0) return 'perl' // TEST-NET-1
  const ran = await run('arping', ['-D', '-c', '1', '-w', '1', '-I', at.name, '192.0.2.1'])
  return ran.code === 0 || ran.code === 1 ? 'arping' : 'none'
}

/** Says to all neighbours that these addresses are here. @returns whether it could be said */
export async function announce (run: Run, tool: LanTool, places: readonly Place[]): Promise<boolean> {
  if (tool === 'perl') {
    let isSaid = true
    for (const args of groups(places)) isSaid = (await run('perl', [script, 'announce', ...args])).code === 0 && isSaid
    return isSaid
  }
  if (tool === 'none') return false
  const ran = await Promise.all(places.filter(({ address }) => !address.includes(':')).slice(0, together).flatMap(({ address, at }) =>
    ['-A', '-U'].map((form) => run('arping', [form, '-c', '1', '-I', at.name, '-s', address, address]))))
  return ran.every(({ code }) => code === 0 || code === 1) // 1: nobody answers, as is right for an announcement
}

/** Who has these addresses: address -> MAC, as far as somebody answers. @returns undefined if it can't be asked */
export async function probe (run: Run, tool: LanTool, places: readonly Place[]): Promise<ReadonlyMap<string, string> | undefined> {
  const found = new Map<string, string>()
  if (places.length === 0) return found
  if (tool === 'none') return undefined
  if (tool === 'perl') {
    for (const args of groups(places)) {
      const ran = await run('perl', [script, 'probe', String(probeMs), ...args])
      if (ran.code !== 0) return undefined
      for (const [, address = '', mac = ''] of ran.out.matchAll(/^(\S+) (\S+)$/gm)) found.set(address, mac)
    }
    return found
  }
  if (places.some(({ address }) => address.includes(':'))) return undefined // arping knows IPv4 only
  for (const { address, at } of places) {
    const ran = await run('arping', ['-D', '-c', '2', '-w', '1', '-I', at.name, address])
    if (ran.code !== 0 && ran.code !== 1) return undefined
    const mac = /\[([0-9A-F:]{17})\]/i.exec(ran.out)?.[1]
    if (ran.code === 1 && mac !== undefined) found.set(address, mac.toLowerCase())
  }
  return found
}

/** Arguments of lan.pl, some addresses for each run. */
function * groups (places: readonly Place[]): Generator<string[]> {
  for (let from = 0; from < places.length; from += together) {
    const byInterface = new Map<string, string[]>()
    for (const { address, at } of places.slice(from, from + together)) {
      const group = byInterface.get(at.name) ?? [at.name, String(at.index), at.mac]
      group.push(address)
      byInterface.set(at.name, group)
    }
    yield [...byInterface.values()].flatMap((group, index) => (index === 0 ? group : ['--', ...group]))
  }
}
