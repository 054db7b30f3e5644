// The core, put together: the view that follows the store, the commands and reads on it, and what runs by itself.
// Adapters see it as `Core` (core.ts); the wiring of a node and the metrics see it whole.
import { type Clock, guardedClock, systemClock } from '../clock.ts'
import { RegistryError } from '../errors.ts'
import { type Guard, standaloneGuard } from '../guard.ts'
import { instanceKey, splitKey } from '../model/names.ts'
import type { Store, Sweep } from '../store/store.ts'
import { ActorAccess, type AccessParts } from './access.ts'
import type { Actor } from './actor.ts'
import { type Ranges, defaultRanges } from './allocation/ledger.ts'
import type { Catalog } from './catalog/catalog.ts'
import { HeartbeatCommands } from './commands/heartbeats.ts'
import { InstanceCommands } from './commands/instances.ts'
import { OverrideCommands } from './commands/overrides.ts'
import { Secrets } from './commands/secrets.ts'
import type { Access, Core, CorePosition } from './core.ts'
import { ExternalMetrics } from './external-metrics.ts'
import { cursorText } from './feed/cursor.ts'
import { Feed } from './feed/feed.ts'
import { Followers } from './followers.ts'
import { Propagation } from './feed/propagation.ts'
import { Waits } from './feed/waits.ts'
import { WatchHub } from './feed/watch-hub.ts'
import { LeaseKeeper } from './leases/lease-keeper.ts'
import { Loads } from './leases/loads.ts'
import type { ProtectionOptions } from './leases/protection.ts'
import { Sessions, defaultSessionBlipMs, defaultSessionGraceMs } from './leases/sessions.ts'
import { type Protection, Sweeper } from './leases/sweeper.ts'
import { LeftoverOverrides, defaultOverrideKeepMs } from './leftover-overrides.ts'
import { Lookup } from './lookup.ts'
import { Notices } from './notices.ts'
import { NodeStore, type StoreTimer } from './node-store.ts'
import { handMadeNumbers, instanceNumbers, serviceCount } from './reads/overview.ts'
import { RegistryReads } from './reads/reads.ts'
import { Services } from './services/services.ts'
import { Unreadable } from './unreadable.ts'

export interface RegistryOptions {
  readonly store: Store
  /** Told how long each operation of the store took, for metrics. */
  readonly storeTimer?: StoreTimer
  readonly clock?: Clock
  readonly protection?: ProtectionOptions
  readonly sessionGraceMs?: number
  /** An override ends when its instance has not been registered for so long, default a day. */
  readonly overrideKeepMs?: number
  /** How long a client whose session broke has to be back before its instances turn suspect, default 500. */
  readonly sessionBlipMs?: number
  /** Whether connections to an address are refused: then its process is gone. Absent: no process is asked. */
  readonly refuses?: (address: string, port: number) => Promise<boolean>
  /** How many changes a node remembers for returning watchers, default 100,000. */
  readonly ringLimit?: number
  /** What they may hold together, in octets, about. Default 32 MiB. */
  readonly ringBytes?: number
  /** What is given to declared services. Default: 10.96.0.0/12, 30000-32767, no pool of load-balancer addresses. */
  readonly allocation?: Ranges
  /** The name of this node, which the other nodes on the store are told with its ranges. Absent: they are told nothing. */
  readonly node?: string
  readonly random?: () => number
  readonly log?: { info (message: string): void, warn (message: string): void }
  /** Told after each sweep, for metrics. */
  readonly swept?: (sweep: Sweep) => void
  /** Limits an unexpected error to the callback in which it happened. Default: one that writes to stderr. */
  readonly guard?: Guard
}

export class Registry implements Core {
  readonly feed: Feed
  readonly watches: WatchHub
  readonly propagation: Propagation
  readonly sessions: Sessions
  /** Declared services: apply, delete, views, explanations. */
  readonly services: Services
  /** What heartbeats said of the load of their instances. */
  readonly loads: Loads
  /** Overrides, and those of instances that are not registered. */
  readonly overrides: LeftoverOverrides
  /** Records of the store that were set aside. */
  readonly unreadable: Unreadable
  readonly store: Store
  readonly position: CorePosition
  /** Who shows its view beside it. */
  readonly followers: Followers
  /** Events of what was declared. */
  readonly notices: Notices
  readonly #keeper: LeaseKeeper
  readonly #sweeper: Sweeper
  readonly #parts: AccessParts
  #closed: Promise<void> | undefined

  constructor (options: RegistryOptions) {
    const { random = Math.random, protection = {}, guard = standaloneGuard, log = { info: () => undefined, warn: () => undefined } } = options
    const clock = guardedClock(options.clock ?? systemClock, guard, 'registry-timer')
    const warn = (message: string): void => log.warn(message)
    const store = this.store = new NodeStore(options.store, { timer: options.storeTimer, aside: () => this.feed.catalog.aside })
    const { ringLimit, ringBytes } = options
    const feed = this.feed = new Feed({
      now: () => clock.now(), guard, log: store, ...(ringLimit === undefined ? {} : { ringLimit }), ...(ringBytes === undefined ? {} : { ringBytes })
    })
    const lookup = new Lookup(feed)
    this.position = new FeedPosition(feed, lookup, () => this.services.nodeRanges.addresses())
    this.services = new Services({ store, feed, ranges: options.allocation ?? defaultRanges, random, clock, log, lookup, node: options.node })
    this.loads = new Loads({ feed, store, clock })
    this.overrides = new LeftoverOverrides({ store, feed, clock, keepMs: options.overrideKeepMs ?? defaultOverrideKeepMs, log })
    this.unreadable = new Unreadable({ store, feed, clock, warn })
    this.watches = new WatchHub(feed, clock, guard)
    this.propagation = new Propagation(feed, clock)
    this.followers = new Followers(feed, clock)
    this.notices = new Notices({ store, clock, warn })
    const keeper = this.#keeper = new LeaseKeeper(store, clock)
    this.#sweeper = new Sweeper({
      store, clock, protection, random, ...(options.swept === undefined ? {} : { swept: options.swept }),
      failed: (error) => { if (!(error instanceof RegistryError)) guard.failed('sweep', error) }
    })
    this.sessions = new Sessions({
      store, clock, graceMs: options.sessionGraceMs ?? defaultSessionGraceMs, blipMs: options.sessionBlipMs ?? defaultSessionBlipMs,
      stalledLately: () => this.#sweeper.stalledLately, report: warn, refuses: options.refuses
    })
    feed.listen({
      name: 'sessions',
      changed: ({ kind, event, target, lease }) => {
        if (kind === 'instance' && this.sessions.boundCount > 0) {
          this.sessions.changed(instanceKey(target.namespace, target.service, target.id), event === 'put' ? lease : undefined)
        }
      },
      loaded: () => this.sessions.reloaded((key) => {
        const { namespace, service, id } = splitKey(key)
        return feed.catalog.entry(namespace, service, id)?.lease
      })
    })
    const commands = { store, feed, lookup, clock }
    const instances = new InstanceCommands(commands)
    this.#parts = {
      reads: new RegistryReads({ feed, lookup, services: this.services, loads: this.loads, protection: () => this.protection, numbers: () => this.#numbers() }),
      instances,
      heartbeats: new HeartbeatCommands({ ...commands, keeper, loads: this.loads, instances, warn }),
      overrides: new OverrideCommands(commands),
      secrets: new Secrets(commands),
      unreadable: this.unreadable,
      external: new ExternalMetrics({ store, lookup }),
      leftovers: this.overrides,
      backup: () => store.backup(),
      caughtUp: () => store.sync(),
      services: this.services,
      watches: this.watches,
      waits: new Waits(feed, this.watches, clock, guard),
      propagation: this.propagation,
      sessions: this.sessions,
      followers: this.followers
    }
    feed.listen({ name: 'lease-keeper', health: (health) => keeper.storeAvailable(health.available) })
  }

  as (actor: Actor): Access {
    return new ActorAccess(this.#parts, actor)
  }

  /** Loads from the store and begins to expire leases. Resolves when the first load is done. */
  async open (): Promise<void> {
    await this.store.open(this.feed)
    this.#sweeper.start()
    this.overrides.start()
  }

  /** Ends every watch and timer and closes the store. Calling it again waits for the same end. */
  close (): Promise<void> {
    return this.#closed ??= this.#close()
  }

  async #close (): Promise<void> {
    this.#sweeper.stop()
    this.#keeper.close()
    this.sessions.close()
    await this.loads.close()
    await this.notices.flush()
    await this.services.close()
    this.overrides.close()
    this.unreadable.close()
    this.watches.close()
    await this.store.close()
  }

  get catalog (): Catalog {
    return this.feed.catalog
  }

  get protection (): Protection {
    return this.#sweeper.protection
  }

  /** Heartbeats that wait for the store to come back. */
  get rememberedHeartbeats (): number {
    return this.#keeper.rememberedCount
  }

  /** One round of expiry, now. The timer does it four times a second; a test does it when the clock has moved. */
  sweep (): Promise<Sweep> {
    return this.#sweeper.sweep()
  }

  #numbers (): ReturnType<RegistryReads['numbers']> {
    const { catalog, store, protection, watches, rememberedHeartbeats } = this
    return {
      namespaces: catalog.namespaces().length,
      services: serviceCount(catalog),
      instances: instanceNumbers(catalog),
      store: { kind: store.kind, location: store.location },
      protection,
      subscriptions: watches.count,
      rememberedHeartbeats,
      unreadable: this.unreadable.list(),
      handMade: handMadeNumbers(catalog),
      ranges: { nodes: this.services.nodeRanges.count, different: this.services.nodeRanges.differences() }
    }
  }
}

class FeedPosition implements CorePosition {
  readonly #feed: Feed
  readonly #lookup: Lookup
  readonly #otherNodes: () => readonly string[]

  constructor (feed: Feed, lookup: Lookup, otherNodes: () => readonly string[]) {
    this.#feed = feed
    this.#lookup = lookup
    this.#otherNodes = otherNodes
  }

  get otherNodes (): readonly string[] {
    return this.#otherNodes()
  }

  get loaded (): boolean {
    return this.#feed.loaded
  }

  get epoch (): string {
    return this.#feed.epoch
  }

  get revision (): number {
    return this.#feed.revision
  }

  get cursor (): string {
    return cursorText(this.#feed.epoch, this.#feed.revision)
  }

  get storeHealth (): Feed['storeHealth'] {
    return this.#feed.storeHealth
  }

  get staleSeconds (): number {
    return this.#feed.staleSeconds
  }

  requireLoaded (): void {
    this.#lookup.requireLoaded()
  }

  onHealth (listener: (health: Feed['storeHealth']) => void): () => void {
    let { available } = this.#feed.storeHealth
    return this.#feed.listen({
      name: 'health-listener',
      health: (health) => {
        if (health.available === available) return // the same news again, with another reason
        available = health.available
        listener(health)
      }
    })
  }
}
