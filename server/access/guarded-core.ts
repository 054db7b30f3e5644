// The core behind access control: what `core.as(actor)` gives is the same port, and every adapter is behind it without a line of its own.
//
//   registry (everything)  <-  GuardedCore.as(actor)  <-  HTTP, watches, DNS over HTTP, dialects
//
// A node's own work (registryActor) goes past it.
import type { ObjectKind } from '../model/manifest/object-kinds.ts'
import type {
  Access, Acknowledger, Acknowledging, Actor, Core, CorePosition, Cursor, EndpointsDelivery, Follow, LeaseSession, ObjectsDelivery, ObjectsFilter,
  PropagationReport, Sight, Watch, WatchFilter
} from '../registry/core.ts'
import { Gate, type GateOptions } from './gate.ts'
import { GuardedCommands } from './guarded-commands.ts'
import { GuardedWatch } from './guarded-watch.ts'

export class GuardedCore implements Core {
  readonly position: CorePosition
  readonly #inner: Core
  readonly #options: GateOptions

  constructor (inner: Core, options: GateOptions) {
    this.#inner = inner
    this.#options = options
    this.position = inner.position
  }

  as (actor: Actor): Access {
    if (actor.kind === 'node') return this.#inner.as(actor)
    const gate = new Gate(this.#options, actor)
    return new GuardedAccess(this.#inner.as(gate.actor), gate, this.position)
  }
}

class GuardedAccess extends GuardedCommands implements Access {
  readonly #position: CorePosition

  constructor (inner: Access, gate: Gate, position: CorePosition) {
    super(inner, gate)
    this.#position = position
  }

  caughtUp (): Promise<void> {
    return this.inner.caughtUp()
  }

  permitWatch ({ namespace, service }: WatchFilter): void {
    if (namespace !== undefined && service !== undefined) this.gate.require('read', namespace, service)
    else this.gate.requireSight(namespace)
  }

  watch (filter: WatchFilter, since: Cursor | undefined, wake: () => void): ReturnType<Follow['watch']> {
    return this.#watch(filter, since, wake, (sight, isFirst) => this.inner.watch({ ...filter, sight }, isFirst ? since : undefined, wake))
  }

  watchEndpoints (filter: WatchFilter, since: Cursor | undefined, wake: () => void): Watch<EndpointsDelivery> {
    return this.#watch(filter, since, wake, (sight, isFirst) => this.inner.watchEndpoints({ ...filter, sight }, isFirst ? since : undefined, wake))
  }

  watchObjects (filter: ObjectsFilter, since: Cursor | undefined, wake: () => void): Watch<ObjectsDelivery> {
    const { kinds, ...scope } = filter
    return this.#watch(scope, since, wake, (sight, isFirst) => this.inner.watchObjects({ ...scope, kinds, sight }, isFirst ? since : undefined, wake))
  }

  waitFor (cursor: Cursor, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return this.inner.waitFor(cursor, timeoutMs, signal)
  }

  async waitForChange (namespace: string, service: string, ...rest: [revision: number, timeoutMs: number, signal?: AbortSignal]): Promise<void> {
    this.gate.require('read', namespace, service)
    await this.inner.waitForChange(namespace, service, ...rest)
  }

  async waitForObjects (kinds: readonly ObjectKind[], ...rest: [revision: number, timeoutMs: number, signal?: AbortSignal]): Promise<void> {
    this.gate.requireSight()
    await this.inner.waitForObjects(kinds, ...rest)
  }

  objectsRevision (kinds: readonly ObjectKind[]): number {
    return this.inner.objectsRevision(kinds)
  }

  acknowledging (acknowledger: Acknowledger): Acknowledging {
    this.gate.requireSight()
    return this.inner.acknowledging(acknowledger)
  }

  propagation (revision: number): PropagationReport {
    this.gate.requireSight()
    return this.inner.propagation(revision)
  }

  async externalMetrics (namespace: string): ReturnType<Access['externalMetrics']> {
    this.gate.requireSight(namespace)
    return await this.inner.externalMetrics(namespace)
  }

  /** It scales workloads: as much as declaring what scales them. */
  async putExternalMetric (...of: Parameters<Access['putExternalMetric']>): Promise<void> {
    const { gate, inner } = this
    await gate.audited('put-external-metric', `${of[0]}/${of[1]}`, () => undefined, async () => {
      gate.requireAll('declare', of[0])
      gate.take('writes')
      await inner.putExternalMetric(...of)
    })
  }

  async removeExternalMetric (namespace: string, name: string): Promise<number> {
    const { gate, inner } = this
    return await gate.audited('remove-external-metric', `${namespace}/${name}`, () => undefined, async () => {
      gate.requireAll('declare', namespace)
      gate.take('writes')
      return await inner.removeExternalMetric(namespace, name)
    })
  }

  session (): LeaseSession {
    return this.inner.session()
  }

  #watch<Handed extends ReturnType<Watch['next']> | EndpointsDelivery | ObjectsDelivery> (
    filter: WatchFilter, since: Cursor | undefined, wake: () => void,
    open: (sight: Sight | undefined, isFirst: boolean) => Watch<NonNullable<Handed>>
  ): Watch<NonNullable<Handed>> {
    const { gate } = this
    gate.take('watches')
    return new GuardedWatch({
      look: () => {
        this.permitWatch(filter)
        return gate.sight
      },
      open,
      wake,
      isAnother: !gate.isReporting && since !== undefined && since.revision < gate.options.book.changedRevision,
      revision: () => this.#position.revision,
      onChange: (changed) => gate.options.book.onChange(changed)
    })
  }
}
