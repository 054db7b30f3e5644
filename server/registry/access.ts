// The core for one actor. It decides nothing: it only hands the actor to the commands.
import type { Static } from 'typebox'
import type { Heartbeat, HeartbeatAnswer, Instance, Registration } from '../../client-sdk/src/wire.ts'
import type { ObjectKind } from '../model/manifest/object-kinds.ts'
import type { OverrideBody, PatchBody } from '../model/instance/instance.ts'
import type { ManifestDocument } from '../model/manifest/manifest-document.ts'
import type { Backup } from '../store/store.ts'
import type { Actor } from './actor.ts'
import type { HeartbeatCommands } from './commands/heartbeats.ts'
import type { InstanceCommands, Registered } from './commands/instances.ts'
import type { OverrideCommands } from './commands/overrides.ts'
import type { Secrets } from './commands/secrets.ts'
import type { Access, ListedKind, ManifestOf, Reads } from './core.ts'
import type { ExternalMetrics } from './external-metrics.ts'
import type { AppliedChange } from './feed/change-ring.ts'
import type { Cursor } from './feed/cursor.ts'
import type { Acknowledger, Acknowledging, Propagation, PropagationReport } from './feed/propagation.ts'
import type { EndpointsDelivery } from './feed/endpoints-subscription.ts'
import type { ObjectsDelivery, ObjectsFilter } from './feed/objects-subscription.ts'
import type { Followed, Watch } from './feed/subscription.ts'
import type { WatchFilter } from './feed/watch-filter.ts'
import type { Waits } from './feed/waits.ts'
import type { Followers } from './followers.ts'
import type { WatchHub } from './feed/watch-hub.ts'
import type { InstanceName } from './instance-name.ts'
import type { LeaseSession, Sessions } from './leases/sessions.ts'
import type { LeftoverOverrides } from './leftover-overrides.ts'
import type { RegistryReads } from './reads/reads.ts'
import type { ManifestName } from './services/manifests.ts'
import type { StatusWrite } from './services/statuses.ts'
import type { ApplyAnswer, ApplyOptions, Deleted, DeleteOptions, PutOptions, Services } from './services/services.ts'
import type { Unreadable } from './unreadable.ts'

export interface AccessParts {
  readonly reads: RegistryReads
  readonly instances: InstanceCommands
  readonly heartbeats: HeartbeatCommands
  readonly overrides: OverrideCommands
  readonly secrets: Secrets
  readonly unreadable: Unreadable
  readonly external: ExternalMetrics
  readonly leftovers: LeftoverOverrides
  readonly backup: () => Promise<Backup>
  readonly caughtUp: () => Promise<void>
  readonly services: Services
  readonly watches: WatchHub
  readonly waits: Waits
  readonly propagation: Propagation
  readonly sessions: Sessions
  readonly followers: Followers
}

export class ActorAccess implements Access {
  readonly #parts: AccessParts
  readonly #actor: Actor

  constructor (parts: AccessParts, actor: Actor) {
    this.#parts = parts
    this.#actor = actor
  }

  // Reads -------------------------------------------------------------------------------------------------------------

  service (namespace: string, service: string): ReturnType<Reads['service']> { return this.#parts.reads.service(namespace, service) }
  endpoints (namespace: string, service: string): ReturnType<Reads['endpoints']> { return this.#parts.reads.endpoints(namespace, service) }
  summary (namespace: string, service: string): ReturnType<Reads['summary']> { return this.#parts.reads.summary(namespace, service) }
  instance (name: InstanceName): ReturnType<Reads['instance']> { return this.#parts.reads.instance(name) }
  load (name: InstanceName): ReturnType<Reads['load']> { return this.#parts.reads.load(name) }
  freshLoads (): ReturnType<Reads['freshLoads']> { return this.#parts.reads.freshLoads() }
  namespace (...asked: Parameters<Reads['namespace']>): ReturnType<Reads['namespace']> { return this.#parts.reads.namespace(...asked) }
  checkScope (scope: Parameters<Reads['checkScope']>[0]): void { this.#parts.reads.checkScope(scope) }
  instances (...asked: Parameters<Reads['instances']>): ReturnType<Reads['instances']> { return this.#parts.reads.instances(...asked) }
  services (...asked: Parameters<Reads['services']>): ReturnType<Reads['services']> { return this.#parts.reads.services(...asked) }
  namespaces (...asked: Parameters<Reads['namespaces']>): ReturnType<Reads['namespaces']> { return this.#parts.reads.namespaces(...asked) }
  members (namespace: string | undefined, service: string): ReturnType<Reads['members']> { return this.#parts.reads.members(namespace, service) }
  protection (): ReturnType<Reads['protection']> { return this.#parts.reads.protection() }
  manifest (name: ManifestName): ReturnType<Reads['manifest']> { return this.#parts.reads.manifest(name) }
  manifests<Kind extends ListedKind> (kind: Kind, namespace?: string): readonly ManifestOf<Kind>[] {
    return this.#parts.services.list(kind, namespace) as readonly ManifestOf<Kind>[] // of that kind
  }

  certificates (): ReturnType<Reads['certificates']> { return this.#parts.services.certificates() }
  secretWithData (...name: Parameters<Reads['secretWithData']>): ReturnType<Reads['secretWithData']> { return this.#parts.services.secretWithData(...name) }
  serviceManifest (...name: Parameters<Reads['serviceManifest']>): ReturnType<Reads['serviceManifest']> { return this.#parts.reads.serviceManifest(...name) }
  endpointSlices (...name: Parameters<Reads['endpointSlices']>): ReturnType<Reads['endpointSlices']> { return this.#parts.reads.endpointSlices(...name) }
  endpointsObject (...name: Parameters<Reads['endpointsObject']>): ReturnType<Reads['endpointsObject']> { return this.#parts.reads.endpointsObject(...name) }
  explain (name: InstanceName): ReturnType<Reads['explain']> { return this.#parts.reads.explain(name) }
  pools (): ReturnType<Reads['pools']> { return this.#parts.reads.pools() }
  events (query: Parameters<Reads['events']>[0]): ReturnType<Reads['events']> { return this.#parts.reads.events(query) }
  numbers (...asked: Parameters<Reads['numbers']>): ReturnType<Reads['numbers']> { return this.#parts.reads.numbers(...asked) }
  secret (name: string): ReturnType<Reads['secret']> { return this.#parts.secrets.get(name) }
  secrets (prefix: string): ReturnType<Reads['secrets']> { return this.#parts.secrets.list(prefix) }
  selecting (instance: Parameters<Reads['selecting']>[0]): ReturnType<Reads['selecting']> { return this.#parts.reads.selecting(instance) }
  get sight (): undefined { return undefined }
  permit (): void { /* everybody may have everything */ }
  overrides (): ReturnType<Reads['overrides']> { return this.#parts.leftovers.list() }
  handMade (...of: Parameters<Reads['handMade']>): ReturnType<Reads['handMade']> { return this.#parts.services.handMade(...of) }
  unreadable (): ReturnType<Reads['unreadable']> { return this.#parts.unreadable.list() }
  unreadableRecord (key: string): ReturnType<Reads['unreadableRecord']> { return this.#parts.unreadable.get(key) }

  // Commands ----------------------------------------------------------------------------------------------------------

  backup (): Promise<Backup> {
    return this.#parts.backup()
  }

  register (name: InstanceName, registration: Registration): Promise<Registered> {
    return this.#shown(this.#parts.instances.register(this.#actor, name, registration))
  }

  patch (name: InstanceName, patch: Static<typeof PatchBody>, generation?: string): Promise<Instance> {
    return this.#shown(this.#parts.instances.patch(this.#actor, name, patch, generation))
  }

  deregister (name: InstanceName, generation?: string): Promise<number> {
    return this.#shown(this.#parts.instances.deregister(this.#actor, name, generation))
  }

  heartbeat (heartbeats: readonly Heartbeat[], session?: LeaseSession): Promise<HeartbeatAnswer> {
    const beaten = this.#parts.heartbeats.beat(this.#actor, heartbeats, session)
    return heartbeats.some(({ status }) => status !== undefined) ? this.#shown(beaten) : beaten // else nothing changes
  }

  override (name: InstanceName, input: Static<typeof OverrideBody>): Promise<Instance> {
    return this.#shown(this.#parts.overrides.set(this.#actor, name, input))
  }

  removeOverride (name: InstanceName): Promise<number> {
    return this.#shown(this.#parts.overrides.remove(this.#actor, name))
  }

  apply (documents: readonly ManifestDocument[], options?: ApplyOptions): Promise<ApplyAnswer> {
    return this.#shown(this.#parts.services.apply(this.#actor, documents, options))
  }

  put (name: ManifestName, value: unknown, options?: PutOptions): Promise<ApplyAnswer> {
    return this.#shown(this.#parts.services.put(this.#actor, name, value, options))
  }

  delete (names: readonly ManifestName[], options?: DeleteOptions): Promise<Deleted> {
    return this.#shown(this.#parts.services.delete(this.#actor, names, options))
  }

  setStatus (statuses: readonly StatusWrite[]): Promise<number> {
    return this.#shown(this.#parts.services.setStatus(this.#actor, statuses))
  }

  keepSecret (name: string, body: string, expected: number): Promise<boolean> {
    return this.#parts.secrets.keep(this.#actor, name, body, expected)
  }

  removeSecret (name: string, expected: number): Promise<boolean> {
    return this.#parts.secrets.remove(this.#actor, name, expected)
  }

  removeUnreadable (key: string): Promise<void> {
    return this.#parts.unreadable.remove(this.#actor, key)
  }

  /** A write is answered when those who follow this node show it, too. */
  #shown<Result> (write: Promise<Result>): Promise<Result> {
    return this.#parts.followers.shown(write)
  }

  // Outside -----------------------------------------------------------------------------------------------------------

  externalMetrics (namespace: string): ReturnType<Access['externalMetrics']> { return this.#parts.external.list(namespace) }
  putExternalMetric (...of: Parameters<Access['putExternalMetric']>): Promise<void> { return this.#parts.external.put(...of) }
  removeExternalMetric (namespace: string, name: string): Promise<number> { return this.#parts.external.remove(namespace, name) }

  // Follow ------------------------------------------------------------------------------------------------------------

  caughtUp (): Promise<void> {
    return this.#parts.caughtUp()
  }

  permitWatch (): void { /* everybody may see everything */ }

  watch (filter: WatchFilter, since: Cursor | undefined, wake: () => void): Watch {
    return new HubWatch(this.#parts.watches, this.#parts.watches.subscribe(filter, since, wake))
  }

  watchEndpoints (filter: WatchFilter, since: Cursor | undefined, wake: () => void): Watch<EndpointsDelivery> {
    return new HubWatch(this.#parts.watches, this.#parts.watches.subscribeEndpoints(filter, since, wake))
  }

  watchObjects (filter: ObjectsFilter, since: Cursor | undefined, wake: () => void): Watch<ObjectsDelivery> {
    return new HubWatch(this.#parts.watches, this.#parts.watches.subscribeObjects(filter, since, wake))
  }

  waitFor (cursor: Cursor, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return this.#parts.waits.forRevision(cursor, timeoutMs, signal)
  }

  waitForChange (namespace: string, service: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return this.#parts.waits.forChange(namespace, service, revision, timeoutMs, signal)
  }

  waitForObjects (kinds: readonly ObjectKind[], revision: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return this.#parts.waits.forObjects(kinds, revision, timeoutMs, signal)
  }

  objectsRevision (kinds: readonly ObjectKind[]): number {
    return this.#parts.waits.objectsRevision(kinds)
  }

  acknowledging (acknowledger: Acknowledger): Acknowledging {
    return this.#parts.propagation.join(acknowledger)
  }

  propagation (revision: number): PropagationReport {
    return this.#parts.propagation.report(revision)
  }

  session (): LeaseSession {
    return this.#parts.sessions.begin(this.#actor.address ?? '')
  }
}

/** A watch of the hub as callers get it: they can close it, but not hand it changes. */
class HubWatch<Handed> implements Watch<Handed> {
  readonly #hub: WatchHub
  readonly #followed: Followed<Handed>

  constructor (hub: WatchHub, followed: Followed<Handed>) {
    this.#hub = hub
    this.#followed = followed
  }

  next (): Handed | undefined {
    return this.#followed.next()
  }

  bookmark (): Handed | undefined {
    return this.#followed.bookmark()
  }

  concerns (change: AppliedChange): boolean {
    return this.#followed.concerns(change)
  }

  close (): void {
    this.#hub.unsubscribe(this.#followed)
  }
}
