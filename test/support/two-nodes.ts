// Two nodes on one store, of which the second can be paused: it hears nothing of what the first does, until it asks the store.
import { Registry } from '../../server/registry/registry.ts'
import type { Access } from '../../server/registry/core.ts'
import type { Change, Follower, Snapshot, Store } from '../../server/store/store.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { HandClock } from './hand-clock.ts'
import { RedisServer } from './redis-server.ts'
import { type Closable } from './closable.ts'
import { tester } from './world.ts'

export interface TwoNodes {
  readonly one: Access
  /** It can be paused. */
  readonly two: Access
  readonly registries: readonly [Registry, Registry]
  /** From here on node two hears nothing, until it syncs or writes. */
  hold (): void
  /** How often node two has asked the store to be brought up to date. */
  readonly syncs: number
}

export async function twoNodes (t: Closable, kind: Store['kind']): Promise<TwoNodes> {
  const [first, second] = kind === 'sqlite' ? shared(createSqliteStore({ directory: ':memory:', now: () => Date.now(), holdMs: 0 })) : await redisStores(t)
  const held = new HeldStore(second)
  const clock = new HandClock().letMomentsPass()
  const registries = [new Registry({ store: first, clock }), new Registry({ store: held, clock })] as const
  for (const registry of registries) t.teardown(() => registry.close())
  await Promise.all(registries.map((registry) => registry.open()))
  const [one, two] = registries
  return { one: one.as(tester), two: two.as(tester), registries, hold: () => held.hold(), get syncs () { return held.syncs } }
}

async function redisStores (t: Closable): Promise<[Store, Store]> {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const node = (): Store => createRedisStore({ url: server.url, timeouts: { connectMs: 5_000, commandMs: 5_000 } })
  return [node(), node()]
}

/** Keeps changes back from its follower. */
class HeldStore implements Store {
  readonly kind: Store['kind']
  readonly location: string
  readonly #store: Store
  #follower: Follower | undefined
  #isHeld = false
  #kept: Change[] = []
  syncs = 0

  constructor (store: Store) {
    this.#store = store
    this.kind = store.kind
    this.location = store.location
  }

  hold (): void {
    this.#isHeld = true
  }

  #letGo<Result> (result: Result): Result {
    this.#isHeld = false
    this.#follower?.apply(this.#kept.splice(0))
    return result
  }

  open (follower: Follower): Promise<void> {
    this.#follower = follower
    return this.#store.open({
      load: (snapshot) => follower.load(snapshot),
      passTerm: (term) => follower.passTerm(term),
      apply: (changes) => {
        if (!this.#isHeld) return follower.apply(changes)
        this.#kept.push(...changes)
      },
      health: (health) => follower.health(health),
      heldInstances: () => follower.heldInstances(),
      heldObjects: () => follower.heldObjects(),
      endsSince: (revision) => follower.endsSince(revision)
    })
  }

  async sync (): Promise<void> {
    this.syncs++
    this.#letGo(await this.#store.sync())
  }

  // What this node writes comes to it with all that was before.
  grant: Store['grant'] = async (grant) => this.#letGo(await this.#store.grant(grant))
  revise: Store['revise'] = async (revision) => this.#letGo(await this.#store.revise(revision))
  revoke: Store['revoke'] = async (leases, by) => this.#letGo(await this.#store.revoke(leases, by))
  commit: Store['commit'] = async (writes, by) => this.#letGo(await this.#store.commit(writes, by))
  // These are no changes of its own.
  renew: Store['renew'] = (batches) => this.#store.renew(batches)
  lose: Store['lose'] = (leases, graceMs) => this.#store.lose(leases, graceMs)
  expire: Store['expire'] = (policy) => this.#store.expire(policy)
  backup: Store['backup'] = () => this.#store.backup()
  readLog: Store['readLog'] = (from, limit) => this.#store.readLog(from, limit)
  keepLoads: Store['keepLoads'] = (loads) => this.#store.keepLoads(loads)
  readLoads: Store['readLoads'] = (place) => this.#store.readLoads(place)
  writeNotes: Store['writeNotes'] = (notes, under) => this.#store.writeNotes(notes, under)
  readNotes: Store['readNotes'] = (prefix) => this.#store.readNotes(prefix)
  claim: Store['claim'] = (holder, keepMs) => this.#store.claim(holder, keepMs)
  close: Store['close'] = () => this.#store.close()
}

/** Both views are filled before the store goes on. */
async function loadAll (followers: readonly Follower[], snapshot: Snapshot): Promise<void> {
  for (const loading of followers.map((follower) => follower.load(snapshot))) await loading
}

/** One store for two nodes: opened for both at once, closed by the first who closes. */
function shared (store: Store): [Store, Store] {
  const followers: Follower[] = []
  const { promise: opened, resolve } = Promise.withResolvers<void>()
  const each = <Result>(tell: (follower: Follower) => Result): Result[] => followers.map(tell)
  const all: Follower = {
    load: (snapshot) => {
      const whole: Snapshot = { ...snapshot, instances: [...snapshot.instances], objects: [...snapshot.objects] }
      return loadAll(followers, whole)
    },
    passTerm: async (term) => { for (const passing of each((follower) => follower.passTerm(term))) await passing },
    apply: (changes) => { each((follower) => follower.apply(changes)) },
    health: (health) => { each((follower) => follower.health(health)) },
    heldInstances: () => followers[0]?.heldInstances() ?? [],
    heldObjects: () => followers[0]?.heldObjects() ?? [],
    endsSince: (revision) => followers[0]?.endsSince(revision) ?? []
  }
  const open: Store['open'] = (follower) => {
    followers.push(follower)
    if (followers.length === 2) resolve(store.open(all))
    return opened
  }
  const node = (): Store => ({
    kind: store.kind,
    location: store.location,
    open,
    grant: (grant) => store.grant(grant),
    revise: (revision) => store.revise(revision),
    revoke: (leases, by) => store.revoke(leases, by),
    renew: (batches) => store.renew(batches),
    lose: (leases, graceMs) => store.lose(leases, graceMs),
    expire: (policy) => store.expire(policy),
    backup: () => store.backup(),
    readLog: (from, limit) => store.readLog(from, limit),
    keepLoads: (loads) => store.keepLoads(loads),
    readLoads: (place) => store.readLoads(place),
    writeNotes: (notes, under) => store.writeNotes(notes, under),
    readNotes: (prefix) => store.readNotes(prefix),
    claim: (holder, keepMs) => store.claim(holder, keepMs),
    sync: () => store.sync(),
    commit: (writes, by) => store.commit(writes, by),
    close: () => store.close()
  })
  return [node(), node()]
}
