// The text of the ruleset for `nft -f -`: a fixed number of chains, and all state in maps, so that ten thousand services
// load in a second and a change costs what it changes. One table for each family.
//
// A connection to an address of a service meets `dispatch`, which finds the chain for its number of slots; that chain
// draws a slot, and the map of slots has the endpoint. What has no endpoint is refused where the packet is filtered.
//
// What is carried is counted (kernel-counts.ts): connections where they are translated, which the first packet of each alone comes to, and
// bytes where packets come from the network or from a program of the machine, each once. That costs one look into a set for each packet of a
// translated connection: which of them are ours and not those of another program, is known by the address and port that was asked for.
import type { Family } from '../../model/address/ranges.ts'
import { className, type Element, type SlotClass } from './elements.ts'
import { counterNames } from './counter-names.ts'
import { isStickyMap, stickyClassText, stickyTableName } from './sticky.ts'

export const tableName = 'rollcall'
/** Elements in one statement: nft reads long ones in time that grows with their square. */
const maxElements = 500

export interface RulesetOptions {
  /** The networks of cluster IPs, by family: an address of them that no service has is refused. */
  readonly clusterRanges: readonly { readonly family: Family, readonly text: string }[]
  /** A bit of the packets' mark that says "keep the source address". */
  readonly markBit: number
  /** Whether the kernel translates SCTP. */
  readonly hasSctp: boolean
}

const counters = Object.values(counterNames)
const counted = (name: string): string => `counter name "${name}"`

export const nftFamily = (family: Family): 'ip' | 'ip6' => (family === 4 ? 'ip' : 'ip6')
const addressType = (family: Family): string => (family === 4 ? 'ipv4_addr' : 'ipv6_addr')

/** Makes the table anew, empty: in one transaction with what follows, no packet sees it missing. */
export function baseText (family: Family, { clusterRanges, markBit, hasSctp }: RulesetOptions): string {
  const ip = nftFamily(family)
  const type = addressType(family)
  const transports = hasSctp ? ['tcp', 'udp', 'sctp'] : ['tcp', 'udp']
  const ranges = clusterRanges.filter((range) => range.family === family).map(({ text }) => text)
  const mark = `0x${markBit.toString(16)}`
  const key = `${ip} daddr . meta l4proto . th dport`
  const verdicts = ['services', 'inside-services', 'empty', 'inside-empty']
    .map((name) => `  map ${name} { type ${type} . inet_proto . inet_service : verdict; }`)
  const slots = ['', 'inside-'].flatMap((prefix) => transports.map((transport) =>
    `  map ${prefix}slots-${transport} { typeof ${ip} daddr . ${transport} dport . numgen random mod 65536 : ${ip} daddr . ${transport} dport; }`))
  return [
    `add table ${ip} ${tableName}`,
    `delete table ${ip} ${tableName}`,
    `table ${ip} ${tableName} {`,
    ...verdicts,
    ...slots,
    `  set cluster-ranges { type ${type}; flags interval;${ranges.length === 0 ? '' : ` elements = { ${ranges.join(', ')} };`} }`,
    `  set guarded { type ${type} . inet_proto . inet_service; }`,
    `  set allowed { type ${type} . inet_proto . inet_service . ${type}; flags interval; }`,
    `  set own { type ${type}; }`,
    `  set carried { type ${type} . inet_proto . inet_service; }`,
    ...counters.map((name) => `  counter ${name} { }`),
    '  chain no-endpoints {',
    `    ${counted(counterNames.refused)}`,
    '    meta l4proto tcp reject with tcp reset',
    `    reject with ${family === 4 ? 'icmp' : 'icmpv6'} port-unreachable`,
    '  }',
    `  chain dispatch { ${key} vmap @services; }`,
    `  chain inside-dispatch { ${key} vmap @inside-services; }`,
    '  chain prerouting { type nat hook prerouting priority dstnat; policy accept; jump dispatch; }',
    '  chain output { type nat hook output priority -100; policy accept; jump inside-dispatch; jump dispatch; }',
    '  chain guard {',
    '    type filter hook prerouting priority -110; policy accept;',
    `    ${key} @guarded ${key} . ${ip} saddr != @allowed ${counted(counterNames.refused)} drop`,
    '  }',
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    // The owner of a load balancer's address must not be the client that its endpoints answer to: the address moves.
    `    ct status dnat ${ip} saddr @own masquerade fully-random`,
    `    ct status dnat fib saddr type != local meta mark & ${mark} == 0 masquerade fully-random`,
    '  }',
    `  chain count { ct direction original ${counted(counterNames.bytesIn)}; ct direction reply ${counted(counterNames.bytesOut)}; }`,
    '  chain count-ours {',
    // nft knows what `proto-dst` is only behind the protocol.
    ...transports.map((transport) => `    meta l4proto ${transport} ct original ${ip} daddr . meta l4proto . ct original proto-dst @carried goto count`),
    '  }',
    '  chain count-arriving { type filter hook prerouting priority -90; policy accept; iifname != "lo" ct status dnat jump count-ours; }',
    '  chain count-leaving { type filter hook output priority -90; policy accept; ct status dnat jump count-ours; }',
    `  chain refuse { ct state new ${key} vmap @empty; ct state new ${ip} daddr @cluster-ranges goto no-endpoints; }`,
    '  chain filter-input { type filter hook input priority filter; policy accept; jump refuse; }',
    '  chain filter-forward { type filter hook forward priority filter; policy accept; jump refuse; }',
    `  chain filter-output { type filter hook output priority filter; policy accept; ct state new ${key} vmap @inside-empty; jump refuse; }`,
    '}'
  ].join('\n')
}

/** A chain that draws one of the slots. */
export function classText (slotClass: SlotClass, markBit: number): string {
  const { family, transport, isInside, keepSource, slots, affinitySeconds } = slotClass
  if (affinitySeconds !== undefined) return stickyClassText({ ...slotClass, seconds: affinitySeconds }, markBit)
  const ip = nftFamily(family)
  const draw = `numgen random mod ${slots}`
  const keep = keepSource ? `meta mark set meta mark | 0x${markBit.toString(16)} ` : ''
  const map = `${isInside ? 'inside-' : ''}slots-${transport}`
  const rule = `meta l4proto ${transport} ${counted(counterNames.connections)} ${keep}dnat ${ip} addr . port to ${ip} daddr . ${transport} dport . ${draw} map @${map}`
  return [
    `add chain ${ip} ${tableName} ${className(slotClass)}`,
    `add rule ${ip} ${tableName} ${className(slotClass)} ${rule}`
  ].join('\n')
}

/** `add element` or `delete element` statements, a few hundred elements each. */
export function elementText (action: 'add' | 'delete', elements: Iterable<Element>): string {
  const byMap = new Map<string, string[]>()
  for (const { family, map, key, value } of elements) {
    const target = `${nftFamily(family)} ${isStickyMap(map) ? stickyTableName : tableName} ${map}`
    const texts = byMap.get(target) ?? []
    // A key says which element goes; nft takes a value with it for maps as well, and needs none.
    texts.push(action === 'add' && value !== undefined ? `${key} : ${value}` : key)
    byMap.set(target, texts)
  }
  const lines: string[] = []
  for (const [target, texts] of byMap) {
    for (let from = 0; from < texts.length; from += maxElements) lines.push(`${action} element ${target} { ${texts.slice(from, from + maxElements).join(', ')} }`)
  }
  return lines.join('\n')
}
