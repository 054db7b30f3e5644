// The words that travel between a registry and its clients, as types. The server's schemas are checked against them.
// Times are ISO 8601 in UTC, durations carry their unit (`ttlMs`), cursors are `epoch.revision` texts.

import type { Manifest, Namespace, Service } from './manifests.ts'

/**
 * What an instance says of itself. Callers are sent to those that are `up` or `warning`; to a `draining` one if there
 * is no other.
 */
export type Status = 'starting' | 'up' | 'warning' | 'draining' | 'down'

export type Protocol = 'TCP' | 'UDP' | 'SCTP'

/** A port of an instance. `name` is `""` for an unnamed port; a named one is found by SRV as `_name._protocol`. */
export interface Port {
  readonly name: string
  readonly port: number
  readonly protocol: Protocol
}

/** As in a Kubernetes EndpointSlice. `serving`: it answers, also while it drains; `ready` = serving and not terminating. */
export interface Conditions {
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
}

/** An operator's word on an instance. It wins over what the instance says and survives its re-registration. */
export interface Override {
  readonly status?: 'draining' | 'down'
  readonly weight?: number
  readonly author: string
  readonly reason: string
  /** When it ends by itself; absent = until it is removed. */
  readonly until?: string
  readonly createdAt: string
}

/** One running copy of a service, as the registry shows it. */
export interface Instance {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly generation: string
  readonly address: string
  readonly ports: readonly Port[]
  readonly hostname?: string
  readonly labels: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
  readonly weight: number
  readonly priority: number
  readonly zone?: string
  readonly region?: string
  /** The machine that it runs on (an RFC 1123 subdomain), as in an EndpointSlice's `nodeName`. */
  readonly node?: string
  readonly version?: string
  /** What the instance reported last. */
  readonly status: Status
  /** `override.status` if there is one, else `status`. */
  readonly effectiveStatus: Status
  /** True when the lease ran out or its session broke and the instance is not yet removed. */
  readonly suspect: boolean
  readonly conditions: Conditions
  readonly override?: Override
  readonly lease: { readonly ttlMs: number }
  readonly createdAt: string
  readonly updatedAt: string
  /** The revision of its last change. */
  readonly revision: number
  /** What its heartbeats said lately, as far as the asked node heard it: only where one instance is read. No change, no revision. */
  readonly load?: Readonly<Record<string, LoadValue>>
}

/** The answer to a registration. */
export interface RegistrationAnswer extends Instance {
  /** What is odd about it, for people: it stands all the same. Absent if nothing is. */
  readonly warnings?: readonly string[]
}

/** A measure of one instance, of which the autoscaling advice is made. */
export interface LoadValue {
  readonly value: number
  /** What 100 % is. */
  readonly capacity?: number
}

/** The body of a registration. Only what has no default must be given; unknown fields are refused. */
export interface Registration {
  /** IPv4 or IPv6. Default: the address that the request comes from. */
  readonly address?: string
  readonly ports?: readonly { readonly name?: string, readonly port: number, readonly protocol?: Protocol }[]
  /** Names this life of the instance. Default: the known one, or a new random one. */
  readonly generation?: string
  readonly hostname?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly metadata?: Readonly<Record<string, string>>
  /** 0-65535, default 100. 0 = only when nothing else is left. */
  readonly weight?: number
  /** 0-65535, default 0. Lower is preferred, as in SRV (RFC 2782). */
  readonly priority?: number
  readonly zone?: string
  readonly region?: string
  /** The machine that it runs on (an RFC 1123 subdomain), as in an EndpointSlice's `nodeName`. */
  readonly node?: string
  readonly version?: string
  /** Default `up`. */
  readonly status?: Status
  /** `ttlMs` 1,000-86,400,000, default 15,000. */
  readonly lease?: { readonly ttlMs?: number }
}

/** A merge patch (RFC 7396): `null` removes a label or a metadata entry. */
export interface InstancePatch {
  readonly status?: Status
  readonly labels?: Readonly<Record<string, string | null>>
  readonly metadata?: Readonly<Record<string, string | null>>
  readonly weight?: number
}

/** Names one lease. Without `generation` it means the life that is registered now. */
export interface LeaseReference {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly generation?: string
}

export interface Heartbeat extends LeaseReference {
  /** A changed status is stored as a change; an unchanged one costs nothing. */
  readonly status?: Status
  /** `cpu`, `memory`, `rps`, any name; at most 16. Replaces what the heartbeat before said. */
  readonly load?: Readonly<Record<string, LoadValue>>
}

export interface HeartbeatAnswer {
  readonly renewed: number
  /** Not registered, or removed: register again. */
  readonly unknown: readonly LeaseReference[]
  /** Another life of the same instance is registered: stop. */
  readonly superseded: readonly LeaseReference[]
  /** False while the store is away: kept in the node's memory and handed over when it is back. */
  readonly stored: boolean
}

/** A port as a caller needs it. `appProtocol` is the declared service's word on what is spoken there. */
export interface EndpointPort extends Port {
  readonly appProtocol?: string
}

/** What a caller needs of one instance: derived, never stored. */
export interface Endpoint {
  readonly id: string
  /** The service that the instance registered under, where a declared service may select from several: ids are unique within it. */
  readonly service?: string
  readonly address: string
  /** With a declared service: its ports by their names, each with the number that it has on this instance. */
  readonly ports: readonly EndpointPort[]
  readonly hostname?: string
  readonly labels: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
  readonly weight: number
  readonly priority: number
  readonly zone?: string
  readonly region?: string
  /** The machine that it runs on (an RFC 1123 subdomain), as in an EndpointSlice's `nodeName`. */
  readonly node?: string
  readonly version?: string
  readonly status: Status
  readonly suspect: boolean
  readonly conditions: Conditions
}

/** The answer to "who serves this?". */
export interface EndpointsAnswer {
  readonly namespace: string
  readonly service: string
  /** The cursor of the service's last change. */
  readonly revision: string
  /** True when every instance that could serve is suspect, and they are answered all the same. */
  readonly failOpen: boolean
  /**
   * The service is declared: its endpoints are not simply the instances that a watch of it shows. Absent for an
   * implicit one.
   */
  readonly declared?: true
  readonly endpoints: readonly Endpoint[]
}

export interface ServiceSummary {
  readonly namespace: string
  readonly name: string
  /** It is not declared: it exists because instances registered under its name. */
  readonly implicit: boolean
  readonly instances: { readonly total: number, readonly ready: number, readonly suspect: number } & Readonly<Record<Status, number>>
  /** What callers get: of a declared service the instances that it selects and can use, or hand-written endpoints. */
  readonly endpoints: { readonly total: number, readonly ready: number }
  /** When it was declared; of an implicit one, when the oldest of its instances registered. */
  readonly createdAt: string
  /** Since when removal of its suspects is held back, and absent otherwise. */
  readonly protectedSince?: string
  /** The declared service: the manifest that was applied, with what was allocated. Absent for an implicit one. */
  readonly manifest?: Service
  readonly revision: number
}

export interface NamespaceSummary {
  readonly name: string
  readonly services: number
  readonly instances: number
  /** Its manifest, where one namespace is read. Absent for one that exists because something is in it. */
  readonly manifest?: Namespace
}

/** An override, as the list of all of them shows it. */
export interface ListedOverride {
  readonly namespace: string
  readonly service: string
  readonly id: string
  /** Whether the instance is registered now. */
  readonly registered: boolean
  /** Since when it is not, as far as this node knows. */
  readonly absentSince?: string
  readonly override: Override
}

export interface Page<Item> {
  readonly revision: string
  readonly items: readonly Item[]
  /** Pass it back as `?cursor=`; absent on the last page. */
  readonly next?: string
}

/** Why something changed. */
export type Reason =
  | 'registered' | 'updated' | 'replaced' | 'deregistered' | 'expired'
  | 'suspect' | 'renewed' | 'override' | 'override-removed' | 'override-ended' | 'recovered'
  /** A manifest was applied, or taken back. */
  | 'declared' | 'removed'

export interface Event {
  readonly revision: string
  readonly at: string
  readonly reason: Reason
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly by: string
  readonly message: string
}

/** Who has seen a revision: `GET /v1/revisions/{revision}`. */
export interface Propagation {
  readonly revision: number
  /** How many watchers were to see the change, as far as they ever acknowledge. */
  readonly watchers: number
  readonly seen: number
  /** Who has not, at most 100. */
  readonly pending: readonly string[]
  /**
   * From the moment this node applied the change to the acknowledgement; absent while no watcher has acknowledged it.
   */
  readonly delayMs?: { readonly median: number, readonly max: number }
}

/** One cheap call for a dashboard: `GET /v1/overview`. */
export interface Overview {
  readonly node: string
  readonly version: string
  readonly epoch: string
  readonly revision: string
  readonly uptimeSeconds: number
  readonly namespaces: number
  readonly services: number
  /** By effective status. */
  readonly instances: { readonly total: number, readonly suspect: number } & Readonly<Record<Status, number>>
  readonly store: { readonly kind: string, readonly location: string, readonly available: boolean, readonly reason: string, readonly since: string }
  readonly protection: {
    /** Since when no suspect is removed anywhere; absent while removal runs. */
    readonly registrySince?: string
    /** Services whose suspects are kept, at most 100. */
    readonly services: readonly { readonly namespace: string, readonly service: string, readonly since: string }[]
    /** For how long nothing expires yet. */
    readonly holdMs: number
  }
  readonly watchers: { readonly connections: number, readonly subscriptions: number }
  /** Heartbeats that wait for the store to come back. */
  readonly rememberedHeartbeats: number
  /** Records of the store that cannot be read and are in no answer; at most 100 are named. */
  readonly unreadable: { readonly count: number, readonly records: readonly { readonly key: string, readonly reason: string }[] }
  /** The nodes on the store, and where the ranges that they allocate from differ from this node's; at most 100 differences. */
  readonly ranges: { readonly nodes: number, readonly different: readonly RangeDifference[] }
}

/** A flag of another node that is not that of the node that was asked. */
export interface RangeDifference {
  /** The name of the other node. */
  readonly node: string
  readonly setting: 'service-cidr' | 'node-port-range' | 'load-balancer-pool'
  /** As the setting is written; empty if there is none. */
  readonly here: string
  readonly there: string
}

/** A record of the store that cannot be read, or breaks a rule: `GET /v1/unreadable`. */
export interface UnreadableRecord {
  /** `instance/namespace/service/id`, `lease/...` where that cannot be read, or the key of an object: `override/...`, `service/...`, `claim/...`. */
  readonly key: string
  readonly reason: string
  /** Of its last change; absent if that cannot be read either. */
  readonly revision?: number
  readonly updatedAt?: string
  /** How it begins. Empty for secrets. */
  readonly content: string
  /** Characters of all of it. */
  readonly length: number
}

/** RFC 9457. `code` is from the catalogue in docs/reference/errors.md. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  /** The first faults of the input. */
  readonly errors?: readonly FieldError[]
  /** How many there are beside those. */
  readonly moreErrors?: number
}

export interface FieldError {
  /** Path of the field, as in `ports[0].port`. */
  readonly field: string
  readonly value?: unknown
  readonly rule: string
  /** In a stream of manifests: which document, from 1, and the line in the stream, from 1. */
  readonly document?: number
  readonly line?: number
  /** Of a manifest's field, in Kubernetes' words: `FieldValueRequired`, `FieldValueInvalid`, ... */
  readonly reason?: string
}

/**
 * What a subscription shows. `instances` (the default): each change of an instance, and of a declared service. `endpoints`: each service
 * whole, with its resolved ports and endpoints, whenever something about it changed; a burst of changes is sent once.
 */
export type WatchView = 'instances' | 'endpoints'

/** A service in a watch of endpoints: all of its endpoints, those that callers are not sent to included. */
export interface ServiceEndpoints extends EndpointsAnswer {
  /** The declared service; absent for an implicit one. */
  readonly manifest?: Service
}

/**
 * What became of a service of more than 100 endpoints since it was told last. Who does not have it at the revision `from` must
 * subscribe anew, without `since`.
 */
export interface ServiceDifference extends Omit<EndpointsAnswer, 'endpoints'> {
  /** The `revision` of the service that was told before. */
  readonly from: string
  /** New, or in the place of the one with the same `id` and `service`. */
  readonly put: readonly Endpoint[]
  /** Gone, if it was there. */
  readonly removed: readonly EndpointName[]
}

/** What an endpoint is called within its service. */
export type EndpointName = Pick<Endpoint, 'id' | 'service'>

/** Frames that a client sends over `/v1/watch`. */
export type ClientFrame =
  | {
    readonly type: 'subscribe', readonly id: number, readonly view?: WatchView, readonly namespace?: string, readonly service?: string,
    readonly selector?: string, readonly since?: string
  }
  | { readonly type: 'unsubscribe', readonly id: number }
  | { readonly type: 'ack', readonly revision: string }
  | { readonly type: 'heartbeat', readonly id?: number, readonly session?: boolean, readonly leases: readonly Heartbeat[] }

/** Frames that the registry sends over `/v1/watch`; `id` is the subscription's. */
export type ServerFrame =
  /** The first one. Something is sent at least every `pingMs`; `stale`: the node has lost its store. */
  | { readonly type: 'hello', readonly pingMs: number, readonly stale: boolean }
  /** The node has lost its store: what it tells is what it knew then. Better ask another one. */
  | { readonly type: 'stale', readonly reason: string }
  /** The node has its store again. */
  | { readonly type: 'current' }
  /** Nothing else was to be said. */
  | { readonly type: 'ping' }
  /** With `more` it is a part: the snapshot is whole with the first frame of the subscription that is without it. */
  | {
    readonly type: 'snapshot', readonly id: number, readonly revision: string, readonly more?: boolean,
    readonly instances: readonly Instance[], readonly services?: readonly Service[]
  }
  | ChangeFrame
  | EndpointsSnapshotFrame
  | EndpointsChangeFrame
  | EndpointsDifferenceFrame
  | EndpointsGoneFrame
  | { readonly type: 'bookmark', readonly id: number, readonly revision: string }
  | { readonly type: 'reset', readonly id: number, readonly revision: string, readonly reason: string }
  | {
    readonly type: 'error', readonly id?: number, readonly code: string, readonly detail: string,
    readonly errors?: readonly FieldError[], readonly moreErrors?: number
  }
  | ({ readonly type: 'heartbeat', readonly id?: number } & HeartbeatAnswer)
  | { readonly type: 'goodbye', readonly reason: string }

interface ChangeFrameOf<Kind extends string> {
  readonly type: 'change'
  readonly id: number
  readonly revision: string
  readonly kind: Kind
  readonly event: 'put' | 'delete'
  readonly reason: Reason
  readonly at: string
}

export interface InstanceChangeFrame extends ChangeFrameOf<'instance'> {
  /** With `delete`: its last known form. */
  readonly instance: Instance
}

/** A declared service came, changed or went. A watch of one service gets `reset` and a snapshot when this changes which instances it means. */
export interface ServiceChangeFrame extends ChangeFrameOf<'service'> {
  /** With `delete`: its last known form. */
  readonly service: Service
}

/** All services of a watch of endpoints. With `more` the next such frame goes on with it; the whole is as of `revision`. */
export interface EndpointsSnapshotFrame {
  readonly type: 'snapshot'
  readonly id: number
  readonly revision: string
  readonly endpoints: readonly ServiceEndpoints[]
  readonly more?: true
}

interface EndpointsFrameOf<Event extends string, Service> {
  readonly type: 'change'
  readonly id: number
  readonly revision: string
  readonly kind: 'endpoints'
  readonly event: Event
  readonly at: string
  readonly endpoints: Service
  /** The same change touched another service, which comes next: only then the revision is a place to resume from. */
  readonly more?: true
}

/** A service of a watch of endpoints, as it is now. */
export type EndpointsChangeFrame = EndpointsFrameOf<'put', ServiceEndpoints>

/** A large service of a watch of endpoints changed: what is different. */
export type EndpointsDifferenceFrame = EndpointsFrameOf<'difference', ServiceDifference>

/** A service of a watch of endpoints is gone. */
export type EndpointsGoneFrame = EndpointsFrameOf<'delete', { readonly namespace: string, readonly service: string }>

export type ChangeFrame = InstanceChangeFrame | ServiceChangeFrame

export type ApplyOutcome = 'created' | 'configured' | 'unchanged'

/** What became of one document. */
export interface ApplyResult {
  readonly kind: Manifest['kind']
  /** Empty for a Namespace. */
  readonly namespace: string
  readonly name: string
  readonly outcome: ApplyOutcome
  /** As it is stored now, or with a dry run would be: defaults and allocated values in it. */
  readonly manifest: Manifest
  /** As it was stored before; absent when it is new. */
  readonly previous?: Manifest
  readonly warnings: readonly string[]
  /** Which document of the stream, from 1. */
  readonly document?: number
}

/**
 * Objects of a kind that is not the registry's, as a file for Kubernetes has them: passed over, where the caller asked
 * for that.
 */
export interface ForeignKind {
  readonly kind: string
  readonly apiVersion: string
  /** The first of them: which document of the stream, from 1, and the line in the stream, from 1. */
  readonly document: number
  readonly line: number
  readonly count: number
}

/** The answer to `POST /v1/apply`. */
export interface ApplyAnswer {
  readonly revision: string
  readonly dryRun: boolean
  /** What was passed over, one entry a kind, at most 50. Absent where nothing was. */
  readonly foreign?: readonly ForeignKind[]
  readonly results: readonly ApplyResult[]
}

/** Names one manifest. */
export interface ManifestReference {
  readonly kind: Manifest['kind']
  /** Empty for a Namespace. */
  readonly namespace: string
  readonly name: string
}

/** The answer to `POST /v1/delete` and to the deletion of one: what went, a service's hand-made endpoints included. */
export interface DeleteAnswer {
  readonly revision: string
  readonly dryRun: boolean
  /** As in the answer to `POST /v1/apply`. */
  readonly foreign?: readonly ForeignKind[]
  readonly deleted: readonly ManifestReference[]
}

/** Why an instance is, or is not, an endpoint of a service. */
export interface ServiceExplanation {
  readonly namespace: string
  readonly service: string
  /** The service is not declared. */
  readonly implicit: boolean
  /** Whether the service has an endpoint of this instance. */
  readonly in: boolean
  /** Whether callers are sent to it. */
  readonly ready: boolean
  /** The rule that decided. */
  readonly rule: string
  readonly message: string
  /** Names of service ports that this instance lacks. */
  readonly missingPorts: readonly string[]
}

/** A range that values are given from: `GET /v1/pools`. Sizes of IPv6 networks beyond 2^53 are rounded. */
/** A DNS record as a zone file shows it. */
export interface DnsRecord {
  readonly name: string
  /** Seconds. */
  readonly ttl: number
  /** `A`, `SRV`, or `TYPE65280` where it has no name. */
  readonly type: string
  readonly data: string
}

/** A rule that had a part in an answer. */
export interface DnsTraceStep {
  readonly rule: string
  readonly message: string
}

/** What DNS answers to a question, and why. */
export interface DnsAnswer {
  readonly question: { readonly name: string, readonly type: string }
  /** `NOERROR`, `NXDOMAIN`, ... */
  readonly rcode: string
  /** `aa` (authoritative), `tc` (truncated), `ra` (recursion available), ... */
  readonly flags: readonly string[]
  readonly answer: readonly DnsRecord[]
  readonly authority: readonly DnsRecord[]
  readonly additional: readonly DnsRecord[]
  /** Why there is no answer, or why it is not fresh (RFC 8914). */
  readonly extendedError?: { readonly code: number, readonly text: string }
  /** Length of the message. */
  readonly octets: number
  readonly trace: readonly DnsTraceStep[]
  readonly revision: string
}

export interface Pool {
  readonly kind: 'cluster-ip' | 'node-port' | 'load-balancer'
  readonly name: string
  readonly ranges: readonly string[]
  readonly autoAssign: boolean
  readonly size: number
  readonly used: number
  readonly free: number
  readonly bands?: { readonly static: PoolBand, readonly dynamic: PoolBand }
  /** Of a pool named `(outside)`: values that services have and no range of this node holds; the first 20. */
  readonly outside?: readonly string[]
}

export interface PoolBand {
  readonly size: number
  readonly used: number
}

/** Every instance carries this label implicitly; its value is the service it registered under. */
export const serviceLabel = 'rollcall.dev/service'
