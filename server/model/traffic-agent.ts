// The agent of a machine (`rollcall proxy`), as its registration says what it carries. Anybody may register under that name:
// what cannot be read is left out, and how much is read has a limit.
import type { Endpoint, Instance, Status } from '../../client-sdk/src/wire.ts'
import { type AddressRange, type Ip, parseCidr, parseIp } from './address/ranges.ts'

/** The metadata of a registration. Lists are texts with commas between their items. */
export const agentKeys = {
  /** The addresses of the machine: a program that asks from one of them is on it. */
  addresses: 'rollcall.dev/addresses',
  /** `yes` or `no`: userspace without rights carries node ports only. */
  clusterIps: 'rollcall.dev/cluster-ips',
  /** Networks whose packets to cluster IPs come to this machine. */
  covers: 'rollcall.dev/covers',
  /** Which `externalIPs` it carries. */
  externalIps: 'rollcall.dev/external-ips',
  /** Load-balancer addresses that it answers for on its network; without the key it announces none, ever. */
  announces: 'rollcall.dev/announces',
  /** Networks of which it may announce addresses: for the other agents, who elect by it. */
  announceNetworks: 'rollcall.dev/announce-networks',
  /** Another text each time that it has taken an address: for the other agents, who know by it what it had before it was lost. */
  turn: 'rollcall.dev/announce-turn',
  /** The MAC addresses of its interfaces: for the other agents, who may see one on the network. */
  macs: 'rollcall.dev/macs',
  /** What it can't announce, in a few sentences. */
  problems: 'rollcall.dev/problems'
} as const

/** Of the load that it sends with heartbeats: the number of the newest revision that is in force. */
export const revisionLoad = 'revision'

/** A machine with a thousand virtual addresses names the first ones. */
export const maxAgentAddresses = 256
export const maxAgentNetworks = 64

export interface TrafficAgent {
  readonly id: string
  /** The machine's name. */
  readonly node: string
  readonly zone: string | undefined
  readonly mode: string
  readonly addresses: readonly Ip[]
  readonly carriesClusterIps: boolean
  readonly covers: readonly AddressRange[]
  readonly externalIps: readonly AddressRange[]
  /** undefined: it announces none, ever. */
  readonly announces: readonly string[] | undefined
  /** What it can't announce, or nobody does: sentences. */
  readonly problems: readonly string[]
}

type Registered = Pick<Endpoint | Instance, 'id' | 'labels' | 'metadata' | 'node' | 'zone'>

/** Reads a registration, as an endpoint or as an instance. */
export function trafficAgentOf ({ id, labels, metadata, node, zone }: Registered): TrafficAgent {
  const ranges = (key: string): AddressRange[] =>
    items(metadata[key], maxAgentNetworks).map(parseCidr).filter((range): range is AddressRange => !('problem' in range))
  return {
    id, node: node ?? id, zone, mode: labels['mode'] ?? '',
    addresses: items(metadata[agentKeys.addresses], maxAgentAddresses).map(parseIp).filter((ip): ip is Ip => !('problem' in ip)),
    carriesClusterIps: metadata[agentKeys.clusterIps] === 'yes',
    covers: ranges(agentKeys.covers),
    externalIps: ranges(agentKeys.externalIps),
    announces: metadata[agentKeys.announces] === undefined ? undefined : items(metadata[agentKeys.announces], maxAgentAddresses),
    problems: (metadata[agentKeys.problems] ?? '').split('; ').filter((problem) => problem !== '').slice(0, maxAgentAddresses)
  }
}

/**
 * Whether callers may count on an agent. A suspect one still carries (the kernel goes on without it, and most suspects are
 * back at once); one that drains, is down or has not begun is on its way out or in.
 */
export function isCounted (status: Status): boolean {
  return status === 'up' || status === 'warning'
}

function items (text: string | undefined, most: number): string[] {
  return (text ?? '').split(',').map((item) => item.trim()).filter((item) => item !== '').slice(0, most)
}
