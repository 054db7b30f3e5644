// `sessionAffinity: ClientIP` in the kernel, exactly: a table of its own, whose maps of clients survive when the rest is
// replaced. A client's endpoint is remembered by a number of the endpoint, not by its address: of an endpoint that has
// gone the number leads nowhere any more, in the very transaction that removes it, and nothing has to be searched for.
//
//   draw:   number = affinity[client, address, port]        if it is remembered
//           live[address, port, number] -> go               if that endpoint is still there
//           forget the client; number = slots[address, port, random]  -> go    else
//   go:     affinity[client, address, port] = number, for the timeout; translate to targets[address, port, number]
//
// The number travels in the packet's priority: of the first packet of a connection only, and routing sets it anew.
import type { Family } from '../../model/address/ranges.ts'
import type { FrontEnd, Target } from '../front-end.ts'
import { counterNames } from './counter-names.ts'

export const stickyTableName = 'rollcall-sticky'
/** Clients that are remembered, for each family and transport; one more is not, and draws again each time. */
const maxClients = 131_072

/** A chain that draws for clients with affinity. */
export interface StickyClass {
  readonly family: Family
  readonly transport: FrontEnd['transport']
  readonly isInside: boolean
  readonly keepSource: boolean
  readonly slots: number
  readonly seconds: number
}

const insidePrefix = (isInside: boolean): string => (isInside ? 'inside-' : '')

export function drawName ({ transport, isInside, keepSource, slots, seconds }: StickyClass): string {
  return `draw-${insidePrefix(isInside)}${transport}-${keepSource ? 'keep' : 'hide'}-${slots}-${seconds}`
}

export function goName ({ transport, keepSource, seconds }: Pick<StickyClass, 'transport' | 'keepSource' | 'seconds'>): string {
  return `go-${transport}-${keepSource ? 'keep' : 'hide'}-${seconds}`
}

/** Maps by their part of the rules; a name tells its table by the word `sticky`. */
export const stickyMaps = {
  services: (isInside: boolean) => `${insidePrefix(isInside)}sticky-services`,
  slots: (isInside: boolean, transport: string) => `${insidePrefix(isInside)}sticky-slots-${transport}`,
  live: (isInside: boolean, transport: string) => `${insidePrefix(isInside)}sticky-live-${transport}`,
  targets: (transport: string) => `sticky-targets-${transport}`
} as const

export function isStickyMap (name: string): boolean {
  return name.includes('sticky')
}

/**
 * Numbers the targets of a front end, the same in each life of the agent: a hash of the endpoint, as nft writes a class
 * (two numbers of 16 bits, neither 0 nor all ones, which have names of their own).
 */
export function numbersOf (targets: readonly Target[]): ReadonlyMap<string, string> {
  const numbers = new Map<string, string>()
  const taken = new Set<string>()
  for (const place of Array.from(new Set(targets.map(({ address, port }) => `${address} ${port}`))).sort()) {
    for (let hash = hashOf(place); ; hash = (hash + 1) >>> 0) {
      const number = `${(1 + (hash >>> 16) % 0xfffd).toString(16)}:${(1 + (hash & 0xffff) % 0xfffd).toString(16)}`
      if (taken.has(number)) continue
      taken.add(number)
      numbers.set(place, number)
      break
    }
  }
  return numbers
}

/** FNV-1a. */
function hashOf (text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0
  return hash
}

/**
 * Under which a client is remembered. nft 1.0.6 fails at keys of more than 16 octets with a value from the packet: an IPv6 client
 * and the address that it asks for are two hashes. The seeds stay, or a new rule would not find what an old one has kept.
 */
function clientKey (family: Family, transport: string): string {
  if (family === 4) return `ip saddr . ip daddr . ${transport} dport`
  const hash = (seed: string): string => `jhash ip6 saddr . ip6 daddr mod 4294967295 seed ${seed}`
  return `${transport} dport . ${hash('0x5eed')} . ${hash('0xca11')}`
}

/** The table without its classes; who is remembered stays unless `isNew`. In one transaction with what follows. */
export function stickyBaseText (family: Family, hasSctp: boolean, isNew: boolean): string {
  const ip = family === 4 ? 'ip' : 'ip6'
  const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr'
  const key = `${ip} daddr . meta l4proto . th dport`
  const transports = hasSctp ? ['tcp', 'udp', 'sctp'] : ['tcp', 'udp']
  const table = `${ip} ${stickyTableName}`
  const maps: [name: string, text: string][] = [false, true].flatMap((isInside): [string, string][] => [
    [stickyMaps.services(isInside), `type ${type} . inet_proto . inet_service : verdict;`],
    ...transports.flatMap((transport): [string, string][] => [
      [stickyMaps.slots(isInside, transport), `typeof ${ip} daddr . ${transport} dport . numgen random mod 65536 : meta priority;`],
      [stickyMaps.live(isInside, transport), `typeof ${ip} daddr . ${transport} dport . meta priority : verdict;`]
    ])
  ])
  for (const transport of transports) {
    maps.push([stickyMaps.targets(transport), `typeof ${ip} daddr . ${transport} dport . meta priority : ${ip} daddr . ${transport} dport;`])
  }
  return [
    `add table ${table}`,
    ...(isNew ? [`delete table ${table}`, `add table ${table}`] : []),
    `flush table ${table}`, // its rules
    `add counter ${table} ${counterNames.connections}`,
    ...transports.map((transport) => `add map ${table} affinity-${transport} { typeof ${clientKey(family, transport)} : meta priority; ` +
      `size ${maxClients}; flags dynamic,timeout; timeout 1d; }`),
    ...maps.flatMap(([name, text]) => [`add map ${table} ${name} { ${text} }`, `flush map ${table} ${name}`]),
    `table ${table} {`,
    `  chain dispatch { ${key} vmap @${stickyMaps.services(false)}; }`,
    `  chain inside-dispatch { ${key} vmap @${stickyMaps.services(true)}; }`,
    // Before the other table's: what is translated once is not looked at again.
    '  chain prerouting { type nat hook prerouting priority -101; policy accept; jump dispatch; }',
    '  chain output { type nat hook output priority -101; policy accept; jump inside-dispatch; jump dispatch; }',
    '}'
  ].join('\n')
}

/** The two chains of a class. The second is shared by others, and written anew with each. */
export function stickyClassText (stickyClass: StickyClass, markBit: number): string {
  const { family, transport, isInside, keepSource, slots, seconds } = stickyClass
  const ip = family === 4 ? 'ip' : 'ip6'
  const table = `${ip} ${stickyTableName}`
  const [draw, go] = [drawName(stickyClass), goName(stickyClass)]
  const place = `${ip} daddr . ${transport} dport`
  const only = `meta l4proto ${transport}`
  return [
    `add chain ${table} ${go}`,
    `flush chain ${table} ${go}`,
    `add rule ${table} ${go} ${only} update @affinity-${transport} { ${clientKey(family, transport)} timeout ${seconds}s : meta priority }`,
    ...(keepSource ? [`add rule ${table} ${go} meta mark set meta mark | 0x${markBit.toString(16)}`] : []),
    `add rule ${table} ${go} ${only} counter name "${counterNames.connections}" dnat ${ip} addr . port to ${place} . meta priority map @${stickyMaps.targets(transport)}`,
    `add chain ${table} ${draw}`,
    `add rule ${table} ${draw} meta priority set 0:0`,
    `add rule ${table} ${draw} ${only} meta priority set ${clientKey(family, transport)} map @affinity-${transport}`,
    `add rule ${table} ${draw} ${only} ${place} . meta priority vmap @${stickyMaps.live(isInside, transport)}`,
    // What is remembered can be prolonged, not changed.
    `add rule ${table} ${draw} ${only} delete @affinity-${transport} { ${clientKey(family, transport)} : meta priority }`,
    `add rule ${table} ${draw} ${only} meta priority set ${place} . numgen random mod ${slots} map @${stickyMaps.slots(isInside, transport)}`,
    `add rule ${table} ${draw} goto ${go}`
  ].join('\n')
}
