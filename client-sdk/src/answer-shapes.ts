// What the answers and frames of a registry must look like before the SDK relies on them.
import type { Manifest } from './manifest-kinds.ts'
import type { ObjectMeta, Service, ServicePort } from './manifests.ts'
import {
  anything, count, fields, flag, isObject, listOf, maybe, number, oneOf, recordOf, rule, shown, text, whole, type Check
} from './shape.ts'
import type {
  ApplyAnswer, ApplyResult, ChangeFrame, Conditions, DeleteAnswer, Endpoint, EndpointName, EndpointsAnswer, EndpointsChangeFrame, EndpointsDifferenceFrame,
  EndpointsGoneFrame, EndpointsSnapshotFrame,
  HeartbeatAnswer, Instance, InstanceChangeFrame, LeaseReference, LoadValue, ManifestReference, NamespaceSummary, ObjectChangeFrame, ObjectGoneFrame,
  ObjectsSnapshotFrame, Override, Page, Pool, Port, ServerFrame,
  ServiceChangeFrame, ServiceDifference, ServiceEndpoints, ServiceExplanation, ServiceSummary
} from './wire.ts'

/** `epoch.revision`. No registry sends longer ones, and they would be repeated with each reconnect. */
export const cursor = rule(
  'a cursor, epoch.revision', (value) => typeof value === 'string' && /^[!-~]{1,128}\.\d{1,16}$/.test(value)
)
/** By its characters first: a text may be anything, and a URL parser mends much. */
const address = rule('an IPv4 or IPv6 address', (value) => typeof value === 'string' && value.length <= 45 &&
  (/^(?:\d{1,3}\.){3}\d{1,3}$/.test(value) ? URL.canParse(`http://${value}/`) : /^[0-9A-Fa-f:.]+$/.test(value) && URL.canParse(`http://[${value}]/`)))
const texts = recordOf(text)
const ports = listOf(fields<Port>({ name: text, port: whole(1, 65_535), protocol: text }))
const conditions = fields<Conditions>({ ready: flag, serving: flag, terminating: flag })
const weight = whole(0, 65_535)

/** What instances and endpoints have in common. */
const copy = {
  id: text, address, ports, hostname: maybe(text), labels: texts, metadata: texts, weight, priority: weight, zone: maybe(text), region: maybe(text),
  node: maybe(text),
  version: maybe(text), status: text, suspect: flag, conditions
} as const

export const instance = fields<Instance & { warnings: unknown }>({
  ...copy,
  namespace: text,
  service: text,
  generation: text,
  effectiveStatus: text,
  override: maybe(
    fields<Override>(
      { status: maybe(text), weight: maybe(weight), author: text, reason: text, until: maybe(text), createdAt: text }
    )
  ),
  lease: fields<Instance['lease']>({ ttlMs: number }),
  createdAt: text,
  updatedAt: text,
  revision: count,
  load: maybe(recordOf(fields<LoadValue>({ value: number, capacity: maybe(number) }))),
  warnings: maybe(listOf(text))
})

const endpoint = fields<Endpoint>({ ...copy, service: maybe(text) })

const ofService = {
  namespace: text, service: text, revision: cursor, failOpen: flag, declared: maybe(flag), endpoints: listOf(endpoint)
} as const
export const endpointsAnswer = fields<EndpointsAnswer>(ofService)

const reference = fields<LeaseReference>({ namespace: text, service: text, id: text, generation: maybe(text) })
export const heartbeatAnswer = fields<HeartbeatAnswer>(
  { renewed: count, unknown: listOf(reference), superseded: listOf(reference), forbidden: maybe(listOf(reference)), stored: flag }
)
export const ticketAnswer = fields<{ readonly ticket: string }>({ ticket: text })

const meta = fields<ObjectMeta>({ name: text, labels: maybe(texts), annotations: maybe(texts) })
export const manifest = fields<Manifest>({ apiVersion: text, kind: text, metadata: meta })
const servicePort = fields<ServicePort>({
  name: maybe(text), port: number, protocol: text, nodePort: maybe(number),
  targetPort: rule('a number or a text', (value) => typeof value === 'number' || typeof value === 'string')
})
export const serviceManifest = fields<Service>({
  apiVersion: text,
  kind: oneOf('Service'),
  metadata: meta,
  spec: fields<Service['spec']>(
    { type: text, ports: maybe(listOf(servicePort)), selector: maybe(texts), externalName: maybe(text) }
  )
})

const serviceEndpoints = fields<ServiceEndpoints>({ ...ofService, manifest: maybe(serviceManifest) })
const serviceDifference = fields<ServiceDifference>({
  namespace: text, service: text, revision: cursor, failOpen: flag, declared: maybe(flag), from: cursor, put: listOf(endpoint),
  removed: listOf(fields<EndpointName>({ id: text, service: maybe(text) }))
})

export const serviceSummary = fields<ServiceSummary>({
  namespace: text,
  name: text,
  implicit: flag,
  instances: recordOf(count),
  endpoints: fields<ServiceSummary['endpoints']>({ total: count, ready: count }),
  createdAt: text,
  protectedSince: maybe(text),
  manifest: maybe(serviceManifest),
  revision: count
})
export const namespaceSummary = fields<NamespaceSummary>(
  { name: text, services: count, instances: count, manifest: maybe(manifest) }
)

export function pageOf (item: Check): Check {
  return fields<Page<unknown>>({ revision: cursor, items: listOf(item), next: maybe(text) })
}

export const explanations = listOf(fields<ServiceExplanation>({
  namespace: text, service: text, implicit: flag, in: flag, ready: flag, rule: text, message: text, source: maybe(text), missingPorts: listOf(text)
}))
export const pools = listOf(fields<Pool>({
  kind: text, name: text, ranges: listOf(text), autoAssign: flag, size: number, used: number, free: number, bands: maybe(isObjectCheck())
}))

const result = fields<ApplyResult>({
  kind: text, namespace: text, name: text, outcome: text, manifest, previous: maybe(manifest), warnings: listOf(text), document: maybe(count)
})
export const applyAnswer = fields<ApplyAnswer>({ revision: cursor, dryRun: flag, results: listOf(result) })
export const deleteAnswer = fields<DeleteAnswer>({
  revision: cursor, dryRun: flag, deleted: listOf(
    fields<ManifestReference>({ kind: text, namespace: text, name: text })
  )
})

function isObjectCheck (): Check {
  return rule('an object', isObject)
}

/** The answer to what leaves nothing to say, as a deregistration. */
export const nothing: Check = (value) => (
  value === undefined ? undefined : `there should be no body, got ${shown(value)}`
)

// Frames -----------------------------------------------------------------------------------------------------------

type FrameOf<Type extends ServerFrame['type']> = Extract<ServerFrame, { readonly type: Type }>

const id = count
const change = { id, revision: cursor, kind: text, event: oneOf('put', 'delete'), reason: text, at: text } as const
const name = fields<EndpointsGoneFrame['endpoints']>({ namespace: text, service: text })
const ofEndpoints = { id, revision: cursor, kind: text, event: oneOf('put', 'difference', 'delete'), at: text } as const
const objectFrame = { id, revision: cursor, kind: text, event: oneOf('put', 'delete'), reason: text, at: text } as const
const objectName = fields<ObjectGoneFrame['object']>({ kind: text, namespace: text, name: text })
const changes: Readonly<Record<ChangeFrame['kind'] | 'endpoints' | 'object', Check>> = {
  object: (value, at) => fields<ObjectChangeFrame | ObjectGoneFrame>(objectFrame)(value, at) ??
    (isObject(value) && value['event'] === 'delete' ? objectName : manifest)(isObject(value) ? value['object'] : undefined, 'object'),
  instance: fields<InstanceChangeFrame>({ ...change, instance }),
  service: fields<ServiceChangeFrame>({ ...change, service: serviceManifest }),
  endpoints: (value, at) => fields<EndpointsChangeFrame | EndpointsDifferenceFrame | EndpointsGoneFrame>(ofEndpoints)(value, at) ??
    toldAs(isObject(value) ? value['event'] : undefined)(isObject(value) ? value['endpoints'] : undefined, 'endpoints')
}
const snapshots = {
  instances: fields<SnapshotFrame>(
    { id, revision: cursor, instances: listOf(instance), services: maybe(listOf(serviceManifest)), more: maybe(flag) }
  ),
  endpoints: fields<EndpointsSnapshotFrame>(
    { id, revision: cursor, endpoints: listOf(serviceEndpoints), more: maybe(flag) }
  ),
  objects: fields<ObjectsSnapshotFrame>({ id, revision: cursor, objects: listOf(manifest), more: maybe(flag) })
} as const

const frames: Readonly<Record<ServerFrame['type'], Check>> = {
  hello: fields<FrameOf<'hello'>>(
    { pingMs: rule('a number above 0', (value) => Number.isFinite(value) && (value as number) > 0), stale: flag }
  ),
  stale: fields<FrameOf<'stale'>>({ reason: maybe(text) }),
  current: fields<FrameOf<'current'>>({}),
  ping: fields<FrameOf<'ping'>>({}),
  snapshot: (value, at) => (
    !isObject(value) ? snapshots.instances : value['endpoints'] !== undefined ? snapshots.endpoints : value['objects'] !== undefined ? snapshots.objects : snapshots.instances
  )(value, at),
  change: (value, at) => (isObject(value) && isKind(value['kind']) ? changes[value['kind']](value, at) : fields<ChangeFrame>({ kind: text })(value, at)),
  bookmark: fields<FrameOf<'bookmark'>>({ id, revision: cursor }),
  reset: fields<FrameOf<'reset'>>({ id, revision: cursor, reason: text }),
  error: fields<FrameOf<'error'>>({ id: maybe(id), code: text, detail: text, errors: maybe(anything), moreErrors: maybe(count) }),
  heartbeat: (value, at) => fields<FrameOf<'heartbeat'>>({ id: maybe(id) })(value, at) ?? heartbeatAnswer(value, at),
  goodbye: fields<FrameOf<'goodbye'>>({ reason: text, nodes: maybe(listOf(text)) })
}

type SnapshotFrame = Extract<FrameOf<'snapshot'>, { readonly instances: unknown }> & { readonly more?: boolean }

function toldAs (event: unknown): Check {
  return event === 'put' ? serviceEndpoints : event === 'difference' ? serviceDifference : name
}

function isKind (value: unknown): value is keyof typeof changes {
  return typeof value === 'string' && Object.hasOwn(changes, value)
}

const ofSubscription: ReadonlySet<string> = new Set<ServerFrame['type']>(['snapshot', 'change', 'bookmark', 'reset'])

/**
 * A frame that can be relied on; undefined = of a kind that this client does not know, or of a subscription that has
 * ended.
 * @param isSubscribed whether an id is that of a subscription
 * @throws Error saying what is wrong
 */
export function readFrame (data: unknown, isSubscribed: (id: unknown) => boolean): ServerFrame | undefined {
  if (typeof data !== 'string') throw new Error(`a frame must be text, got ${shown(data)}`)
  const frame: unknown = JSON.parse(data)
  if (!isObject(frame)) throw new Error(`a frame must be an object, got ${shown(frame)}`)
  const { type } = frame
  if (typeof type !== 'string') throw new Error(`the type of a frame must be a text, got ${shown(type)}`)
  if (!Object.hasOwn(frames, type)) return undefined
  if (ofSubscription.has(type) && Number.isInteger(frame['id']) && !isSubscribed(frame['id'])) return undefined
  const fault = frames[type as ServerFrame['type']](frame, '') // just seen to be one of them
  if (fault !== undefined) throw new Error(`a ${type} frame: ${fault}`)
  if (type === 'change' && !isKind(frame['kind'])) return undefined
  return frame as unknown as ServerFrame // checked
}
