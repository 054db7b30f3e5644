// Whether cluster IPs are of use to a client: its machine runs an agent (`rollcall proxy`), or it is in a network that one covers.
// Found once for each address, and again when an agent comes, goes or changes.
import { beside } from '../../beside.ts'
import { hostname, networkInterfaces } from 'node:os'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { type Ip, parseIp } from '../../model/address/ranges.ts'
import { agentNamespace, agentService } from '../../model/agent-name.ts'
import { type TrafficAgent, isCounted, trafficAgentOf } from '../../model/traffic-agent.ts'
import type { DnsSource } from '../source.ts'
import { clientIp } from './client-address.ts'
import { maxKnownClients } from './client-zones.ts'
import { NetworkMap } from './network-map.ts'

/** `always` is the letter of the Kubernetes DNS specification: a service with a cluster IP is answered with it, whoever asks. */
export const clusterIpSettings = ['auto', 'always'] as const
export type ClusterIpSetting = (typeof clusterIpSettings)[number]

/** The machine that this node runs on. */
export interface OwnMachine {
  /** In lower case. */
  readonly node: string
  readonly addresses: readonly string[]
}

export interface ClientReachOptions {
  readonly source: DnsSource
  readonly ownMachine?: () => OwnMachine
  /** Milliseconds. */
  readonly now?: () => number
}

/** What decided for a client. */
export interface Reach {
  readonly clusterIps: boolean
  /** A sentence without a dot. */
  readonly reason: string
}

/** What the agents said, ready to be looked up. */
interface Agents {
  readonly count: number
  readonly byAddress: ReadonlyMap<string, TrafficAgent>
  readonly byNode: ReadonlyMap<string, TrafficAgent>
  readonly networks: NetworkMap<{ readonly agent: TrafficAgent, readonly network: string }>
}

/** How long the addresses of this machine are taken as known: to read them costs a tenth of a millisecond. */
const ownMachineMs = 5_000
/** Agents that are read: more machines than one registry has. */
const maxAgents = 50_000
const read = beside<Endpoint, TrafficAgent>()

export class ClientReach {
  readonly #source: DnsSource
  readonly #readOwn: () => OwnMachine
  readonly #now: () => number
  readonly #end: (() => void) | undefined
  readonly #known = new Map<string, boolean>()
  #agents: Agents = none
  #own: OwnMachine | undefined
  #ownAtMs = 0
  /** What they were read from; undefined = they are to be read again. */
  #catalog: DnsSource['catalog'] | undefined
  #revision = 0

  constructor ({ source, ownMachine = thisMachine, now = () => performance.now() }: ClientReachOptions) {
    this.#source = source
    this.#readOwn = ownMachine
    this.#now = now
    this.#end = source.onTouched?.((namespace, service) => {
      if (namespace === agentNamespace && (service === undefined || service === agentService)) this.#catalog = undefined
    })
  }

  /** It is not told of changes any more. */
  close (): void {
    this.#end?.()
  }

  /** @param address as a socket gives it */
  reaches (address: string): boolean {
    if (!this.#isOfNow) this.#read()
    if (this.#agents.count === 0) return false
    const known = this.#known.get(address)
    if (known !== undefined) return known
    const { clusterIps } = this.#find(address)
    if (this.#known.size >= maxKnownClients) this.#known.clear()
    this.#known.set(address, clusterIps)
    return clusterIps
  }

  /** Why, for people. */
  explain (address: string): Reach {
    if (!this.#isOfNow) this.#read()
    return this.#find(address)
  }

  get #isOfNow (): boolean {
    const { catalog, revision } = this.#source
    return catalog === this.#catalog && (this.#end !== undefined || revision === this.#revision)
  }

  #read (): void {
    const { catalog, revision } = this.#source
    this.#catalog = catalog
    this.#revision = revision
    this.#known.clear()
    this.#agents = agentsOf(catalog)
  }

  /** Addresses come and go without an event. */
  get #ownMachine (): OwnMachine {
    const nowMs = this.#now()
    if (this.#own === undefined || nowMs - this.#ownAtMs > ownMachineMs) {
      this.#own = this.#readOwn()
      this.#ownAtMs = nowMs
    }
    return this.#own
  }

  #find (address: string): Reach {
    const { count, byAddress, byNode, networks } = this.#agents
    if (count === 0) return { clusterIps: false, reason: 'no machine runs an agent that carries cluster IPs (rollcall proxy)' }
    const ip = clientIp(address)
    if (ip === undefined) return { clusterIps: false, reason: `${address} is no address` }
    const agent = byAddress.get(ip.text)
    if (agent !== undefined) return { clusterIps: true, reason: `${ip.text} is an address of ${agent.node}, which runs an agent` }
    const own = this.#ownMachine
    if (isLoopback(ip) || own.addresses.includes(ip.text)) {
      const here = own.addresses.map((text) => byAddress.get(text)).find((found) => found !== undefined) ?? byNode.get(own.node)
      if (here !== undefined) return { clusterIps: true, reason: `${ip.text} is this machine, which runs an agent (${here.node})` }
    }
    const covered = networks.find(ip)
    if (covered !== undefined) return { clusterIps: true, reason: `${ip.text} is in ${covered.network}, which the agent of ${covered.agent.node} covers` }
    return { clusterIps: false, reason: `the machine of ${ip.text} runs no agent that carries cluster IPs, and none covers it (rollcall proxy --covers)` }
  }
}

const none: Agents = { count: 0, byAddress: new Map(), byNode: new Map(), networks: new NetworkMap() }

/** Those that callers may count on, and that carry cluster IPs. */
function agentsOf (catalog: DnsSource['catalog']): Agents {
  const set = catalog.endpoints(agentNamespace, agentService)
  if (set === undefined) return none
  const byAddress = new Map<string, TrafficAgent>()
  const byNode = new Map<string, TrafficAgent>()
  const networks: Agents['networks'] = new NetworkMap()
  let count = 0
  for (const { items } of set.parts) {
    for (const endpoint of items) {
      if (!isCounted(endpoint.status) || count >= maxAgents) continue
      const agent = agentOf(endpoint)
      if (!agent.carriesClusterIps) continue
      count++
      for (const { text } of agent.addresses) if (!byAddress.has(text)) byAddress.set(text, agent)
      // One without an address that others reach is found by its name, on its own machine alone.
      if (agent.addresses.length === 0) byNode.set(agent.node, agent)
      for (const network of agent.covers) {
        if (network.prefix !== undefined) networks.add({ ...network, prefix: network.prefix }, { agent, network: network.text })
      }
    }
  }
  return { count, byAddress, byNode, networks }
}

function agentOf (endpoint: Endpoint): TrafficAgent {
  let agent = read.get(endpoint)
  if (agent === undefined) read.set(endpoint, agent = trafficAgentOf(endpoint))
  return agent
}

function isLoopback ({ family, value }: Ip): boolean {
  return family === 4 ? value >> 24n === 127n : value === 1n
}

function thisMachine (): OwnMachine {
  const addresses = Object.values(networkInterfaces()).flatMap((infos) => infos ?? []).flatMap(({ address }) => {
    const ip = parseIp(address)
    return 'problem' in ip ? [] : [ip.text]
  })
  return { node: hostname().toLowerCase(), addresses }
}
