// `rollcall proxy check`: what would work on this machine, and what to do about what would not.
import { readFileSync } from 'node:fs'
import { kernelProblem } from './kernel/kernel-back-end.ts'
import type { Machine } from './machine.ts'
import type { Run } from './program.ts'

export interface Finding {
  readonly about: string
  readonly isGood: boolean
  /** Nothing is carried without it. */
  readonly isFatal: boolean
  /** A sentence; of a bad one also what to do. */
  readonly text: string
}

const nodePorts = { first: 30_000, last: 32_767 } as const // Kubernetes' default
/** Share of the table of connections beyond which it is said. */
const fullShare = 0.8

/** @param needsKernel userspace is no way out (`--mode kernel`) */
export async function surroundings (run: Run, machine: Machine, needsKernel = false): Promise<readonly Finding[]> {
  const problem = await kernelProblem(run)
  return [
    {
      about: 'kernel', isGood: problem === undefined, isFatal: problem !== undefined && needsKernel,
      text: problem === undefined ? 'nftables takes our rules' : `${problem}: this process would carry the traffic (userspace): node ports, and cluster IPs if it may set routes (CAP_NET_ADMIN)`
    },
    ...await flows(run),
    forwarding(),
    ...await foreignChains(run),
    ephemeralPorts(),
    connectionTable(),
    {
      about: 'node addresses', isGood: machine.nodeAddresses.length > 0, isFatal: false,
      text: machine.nodeAddresses.length > 0 ? `node ports are carried at ${machine.nodeAddresses.join(', ')}` : 'this machine has no address that others can reach: give --node-addresses'
    }
  ]
}

/** Lines for a terminal. */
export function reportLines (findings: readonly Finding[]): string[] {
  return findings.map(({ about, isGood, isFatal, text }) => `${isGood ? 'ok     ' : isFatal ? 'missing' : 'warning'}  ${about}: ${text}`)
}

async function flows (run: Run): Promise<Finding[]> {
  const ran = await run('conntrack', ['-C'])
  const isGood = ran.code === 0
  return [{
    about: 'conntrack', isGood, isFatal: false,
    text: isGood ? 'UDP flows of endpoints that have gone are ended'
      : `UDP flows stay with endpoints that have gone: ${ran.code === undefined ? 'install the package conntrack' : 'no right to end them (CAP_NET_ADMIN)'}`
  }]
}

function forwarding (): Finding {
  const isGood = readNumber('/proc/sys/net/ipv4/ip_forward') === 1
  return {
    about: 'forwarding', isGood, isFatal: false,
    text: isGood ? 'packets of other machines are forwarded' : 'only programs of this machine are carried: for others set net.ipv4.ip_forward=1'
  }
}

/** A drop in any base chain is final, whatever our table says. */
async function foreignChains (run: Run): Promise<Finding[]> {
  const ran = await run('nft', ['-j', 'list', 'chains'])
  if (ran.code !== 0) return []
  return droppingChains(ran.out).map((chain) => ({
    about: 'firewall', isGood: false, isFatal: false,
    text: `${chain} drops what it does not know: traffic that this machine forwards needs a rule there, for example "ct status dnat accept" (Docker: in DOCKER-USER)`
  }))
}

/** Base chains of the forward hook with the policy drop, as `family table chain`. */
export function droppingChains (json: string): string[] {
  let listed: unknown
  try {
    listed = JSON.parse(json)
  } catch {
    return []
  }
  const items = (listed as { readonly nftables?: unknown } | null)?.nftables
  return (Array.isArray(items) ? items as unknown[] : []).flatMap((item) => {
    const chain = (item as { readonly chain?: Readonly<Record<string, unknown>> } | null)?.chain
    return chain?.['hook'] === 'forward' && chain['policy'] === 'drop' ? [`${String(chain['family'])} ${String(chain['table'])} ${String(chain['name'])}`] : []
  })
}

/** A port that the kernel gives to an outgoing connection may be a node port, and then loses its answers. */
function ephemeralPorts (): Finding {
  const [first = 0, last = 0] = readText('/proc/sys/net/ipv4/ip_local_port_range').trim().split(/\s+/).map(Number)
  const reserved = readText('/proc/sys/net/ipv4/ip_local_reserved_ports').trim()
  const overlaps = first <= nodePorts.last && last >= nodePorts.first && !reserved.includes(`${nodePorts.first}-${nodePorts.last}`)
  return {
    about: 'ports', isGood: !overlaps, isFatal: false,
    text: overlaps
      ? `outgoing connections use ports ${first}-${last}, node ports among them: set net.ipv4.ip_local_reserved_ports=${nodePorts.first}-${nodePorts.last}`
      : 'outgoing connections leave node ports alone'
  }
}

function connectionTable (): Finding {
  const count = readNumber('/proc/sys/net/netfilter/nf_conntrack_count')
  const most = readNumber('/proc/sys/net/netfilter/nf_conntrack_max')
  const isFull = most > 0 && count > most * fullShare
  return {
    about: 'connections', isGood: !isFull, isFatal: false,
    text: isFull ? `the kernel tracks ${count} connections of ${most}: beyond that new ones are dropped; raise net.netfilter.nf_conntrack_max` : `the kernel tracks ${count} connections of ${most}`
  }
}

function readText (path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not in this kernel
  }
}

function readNumber (path: string): number {
  return Number(readText(path).trim() || 0)
}
