// The frames of a watch.
import { Type } from 'typebox'
import { LabelName } from '../../../model/instance/instance.ts'
import { answerHead, Endpoint, endpointsAnswer } from './endpoints.ts'
import { Reason } from './events.ts'
import { heartbeatAnswer, Leases } from './heartbeats.ts'
import { Instance } from './instances.ts'
import { ServiceManifest } from './manifests.ts'
import { CursorText, named, Time } from './named.ts'
import { DeclaredObject } from './objects.ts'
import { FieldError } from './problem.ts'

const ServiceEndpoints = named('ServiceEndpoints', Type.Object({
  ...endpointsAnswer, manifest: Type.Optional(ServiceManifest)
}, { description: 'A service in a watch of endpoints: all of its endpoints, and its manifest if somebody declared it' }))
const ServiceDifference = named('ServiceDifference', Type.Object({
  ...answerHead, from: CursorText, put: Type.Array(Endpoint), removed: Type.Array(Type.Object({ id: Type.String(), service: Type.Optional(Type.String()) }))
}, { description: 'What became of a service of more than 100 endpoints since its revision `from`: endpoints that are new or others, and those that are gone' }))
const SubscriptionId = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, rule: 'must be a whole number 0-2147483647' })
const Selector = Type.String({ description: 'A Kubernetes label selector' })
/** What a watch shows. */
export const WatchView = Type.Enum(['instances', 'endpoints', 'ingresses', 'horizontalpodautoscalers'], {
  description: 'instances (default): each change of an instance; endpoints: each service whole when something about it changed; ' +
    'ingresses, horizontalpodautoscalers: declared objects, each when it changed'
})
/** Frames of a client, by type. */
export const clientFrames = {
  subscribe: Type.Object({
    type: Type.Literal('subscribe'), id: SubscriptionId, view: Type.Optional(WatchView),
    namespace: Type.Optional(LabelName), service: Type.Optional(LabelName), selector: Type.Optional(Selector), since: Type.Optional(Type.String())
  }, { additionalProperties: false }),
  unsubscribe: Type.Object({ type: Type.Literal('unsubscribe'), id: SubscriptionId }, { additionalProperties: false }),
  ack: Type.Object({ type: Type.Literal('ack'), revision: Type.String() }, { additionalProperties: false }),
  heartbeat: Type.Object({
    type: Type.Literal('heartbeat'), id: Type.Optional(SubscriptionId), session: Type.Optional(Type.Boolean()), leases: Leases
  }, { additionalProperties: false })
} as const
export const ClientFrame = named('ClientFrame', Type.Union([clientFrames.subscribe, clientFrames.unsubscribe, clientFrames.ack, clientFrames.heartbeat]))

const Id = Type.Integer({ description: "The subscription's id" })
export const ServerFrame = named('ServerFrame', Type.Union([
  Type.Object({ type: Type.Literal('hello'), pingMs: Type.Number({ description: 'Something is sent at least so often' }), stale: Type.Boolean() }),
  Type.Object({ type: Type.Literal('stale'), reason: Type.String() }),
  Type.Object({ type: Type.Literal('current') }),
  Type.Object({ type: Type.Literal('ping') }),
  Type.Object({ type: Type.Literal('snapshot'), id: Id, revision: CursorText, more: Type.Optional(Type.Boolean({ description: 'It is a part: others follow' })), instances: Type.Array(Instance), services: Type.Optional(Type.Array(ServiceManifest)) }),
  Type.Object({
    type: Type.Literal('change'), id: Id, revision: CursorText, kind: Type.Literal('instance'), event: Type.Enum(['put', 'delete']), reason: Reason, at: Time, instance: Instance
  }),
  Type.Object({
    type: Type.Literal('change'), id: Id, revision: CursorText, kind: Type.Literal('service'), event: Type.Enum(['put', 'delete']), reason: Reason, at: Time, service: ServiceManifest
  }),
  Type.Object({ type: Type.Literal('snapshot'), id: Id, revision: CursorText, endpoints: Type.Array(ServiceEndpoints), more: Type.Optional(Type.Literal(true)) }),
  Type.Object({
    type: Type.Literal('change'), id: Id, revision: CursorText, kind: Type.Literal('endpoints'), event: Type.Literal('put'), at: Time, endpoints: ServiceEndpoints,
    more: Type.Optional(Type.Literal(true))
  }),
  Type.Object({
    type: Type.Literal('change'), id: Id, revision: CursorText, kind: Type.Literal('endpoints'), event: Type.Literal('difference'), at: Time,
    endpoints: ServiceDifference, more: Type.Optional(Type.Literal(true))
  }),
  Type.Object({
    type: Type.Literal('change'), id: Id, revision: CursorText, kind: Type.Literal('endpoints'), event: Type.Literal('delete'), at: Time,
    endpoints: Type.Object({ namespace: Type.String(), service: Type.String() }), more: Type.Optional(Type.Literal(true))
  }),
  Type.Object({ type: Type.Literal('snapshot'), id: Id, revision: CursorText, objects: Type.Array(DeclaredObject), more: Type.Optional(Type.Literal(true)) }),
  Type.Object({
    type: Type.Literal('change'), id: Id, revision: CursorText, kind: Type.Literal('object'), event: Type.Literal('put'), reason: Reason, at: Time, object: DeclaredObject
  }),
  Type.Object({
    type: Type.Literal('change'), id: Id, revision: CursorText, kind: Type.Literal('object'), event: Type.Literal('delete'), reason: Reason, at: Time,
    object: Type.Object({ kind: Type.Enum(['Ingress', 'IngressClass', 'Secret', 'HorizontalPodAutoscaler']), namespace: Type.String(), name: Type.String() })
  }),
  Type.Object({ type: Type.Literal('bookmark'), id: Id, revision: CursorText }),
  Type.Object({ type: Type.Literal('reset'), id: Id, revision: CursorText, reason: Type.String() }),
  Type.Object({ type: Type.Literal('error'), id: Type.Optional(Id), code: Type.String(), detail: Type.String(), errors: Type.Optional(Type.Array(FieldError)), moreErrors: Type.Optional(Type.Integer()) }),
  Type.Object({ type: Type.Literal('heartbeat'), id: Type.Optional(Id), ...heartbeatAnswer }),
  Type.Object({
    type: Type.Literal('goodbye'), reason: Type.String(),
    nodes: Type.Optional(Type.Array(Type.String(), { maxItems: 16, description: 'Where other nodes are, as far as they say so' }))
  })
]))
