// The frames of a watch.
import type { HorizontalPodAutoscaler } from '../autoscaling-manifests.ts'
import type { Ingress, IngressClass, Secret } from '../ingress-manifests.ts'
import type { Service } from '../manifests.ts'
import type { Endpoint, EndpointsAnswer } from './endpoint.ts'
import type { Reason } from './event.ts'
import type { Heartbeat, HeartbeatAnswer } from './heartbeat.ts'
import type { Instance } from './instance.ts'
import type { FieldError } from './problem.ts'

/**
 * What a subscription shows. `instances` (the default): each change of an instance, and of a declared service. `endpoints`: each service
 * whole, with its resolved ports and endpoints, whenever something about it changed; a burst of changes is sent once.
 */
export type WatchView = 'instances' | 'endpoints' | ObjectsView
/**
 * Declared objects: each as it is now, whenever it changed. `ingresses`: Ingress, IngressClass and Secret (without its data);
 * `horizontalpodautoscalers`: HorizontalPodAutoscaler.
 */
export type ObjectsView = 'ingresses' | 'horizontalpodautoscalers'

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
  | ObjectsSnapshotFrame
  | ObjectChangeFrame
  | ObjectGoneFrame
  | { readonly type: 'bookmark', readonly id: number, readonly revision: string }
  | { readonly type: 'reset', readonly id: number, readonly revision: string, readonly reason: string }
  | {
    readonly type: 'error', readonly id?: number, readonly code: string, readonly detail: string,
    readonly errors?: readonly FieldError[], readonly moreErrors?: number
  }
  | ({ readonly type: 'heartbeat', readonly id?: number } & HeartbeatAnswer)
  /** `nodes`: where other nodes of the registry are, as far as this one knows. */
  | { readonly type: 'goodbye', readonly reason: string, readonly nodes?: readonly string[] }

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

/** All objects of a watch of them. With `more` the next such frame goes on with it; the whole is as of `revision`. */
export interface ObjectsSnapshotFrame {
  readonly type: 'snapshot'
  readonly id: number
  readonly revision: string
  readonly objects: readonly DeclaredObject[]
  readonly more?: true
}

/** What a watch of objects tells of. */
export type DeclaredObject = Ingress | IngressClass | Secret | HorizontalPodAutoscaler

interface ObjectFrameOf<Event extends string> {
  readonly type: 'change'
  readonly id: number
  readonly revision: string
  readonly kind: 'object'
  readonly event: Event
  readonly reason: Reason
  readonly at: string
}

/** An object as it is now. */
export interface ObjectChangeFrame extends ObjectFrameOf<'put'> {
  readonly object: DeclaredObject
}

/** An object is gone. */
export interface ObjectGoneFrame extends ObjectFrameOf<'delete'> {
  readonly object: { readonly kind: DeclaredObject['kind'], readonly namespace: string, readonly name: string }
}

export type ChangeFrame = InstanceChangeFrame | ServiceChangeFrame
