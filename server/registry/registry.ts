// The core's front door: what adapters may ask of the registry. It owns every rule; adapters only translate.
import type { Static } from 'typebox'
import type { Heartbeat, HeartbeatAnswer, Instance, LeaseReference, Registration, Status } from '../../client-sdk/src/wire.ts'
import { RegistryError, invalid } from '../errors.ts'
import { type Guard, standaloneGuard } from '../guard.ts'
import { type OverrideBody, type PatchBody, bodyOf, instanceOf, patched, storedBody, withKnownOrder } from '../model/instance/instance.ts'
import { maxInstancesPerService, maxNamespaces, maxOverrides, maxServicesPerNamespace } from '../model/limits.ts'
import { idRule, instanceKey, isId, isLabel, labelRule } from '../model/names.ts'
import type { Granted, Store, Sweep } from '../store/store.ts'
import type { Catalog } from './catalog/catalog.ts'
import { type Cursor, cursorText } from './feed/cursor.ts'
import { Feed } from './feed/feed.ts'
import { type Ranges, defaultRanges } from './allocation/ledger.ts'
import { Loads, checkLoad } from './leases/loads.ts'
import { LeaseKeeper } from './leases/lease-keeper.ts'
import { overrideKey, storedOverride } from './overrides.ts'
import { Propagation } from './feed/propagation.ts'
import type { ProtectionOptions } from './leases/protection.ts'
import { leaseName, randomText } from './random-text.ts'
import type { Entry, ServiceView } from './catalog/service-entry.ts'
import { Services } from './services/services.ts'
import { type Session, Sessions, defaultSessionGraceMs } from './leases/sessions.ts'
import { type Protection, Sweeper } from './leases/sweeper.ts'
import { type Clock, guardedClock, systemClock } from './timers.ts'
import { replacingStore } from './replacing-store.ts'
import { Unreadable } from './unreadable.ts'
import { WatchHub } from './feed/watch-hub.ts'

export interface RegistryOptions {
  readonly store: Store
  readonly clock?: Clock
  readonly protection?: ProtectionOptions
  readonly sessionGraceMs?: number
  /** How many changes a node remembers for returning watchers, default 100,000. */
  readonly ringLimit?: number
  /** What is given to declared services. Default: 10.96.0.0/12, 30000-32767, no pool of load-balancer addresses. */
  readonly allocation?: Ranges
  readonly random?: () => number
  readonly log?: { info (message: string): void, warn (message: string): void }
  /** Told after each sweep, for metrics. */
  readonly swept?: (sweep: Sweep) => void
  /** Keeps errors that nobody expected from ending more than what they happened in. Default: one that writes to stderr. */
  readonly guard?: Guard
}

/** Names one instance. */
export interface InstanceName {
  readonly namespace: string
  readonly service: string
  readonly id: string
}

export interface Registered {
  readonly instance: Instance
  readonly outcome: Granted['outcome']
  readonly revision: number
}

/** How often a write is tried again when somebody else wrote in between. */
const maxAttempts = 5
/** How many reads may wait for a revision at once: each is a waiting request. */
const maxRevisionWaiters = 10_000

export class Registry {
  readonly feed: Feed
  readonly watches: WatchHub
  readonly propagation: Propagation
  readonly sessions: Sessions
  /** Declared services: apply, delete, views, explanations. */
  readonly services: Services
  /** What heartbeats through this node said of the load of their instances. */
  readonly loads: Loads
  /** Records of the store that nobody is answered. */
  readonly unreadable: Unreadable
  readonly store: Store
  readonly #clock: Clock
  readonly #guard: Guard
  readonly #keeper: LeaseKeeper
  readonly #sweeper: Sweeper
  readonly #log: NonNullable<RegistryOptions['log']>
  #revisionWaiters = 0
  #closed: Promise<void> | undefined

  constructor (options: RegistryOptions) {
    const guard = this.#guard = options.guard ?? standaloneGuard
    this.store = replacingStore(options.store, () => this.feed.catalog.aside)
    this.#clock = guardedClock(options.clock ?? systemClock, guard, 'registry-timer')
    this.#log = options.log ?? { info: () => undefined, warn: () => undefined }
    this.feed = new Feed({ now: () => this.#clock.now(), guard, ...(options.ringLimit === undefined ? {} : { ringLimit: options.ringLimit }) })
    this.services = new Services({
      store: this.store, feed: this.feed, ranges: options.allocation ?? defaultRanges, random: options.random ?? Math.random,
      clock: this.#clock, warn: (message) => this.#log.warn(message), registry: this
    })
    this.loads = new Loads(this.feed)
    this.unreadable = new Unreadable({ store: this.store, feed: this.feed, clock: this.#clock, warn: (message) => this.#log.warn(message) })
    this.watches = new WatchHub(this.feed, this.#clock, guard)
    this.propagation = new Propagation(this.feed, this.#clock)
    this.#keeper = new LeaseKeeper(this.store, this.#clock)
    this.#sweeper = new Sweeper({
      store: this.store,
      clock: this.#clock,
      protection: options.protection ?? {},
      random: options.random ?? Math.random,
      ...(options.swept === undefined ? {} : { swept: options.swept }),
      failed: (error) => { if (!(error instanceof RegistryError)) guard.failed('sweep', error) }
    })
    this.sessions = new Sessions({
      store: this.store,
      clock: this.#clock,
      graceMs: options.sessionGraceMs ?? defaultSessionGraceMs,
      stalledLately: () => this.#sweeper.stalledLately,
      report: (message) => this.#log.warn(message)
    })
    this.feed.listen({ name: 'lease-keeper', health: (health) => this.#keeper.storeAvailable(health.available) })
  }

  /** Loads from the store and begins to expire leases. Resolves when the first load is done. */
  async open (): Promise<void> {
    await this.store.open(this.feed)
    this.#sweeper.start()
  }

  /** Ends every watch and timer and closes the store. Calling it again waits for the same end. */
  close (): Promise<void> {
    return this.#closed ??= this.#close()
  }

  async #close (): Promise<void> {
    this.#sweeper.stop()
    this.#keeper.close()
    this.services.close()
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

  /** Where this node is in the history, as `epoch.revision`. */
  get cursor (): string {
    return cursorText(this.feed.epoch, this.feed.revision)
  }

  /** One round of expiry, now. The timer does it four times a second; a test does it when the clock has moved. */
  sweep (): Promise<Sweep> {
    return this.#sweeper.sweep()
  }

  // Reading -------------------------------------------------------------------------------------------------------

  /** @throws RegistryError REG_NOT_LOADED before the first full load */
  requireLoaded (): void {
    if (!this.feed.loaded) throw new RegistryError('REG_NOT_LOADED', 'the registry is loading its data, try again in a moment', undefined, { retryAfterSeconds: 1 })
  }

  /**
   * What stands under a name: the declared service, else the implicit one.
   * @throws RegistryError REG_NAMESPACE_NOT_FOUND or REG_SERVICE_NOT_FOUND, whichever is missing
   */
  requireService (namespace: string, service: string): ServiceView {
    const found = this.catalog.view(namespace, service)
    if (found !== undefined) return found
    if (!this.catalog.hasNamespace(namespace)) throw new RegistryError('REG_NAMESPACE_NOT_FOUND', `namespace "${namespace}" not found`)
    throw new RegistryError('REG_SERVICE_NOT_FOUND', `service "${service}" not found in namespace "${namespace}"`)
  }

  /** @throws RegistryError naming what is missing: namespace, service or instance */
  requireEntry ({ namespace, service, id }: InstanceName): Entry {
    const entry = this.catalog.entry(namespace, service, id)
    if (entry === undefined) this.requireService(namespace, service)
    if (entry === undefined) throw new RegistryError('REG_INSTANCE_NOT_FOUND', `instance "${id}" not found in service "${service}" of namespace "${namespace}"`)
    return entry
  }

  /**
   * Waits until this node has applied a revision.
   * @throws RegistryError REG_REVISION_TIMEOUT after `timeoutMs`, REG_CURSOR_INVALID if the cursor is of another epoch
   */
  async waitFor (cursor: Cursor, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (cursor.epoch !== undefined && this.feed.loaded && cursor.epoch !== this.feed.epoch) {
      throw new RegistryError('REG_CURSOR_INVALID', `the revision is of epoch ${cursor.epoch}, this registry is in epoch ${this.feed.epoch}`)
    }
    if (this.feed.loaded && this.feed.revision >= cursor.revision) return
    if (this.#revisionWaiters >= maxRevisionWaiters) throw new RegistryError('REG_OVERLOADED', 'too many requests wait for a revision', undefined, { retryAfterSeconds: 1 })
    this.#revisionWaiters++
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const giveUp = this.feed.whenApplied(cursor.revision, resolve)
    const cancel = this.#clock.after(timeoutMs, () => reject(new RegistryError('REG_REVISION_TIMEOUT', `revision ${cursor.revision} did not arrive within ${timeoutMs} ms, this node is at ${this.feed.revision}`)))
    const aborted = this.#guard.around('request', () => reject(new RegistryError('REG_REVISION_TIMEOUT', 'the request was given up')))
    signal?.addEventListener('abort', aborted, { once: true })
    try {
      await promise
    } finally {
      this.#revisionWaiters--
      giveUp()
      cancel()
      signal?.removeEventListener('abort', aborted)
    }
  }

  /**
   * Resolves when the service changes after a revision, when time is up, or when the signal aborts. A node that lags
   * behind the revision waits too: what it has is older than what the caller knows.
   */
  async waitForChange (namespace: string, service: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const changed = (): boolean => {
      const found = this.catalog.view(namespace, service)
      return found === undefined || found.revision > revision
    }
    if (changed() || signal?.aborted === true) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const unfollow = this.watches.follow(namespace, service, () => { if (changed()) resolve() })
    const cancel = this.#clock.after(timeoutMs, resolve)
    const aborted = this.#guard.around('request', () => resolve())
    signal?.addEventListener('abort', aborted, { once: true })
    await promise
    cancel()
    signal?.removeEventListener('abort', aborted)
    unfollow()
  }

  // Writing -------------------------------------------------------------------------------------------------------

  /**
   * Registers an instance, or renews it if nothing is new. The same generation with other content is an update, another
   * generation replaces the life before.
   * @param registration its shape fits `RegistrationBody`
   * @param peer the address that the request comes from: stands in for an absent `address`
   * @throws RegistryError REG_INVALID, REG_LIMIT_REACHED, REG_STORE_UNAVAILABLE, REG_STORE_FULL, REG_OUTCOME_UNKNOWN
   */
  async register (name: InstanceName, registration: Registration, peer: string | undefined, by: string): Promise<Registered> {
    this.requireLoaded()
    checkName(name)
    this.#checkRoom(name)
    const { body: given, ttlMs } = bodyOf(registration, peer)
    const body = withKnownOrder(given, this.catalog.entry(name.namespace, name.service, name.id)?.instance.ports)
    const granted = await this.store.grant({
      key: instanceKey(name.namespace, name.service, name.id),
      lease: leaseName(this.#clock.now()),
      generation: registration.generation === undefined ? undefined : String(registration.generation),
      newGeneration: registration.generation === undefined ? randomText() : '',
      ttlMs,
      body: JSON.stringify(body),
      by
    })
    const entry = this.catalog.entry(name.namespace, name.service, name.id)
    const now = this.#clock.now()
    // Somebody may have removed it already: the caller still gets what was stored.
    const { generation, revision } = granted
    const facts = { ...name, generation, ttlMs, createdAtMs: now, updatedAtMs: now, revision, suspect: false, override: undefined }
    const instance = entry?.lease === granted.lease ? entry.instance : instanceOf(body, facts)
    return { instance, outcome: granted.outcome, revision: granted.revision }
  }

  /**
   * Changes status, labels, metadata or weight.
   * @throws RegistryError REG_..._NOT_FOUND, REG_GENERATION_SUPERSEDED, REG_INVALID, REG_CONFLICT after several attempts
   */
  async patch (name: InstanceName, patch: Static<typeof PatchBody>, generation: string | undefined, by: string): Promise<Instance> {
    this.requireLoaded()
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const entry = this.requireEntry(name)
      this.#checkGeneration(entry, generation)
      const before = JSON.stringify(storedBody(entry.instance))
      const body = JSON.stringify(patched(storedBody(entry.instance), patch))
      if (body === before) return entry.instance
      const revised = await this.store.revise({ lease: entry.lease, expected: entry.recordRevision, body, reason: 'updated', by })
      if (revised.outcome === 'updated') return this.requireEntry(name).instance
      await this.store.sync()
    }
    throw new RegistryError('REG_CONFLICT', `instance "${name.id}" was changed by others ${maxAttempts} times meanwhile, try again`)
  }

  /**
   * Ends a registration. Gives the revision of its end.
   * @throws RegistryError REG_..._NOT_FOUND; REG_GENERATION_SUPERSEDED if another life than `generation` is registered
   */
  async deregister (name: InstanceName, generation: string | undefined, by: string): Promise<number> {
    this.requireLoaded()
    await this.#settle(this.#isDoubtful({ ...name, ...(generation === undefined ? {} : { generation }) }))
    const entry = this.requireEntry(name)
    this.#checkGeneration(entry, generation)
    const [revision = 0] = await this.store.revoke([entry.lease], by)
    if (revision === 0) throw new RegistryError('REG_INSTANCE_NOT_FOUND', `instance "${name.id}" is gone already`)
    return revision
  }

  /**
   * Renews many leases. A status that differs from the known one is stored as a change.
   * Unknown and superseded ones are named only after the store was asked, so that a node that lags wrongs nobody.
   * @param session binds the renewed leases: if it breaks, they turn suspect at once
   */
  async heartbeat (heartbeats: readonly Heartbeat[], by: string, session?: Session): Promise<HeartbeatAnswer> {
    this.requireLoaded()
    for (const [index, { load }] of heartbeats.entries()) if (load !== undefined) checkLoad(load, `leases[${index}].load`)
    const available = this.feed.storeHealth.available
    if (available) await this.#settle(heartbeats.some((heartbeat) => this.#isDoubtful(heartbeat)))
    const unknown: LeaseReference[] = []
    const superseded: LeaseReference[] = []
    const kept: { heartbeat: Heartbeat, entry: Entry }[] = []
    for (const heartbeat of heartbeats) {
      const entry = this.catalog.entry(heartbeat.namespace, heartbeat.service, heartbeat.id)
      if (entry === undefined) {
        if (available) unknown.push(reference(heartbeat))
      } else if (isOtherLife(entry, heartbeat)) {
        superseded.push(reference(heartbeat))
      } else {
        kept.push({ heartbeat, entry })
      }
    }
    const result = await this.#keeper.keep(kept.map(({ entry }) => ({ lease: entry.lease, ttlMs: entry.instance.lease.ttlMs })))
    const bound: { lease: string, deadlineMs: number }[] = []
    const changed: Promise<unknown>[] = []
    for (const { heartbeat, entry } of kept) {
      if (result.unknown.has(entry.lease)) {
        unknown.push(reference(heartbeat))
        continue
      }
      const deadlineMs = result.deadlines.get(entry.instance.lease.ttlMs)
      if (session !== undefined && deadlineMs !== undefined) bound.push({ lease: entry.lease, deadlineMs })
      const { status, load } = heartbeat
      if (load !== undefined) this.loads.set(heartbeat, entry.lease, load, this.#clock.now())
      if (status !== undefined && status !== entry.instance.status && result.stored) changed.push(this.#report(heartbeat, status, by))
    }
    session?.bind(bound)
    await Promise.all(changed)
    return { renewed: heartbeats.length - unknown.length - superseded.length, unknown, superseded, stored: result.stored }
  }

  /**
   * An operator's drain, outage or weight.
   * @throws RegistryError REG_..._NOT_FOUND, REG_INVALID, REG_LIMIT_REACHED
   */
  async override (name: InstanceName, input: Static<typeof OverrideBody>, by: string): Promise<Instance> {
    this.requireLoaded()
    this.requireEntry(name)
    const key = overrideKey(name.namespace, name.service, name.id)
    if (this.catalog.object(key) === undefined && this.catalog.overrideCount >= maxOverrides) {
      throw new RegistryError('REG_LIMIT_REACHED', `there are ${maxOverrides} overrides already`)
    }
    const { body, endsAtMs } = storedOverride(input, by, this.#clock.now())
    await this.store.commit([{ type: 'put', key, body, endsAtMs, reason: 'override' }], by)
    return this.requireEntry(name).instance
  }

  /** Ends an override before its time. @throws RegistryError REG_OVERRIDE_NOT_FOUND */
  async removeOverride (name: InstanceName, by: string): Promise<void> {
    this.requireLoaded()
    const key = overrideKey(name.namespace, name.service, name.id)
    if (this.catalog.object(key) === undefined) {
      this.requireEntry(name)
      throw new RegistryError('REG_OVERRIDE_NOT_FOUND', `instance "${name.id}" of service "${name.service}" has no override`)
    }
    await this.store.commit([{ type: 'delete', key, reason: 'override-removed' }], by)
  }

  async #report (heartbeat: Heartbeat, status: Status, by: string): Promise<void> {
    try {
      await this.patch(heartbeat, { status }, heartbeat.generation, by)
    } catch (error) {
      // The lease is renewed; the next heartbeat reports the status again. Its owner going away meanwhile is no fault.
      this.#log.warn(`the status of ${instanceKey(heartbeat.namespace, heartbeat.service, heartbeat.id)} was not stored: ${String(error)}`)
    }
  }

  /** True if this node would refuse the reference: it may only lag behind the store. */
  #isDoubtful (name: LeaseReference): boolean {
    const entry = this.catalog.entry(name.namespace, name.service, name.id)
    return entry === undefined || isOtherLife(entry, name)
  }

  async #settle (isDoubtful: boolean): Promise<void> {
    if (isDoubtful) await this.store.sync()
  }

  #checkGeneration (entry: Entry, generation: string | undefined): void {
    const { id, service, generation: current } = entry.instance
    if (generation === undefined || generation === current) return
    const message = `generation ${JSON.stringify(generation)} of instance "${id}" of service "${service}" is superseded by ${JSON.stringify(current)}`
    throw new RegistryError('REG_GENERATION_SUPERSEDED', message, [
      { field: 'generation', value: generation, rule: 'must be the generation that is registered now' }
    ])
  }

  #checkRoom ({ namespace, service, id }: InstanceName): void {
    const { catalog } = this
    const entry = catalog.service(namespace, service)
    if (entry?.get(id) !== undefined) return
    const full = entry !== undefined
      ? entry.size >= maxInstancesPerService && `service "${service}" has ${maxInstancesPerService} instances already`
      : catalog.hasNamespace(namespace)
        ? catalog.namespaceCounts(namespace).services >= maxServicesPerNamespace && `namespace "${namespace}" has ${maxServicesPerNamespace} services already`
        : catalog.namespaces().length >= maxNamespaces && `there are ${maxNamespaces} namespaces already`
    if (full !== false) throw new RegistryError('REG_LIMIT_REACHED', full)
  }
}

function checkName ({ namespace, service, id }: InstanceName): void {
  const faults = [
    ...(isLabel(namespace) ? [] : [{ field: 'namespace', value: namespace, rule: labelRule }]),
    ...(isLabel(service) ? [] : [{ field: 'service', value: service, rule: labelRule }]),
    ...(isId(id) ? [] : [{ field: 'id', value: id, rule: idRule }])
  ]
  if (faults.length > 0) throw invalid(faults)
}

function isOtherLife (entry: Entry, { generation }: LeaseReference): boolean {
  return generation !== undefined && String(generation) !== entry.instance.generation
}

function reference ({ namespace, service, id, generation }: LeaseReference): LeaseReference {
  return { namespace, service, id, ...(generation === undefined ? {} : { generation }) }
}
