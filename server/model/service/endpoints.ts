// From a declared service to its endpoints: the instances that its selector chooses, or hand-written ones.
// The result is the same EndpointSet as that of an implicit service, so that every adapter reads one form.
import { endpointOf } from '../../../client-sdk/src/rules.ts'
import { type Endpoint, type EndpointPort, type Instance, serviceLabel } from '../../../client-sdk/src/wire.ts'
import { familyOf } from '../address/address.ts'
import { endpointSet, type EndpointSet } from '../instance/endpoints.ts'
import { isServing } from '../instance/instance.ts'
import { defaultWeight } from '../limits.ts'
import { isHeadless } from './facts.ts'
import { canonicalAddress } from './grammar.ts'
import { labelsOf, selectorOf, selects } from './selection.ts'
import {
  type EndpointAddress, type Endpoints, type EndpointSlice, type EndpointSubset, type IpFamily, managedByLabel,
  type Namespace, none, type Service, type SliceEndpoint
} from './types.ts'

/**
 * The endpoints of a service with a selector.
 * @param instances may hold others than the selected ones: each is looked at
 */
export function serviceEndpoints (service: Service, instances: Iterable<Instance>, revision: number): EndpointSet {
  const build = endpointBuilder(service)
  const endpoints: Endpoint[] = []
  let leaseMs = Infinity
  for (const instance of instances) {
    const endpoint = selects(service, instance) ? build(instance) : undefined
    if (endpoint === undefined) continue
    endpoints.push(endpoint)
    leaseMs = Math.min(leaseMs, instance.lease.ttlMs)
  }
  return endpointSet(service.metadata.namespace, service.metadata.name, revision, endpoints, leaseMs)
}

/**
 * Makes the endpoint of one selected instance, or undefined when it has no address of the service's families. Who keeps the
 * results by instance pays for a change of one instance only.
 */
export function endpointBuilder (service: Service): (instance: Instance) => Endpoint | undefined {
  const ports = portResolver(service)
  return (instance) => {
    if (!hasFamily(service, instance.address)) return undefined
    const { conditions } = instance
    return {
      ...endpointOf(instance),
      service: instance.service,
      ports: ports(instance),
      // True even for a terminating instance: a service that publishes the unready ones wants to find them until they are gone.
      conditions: service.spec.publishNotReadyAddresses === true && !conditions.ready ? { ...conditions, ready: true } : conditions
    }
  }
}

function hasFamily ({ spec }: Service, address: string): boolean {
  const family: IpFamily = familyOf(address) === 4 ? 'IPv4' : 'IPv6'
  return spec.ipFamilies === undefined || spec.ipFamilies.includes(family)
}

/**
 * Numbers are the same for all instances, which then share one list; names are looked up on each, with their protocol.
 * A headless service that names no ports has those of its instances, as an implicit one has.
 */
function portResolver (service: Service): (instance: Instance) => readonly EndpointPort[] {
  const { spec } = service
  if (spec.ports === undefined && isHeadless(service)) return (instance) => instance.ports
  const wanted = (spec.ports ?? []).map(({ name = '', protocol, targetPort, appProtocol }) => ({
    shared: { name, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }, targetPort
  }))
  const resolve = (instance: Instance | undefined): readonly EndpointPort[] => wanted.flatMap(({ shared, targetPort }) => {
    const port = typeof targetPort === 'number'
      ? targetPort
      : instance?.ports.find((own) => own.name === targetPort && own.protocol === shared.protocol)?.port
    return port === undefined ? [] : [{ name: shared.name, port, protocol: shared.protocol, ...('appProtocol' in shared ? { appProtocol: shared.appProtocol } : {}) }]
  })
  if (wanted.some(({ targetPort }) => typeof targetPort === 'string')) return resolve
  const same = resolve(undefined)
  return () => same
}

export interface Explanation {
  /** Whether the service has an endpoint of this instance. */
  readonly in: boolean
  /** Whether callers are sent to it. */
  readonly ready: boolean
  /** The rule that decided. */
  readonly rule: 'type' | 'selector' | 'family' | 'override' | 'status' | 'lease' | 'publishNotReadyAddresses' | 'ready'
  readonly message: string
  /** Names of service ports that this instance lacks. */
  readonly missingPorts: readonly string[]
}

/**
 * Why an instance of the namespace is, or is not, an endpoint of a service.
 * @param isAnswered whether callers are sent to its endpoint, as they are to one that is not ready if none is
 */
export function explained (service: Service, instance: Instance, isAnswered = false): Explanation {
  const out = (rule: Explanation['rule'], message: string): Explanation => ({ in: false, ready: false, rule, message, missingPorts: [] })
  if (service.spec.type === 'ExternalName') return out('type', 'an ExternalName service has no endpoints')
  if (selectorOf(service) === undefined) return out('selector', 'the service has no selector: its endpoints are made by hand')
  const label = labelsOf(instance)
  const lacking = Object.entries(service.spec.selector ?? {}).find(([key, value]) => label(key) !== value)
  if (lacking !== undefined) {
    const [key, value] = lacking
    const has = label(key)
    return out('selector', `the selector wants ${key}=${value}, the instance has ${has === undefined ? 'no such label' : `${key}=${has}`}`)
  }
  if (!hasFamily(service, instance.address)) {
    return out('family', `the address ${instance.address} is not of the service's families ${(service.spec.ipFamilies ?? []).join(', ')}`)
  }
  const resolved = new Set(portResolver(service)(instance).map((port) => `${port.name} ${port.protocol}`))
  const missing = (service.spec.ports ?? []).filter((port) => !resolved.has(`${port.name ?? ''} ${port.protocol}`))
  const missingPorts = missing.map((port) => port.name ?? '')
  const inside = (rule: Explanation['rule'], ready: boolean, message: string): Explanation => ({
    in: true, ready, rule, missingPorts,
    message: missing.length === 0 ? message : `${message}; it has no port named ${missing.map((port) => `${port.targetPort}/${port.protocol}`).join(', ')}`
  })
  if (instance.conditions.ready) return inside('ready', true, 'it is selected and ready')
  if (service.spec.publishNotReadyAddresses === true) return inside('publishNotReadyAddresses', true, 'it is not ready, but the service publishes such addresses')
  const but = isAnswered ? ', but nobody is ready: it is answered' : ''
  if (instance.override?.status !== undefined) {
    const { author, status, reason } = instance.override
    return inside('override', isAnswered, `an override by ${author} sets it ${status}${reason === '' ? '' : `: ${reason}`}${but}`)
  }
  const { effectiveStatus } = instance
  if (!isServing(effectiveStatus) || effectiveStatus === 'draining') return inside('status', isAnswered, `its status is ${effectiveStatus}${but}`)
  return inside('lease', isAnswered, `its lease ran out or its session broke${but}`)
}

/**
 * The service that exists because instances registered under its name: headless, and it selects them by the implicit
 * label. Its endpoints keep the ports of their instances (`endpointsOf` of the model); this form is for the views and
 * for `explained`. Applied, it means the same: a headless service claims families that the registry has no range for,
 * and without ports it has its instances' own.
 * @param endpoints say which family comes first: the older views show that one only
 */
export function implicitService (namespace: string, name: string,
  endpoints: readonly Pick<Endpoint, 'address'>[] = []): Service {
  const isIpv6 = endpoints.length > 0 && endpoints.every(({ address }) => familyOf(address) === 6)
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      type: 'ClusterIP',
      clusterIP: none,
      clusterIPs: [none],
      selector: { [serviceLabel]: name },
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ipFamilyPolicy: 'PreferDualStack',
      ipFamilies: isIpv6 ? ['IPv6', 'IPv4'] : ['IPv4', 'IPv6']
    }
  }
}

/** The namespace that exists because something is in it. */
export function implicitNamespace (name: string): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, namespace: '' } }
}

/** The hand-written endpoints of a service without a selector. */
export interface HandMade {
  readonly slices: readonly EndpointSlice[]
  readonly endpoints?: Endpoints | undefined
}

/**
 * The slices that count beside an Endpoints object: a slice of the mirror, which somebody read here and applied again,
 * is the object's echo, and the object says what is in it.
 */
export function ownSlices ({ slices, endpoints }: HandMade): readonly EndpointSlice[] {
  return endpoints === undefined ? slices
    : slices.filter(({ metadata }) => metadata.labels?.[managedByLabel] !== mirrorManager)
}

/** Who Kubernetes says makes the slices of an Endpoints object. */
export const mirrorManager = 'endpointslicemirroring-controller.k8s.io'

/**
 * The endpoints of a service without a selector. An address that stands in several places is one endpoint with all its ports;
 * of the addresses of one entry the first counts, and names are not resolved (FQDN).
 */
export function handMadeEndpoints (service: Service, made: HandMade, revision: number): EndpointSet {
  return endpointSet(service.metadata.namespace, service.metadata.name, revision, writtenEndpoints(service, made))
}

/** The endpoints alone, in no particular order. */
export function writtenEndpoints (service: Service, made: HandMade): Iterable<Endpoint> {
  const found = new Map<string, Endpoint>()
  if (service.spec.type !== 'ExternalName') {
    for (const endpoint of [...ownSlices(made).flatMap(endpointsOfSlice),
      ...(made.endpoints?.subsets ?? []).flatMap(endpointsOfSubset)]) {
      if (!hasFamily(service, endpoint.address)) continue
      const offered = { ...endpoint, ports: endpoint.ports.flatMap((port) => portOfService(service, port)) }
      const same = found.get(endpoint.id)
      found.set(endpoint.id, same === undefined ? offered : merged(same, offered))
    }
  }
  return found.values()
}

/** A port is the service's by its name and protocol. A headless service without ports offers what its endpoints have. */
function portOfService (service: Service, port: EndpointPort): EndpointPort[] {
  if (service.spec.ports === undefined) return isHeadless(service) ? [port] : []
  const own = service.spec.ports.find((each) => (each.name ?? '') === port.name && each.protocol === port.protocol)
  if (own === undefined) return []
  return [port.appProtocol === undefined && own.appProtocol !== undefined ? { ...port, appProtocol: own.appProtocol } : port]
}

function endpointsOfSlice (slice: EndpointSlice): Endpoint[] {
  if (slice.addressType === 'FQDN') return []
  // A port without a number means "all ports", which no client can use.
  const ports = slice.ports.flatMap(({ port, ...rest }) => (port === undefined ? [] : [portOf({ ...rest, port })]))
  return slice.endpoints.flatMap((endpoint) => {
    const address = endpoint.addresses[0]
    return address === undefined ? [] : [handMade(address, ports, conditionsOf(endpoint), endpoint)]
  })
}

/** A missing ready is true, a missing serving as ready, a missing terminating false. */
function conditionsOf ({ conditions }: SliceEndpoint): Endpoint['conditions'] {
  const ready = conditions?.ready ?? true
  return { ready, serving: conditions?.serving ?? ready, terminating: conditions?.terminating ?? false }
}

function endpointsOfSubset (subset: EndpointSubset): Endpoint[] {
  const ports = (subset.ports ?? []).map(portOf)
  const of = (addresses: readonly EndpointAddress[] | undefined, ready: boolean): Endpoint[] =>
    (addresses ?? []).map(({ ip, ...place }) => handMade(ip, ports, { ready, serving: ready, terminating: false }, place))
  return [...of(subset.addresses, true), ...of(subset.notReadyAddresses, false)]
}

function portOf ({ name, protocol, port, appProtocol }: NonNullable<EndpointSubset['ports']>[number]): EndpointPort {
  return { name: name ?? '', port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }
}

type Place = Pick<SliceEndpoint, 'hostname' | 'zone' | 'nodeName'>

function handMade (
  address: string, ports: readonly EndpointPort[], conditions: Endpoint['conditions'], { hostname, zone, nodeName }: Place
): Endpoint {
  const text = canonicalAddress(address)
  return {
    id: text, // it was not registered: the address is its only name
    address: text,
    ports,
    ...(hostname === undefined ? {} : { hostname }),
    labels: {},
    metadata: {},
    weight: defaultWeight,
    priority: 0,
    ...(zone === undefined ? {} : { zone }),
    ...(nodeName === undefined ? {} : { node: nodeName }),
    status: conditions.terminating ? 'draining' : conditions.serving ? 'up' : 'down',
    suspect: false,
    conditions
  }
}

/** The better word counts: an endpoint that moves between two objects is in both for a moment. */
function merged (one: Endpoint, other: Endpoint): Endpoint {
  const better = other.conditions.ready && !one.conditions.ready ? other : one
  const known = new Set(one.ports.map((port) => `${port.name} ${port.protocol} ${port.port}`))
  return { ...better, ports: [...one.ports, ...other.ports.filter((port) => !known.has(`${port.name} ${port.protocol} ${port.port}`))] }
}
