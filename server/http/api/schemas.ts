// The shapes that travel, by name: what OpenAPI shows and what answers are checked against. Requests are checked by the
// same schemas (model/instance.ts); wire-check.ts holds them to the SDK's types.
import type { Endpoints, EndpointSlice, Manifest, Namespace, Service } from '../../model/service/types.ts'
import { Type, type Static, type TSchema, type TUnsafe } from 'typebox'
import type { DeleteAnswer as WireDeleteAnswer, EndpointsAnswer as WireEndpointsAnswer, Instance as WireInstance, Problem as WireProblem } from '../../../client-sdk/src/wire.ts'
import { type ErrorCode, errorCatalogue, problemType } from '../../errors.ts'
import {
  Generation, InstanceId, LabelName, OverrideBody as OverrideSchema, PatchBody, RegistrationBody, ShortText, StatusName, protocols
} from '../../model/instance/instance.ts'
import { maxLoadValues } from '../../../client-sdk/src/rules.ts'
import { maxHeartbeatsPerCall } from '../../model/limits.ts'
import { labelPattern } from '../../model/names.ts'
import { mapOf } from '../../model/validate.ts'
import { yamlText as yamlOf } from '../../yaml-text.ts'
import { maxDeletedNames } from '../server/limits.ts'

/** What the routes are grouped by. */
export const tags = [
  { name: 'instances', description: 'Running copies of services' },
  { name: 'heartbeats', description: 'Keeping leases' },
  { name: 'services', description: 'Services and who serves them' },
  { name: 'namespaces', description: 'What services are grouped by' },
  { name: 'manifests', description: 'Declaring services, as with Kubernetes' },
  { name: 'overrides', description: "An operator's word on an instance" },
  { name: 'watch', description: 'Changes as they happen' },
  { name: 'operations', description: 'For those who run the registry' }
] as const

export { yamlOf }

/** Every named schema, by its name in OpenAPI. */
export const components = new Map<string, TSchema>()

/** Names a schema and gives a reference that has its type. */
function named<Schema extends TSchema> (name: string, schema: Schema): TUnsafe<Static<Schema>> {
  components.set(name, schema)
  return Type.Unsafe<Static<Schema>>({ $ref: `${name}#` })
}

const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' })
const CursorText = Type.String({ description: 'epoch.revision' })
const Texts = Type.Record(Type.String(), Type.String())
const Count = Type.Integer({ minimum: 0 })

export const Port = named('Port', Type.Object({
  name: Type.String({ description: '"" for an unnamed port' }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  protocol: Type.Enum([...protocols])
}))

export const Conditions = named('Conditions', Type.Object({
  ready: Type.Boolean(), serving: Type.Boolean(), terminating: Type.Boolean()
}, { description: 'As in a Kubernetes EndpointSlice: ready = serving and not terminating' }))

export const Override = named('Override', Type.Object({
  status: Type.Optional(Type.Enum(['draining', 'down'])),
  weight: Type.Optional(Type.Integer()),
  author: Type.String(),
  reason: Type.String(),
  until: Type.Optional(Time),
  createdAt: Time
}, { description: "An operator's word on an instance" }))

const shared = {
  id: Type.String(),
  address: Type.String(),
  ports: Type.Array(Port),
  hostname: Type.Optional(Type.String()),
  labels: Texts,
  metadata: Texts,
  weight: Type.Integer(),
  priority: Type.Integer(),
  zone: Type.Optional(Type.String()),
  region: Type.Optional(Type.String()),
  node: Type.Optional(Type.String({ description: 'The machine that it runs on' })),
  version: Type.Optional(Type.String()),
  status: StatusName
}

const LoadValue = Type.Object({
  value: Type.Number({ rule: 'must be a number' }), capacity: Type.Optional(Type.Number({ exclusiveMinimum: 0, rule: 'must be a number above 0' }))
}, { additionalProperties: false })
/** Names are checked by the core. */
export const Load = mapOf(LoadValue, { maxProperties: maxLoadValues, description: 'What heartbeats said lately, as far as this node heard it' })

const instanceFields = {
  namespace: Type.String(),
  service: Type.String(),
  ...shared,
  generation: Type.String({ description: 'Names this life of the instance' }),
  effectiveStatus: Type.Enum(['starting', 'up', 'warning', 'draining', 'down'], { description: 'override.status if there is one, else status' }),
  suspect: Type.Boolean({ description: 'The lease ran out or its session broke' }),
  conditions: Conditions,
  override: Type.Optional(Override),
  lease: Type.Object({ ttlMs: Type.Integer() }),
  createdAt: Time,
  updatedAt: Time,
  revision: Count,
  load: Type.Optional(Load)
}
export const Instance = named('Instance', Type.Object(instanceFields))
export const RegistrationAnswer = named('RegistrationAnswer', Type.Object({
  ...instanceFields,
  warnings: Type.Optional(Type.Array(Type.String(), { description: 'What is odd about the registration; it stands all the same' }))
}))

export const Registration = named('Registration', Type.Object(RegistrationBody.properties, {
  additionalProperties: false,
  examples: [{ address: '10.0.0.7', ports: [{ name: 'http', port: 8080 }], labels: { version: 'v2' }, zone: 'a', lease: { ttlMs: 15_000 } }]
}))
export const InstancePatch = named('InstancePatch', Type.Object(PatchBody.properties, {
  additionalProperties: false, examples: [{ status: 'draining', labels: { canary: null } }]
}))
export const OverrideBody = named('OverrideBody', Type.Object(OverrideSchema.properties, {
  additionalProperties: false, minProperties: 1, examples: [{ status: 'draining', reason: 'kernel update', author: 'ada' }]
}))

const reference = { namespace: LabelName, service: LabelName, id: InstanceId, generation: Type.Optional(Generation) }
export const Heartbeat = Type.Object({ ...reference, status: Type.Optional(StatusName), load: Type.Optional(Load) }, { additionalProperties: false })
export const Leases = Type.Array(Heartbeat, { maxItems: maxHeartbeatsPerCall, rule: `must not have more than ${maxHeartbeatsPerCall} leases` })
export const HeartbeatBatch = named('HeartbeatBatch', Type.Object({ leases: Leases }, {
  additionalProperties: false, examples: [{ leases: [{ namespace: 'shop', service: 'orders', id: 'orders-1', generation: 'k3Jd9a' }] }]
}))
/** `optionalBody`: an empty body means that nothing is said beside the path. */
export const HeartbeatBody = named('HeartbeatBody', Type.Object({
  generation: Type.Optional(Generation), status: Type.Optional(StatusName), load: Type.Optional(Load)
}, { additionalProperties: false, optionalBody: true, examples: [{ generation: 'k3Jd9a' }] }))

export const LeaseReference = named('LeaseReference', Type.Object({
  namespace: Type.String(), service: Type.String(), id: Type.String(), generation: Type.Optional(Type.String())
}))
const heartbeatAnswer = {
  renewed: Count,
  unknown: Type.Array(LeaseReference, { description: 'Not registered, or removed: register again' }),
  superseded: Type.Array(LeaseReference, { description: 'Another life of the same instance is registered: stop' }),
  stored: Type.Boolean({ description: "False while the store is away: kept in the node's memory and handed over when it is back" })
}
export const HeartbeatAnswer = named('HeartbeatAnswer', Type.Object(heartbeatAnswer))

export const EndpointPort = named('EndpointPort', Type.Object({
  name: Type.String({ description: '"" for an unnamed port' }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  protocol: Type.Enum([...protocols]),
  appProtocol: Type.Optional(Type.String({ description: "The declared service's word on what is spoken there" }))
}))
export const Endpoint = named('Endpoint', Type.Object({
  ...shared,
  service: Type.Optional(Type.String({ description: 'The service it registered under, where a declared service may select from several' })),
  ports: Type.Array(EndpointPort),
  suspect: Type.Boolean(),
  conditions: Conditions
}))
const answerHead = {
  namespace: Type.String(),
  service: Type.String(),
  revision: Type.String({ description: "The cursor of the service's last change: pass it back as ?after=" }),
  failOpen: Type.Boolean({ description: 'Every instance that could serve is suspect, and they are answered all the same' }),
  declared: Type.Optional(Type.Literal(true, { description: 'Somebody declared the service' }))
}
const endpointsAnswer = { ...answerHead, endpoints: Type.Array(Endpoint) }
export const EndpointsAnswer = named('EndpointsAnswer', Type.Object(endpointsAnswer))

const statusCounts = { starting: Count, up: Count, warning: Count, draining: Count, down: Count }
/** Their fields are those of Kubernetes (docs/reference/service.md); the core checks them (model/service/). */
const manifest = <Of extends Manifest>(name: string, kind: Of['kind'], apiVersion: Of['apiVersion'], description: string, example: object, options: object = {}): TUnsafe<Of> =>
  Type.Unsafe<Of>(named(name, Type.Object({
    apiVersion: Type.Literal(apiVersion), kind: Type.Literal(kind), metadata: Type.Object({}, { additionalProperties: true })
  }, { additionalProperties: true, description, examples: [example], ...options })))
export const exampleManifest = {
  apiVersion: 'v1', kind: 'Service', metadata: { name: 'webui', namespace: 'shop' },
  spec: { type: 'NodePort', selector: { app: 'webui' }, ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', nodePort: 30200 }], clusterIP: '10.100.100.100', sessionAffinity: 'None' }
} as const
export const exampleNamespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', namespace: '' } } as const
export const ServiceManifest = manifest<Service>('Service', 'Service', 'v1', 'A v1 Service as Kubernetes has it, with what was allocated', exampleManifest)
export const NamespaceManifest = manifest<Namespace>('Namespace', 'Namespace', 'v1', 'A v1 Namespace', exampleNamespace, { optionalBody: true })
export const exampleSlice = {
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'webui-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'webui' } },
  addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.7'], conditions: { ready: true, serving: true, terminating: false } }], ports: [{ name: 'http', port: 8080, protocol: 'TCP' }]
} as const
export const EndpointSliceManifest = manifest<EndpointSlice>('EndpointSlice', 'EndpointSlice', 'discovery.k8s.io/v1', 'A discovery.k8s.io/v1 EndpointSlice', exampleSlice)
export const exampleEndpointsObject = {
  apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'webui', namespace: 'shop' },
  subsets: [{ addresses: [{ ip: '10.0.0.7' }], ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }]
} as const
export const EndpointsManifest = manifest<Endpoints>('Endpoints', 'Endpoints', 'v1', 'A v1 Endpoints', exampleEndpointsObject)
export const SliceList = named('EndpointSliceList', Type.Object({
  apiVersion: Type.Literal('discovery.k8s.io/v1'), kind: Type.Literal('EndpointSliceList'),
  metadata: Type.Object({ resourceVersion: Type.String() }), items: Type.Array(EndpointSliceManifest)
}))
export const ManifestText = named('ManifestText', Type.String({ description: 'YAML: documents separated by ---', examples: [yamlOf(exampleManifest)] }))
const AnyManifest = Type.Unsafe<Manifest>(Type.Object({}, { additionalProperties: true, description: 'A Service, EndpointSlice, Endpoints or Namespace' }))

const Kinds = Type.Enum(['Service', 'EndpointSlice', 'Endpoints', 'Namespace'])
const manifestReference = { kind: Kinds, namespace: Type.String({ description: 'Empty for a Namespace' }), name: Type.String() }
export const ApplyResult = named('ApplyResult', Type.Object({
  ...manifestReference,
  outcome: Type.Enum(['created', 'configured', 'unchanged']),
  manifest: AnyManifest,
  previous: Type.Optional(AnyManifest),
  warnings: Type.Array(Type.String()),
  document: Type.Optional(Type.Integer({ description: 'Which document of the stream, from 1' }))
}))
const ForeignKind = named('ForeignKind', Type.Object({
  kind: Type.String(), apiVersion: Type.String(), document: Type.Integer(),
  line: Type.Integer({ description: 'Of the first of them' }), count: Type.Integer()
}))
const foreign =
  Type.Optional(Type.Array(ForeignKind, { description: 'What was passed over, one entry a kind, at most 50' }))
export const ApplyAnswer = named('ApplyAnswer', Type.Object({
  revision: CursorText, dryRun: Type.Boolean(), foreign, results: Type.Array(ApplyResult)
}))
export const DeleteAnswer = named('DeleteAnswer', Type.Object({
  revision: CursorText, dryRun: Type.Boolean(), foreign, deleted: Type.Array(Type.Object(manifestReference))
}))
/** The longest name of a manifest is a DNS subdomain; its kind may want a shorter one. */
export const ManifestNameText = Type.String({
  pattern: '^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$', rule: 'must be a name: 1-253 of a-z, 0-9, "-" and ".", beginning and ending with a letter or digit'
})
export const DeletedNames = Type.Object({
  names: Type.Array(Type.Object({
    kind: Kinds, namespace: Type.Optional(LabelName), name: ManifestNameText
  }, { additionalProperties: false }), { minItems: 1, maxItems: maxDeletedNames, rule: `must name 1-${maxDeletedNames} manifests` })
}, { additionalProperties: false })
/** Manifests, or their names. */
export const DeleteBody = named('DeleteBody', Type.Union([DeletedNames, AnyManifest], { examples: [{ names: [{ kind: 'Service', namespace: 'shop', name: 'webui' }] }] }))
export const ServiceExplanation = named('ServiceExplanation', Type.Object({
  namespace: Type.String(),
  service: Type.String(),
  implicit: Type.Boolean(),
  in: Type.Boolean({ description: 'Whether the service has an endpoint of this instance' }),
  ready: Type.Boolean({ description: 'Whether callers are sent to it' }),
  rule: Type.String({ description: 'The rule that decided' }),
  message: Type.String(),
  missingPorts: Type.Array(Type.String())
}))
export const ServiceExplanations = named('ServiceExplanations', Type.Array(ServiceExplanation))
const DnsRecords = Type.Array(Type.Object({ name: Type.String(), ttl: Count, type: Type.String(), data: Type.String() }))
export const DnsAnswer = named('DnsAnswer', Type.Object({
  question: Type.Object({ name: Type.String(), type: Type.String() }),
  rcode: Type.String(),
  flags: Type.Array(Type.String()),
  answer: DnsRecords,
  authority: DnsRecords,
  additional: DnsRecords,
  extendedError: Type.Optional(Type.Object({ code: Count, text: Type.String() })),
  octets: Count,
  trace: Type.Array(Type.Object({ rule: Type.String(), message: Type.String() })),
  revision: Type.String()
}))
const PoolBand = Type.Object({ size: Type.Number(), used: Count })
export const Pool = named('Pool', Type.Object({
  kind: Type.Enum(['cluster-ip', 'node-port', 'load-balancer']),
  name: Type.String(),
  ranges: Type.Array(Type.String()),
  autoAssign: Type.Boolean(),
  size: Type.Number(),
  used: Count,
  free: Type.Number(),
  bands: Type.Optional(Type.Object({ static: PoolBand, dynamic: PoolBand })),
  outside: Type.Optional(Type.Array(Type.String(), {
    description: 'Of a pool named (outside): values that services have and no range of this node holds; the first 20'
  }))
}))
export const Pools = named('Pools', Type.Array(Pool))
export const ServiceSummary = named('ServiceSummary', Type.Object({
  namespace: Type.String(),
  name: Type.String(),
  implicit: Type.Boolean({ description: 'Nobody declared it: it exists because instances registered under its name' }),
  instances: Type.Object({ total: Count, ready: Count, suspect: Count, ...statusCounts }),
  endpoints: Type.Object({ total: Count, ready: Count }, { description: 'What callers are told, those made by hand included' }),
  createdAt: Type.String({ format: 'date-time', description: 'When it was declared; of an implicit one, when the oldest of its instances registered' }),
  protectedSince: Type.Optional(Time),
  manifest: Type.Optional(ServiceManifest),
  revision: Count
}))
export const NamespaceSummary = named('NamespaceSummary', Type.Object({
  name: Type.String(), services: Count, instances: Count, manifest: Type.Optional(NamespaceManifest)
}))

const reasons = ['registered', 'updated', 'replaced', 'deregistered', 'expired', 'suspect', 'renewed', 'override', 'override-removed', 'override-ended', 'recovered', 'declared', 'removed'] as const
const Reason = Type.Enum([...reasons])
export const Event = named('Event', Type.Object({
  revision: CursorText, at: Time, reason: Reason, namespace: Type.String(), service: Type.String(), id: Type.String(),
  by: Type.String({ description: 'The address of the client, or the part of the registry that did it' }), message: Type.String()
}))

const page = <Item extends TSchema>(name: string, item: Item): TUnsafe<{ revision: string, items: Static<Item>[], next?: string }> =>
  named(name, Type.Object({
    revision: CursorText,
    items: Type.Array(item),
    next: Type.Optional(Type.String({ description: 'Pass it back as ?cursor=; absent on the last page' }))
  })) // the generic item hides what Static would say
export const InstancePage = page('InstancePage', Instance)
const ListedOverride = named('ListedOverride', Type.Object({
  namespace: Type.String(),
  service: Type.String(),
  id: Type.String(),
  registered: Type.Boolean({ description: 'Whether the instance is registered now' }),
  absentSince: Type.Optional(Type.String({ description: 'Since when it is not, as far as this node knows' })),
  override: Override
}))
export const OverridePage = page('OverridePage', ListedOverride)
export const ServicePage = page('ServicePage', ServiceSummary)
export const NamespacePage = page('NamespacePage', NamespaceSummary)
export const EventPage = page('EventPage', Event)

export const Propagation = named('Propagation', Type.Object({
  revision: Count,
  watchers: Count,
  seen: Count,
  pending: Type.Array(Type.String()),
  delayMs: Type.Optional(Type.Object({ median: Type.Number(), max: Type.Number() }))
}))

export const Overview = named('Overview', Type.Object({
  node: Type.String(),
  version: Type.String(),
  epoch: Type.String(),
  revision: CursorText,
  uptimeSeconds: Count,
  namespaces: Count,
  services: Count,
  instances: Type.Object({ total: Count, suspect: Count, ...statusCounts }, { description: 'By effective status' }),
  store: Type.Object({ kind: Type.String(), location: Type.String(), available: Type.Boolean(), reason: Type.String(), since: Time }),
  protection: Type.Object({
    registrySince: Type.Optional(Time),
    services: Type.Array(Type.Object({ namespace: Type.String(), service: Type.String(), since: Time })),
    holdMs: Type.Number()
  }),
  watchers: Type.Object({ connections: Count, subscriptions: Count }),
  rememberedHeartbeats: Count,
  unreadable: Type.Object({
    count: Count, records: Type.Array(Type.Object({ key: Type.String(), reason: Type.String() }))
  }, { description: 'Records of the store that nobody is answered; at most 100 are named' }),
  ranges: Type.Object({
    nodes: Count,
    different: Type.Array(Type.Object({
      node: Type.String(), setting: Type.Enum(['service-cidr', 'node-port-range', 'load-balancer-pool']), here: Type.String(), there: Type.String()
    }))
  }, { description: 'The nodes on the store, and where the ranges that they allocate from differ from this node\'s; at most 100 differences' })
}))

export const UnreadableRecord = named('UnreadableRecord', Type.Object({
  key: Type.String(), reason: Type.String(), revision: Type.Optional(Type.Integer()), updatedAt: Type.Optional(Time), content: Type.String(), length: Count
}))
export const UnreadablePage = page('UnreadablePage', UnreadableRecord)

export const TargetGroups = named('TargetGroups', Type.Array(Type.Object({ targets: Type.Array(Type.String()), labels: Texts })))

export const Health = named('Health', Type.Object({
  status: Type.Enum(['ok', 'unavailable']),
  checks: Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), reason: Type.String() }))
}))

const FieldError = named('FieldError', Type.Object({
  field: Type.String({ description: 'As in ports[0].port' }), value: Type.Optional(Type.Unknown()), rule: Type.String(),
  document: Type.Optional(Type.Integer({ description: 'In a stream of manifests: which document, from 1' })), line: Type.Optional(Type.Integer()),
  reason: Type.Optional(Type.String({ description: "In Kubernetes' words, as in FieldValueInvalid" }))
}))
export const Problem = named('Problem', Type.Object({
  type: Type.String(), title: Type.String(), status: Type.Integer(),
  code: Type.Enum(Object.keys(errorCatalogue)),
  detail: Type.String(),
  errors: Type.Optional(Type.Array(FieldError, { description: 'The first 20' })),
  moreErrors: Type.Optional(Type.Integer({ description: 'How many there are beside those in errors' }))
}, { description: 'RFC 9457' }))

const ServiceEndpoints = named('ServiceEndpoints', Type.Object({
  ...endpointsAnswer, manifest: Type.Optional(ServiceManifest)
}, { description: 'A service in a watch of endpoints: all of its endpoints, and its manifest if somebody declared it' }))
const ServiceDifference = named('ServiceDifference', Type.Object({
  ...answerHead, from: CursorText, put: Type.Array(Endpoint), removed: Type.Array(Type.Object({ id: Type.String(), service: Type.Optional(Type.String()) }))
}, { description: 'What became of a service of more than 100 endpoints since its revision `from`: endpoints that are new or others, and those that are gone' }))
const SubscriptionId = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, rule: 'must be a whole number 0-2147483647' })
const Selector = Type.String({ description: 'A Kubernetes label selector' })
/** What a watch shows. */
export const WatchView = Type.Enum(['instances', 'endpoints'], {
  description: 'instances (default): each change of an instance; endpoints: each service whole when something about it changed'
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
  Type.Object({ type: Type.Literal('bookmark'), id: Id, revision: CursorText }),
  Type.Object({ type: Type.Literal('reset'), id: Id, revision: CursorText, reason: Type.String() }),
  Type.Object({ type: Type.Literal('error'), id: Type.Optional(Id), code: Type.String(), detail: Type.String(), errors: Type.Optional(Type.Array(FieldError)), moreErrors: Type.Optional(Type.Integer()) }),
  Type.Object({ type: Type.Literal('heartbeat'), id: Type.Optional(Id), ...heartbeatAnswer }),
  Type.Object({ type: Type.Literal('goodbye'), reason: Type.String() })
]))

// Paths and answers ------------------------------------------------------------------------------------------------

/** A port in a query. The names of hand-made endpoints are labels, longer than those of instances. */
export const PortText = Type.String({
  pattern: `^(?:(?!\\d+$)${labelPattern.slice(1, -1)}|[1-9]\\d{0,4})$`, rule: 'must be the name or the number of a port'
})
export const NamespaceParams = Type.Object({ namespace: LabelName })
export const ServiceParams = Type.Object({ namespace: LabelName, service: LabelName })
export const InstanceParams = Type.Object({ namespace: LabelName, service: LabelName, id: InstanceId })
export { ShortText }

const revisionHeader = {
  'Rollcall-Revision': { type: 'string', description: 'epoch.revision at which the answer was made; of a write, the revision of the write' },
  'Rollcall-Stale': { type: 'string', description: 'Only while the store is away: seconds since this node heard from it' }
}

/** An answer in JSON with its example. */
export function answerOf (description: string, schema: TSchema, example: unknown): object {
  return { description, headers: revisionHeader, content: { 'application/json': { schema, example } } }
}

/** An answer that is YAML for those who prefer it. */
export function manifestAnswer (description: string, schema: TSchema, example: unknown, yamlExample: unknown): object {
  return {
    description,
    headers: revisionHeader,
    content: { 'application/json': { schema, example }, 'application/yaml': { schema: { type: 'string' }, example: yamlOf(yamlExample) } }
  }
}

export function emptyAnswer (description: string): object {
  return { description, headers: revisionHeader, type: 'null' }
}

/** The problems that a route may answer with; those that every route may are added. */
export function errorResponses (...codes: readonly ErrorCode[]): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of [...codes, 'REG_ORIGIN_REFUSED', 'REG_HOST_REFUSED', 'REG_INTERNAL'] as const) {
    const { status } = errorCatalogue[code]
    byStatus.set(status, [...byStatus.get(status) ?? [], code])
  }
  return Object.fromEntries(Array.from(byStatus, ([status, group]) => [status, {
    description: group.map((code) => `${code}: ${errorCatalogue[code].title}`).join('; '),
    content: { 'application/problem+json': { schema: Problem, example: exampleProblem(group[0] ?? 'REG_INTERNAL') } }
  }]))
}

/** What every read may answer with. */
export const readErrors = ['REG_INVALID', 'REG_CURSOR_INVALID', 'REG_OVERLOADED', 'REG_NOT_LOADED', 'REG_REVISION_TIMEOUT', 'REG_SHUTTING_DOWN'] as const satisfies readonly ErrorCode[]
/** What every write may answer with. */
export const writeErrors = [
  'REG_INVALID', 'REG_BODY_SYNTAX', 'REG_BODY_TOO_LARGE', 'REG_MEDIA_TYPE', 'REG_NOT_LOADED', 'REG_STORE_UNAVAILABLE', 'REG_OUTCOME_UNKNOWN', 'REG_STORE_FULL'
] as const satisfies readonly ErrorCode[]

function exampleProblem (code: ErrorCode): WireProblem {
  const { status, title } = errorCatalogue[code]
  const base = { type: `${problemType}${code}`, title, status, code, detail: title }
  return code === 'REG_INVALID'
    ? { ...base, detail: 'ports[0].port must be a whole number 1-65535, got 0', errors: [{ field: 'ports[0].port', value: 0, rule: 'must be a whole number 1-65535' }] }
    : base
}

const exampleShared = {
  id: 'orders-1', address: '10.0.0.7', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], labels: { version: 'v2' }, metadata: {}, weight: 100, priority: 0, zone: 'a', status: 'up'
} as const
const ready = { ready: true, serving: true, terminating: false }

export const exampleInstance: WireInstance = {
  namespace: 'shop', service: 'orders', ...exampleShared, generation: 'k3Jd9a', effectiveStatus: 'up', suspect: false, conditions: ready,
  lease: { ttlMs: 15_000 }, createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z', revision: 17
}
export const exampleEndpoints: WireEndpointsAnswer = {
  namespace: 'shop', service: 'orders', revision: 'q7Zk2.17', failOpen: false, endpoints: [{ ...exampleShared, suspect: false, conditions: ready }]
}
export const exampleService = {
  namespace: 'shop', name: 'orders', implicit: true,
  instances: { total: 1, ready: 1, suspect: 0, starting: 0, up: 1, warning: 0, draining: 0, down: 0 }, endpoints: { total: 1, ready: 1 },
  createdAt: '2026-01-01T00:00:00.000Z', revision: 17
}
export const exampleApplyResult = { kind: 'Service', namespace: 'shop', name: 'webui', outcome: 'created', manifest: exampleManifest, warnings: [] } as const
export const exampleDeleteAnswer: WireDeleteAnswer = { revision: 'q7Zk2.17', dryRun: false, deleted: [{ kind: 'Service', namespace: 'shop', name: 'webui' }] }
