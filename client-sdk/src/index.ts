// @rollcall/client: register services, find them, follow them.
//   await using rollcall = new Rollcall(); await rollcall.register({ service: 'orders', port: 8080 })
export { Rollcall } from './client.ts'
export type {
  CallOptions, CallWithRetries, EndpointsOptions, InstanceReference, ListOptions, ReadOptions, RollcallOptions
} from './options.ts'
export { Registration } from './registration.ts'
export type { RegistrationState } from './registration.ts'
export type { PortInput, RegisterOptions } from './registration-body.ts'
export { ResolvedEndpoint } from './resolved-endpoint.ts'
export type { ResolveOptions, Target } from './resolver.ts'
export type { ApplyOptions, EndpointSliceInput, ManifestInput, MetaInput, NamespaceInput, ServiceInput, Services } from './services.ts'
export type { Balance } from './endpoint-table.ts'
export { Watch } from './watch.ts'
export type { EndpointsEvent, EndpointsWatchOptions, ObjectsEvent, ObjectsWatchOptions, WatchEvent, WatchOptions } from './watch.ts'
export { isForbidden, isRollcallError, isUnauthenticated, RollcallError } from './errors.ts'
export type { TokenSource } from './token.ts'
export type { SdkErrorCode } from './errors.ts'
export type { RollcallEvent } from './options.ts'
export type { Clock } from './clock.ts'
export type { Answer, Fetch, RequestOptions } from './transport.ts'
export { tlsNetwork } from './tls-network.ts'
export type { TlsNetwork } from './tls-network.ts'
export type { TlsOptions } from './tls-material.ts'
export type { WebSocketConstructor, WebSocketLike } from './web-socket.ts'
export type {
  ApplyAnswer, ApplyOutcome, ApplyResult, ChangeFrame, ClientFrame, Conditions,
  DeleteAnswer, Endpoint, EndpointsAnswer, Event, FieldError, Heartbeat, HeartbeatAnswer,
  Instance, InstanceChangeFrame, InstancePatch, LoadValue, Pool, ServiceChangeFrame, ServiceExplanation,
  LeaseReference, ManifestReference, NamespaceSummary, Override, Page, Port, Problem, Protocol, Reason, Registration as RegistrationBody, ServerFrame,
  ServiceEndpoints, ServiceSummary, Status, WatchView, DeclaredObject, ObjectsView
} from './wire.ts'
export type * from './manifests.ts'
export type * from './manifest-kinds.ts'
export type * from './ingress-manifests.ts'
export type * from './autoscaling-manifests.ts'
