// The port of the registry: what adapters (HTTP, DNS, the dialects, the dashboard, the agents) may ask of it, and all
// that they import of it. `core.as(actor)` gives everything that one actor may do, as plain methods: access control is
// one wrapper of `Access`.
//
//   const access = core.as(anonymous('10.0.0.7'))
//   await access.register({ namespace: 'shop', service: 'orders', id: 'orders-1' }, { ports: [{ port: 8080 }] })
//   access.endpoints('shop', 'orders').answered
import type { Static } from 'typebox'
import type {
  HandMadeEndpoints, Heartbeat, HeartbeatAnswer, Instance, ListedOverride, NamespaceSummary, Pool, Registration, ServiceExplanation, ServiceSummary
} from '../../client-sdk/src/wire.ts'
import type { ExternalMetric, ExternalMetricBody } from '../model/autoscaling/external-metric.ts'
import type { EndpointSet } from '../model/instance/endpoints.ts'
import type { OverrideBody, PatchBody } from '../model/instance/instance.ts'
import type { ManifestDocument } from '../model/manifest/manifest-document.ts'
import type { ObjectKind } from '../model/manifest/object-kinds.ts'
import type { Endpoints, EndpointSlice, Manifest, Secret as TlsSecret, Service } from '../model/service/types.ts'
import type { Backup, StoreHealth } from '../store/store.ts'
import type { Actor } from './actor.ts'
import type { InstanceFilter, Listed, Position } from './catalog/listing.ts'
import type { ServiceView } from './catalog/service-entry.ts'
import type { SetAsideRecord } from './catalog/set-aside.ts'
import type { Registered } from './commands/instances.ts'
import type { NamedSecret, Secret } from './commands/secrets.ts'
import type { Cursor } from './feed/cursor.ts'
import type { EndpointsDelivery } from './feed/endpoints-subscription.ts'
import type { ObjectsDelivery, ObjectsFilter } from './feed/objects-subscription.ts'
import type { Acknowledger, Acknowledging, PropagationReport } from './feed/propagation.ts'
import type { Watch } from './feed/subscription.ts'
import type { WatchFilter } from './feed/watch-filter.ts'
import type { Sight } from './sight.ts'
import type { InstanceName } from './instance-name.ts'
import type { KeptLoad } from './leases/loads.ts'
import type { LeaseSession } from './leases/sessions.ts'
import type { Protection } from './leases/sweeper.ts'
import type { EventPage, EventQuery } from './reads/events.ts'
import type { Numbers } from './reads/overview.ts'
import type { IngressCertificate } from './services/certificates.ts'
import type { ManifestName } from './services/manifests.ts'
import type { StatusWrite } from './services/statuses.ts'
import type { ApplyAnswer, ApplyOptions, Deleted, DeleteOptions, PutOptions } from './services/services.ts'

export interface Core {
  readonly position: CorePosition
  /** What one actor may read, change and follow. Costs one small object. */
  as (actor: Actor): Access
}

/** Where this node stands in the history, and how its store is: every client may know it. */
export interface CorePosition {
  /** False before the first full load. */
  readonly loaded: boolean
  readonly epoch: string
  readonly revision: number
  /** `epoch.revision` */
  readonly cursor: string
  readonly storeHealth: StoreHealth
  /** Whole seconds since the view may be stale, 0 while the store is there. */
  readonly staleSeconds: number
  /** Where clients reach the other nodes of the store, as far as these have said so: at most 16 URLs. */
  readonly otherNodes: readonly string[]
  /** @throws RegistryError REG_NOT_LOADED before the first full load */
  requireLoaded (): void
  /** Calls back each time that the store goes, or is back. Gives a function that ends it. */
  onHealth (listener: (health: StoreHealth) => void): () => void
}

export interface Access extends Reads, Commands, Follow, Outside {}

/** Answers of this node's view, at `position.revision`. What is not there is a RegistryError REG_..._NOT_FOUND that names what is missing. */
export interface Reads {
  /** What stands under a name: the declared service, else the implicit one. The same object until it goes. */
  service (namespace: string, service: string): ServiceView
  /** The same object until the service changes. */
  endpoints (namespace: string, service: string): EndpointSet
  summary (namespace: string, service: string): ServiceSummary
  instance (name: InstanceName): Instance
  /** What the instance said last of its load, as far as this node knows it: see `freshLoads`. */
  load (name: InstanceName): KeptLoad | undefined
  /** Resolves when this node knows the loads that all nodes heard, some seconds old at most, or when the store took too long. */
  freshLoads (): Promise<void>
  namespace (name: string, sight?: Sight): NamespaceSummary
  /** Throws if a namespace or a service that a list is asked for is not there. */
  checkScope (scope: Pick<InstanceFilter, 'namespace' | 'service'>): void
  /**
   * A page, ordered by namespace, service and id.
   * @param maxLooked so many instances are looked at, default all: then the page may have few items, or none, and a next one
   */
  instances (filter: InstanceFilter, after: Position | undefined, limit: number, maxLooked?: number): Listed<Instance>
  services (filter: InstanceFilter, after: Position | undefined, limit: number, maxLooked?: number): Listed<ServiceSummary>
  namespaces (after: Position | undefined, limit: number, sight?: Sight): Listed<NamespaceSummary>
  /** The instances of what stands under a name, in one namespace or in each. */
  members (namespace: string | undefined, service: string): readonly Instance[]
  /** What holds back removals now. It comes and goes without a revision. */
  protection (): Protection
  manifest (name: ManifestName): Manifest
  /** By namespace and name. Of a Secret without its data, as everywhere but in the next two. */
  manifests<Kind extends ListedKind> (kind: Kind, namespace?: string): readonly ManifestOf<Kind>[]
  /** The certificates and keys that agents of this registry need to serve its ingresses. */
  certificates (): readonly IngressCertificate[]
  /** A Secret with its data. */
  secretWithData (namespace: string, name: string): TlsSecret
  /** Of an implicit service what it would be. */
  serviceManifest (namespace: string, service: string): Service
  endpointSlices (namespace: string, service: string): readonly EndpointSlice[]
  endpointsObject (namespace: string, service: string): Endpoints
  /** Why an instance is, or is not, an endpoint of each service of its namespace; those that have it first, at most `maxExplained`. */
  explain (name: InstanceName): readonly ServiceExplanation[]
  /** What can be given to services and what is: cluster IPs, node ports, load-balancer addresses. */
  pools (): readonly Pool[]
  /** What changed lately, newest first. */
  events (query: EventQuery): EventPage | Promise<EventPage>
  /** The registry at a glance. */
  numbers (sight?: Sight): Numbers
  /** A value that the nodes share and show to no client; undefined = no node has created it yet. */
  secret (name: string): Secret | undefined
  /** Those whose names begin so, in no particular order. */
  secrets (prefix: string): readonly NamedSecret[]
  /** The declared services that select what is registered with these labels, or would. */
  selecting (instance: Pick<Instance, 'namespace' | 'service' | 'labels'>): readonly string[]
  /** What of the registry is seen; undefined = everything. */
  readonly sight: Sight | undefined
  /** What is asked for beside the registry itself may be had. @throws RegistryError REG_UNAUTHENTICATED, REG_FORBIDDEN */
  permit (what: 'metrics' | 'docs' | 'dns' | 'tokens' | 'admin'): void
  /** All overrides, ordered by namespace, service and id, and whether their instances are registered. */
  overrides (): readonly ListedOverride[]
  /** EndpointSlices and Endpoints that were applied by hand, whether or not they are used, in no particular order. */
  handMade (namespace?: string, service?: string): readonly HandMadeEndpoints[]
  /** Records of the store that cannot be read or break a rule, by key: they are in no answer. */
  unreadable (): readonly SetAsideRecord[]
  /** @throws RegistryError REG_RECORD_NOT_FOUND */
  unreadableRecord (key: string): SetAsideRecord
}

/** Kinds whose objects are listed as they were declared. */
export type ListedKind = 'Policy' | ObjectKind
export type ManifestOf<Kind extends Manifest['kind']> = Extract<Manifest, { readonly kind: Kind }>

/** Counts what comes through an adapter, for the metrics (registry/metrics.ts). */
export interface CallCounts {
  registered (outcome: Registered['outcome']): void
  deregistered (): void
  heartbeats (answer: HeartbeatAnswer): void
}

/**
 * Changes. Each resolves when the store has it and this node shows it. No refusal and no "unchanged" is said by an older view (see
 * commands/certain.ts). All throw REG_NOT_LOADED, REG_STORE_UNAVAILABLE (nothing happened), REG_OUTCOME_UNKNOWN (it may have) and
 * REG_STORE_FULL.
 */
export interface Commands {
  /** The address of the actor stands in for an absent one. @throws RegistryError REG_INVALID, REG_LIMIT_REACHED */
  register (name: InstanceName, registration: Registration): Promise<Registered>
  /** @throws RegistryError REG_..._NOT_FOUND, REG_GENERATION_SUPERSEDED, REG_INVALID, REG_CONFLICT, REG_OVERLOADED */
  patch (name: InstanceName, patch: Static<typeof PatchBody>, generation?: string): Promise<Instance>
  /** Gives the revision of the end. @throws RegistryError REG_..._NOT_FOUND, REG_GENERATION_SUPERSEDED */
  deregister (name: InstanceName, generation?: string): Promise<number>
  /** Renews leases. With a session, those whose generation is named are bound to it. @throws RegistryError REG_INVALID, REG_OVERLOADED */
  heartbeat (heartbeats: readonly Heartbeat[], session?: LeaseSession): Promise<HeartbeatAnswer>
  /** @throws RegistryError REG_..._NOT_FOUND, REG_INVALID, REG_LIMIT_REACHED */
  override (name: InstanceName, input: Static<typeof OverrideBody>): Promise<Instance>
  /** Gives the revision of the end. @throws RegistryError REG_..._NOT_FOUND, REG_OVERRIDE_NOT_FOUND */
  removeOverride (name: InstanceName): Promise<number>
  /** All or nothing. @throws RegistryError REG_INVALID, REG_MANIFEST_INVALID, REG_CONFLICT, REG_LIMIT_REACHED */
  apply (documents: readonly ManifestDocument[], options?: ApplyOptions): Promise<ApplyAnswer>
  /** One manifest under the name of its path. @throws RegistryError as `apply`; REG_CONFLICT if it is to be new, and is there */
  put (name: ManifestName, value: unknown, options?: PutOptions): Promise<ApplyAnswer>
  /** All or nothing. @throws RegistryError REG_..._NOT_FOUND unless `ignoreMissing`; REG_CONFLICT if one is not the one that was meant */
  delete (names: readonly ManifestName[], options?: DeleteOptions): Promise<Deleted>
  /**
   * Writes what the registry says of objects: the addresses of ingresses, the decisions of autoscalers. All or nothing, without a new
   * `metadata.generation`; an object that is gone, or has another `uid`, is passed over. Gives the revision.
   * @throws RegistryError REG_INVALID for a status of a wrong shape
   */
  setStatus (statuses: readonly StatusWrite[]): Promise<number>
  /**
   * Writes a value that the nodes share, if it still has the revision `expected` (0 = there is none). False: another
   * node was faster.
   */
  keepSecret (name: string, body: string, expected: number): Promise<boolean>
  /** Removes one, if it still has that revision. */
  removeSecret (name: string, expected: number): Promise<boolean>
  /** Everything that the store holds, secrets included, while everything goes on. */
  backup (): Promise<Backup>
  /**
   * Removes a record that was set aside. @throws RegistryError REG_RECORD_NOT_FOUND, REG_INVALID for an entry of the
   * log
   */
  removeUnreadable (key: string): Promise<void>
}

/**
 * Values from outside that autoscalers go by. They have no revision, and no node's memory holds them: each call asks the store.
 * @throws RegistryError REG_STORE_UNAVAILABLE
 */
export interface Outside {
  /** By name and labels; those whose time is over are none. */
  externalMetrics (namespace: string): Promise<readonly ExternalMetric[]>
  /** @throws RegistryError REG_INVALID, REG_LIMIT_REACHED */
  putExternalMetric (namespace: string, name: string, body: Static<typeof ExternalMetricBody>): Promise<void>
  /** All values of a name. Gives how many there were. */
  removeExternalMetric (namespace: string, name: string): Promise<number>
}

/** What changes, as it changes. */
export interface Follow {
  /** Resolves when this node shows everything that was stored before the call, on whichever node. @throws RegistryError REG_STORE_UNAVAILABLE */
  caughtUp (): Promise<void>
  /** Something of a watch's scope may be seen. @throws RegistryError REG_UNAUTHENTICATED, REG_FORBIDDEN */
  permitWatch (filter: WatchFilter): void
  /** Without `since` it begins with a snapshot. @param wake called when `next` has something. @throws RegistryError REG_LIMIT_REACHED */
  watch (filter: WatchFilter, since: Cursor | undefined, wake: () => void): Watch
  /**
   * Endpoints: each service in scope, whole, as callers get it, whenever something about it changed, coalesced. Without
   * `since` it begins with a snapshot in parts. @throws RegistryError REG_LIMIT_REACHED
   */
  watchEndpoints (filter: WatchFilter, since: Cursor | undefined, wake: () => void): Watch<EndpointsDelivery>
  /** Declared objects of some kinds: each as it is now, whenever it changed. Without `since` as above. @throws RegistryError REG_LIMIT_REACHED */
  watchObjects (filter: ObjectsFilter, since: Cursor | undefined, wake: () => void): Watch<ObjectsDelivery>
  /** Waits until this node has a revision. @throws RegistryError REG_REVISION_TIMEOUT, REG_CURSOR_INVALID, REG_OVERLOADED */
  waitFor (cursor: Cursor, timeoutMs: number, signal?: AbortSignal): Promise<void>
  /** Resolves when a service changed after a revision, when time is up, or when the signal aborts. */
  waitForChange (namespace: string, service: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<void>
  /** The same for objects of these kinds: one came, changed or went. */
  waitForObjects (kinds: readonly ObjectKind[], revision: number, timeoutMs: number, signal?: AbortSignal): Promise<void>
  /** When one of these kinds did so last; after a load at most the revision of that. */
  objectsRevision (kinds: readonly ObjectKind[]): number
  /** Begins to acknowledge what it has seen. */
  acknowledging (acknowledger: Acknowledger): Acknowledging
  /** Who has seen a revision. @throws RegistryError REG_REVISION_NOT_FOUND */
  propagation (revision: number): PropagationReport
  /** A socket that is a lease of what it renews. */
  session (): LeaseSession
}

export type { EndpointSet } from '../model/instance/endpoints.ts'
export type { StoreHealth } from '../store/store.ts'
export { type Actor, type ActorKind, type Owned, type Ownership, anonymous, registryActor } from './actor.ts'
export { type EndpointQuery, queryEndpoints } from './catalog/endpoint-query.ts'
export type { InstanceFilter, Listed, Position } from './catalog/listing.ts'
export type { ServiceView } from './catalog/service-entry.ts'
export type { SetAsideRecord } from './catalog/set-aside.ts'
export type { Registered } from './commands/instances.ts'
export type { NamedSecret, Secret } from './commands/secrets.ts'
export type { AppliedChange } from './feed/change-ring.ts'
export { type Cursor, cursorText, parseCursor } from './feed/cursor.ts'
export type { EndpointsDelivery, ServiceEndpoints } from './feed/endpoints-subscription.ts'
export type { ObjectsDelivery, ObjectsFilter } from './feed/objects-subscription.ts'
export type { EndpointDifference } from './feed/told-endpoints.ts'
export type { Acknowledger, Acknowledging, PropagationReport } from './feed/propagation.ts'
export type { Delivery, InstanceDelivery, ServiceDelivery, Watch } from './feed/subscription.ts'
export type { WatchFilter } from './feed/watch-filter.ts'
export type { InstanceName } from './instance-name.ts'
export type { KeptLoad } from './leases/loads.ts'
export type { LeaseSession } from './leases/sessions.ts'
export type { Protection } from './leases/sweeper.ts'
export { type EventPage, type EventQuery, isTold } from './reads/events.ts'
export type { Sight } from './sight.ts'
export type { Numbers } from './reads/overview.ts'
export type { InSlices } from './in-slices.ts'
export type { Applied } from './services/apply-plan.ts'
export type { IngressCertificate } from './services/certificates.ts'
export { changedObjectKind, type Kind, type ManifestName, objectChangeKind } from './services/manifests.ts'
export type { StatusWrite } from './services/statuses.ts'
export { type ApplyAnswer, type ApplyOptions, type Deleted, type DeleteOptions, type PutOptions, type WriteOptions, defaultNamespace } from './services/services.ts'
export { maxExplained } from './services/explanations.ts'

export type { Follower } from './followers.ts'

// For threads that answer from a copy of what callers get: all endpoints, then their changes.
export type { Feed, FeedListener } from './feed/feed.ts'
export { FeedMirror } from './mirror/feed-mirror.ts'
export type { MirrorMessage } from './mirror/mirror-messages.ts'
export { FeedPublisher, type MirrorLink } from './mirror/feed-publisher.ts'
