// The nodes of the registry: which one this client talks to, and when it goes to another one. Calls, heartbeats and the
// watch follow it together: a node that has lost its store still answers, and would keep them all on what it knew then.
import { addressesOf } from './addresses.ts'
import { fullJitter } from './backoff.ts'
import { sleep, type Clock } from './clock.ts'
import { RollcallError } from './errors.ts'
import type { Emit } from './events.ts'

/** `current`: its view is fresh. `stale`: it has lost its store. `failing`: it does not answer, or not as it should. */
export type NodeState = 'unknown' | 'current' | 'stale' | 'failing'

export interface NodesOptions {
  readonly addresses: readonly string[]
  /** `first`: the first address is home; `any`: each client takes one at random, so that many of them spread evenly. */
  readonly prefer: 'any' | 'first'
  readonly clock: Clock
  readonly random: () => number
  readonly emit: Emit
  /** Asks a node whether its view is fresh. Never rejects, and ends by itself. */
  readonly probe: (index: number) => Promise<boolean>
}

/** A blip of the store ends within this, and those who do move don't move all at once. */
const patienceMs = 500
/**
 * Back home after so long at least, and up to three times as long: clients that left together don't return together.
 */
const homeAfterMs = 30_000
/** What was seen of a node counts for so long. */
const memoryMs = 10_000
/** A node that the client has just gone to has so long to say that it is well, before the others are asked. */
const firstWordMs = 100
/** So many nodes that others have named are known beside the given one; a later one takes the place of an earlier one. */
const maxLearned = 16
/** A node that has just failed is not asked whether it is well. */
const painMs = 1_000

export class Nodes {
  readonly #options: NodesOptions
  readonly #addresses: string[]
  readonly #home: number
  /**
   * `watched`: the state is the word of its open WebSocket, which tells each change; an answer on its way may be older.
   */
  readonly #seen: { state: NodeState, at: number, watched: boolean }[]
  readonly #listeners = new Set<(index: number) => void>()
  #current: number
  #seeking = false
  #attempts = 0
  /** How many addresses have taken the place of older ones. */
  #learned = 0
  #closed = false
  /** To look for another one, because this one is stale. */
  #seekTimer: unknown
  #homeTimer: unknown

  constructor (options: NodesOptions) {
    const { addresses, prefer, random, clock } = options
    this.#options = options
    this.#addresses = [...addresses]
    this.#home = prefer === 'first' ? 0 : Math.min(Math.floor(random() * addresses.length), addresses.length - 1)
    this.#current = this.#home
    this.#seen = addresses.map(() => ({ state: 'unknown', at: clock.now(), watched: false }))
  }

  /** Those that were given, and those that a node has named when it went. */
  get addresses (): readonly string[] {
    return this.#addresses
  }

  /** The index of the node that calls, heartbeats and the watch go to. */
  get current (): number {
    return this.#current
  }

  get several (): boolean {
    return this.addresses.length > 1
  }

  address (index = this.#current): string {
    return this.addresses[index] ?? ''
  }

  /** What was seen of a node lately. */
  state (index: number): NodeState {
    const seen = this.#seen[index]
    if (seen === undefined) return 'unknown'
    const isOld = seen.at + memoryMs < this.#options.clock.now()
    return isOld && seen.state !== 'stale' ? 'unknown' : seen.state
  }

  /** Calls back after each move. Gives a function that ends it. */
  onMove (listener: (index: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** An answer of the node shows what it is like. */
  saw (index: number, state: 'current' | 'stale'): void {
    if (state === 'stale' || this.#seen[index]?.watched !== true) this.#told(index, state)
  }

  /** A frame of the node's WebSocket says what it is like, and the socket will tell when that changes. */
  heard (index: number, state: 'current' | 'stale'): void {
    const seen = this.#seen[index]
    if (seen !== undefined) seen.watched = true
    this.#told(index, state)
  }

  /** The node's WebSocket is gone. */
  deaf (index: number): void {
    const seen = this.#seen[index]
    if (seen !== undefined) seen.watched = false
  }

  #told (index: number, state: 'current' | 'stale'): void {
    const seen = this.#seen[index]
    if (seen === undefined || this.#closed) return
    const before = seen.state
    this.#see(index, state)
    if (index !== this.#current) return
    if (before !== state && (state === 'stale' || before === 'stale')) this.#options.emit({
      type: state, address: this.address(index)
    })
    if (state === 'current') this.#seekNoMore()
    else if (this.#seekTimer === undefined && !this.#seeking) this.#seekLater(patienceMs * this.#options.random())
  }

  /** The node is silent: it has not failed yet, but the first of the others that is well is better. */
  silent (index: number): void {
    this.#see(index, 'failing')
    if (index === this.#current) void this.#seek()
  }

  /** Something came from the node: it lives. */
  alive (index: number): void {
    if (this.#seen[index]?.state === 'failing') this.#see(index, 'unknown')
  }

  /**
   * A call to the node has failed. The client stays until another one does better: if all fail alike, it is not the
   * node's fault.
   */
  failed (index: number): void {
    this.#see(index, 'failing')
  }

  /**
   * A call was answered here and not, or not in time, by the node where it began. If the client is elsewhere by now, it
   * knows better.
   */
  won (index: number, began: number, error: Error): void {
    if (index !== began && began === this.#current && !this.#closed) this.#move(index, error)
  }

  /** The connection to the node is gone: the next one is to another node. */
  leave (index: number, error: Error): void {
    this.#see(index, 'failing')
    if (index !== this.#current || !this.several || this.#closed) return // another call has moved on already
    this.#move(this.#next(index), error)
    void this.#seek() // the next may be no better
  }

  /** The order in which a call tries the nodes: this one first, then those of which nothing bad is known. */
  order (): readonly number[] {
    const rank = (index: number): number => ({ current: 0, unknown: 0, stale: 1, failing: 2 })[this.state(index)]
    const others = this.addresses.map((_, offset) => (this.#current + offset) % this.addresses.length).slice(1)
    return [this.#current, ...others.sort((a, b) => rank(a) - rank(b))] // sort is stable
  }

  /**
   * A node that goes has named others. They count only where the client was given no other node itself, and as what the
   * given one is: never without TLS where it has TLS, since the token would travel in the clear, and on this machine
   * only where it is. The home stays the given node.
   */
  learn (named: readonly string[]): void {
    const { addresses: [given = ''], addresses: { length } } = this.#options
    if (length > 1 || this.#closed) return
    for (const text of named) {
      const address = namedAddress(text)
      if (address === undefined || this.#addresses.includes(address) || !isLike(given, address)) continue
      const isRoom = this.#addresses.length <= maxLearned
      const places = this.#addresses.map((_, place) => place).slice(1).filter((place) => place !== this.#current)
      const index = isRoom ? this.#addresses.length : places[this.#learned++ % places.length] ?? 0
      this.#addresses[index] = address
      this.#seen[index] = { state: 'unknown', at: this.#options.clock.now(), watched: false }
    }
  }

  close (): void {
    this.#closed = true
    this.#seekNoMore()
    this.#options.clock.clearTimeout(this.#homeTimer)
    this.#listeners.clear()
  }

  #see (index: number, state: NodeState): void {
    const seen = this.#seen[index]
    if (seen === undefined) return
    seen.state = state
    seen.at = this.#options.clock.now()
  }

  #next (index: number): number {
    return this.order().find((other) => other !== index) ?? index
  }

  #move (index: number, error?: Error): void {
    if (index === this.#current) return
    const from = this.address()
    this.#current = index
    this.#seekNoMore()
    if (error === undefined) this.#options.emit({ type: 'returned', from, to: this.address() })
    else this.#options.emit({ type: 'failover', from, to: this.address(), error })
    this.#homeLater()
    if (this.state(index) === 'stale') this.#seekLater(patienceMs * this.#options.random())
    for (const listener of this.#listeners) listener(index)
  }

  // Away from a node that is stale or silent
  // -----------------------------------------------------------------------------

  #seekLater (ms: number): void {
    if (!this.several || this.#closed) return
    const { clock } = this.#options
    clock.clearTimeout(this.#seekTimer)
    this.#seekTimer = clock.setTimeout(() => {
      this.#seekTimer = undefined
      void this.#seek()
    }, ms, true)
  }

  #seekNoMore (): void {
    this.#options.clock.clearTimeout(this.#seekTimer)
    this.#seekTimer = undefined
    this.#attempts = 0
  }

  /** Asks all others at once, and moves to the first whose view is current. If none is it stays. Never rejects. */
  async #seek (): Promise<void> {
    if (this.#seeking || !this.several || this.#closed) return
    this.#seeking = true
    const from = this.#current
    const first = await this.#firstCurrent()
    this.#seeking = false
    if (this.#closed) return
    const state = this.state(this.#current)
    if (first !== undefined && state !== 'current' && this.#current === from) {
      this.#move(first, new RollcallError('REGISTRY_UNAVAILABLE', `${this.address(from)} ${state === 'stale' ? 'has lost its store' : 'does not answer'}`))
    } else if (first === undefined && state === 'stale') {
      this.#seekLater(patienceMs + fullJitter(this.#attempts++, this.#options.random))
    }
  }

  #firstCurrent (): Promise<number | undefined> {
    const { clock } = this.#options
    const isHereUnknown = this.state(this.#current) === 'unknown' // gone to in good faith: it is asked first
    return new Promise((resolve) => {
      const asked = this.addresses.map(async (_, index) => {
        const seen = this.#seen[index]
        if (index === this.#current ? !isHereUnknown : seen?.state === 'failing' && seen.at + painMs > clock.now()) return
        if (isHereUnknown && index !== this.#current) {
          await sleep(clock, firstWordMs, undefined, true)
          if (this.state(this.#current) === 'current') return
        }
        if (!await this.#isCurrent(index)) return
        resolve(index)
      })
      void Promise.all(asked).then(() => resolve(undefined))
    })
  }

  async #isCurrent (index: number): Promise<boolean> {
    const isCurrent = await this.#options.probe(index).catch(() => false)
    if (isCurrent && !this.#closed) this.#see(index, 'current')
    return isCurrent
  }

  // Back home
  // ------------------------------------------------------------------------------------------------------------

  #homeLater (): void {
    const { clock, random } = this.#options
    clock.clearTimeout(this.#homeTimer)
    this.#homeTimer = undefined
    if (this.#current === this.#home || this.#closed) return
    this.#homeTimer = clock.setTimeout(() => void this.#goHome(), homeAfterMs * (1 + 2 * random()), true)
  }

  /** Never rejects. */
  async #goHome (): Promise<void> {
    const isCurrent = await this.#isCurrent(this.#home)
    if (this.#closed || this.#current === this.#home) return
    if (isCurrent) this.#move(this.#home)
    else this.#homeLater()
  }
}

function namedAddress (text: string): string | undefined {
  try {
    const [address, ...others] = addressesOf(text)
    return others.length === 0 ? address : undefined
  } catch {
    return undefined
  }
}

function isLike (given: string, named: string): boolean {
  const [from, to] = [new URL(given), new URL(named)]
  return (from.protocol === 'http:' || to.protocol === 'https:') && (isLoopback(from.hostname) || !isLoopback(to.hostname))
}

function isLoopback (hostname: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/i.test(hostname)
}
