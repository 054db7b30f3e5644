// From a parsed document to a typed manifest: the shape only (wrong JSON type, unknown field). Values are validate.ts' business.
import { Type, type TSchema } from 'typebox'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import type { Refusal } from '../../refusal.ts'
import { type Checker, checker } from '../validate.ts'
import { isObjectKind, type ObjectKind, objectKindNames, objectKinds, type ObjectManifest } from '../manifest/object-kinds.ts'
import {
  anything, blank, compact, fields, filled, flag, list, type Loose, type LooseObject, metaOf, said, several, text, textMap, typeMeta, whole
} from '../manifest/shapes.ts'
import {
  type Endpoints, type EndpointSlice, type EndpointSubset, isGlobalKind, type Manifest, type Namespace, type Policy, type PolicyRule,
  type Service, type ServicePort,
  type ServiceSpec, type SliceEndpoint, type SlicePort
} from './types.ts'

export { canonical, compact, without } from '../manifest/shapes.ts'

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
  Policy: fields({ ...typeMeta, spec: fields({ subjects: list(text), rules: list(policyRuleShape) }) }),
  ...Object.fromEntries(objectKindNames.map((kind) => [kind, objectKinds[kind].shape])) as Record<ObjectKind, TSchema> // a row for each
}
const checkers = Object.fromEntries(Object.entries(manifestShapes).map(([kind, shape]) => [kind, checker(shape)])) as Record<Manifest['kind'], Checker> // the same keys

/** Maps whose keys the user chooses: there a null is the empty text, elsewhere it is an absent field. */
const mapFields = new Set(['labels', 'annotations', 'selector', 'deprecatedTopology', 'data', 'stringData', 'matchLabels'])

export type Decoded<Kind> = { readonly manifest: Kind } | { readonly refusal: Refusal }

/**
 * Reads a manifest of a known kind: checks its shape and leaves out what is empty, null, or the registry's own to say (status).
 * The faults of the shape come at once; they are of the 400 kind, apart from the causes of validation.
 * @param namespace stands in for an absent `metadata.namespace`
 */
export function decoded (kind: Manifest['kind'], value: unknown, namespace: string): Decoded<Manifest> {
  const plain = withoutNulls(value)
  const refusal = checkers[kind](plain)
  if (refusal !== undefined) return { refusal: isObjectKind(kind) && objectKinds[kind].isSecret === true ? withoutValues(refusal) : refusal }
  if (isObjectKind(kind)) return { manifest: objectKinds[kind].read(plain as LooseObject<ObjectManifest>, isGlobalKind(kind) ? '' : namespace) }
  switch (kind) {
    // The checker has just seen the shape of each; texts that must be one of a few are checked by validation.
    case 'Service': return { manifest: serviceOf(plain as LooseObject<Service>, namespace) }
    case 'EndpointSlice': return { manifest: sliceOf(plain as LooseObject<EndpointSlice>, namespace) }
    case 'Endpoints': return { manifest: endpointsOf(plain as LooseObject<Endpoints>, namespace) }
    case 'Namespace': return { manifest: { apiVersion: 'v1', kind: 'Namespace', metadata: metaOf((plain as LooseObject<Namespace>).metadata, '') } }
    case 'Policy': return { manifest: policyOf(plain as LooseObject<Policy>) }
  }
}

function withoutValues ({ faults: [first, ...others], more }: Refusal): Refusal {
  const hidden = ({ field, rule }: FieldError): FieldError => ({ field, rule })
  return { faults: [hidden(first), ...others.map(hidden)], more }
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
