// From a parsed document to a typed manifest: the shape only (wrong JSON type, unknown field). Values are validate.ts' business.
import { Type, type TSchema } from 'typebox'
import type { Refusal } from '../../refusal.ts'
import { type Checker, checker, mapOf } from '../validate.ts'
import type { Endpoints, EndpointSlice, EndpointSubset, Labels, Manifest, Namespace, ObjectMeta, Policy, PolicyRule, Service, ServicePort, ServiceSpec, SliceEndpoint, SlicePort } from './types.ts'

const text = Type.String({ rule: 'must be a text' })
const flag = Type.Boolean({ rule: 'must be true or false' })
const whole = Type.Integer({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1, rule: 'must be a whole number of 32 bits' })
const textMap = mapOf(text, { rule: 'must map texts to texts' })
const anything = Type.Unknown()

/** Every field may be left out here: what is required is said by validation, with all else that is wrong. */
function fields (members: Record<string, TSchema>, rule = 'must be an object'): TSchema {
  return Type.Object(Object.fromEntries(Object.entries(members).map(([name, schema]) => [name, Type.Optional(schema)])), { additionalProperties: false, rule })
}

function list (item: TSchema): TSchema {
  return Type.Array(item, { rule: 'must be a list' })
}

const metadata = fields({
  name: text,
  namespace: text,
  labels: textMap,
  annotations: textMap,
  uid: text,
  creationTimestamp: text,
  resourceVersion: text,
  generation: Type.Integer({ rule: 'must be a whole number' }),
  generateName: text,
  // An exported object carries these; nothing here acts on them, and they are not kept.
  selfLink: anything,
  managedFields: anything,
  ownerReferences: anything,
  finalizers: anything,
  deletionTimestamp: anything,
  deletionGracePeriodSeconds: anything
})
const typeMeta = { apiVersion: text, kind: text, metadata }
const reference = fields({ apiVersion: text, kind: text, namespace: text, name: text, uid: text, resourceVersion: text, fieldPath: text })
const endpointPort = fields({ name: text, protocol: text, port: whole, appProtocol: text })

const spec = fields({
  type: text,
  ports: list(fields({
    name: text,
    protocol: text,
    port: whole,
    targetPort: Type.Union([Type.Integer(), Type.String()], { rule: 'must be a whole number or a text' }),
    nodePort: whole,
    appProtocol: text
  })),
  selector: textMap,
  clusterIP: text,
  clusterIPs: list(text),
  ipFamilyPolicy: text,
  ipFamilies: list(text),
  sessionAffinity: text,
  sessionAffinityConfig: fields({ clientIP: fields({ timeoutSeconds: whole }) }),
  internalTrafficPolicy: text,
  externalTrafficPolicy: text,
  healthCheckNodePort: whole,
  allocateLoadBalancerNodePorts: flag,
  loadBalancerClass: text,
  loadBalancerIP: text,
  loadBalancerSourceRanges: list(text),
  externalIPs: list(text),
  externalName: text,
  publishNotReadyAddresses: flag,
  trafficDistribution: text
})

const endpoint = fields({
  addresses: list(text),
  conditions: fields({ ready: flag, serving: flag, terminating: flag }),
  hostname: text,
  targetRef: reference,
  nodeName: text,
  zone: text,
  hints: fields({ forZones: list(fields({ name: text })), forNodes: list(fields({ name: text })) }),
  deprecatedTopology: textMap
})

const address = fields({ ip: text, hostname: text, nodeName: text, targetRef: reference })
const finalizers = fields({ finalizers: list(text) })
/** As it stands in a policy, and in a token. */
export const policyRuleShape = fields({ role: text, verbs: list(text), namespaces: list(text), services: list(text), addresses: list(text) })

/** The shape of a manifest, by kind. */
export const manifestShapes: Readonly<Record<Manifest['kind'], TSchema>> = {
  Service: fields({ ...typeMeta, spec, status: anything }),
  EndpointSlice: fields({ ...typeMeta, addressType: text, endpoints: list(endpoint), ports: list(endpointPort) }),
  Endpoints: fields({
    ...typeMeta, subsets: list(fields({ addresses: list(address), notReadyAddresses: list(address), ports: list(endpointPort) }))
  }),
  Namespace: fields({ ...typeMeta, spec: finalizers, status: anything }),
  Policy: fields({ ...typeMeta, spec: fields({ subjects: list(text), rules: list(policyRuleShape) }) })
}
const checkers: Readonly<Record<Manifest['kind'], Checker>> = {
  Service: checker(manifestShapes.Service),
  EndpointSlice: checker(manifestShapes.EndpointSlice),
  Endpoints: checker(manifestShapes.Endpoints),
  Namespace: checker(manifestShapes.Namespace),
  Policy: checker(manifestShapes.Policy)
}

/** Not said: defaulting fills it, or validation says that it is required. The one text that no union of ours holds. */
const blank = '' as never

/** Maps whose keys the user chooses: there a null is the empty text, elsewhere it is an absent field. */
const mapFields = new Set(['labels', 'annotations', 'selector', 'deprecatedTopology'])

type Loose<T> = { readonly [Field in keyof T]?: T[Field] }
type LooseObject<T> = Loose<Omit<T, 'metadata' | 'spec'>> & { readonly metadata?: Loose<ObjectMeta> } & (T extends { spec: infer S } ? { readonly spec?: Loose<S> } : unknown)

export type Decoded<Kind> = { readonly manifest: Kind } | { readonly refusal: Refusal }

/**
 * Reads a manifest of a known kind: checks its shape and leaves out what is empty, null, or the registry's own to say (status).
 * The faults of the shape come at once; they are of the 400 kind, apart from the causes of validation.
 * @param namespace stands in for an absent `metadata.namespace`
 */
export function decoded (kind: Manifest['kind'], value: unknown, namespace: string): Decoded<Manifest> {
  const plain = withoutNulls(value)
  const refusal = checkers[kind](plain)
  if (refusal !== undefined) return { refusal }
  switch (kind) {
    // The checker has just seen the shape of each; texts that must be one of a few are checked by validation.
    case 'Service': return { manifest: serviceOf(plain as LooseObject<Service>, namespace) }
    case 'EndpointSlice': return { manifest: sliceOf(plain as LooseObject<EndpointSlice>, namespace) }
    case 'Endpoints': return { manifest: endpointsOf(plain as LooseObject<Endpoints>, namespace) }
    case 'Namespace': return { manifest: { apiVersion: 'v1', kind: 'Namespace', metadata: metaOf((plain as LooseObject<Namespace>).metadata, '') } }
    case 'Policy': return { manifest: policyOf(plain as LooseObject<Policy>) }
  }
}

function metaOf (meta: Loose<ObjectMeta> = {}, namespace: string): ObjectMeta {
  const { labels, annotations, uid, creationTimestamp, resourceVersion, generation, generateName } = meta
  return compact<ObjectMeta>({
    name: meta.name ?? '',
    namespace: said(meta.namespace) ?? namespace,
    labels: filled(labels),
    annotations: filled(annotations),
    uid: said(uid),
    creationTimestamp: said(creationTimestamp),
    resourceVersion: said(resourceVersion),
    generation: generation === 0 ? undefined : generation,
    generateName: said(generateName)
  })
}

/**
 * The optional texts and numbers that Kubernetes leaves out when empty are left out; those that it keeps (`appProtocol`,
 * `loadBalancerClass`, the policies behind pointers) stay as they are, so that `""` there is refused.
 */
function serviceOf (value: LooseObject<Service>, namespace: string): Service {
  const spec: Loose<ServiceSpec> = value.spec ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metaOf(value.metadata, namespace),
    spec: compact<ServiceSpec>({
      ...spec,
      type: spec.type ?? blank,
      sessionAffinity: spec.sessionAffinity ?? blank,
      ports: several(spec.ports)?.map((port) => compact<ServicePort>({
        ...port,
        name: said(port.name),
        protocol: port.protocol ?? blank,
        port: port.port ?? 0,
        targetPort: port.targetPort ?? 0,
        nodePort: port.nodePort === 0 ? undefined : port.nodePort
      })),
      selector: filled(spec.selector),
      clusterIP: said(spec.clusterIP),
      clusterIPs: several(spec.clusterIPs),
      ipFamilies: several(spec.ipFamilies),
      externalTrafficPolicy: said(spec.externalTrafficPolicy),
      healthCheckNodePort: spec.healthCheckNodePort === 0 ? undefined : spec.healthCheckNodePort,
      loadBalancerIP: said(spec.loadBalancerIP),
      loadBalancerSourceRanges: several(spec.loadBalancerSourceRanges),
      externalIPs: several(spec.externalIPs),
      externalName: said(spec.externalName),
      publishNotReadyAddresses: spec.publishNotReadyAddresses === true ? true : undefined
    })
  }
}

function sliceOf (value: LooseObject<EndpointSlice>, namespace: string): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metaOf(value.metadata, namespace),
    addressType: value.addressType ?? blank,
    endpoints: (value.endpoints ?? []).map((endpoint) => compact<SliceEndpoint>({ ...endpoint, addresses: endpoint.addresses ?? [] })),
    ports: (value.ports ?? []).map((port) => portOf(port))
  }
}

function endpointsOf (value: LooseObject<Endpoints>, namespace: string): Endpoints {
  return compact<Endpoints>({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: metaOf(value.metadata, namespace),
    subsets: several(value.subsets)?.map((subset) => compact<EndpointSubset>({
      addresses: several(subset.addresses)?.map((address) => compact({ ...address, ip: address.ip ?? '', hostname: said(address.hostname) })),
      notReadyAddresses: several(subset.notReadyAddresses)?.map((address) => compact({ ...address, ip: address.ip ?? '', hostname: said(address.hostname) })),
      ports: several(subset.ports)?.map((port) => ({ ...portOf(port), port: port.port ?? 0 }))
    }))
  })
}

function policyOf ({ metadata, spec = {} }: LooseObject<Policy>): Policy {
  const { subjects = [], rules = [] } = spec
  return { apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: metaOf(metadata, ''), spec: { subjects, rules: rules.map((rule) => compact<PolicyRule>(rule)) } }
}

function portOf (port: Loose<SlicePort>): SlicePort {
  return compact<SlicePort>({ ...port, name: said(port.name), protocol: said(port.protocol) ?? 'TCP' })
}

/** Leaves out the fields that are undefined: an absent field and an undefined one are the same text in the store. */
export function compact<T extends object> (value: { readonly [Field in keyof T]: T[Field] | undefined }): T {
  const result: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) if (member !== undefined) result[name] = member
  return result as T // only fields that T lets be absent can have been undefined
}

/** The value without one of its fields. */
export function without<T extends object, Field extends keyof T> (value: T, field: Field): Omit<T, Field> {
  const copy: Partial<T> = { ...value }
  delete copy[field]
  return copy as Omit<T, Field> // all others are still there
}

/**
 * The same content as the same text: object keys in order, at every depth.
 * Lists keep their order, since it has a meaning (`clusterIPs`, `ipFamilies`).
 */
export function canonical<T> (value: T): T {
  if (Array.isArray(value)) return value.map(canonical) as T // an array of what it was
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, member]) => member !== undefined).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, member]) => [key, canonical(member)])) as T // the same keys, in order
}

function said<T extends string> (value: T | undefined): T | undefined {
  return value === '' ? undefined : value
}

function several<T> (values: readonly T[] | undefined): readonly T[] | undefined {
  return values === undefined || values.length === 0 ? undefined : values
}

/** An empty map of a manifest is an absent one: `selector: {}` selects nothing. */
function filled (map: Labels | undefined): Labels | undefined {
  return map === undefined || Object.keys(map).length === 0 ? undefined : map
}

function withoutNulls (value: unknown, isMap = false): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item))
  if (typeof value !== 'object' || value === null) return value
  const result: [string, unknown][] = []
  for (const [key, member] of Object.entries(value)) {
    if (member === null && !isMap) continue
    result.push([key, member === null ? '' : withoutNulls(member, mapFields.has(key))])
  }
  return Object.fromEntries(result)
}
