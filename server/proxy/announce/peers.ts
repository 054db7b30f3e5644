// The agents of all machines, as the registry tells of them: who lives, what each may announce and announces, and who was
// lost with which addresses.
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import type { AddressRange } from '../../model/address/ranges.ts'
import { trafficAgentOf } from '../../model/traffic-agent.ts'
import { readSaid } from './agent-metadata.ts'

export interface Peer {
  readonly node: string
  /** It may get addresses: its lease is good and nobody drains it. */
  readonly isLive: boolean
  /** Since when it has lived, as far as this agent saw it come; -Infinity: it was there before. */
  readonly liveSinceMs: number
  /** Its lease ran out, or its session broke. */
  readonly isLost: boolean
  readonly networks: readonly AddressRange[]
  readonly announces: ReadonlySet<string>
  readonly turn: string
  /** Of these those that it had when it was lost, and has not taken anew since: who took one over keeps it. */
  readonly stale: ReadonlySet<string>
  readonly addresses: ReadonlySet<string>
  /** Its labels, and its node and zone among them. */
  readonly labels: ReadonlyMap<string, string>
}

export interface Lost {
  readonly node: string
  readonly atMs: number
}

/** MAC addresses that are remembered, of agents that are gone too. */
const maxMacs = 4_096
/** Addresses that are remembered, of services that are gone too. */
const maxAddresses = 10_000

export class Peers {
  readonly #peers = new Map<string, Peer>()
  /** Addresses whose owner was lost while it had them. */
  readonly #lost = new Map<string, Lost>()
  /** Addresses that their last owner has let go of in order. */
  readonly #released = new Set<string>()
  readonly #macs = new Map<string, string>()
  /** By agent, what it announced when it was lost, and in which turn. */
  readonly #stale = new Map<string, Pick<Peer, 'turn' | 'announces'>>()
  #isFirst = true

  all (): IterableIterator<Peer> {
    return this.#peers.values()
  }

  get (node: string): Peer | undefined {
    return this.#peers.get(node)
  }

  lost (address: string): Lost | undefined {
    return this.#lost.get(address)
  }

  isReleased (address: string): boolean {
    return this.#released.has(address)
  }

  /** Whose a MAC address is. */
  ownerOf (mac: string): string | undefined {
    return this.#macs.get(mac)
  }

  /** All agents there are now, as endpoints of their service. @param nowMs monotonic */
  replace (endpoints: readonly Endpoint[], nowMs: number): void {
    const nodes = new Set(endpoints.map(({ id }) => id))
    for (const endpoint of endpoints) this.#put(endpoint, nowMs)
    for (const [node, peer] of [...this.#peers]) {
      if (nodes.has(node)) continue
      this.#peers.delete(node)
      if (!peer.isLost) this.#lose(peer, nowMs)
    }
    this.#isFirst = false
  }

  #put (endpoint: Endpoint, nowMs: number): void {
    const { id: node, suspect, conditions, metadata, labels, zone } = endpoint
    const before = this.#peers.get(node)
    const { networks, announces, turn, macs } = readSaid(metadata)
    const isLive = conditions.ready
    const sinceMs = before?.isLive === true ? before.liveSinceMs : this.#isFirst ? -Infinity : nowMs
    const whenLost = this.#stale.get(node)
    const stale = new Set(whenLost?.turn === turn ? announces.filter((address) => whenLost.announces.has(address)) : [])
    const addresses = new Set(trafficAgentOf(endpoint).addresses.map(({ text }) => text))
    const peer: Peer = {
      node, isLive, isLost: suspect, liveSinceMs: sinceMs, networks, announces: new Set(announces), stale, turn, addresses,
      labels: new Map([...Object.entries(labels), ['node', node], ...(zone === undefined ? [] : [['zone', zone] as const])])
    }
    this.#peers.set(node, peer)
    for (const mac of macs) this.#macs.set(mac, node)
    cut(this.#macs, maxMacs)
    if (suspect) {
      if (before?.isLost !== true) this.#lose(peer, nowMs)
      return
    }
    for (const address of peer.announces) {
      this.#lost.delete(address)
      this.#released.delete(address)
    }
    for (const address of before?.announces ?? []) {
      if (peer.announces.has(address)) continue
      if (before?.isLost === true) this.#lost.delete(address) // it is back, and says that it has it no more
      else this.#released.add(address)
    }
    cut(this.#released, maxAddresses)
  }

  #lose ({ node, announces, turn }: Peer, nowMs: number): void {
    this.#stale.set(node, { turn, announces })
    cut(this.#stale, maxMacs)
    for (const address of announces) {
      if ([...this.#peers.values()].some((other) => other.node !== node && !other.isLost && other.announces.has(address))) continue
      this.#lost.set(address, { node, atMs: nowMs })
      this.#released.delete(address)
    }
    cut(this.#lost, maxAddresses)
  }
}

/** Forgets the oldest. */
function cut (all: Map<string, unknown> | Set<string>, most: number): void {
  for (const key of all.keys()) if (all.size > most) all.delete(key); else break
}
