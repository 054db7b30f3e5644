// What a store is tested in: a keyspace of its own, one or more nodes on it, a clock that can be moved or waited for.
import t, { type Test } from 'tap'
import type { ExpiryPolicy, Grant, Store } from '../../server/store/store.ts'
import { contentOf, RecordingFollower } from '../support/recording-follower.ts'

/** What a store's test file provides. One harness is one fresh keyspace. */
export interface StoreHarness {
  /**
   * The contract's unit of time: TTLs and graces are a few units. With an injected clock 1,000 will do; in real time as
   * short as the machine's hiccups allow, since the contract waits for some units again and again.
   */
  readonly unitMs: number
  /** A further node on the keyspace, not yet opened. */
  node (): Store
  /** The store's own clock. */
  now (): Promise<number>
  /**
   * Lets `ms` of the store's time pass and calls `sweep` at least four times a unit meanwhile; the last call begins when
   * the time is over. A clock that cannot be moved is waited for by sweeping.
   */
  advance (ms: number, sweep: () => Promise<void>): Promise<void>
  /**
   * Restarts what outlives a node, if anything does, so that the next node opened finds full TTLs and a hold. No node is
   * open then. Called only if `StoreFeatures.restart`.
   */
  restart (): Promise<void>
  dispose (): Promise<void>
}

/** What of the contract applies to a store. */
export interface StoreFeatures {
  /** Several nodes may be open on one keyspace. */
  readonly severalNodes: boolean
  /** The harness can restart the store within a test. */
  readonly restart: boolean
  /** Rounds of the model test: more where time costs nothing. */
  readonly modelRuns: number
}

/** The sums of some sweeps, and the last one's state. */
export interface Swept {
  suspected: number
  expired: number
  kept: number
  holdMs: number
  protectedSinceMs: number
  protectedServices: readonly string[]
}

export interface Node {
  readonly store: Store
  readonly follower: RecordingFollower
}

export class Keyspace implements Node {
  readonly harness: StoreHarness
  readonly #open: Node[] = []
  #leases = 0

  constructor (harness: StoreHarness) {
    this.harness = harness
  }

  get store (): Store {
    return this.#first.store
  }

  get follower (): RecordingFollower {
    return this.#first.follower
  }

  get unitMs (): number {
    return this.harness.unitMs
  }

  get #first (): Node {
    const node = this.#open[0]
    if (node === undefined) throw new Error('no node is open')
    return node
  }

  /** Opens a node: the first one is `store` and `follower`. */
  async join (): Promise<Node> {
    const node = { store: this.harness.node(), follower: new RecordingFollower() }
    await node.store.open(node.follower)
    this.#open.push(node)
    return node
  }

  /** Closes all nodes and opens one anew. */
  async reopen (restart = false): Promise<Node> {
    await this.closeNodes()
    if (restart) await this.harness.restart()
    return this.join()
  }

  async closeNodes (): Promise<void> {
    for (const { store } of this.#open.splice(0)) await store.close()
  }

  /** Faults that followers have seen. */
  faults (): string[] {
    return this.#open.flatMap(({ follower }) => follower.faults)
  }

  /** No brakes, a grace of two units, and a hold that no test has to wait for long. */
  policy (overrides: Partial<ExpiryPolicy> = {}): ExpiryPolicy {
    const noBrake = { ratio: 1, atLeast: 1_000_000, maxMs: 0 }
    return {
      limit: 1_000, gapMs: 20 * this.unitMs, holdMs: 3 * this.unitMs, graceMs: 2 * this.unitMs, maxTtlMs: 10_000 * this.unitMs,
      registryBrake: noBrake, serviceBrake: noBrake, ...overrides
    }
  }

  /** Lets units of time pass, sweeping. */
  async pass (units: number, policy: ExpiryPolicy = this.policy()): Promise<Swept> {
    const swept: Swept = { suspected: 0, expired: 0, kept: 0, holdMs: 0, protectedSinceMs: 0, protectedServices: [] }
    await this.harness.advance(units * this.unitMs, async () => {
      const sweep = await this.store.expire(policy)
      swept.suspected += sweep.suspected
      swept.expired += sweep.expired
      swept.kept += sweep.kept
      swept.holdMs = sweep.holdMs
      swept.protectedSinceMs = sweep.protectedSinceMs
      swept.protectedServices = [...sweep.protectedServices.keys()]
    })
    return swept
  }

  /** Lets time pass that nobody sweeps in. */
  async pause (units: number): Promise<void> {
    await this.harness.advance(units * this.unitMs, async () => {})
  }

  /** Sweeps until expiry runs: a new keyspace may begin with a hold. */
  async ready (): Promise<void> {
    const limit = 100 // units; a hold of the policy is three
    for (let waited = 0; waited < limit; waited += 1) if ((await this.pass(1)).holdMs === 0) return
    throw new Error(`the hold did not end within ${limit} units`)
  }

  /** A registration of `key` that lives for long, unless told otherwise. */
  grantOf (key: string, overrides: Partial<Grant> = {}): Grant {
    this.#leases += 1
    return {
      key, lease: `lease${this.#leases}`, generation: undefined, newGeneration: `life${this.#leases}`, ttlMs: 5_000 * this.unitMs,
      body: '{"address":"192.0.2.1"}', by: 'tester', ...overrides
    }
  }

  /** Registers and gives the lease. */
  async grant (key: string, overrides: Partial<Grant> = {}): Promise<string> {
    return (await this.store.grant(this.grantOf(key, overrides))).lease
  }

  /** Registers `count` instances of a service, `id0` and so on, and gives their leases. */
  async grantMany (service: string, count: number, overrides: Partial<Grant> = {}): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, (_, index) => this.grant(`${service}/id${index}`, overrides)))
  }

  /** Renews for long, unless told otherwise. */
  async renew (leases: readonly string[], ttlMs = 5_000 * this.unitMs) {
    return this.store.renew(new Map([[ttlMs, leases]]))
  }
}

export type Scenario = (title: string, run: (t: Test, world: Keyspace) => Promise<void>) => void

/**
 * Each scenario has a keyspace of its own with one node open. After it, whatever it was about: the stream had no fault, and
 * a node that loads now holds what the first one knows by replay.
 */
export function scenarios (name: string, open: () => Promise<StoreHarness>): Scenario {
  return (title, run) => {
    t.test(`${name}: ${title}`, async (t) => {
      const world = new Keyspace(await open())
      try {
        await world.join()
        await run(t, world)
        t.same(world.faults(), [], 'the stream of changes has no fault')
        const known = contentOf(world.follower)
        const { revision, epoch } = world.follower
        const again = await world.reopen()
        t.same(contentOf(again.follower), known, 'a snapshot equals the replay of all changes')
        t.equal(again.follower.epoch, epoch)
        t.ok(again.follower.revision >= revision, 'it does not go back')
        t.ok(again.follower.floors.derived >= revision || revision === 0, 'what is derived has no older revision than the first one may have told')
        t.same(again.follower.faults, [])
      } finally {
        await world.closeNodes()
        await world.harness.dispose()
      }
    })
  }
}
