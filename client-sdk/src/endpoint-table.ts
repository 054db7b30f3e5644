// The endpoints of one service as the client has them. What changes is changed in its place: a change costs what it holds,
// and a pick the logarithm of how many there are.
import { endpointKey, lastRankOf, portOf, rankOf, tierOf, tiers, type Candidate, type Preference } from './balancer.ts'
import { CompactEndpoints } from './compact-endpoints.ts'
import { Turns } from './turns.ts'
import type { Endpoint } from './wire.ts'

export type Balance = 'round-robin' | 'least-outstanding'

/** An endpoint to call, and what it is called in the table. */
export interface Picked extends Candidate {
  readonly key: string
}

/** Distinct questions (port, zone, strategy) to one list whose turns are kept. */
const maxQuestions = 32

export class EndpointTable {
  readonly #random: () => number
  readonly #compact = new CompactEndpoints()
  /** From the key of an endpoint to its slot. */
  readonly #slots = new Map<string, number>()
  /** From a slot to that key: the same text, so that nothing is put together for a pick. */
  #keys: string[] = []
  #endpoints: (Endpoint | undefined)[] = []
  #free: number[] = []
  /** How many there are of each tier. */
  readonly #tiers = Object.values(tiers).map(() => 0)
  readonly #questions = new Map<string, Turns>()
  /** Calls under way, by key: they go on when their endpoint goes and comes back. */
  readonly #outstanding = new Map<string, number>()

  constructor (random: () => number) {
    this.#random = random
  }

  get size (): number {
    return this.#slots.size
  }

  * values (): Generator<Endpoint, void, undefined> {
    for (const endpoint of this.#endpoints) if (endpoint !== undefined) yield endpoint
  }

  put (endpoint: Endpoint): void {
    const key = endpointKey(endpoint)
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#endpoints.length
      this.#slots.set(key, slot)
      this.#keys[slot] = key
    }
    const before = this.#endpoints[slot]
    const now = this.#compact.of(endpoint)
    this.#endpoints[slot] = now
    if (before !== undefined) this.#count(before, -1)
    this.#count(now, 1)
    for (const turns of this.#questions.values()) turns.put(slot, before)
  }

  remove (key: string): void {
    const slot = this.#slots.get(key)
    const endpoint = slot === undefined ? undefined : this.#endpoints[slot]
    if (slot === undefined || endpoint === undefined) return
    for (const turns of this.#questions.values()) turns.remove(slot)
    this.#count(endpoint, -1)
    this.#slots.delete(key)
    this.#endpoints[slot] = undefined
    this.#keys[slot] = ''
    this.#free.push(slot)
  }

  /** The whole list. Those that were there before keep their turns. */
  replace (endpoints: readonly Endpoint[]): void {
    if (this.size === 0) this.#forgetAll()
    const keys = new Set(endpoints.map(endpointKey))
    for (const key of [...this.#slots.keys()]) if (!keys.has(key)) this.remove(key)
    for (const endpoint of endpoints) this.put(endpoint)
  }

  /** The endpoint whose turn it is; undefined = none can be called. */
  pick (preference: Preference, balance: Balance, tried: ReadonlySet<string>): Picked | undefined {
    const tier = this.#tiers.findIndex((count) => count > 0)
    // Which tier is called is decided among all endpoints, those without the port included.
    const slot = this.#turns(preference, balance).next(
      lastRankOf(tier), (each) => tried.size === 0 || !tried.has(this.#keys[each] ?? '')
    )
    const endpoint = slot === undefined ? undefined : this.#endpoints[slot]
    const port = endpoint === undefined ? undefined : portOf(endpoint, preference.port)
    return endpoint === undefined || port === undefined ? undefined : { endpoint, port, key: this.#keys[slot ?? 0] ?? '' }
  }

  /** A call begins. @returns ends it */
  begin (key: string): () => void {
    this.#called(key, 1)
    return () => this.#called(key, -1)
  }

  #called (key: string, change: 1 | -1): void {
    const count = (this.#outstanding.get(key) ?? 0) + change
    if (count > 0) this.#outstanding.set(key, count)
    else this.#outstanding.delete(key)
    const slot = this.#slots.get(key)
    if (slot !== undefined) for (const turns of this.#questions.values()) turns.loaded(slot)
  }

  #count (endpoint: Endpoint, change: 1 | -1): void {
    const tier = tierOf(endpoint)
    if (tier !== undefined) this.#tiers[tier] = (this.#tiers[tier] ?? 0) + change
  }

  #turns (preference: Preference, balance: Balance): Turns {
    const { port, zone } = preference
    const key = `${typeof port} ${port ?? ''} ${zone ?? ''} ${balance}`
    const known = this.#questions.get(key)
    if (known !== undefined) return known
    if (this.#questions.size >= maxQuestions) this.#questions.clear() // turns begin anew, which does no harm
    const turns = new Turns({
      endpoint: (slot) => this.#endpoints[slot],
      outstanding: (slot) => this.#outstanding.get(this.#keys[slot] ?? '') ?? 0
    }, (endpoint) => rankOf(endpoint, { port, zone }), this.#random, balance === 'least-outstanding')
    turns.fill([...this.#slots.values()], this.#endpoints.length)
    this.#questions.set(key, turns)
    return turns
  }

  #forgetAll (): void {
    this.#endpoints = []
    this.#keys = []
    this.#free = []
    this.#questions.clear()
  }
}
