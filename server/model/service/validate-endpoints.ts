// Validation of the other kinds: EndpointSlice and Endpoints made by hand (3.3), and Namespace.
import { type Cause, duplicate, forbidden, invalidValue, notSupported, required, tooMany } from './causes.ts'
import { namespaceDnsFaults } from './dns-annotations.ts'
import { ipFamilyOf, isHeadless } from './facts.ts'
import { broken, callableAddress, dns1035Label, dns1123Label, dns1123Subdomain, ipAddress, portNumber, qualifiedName } from './grammar.ts'
import { metadataFaults } from './metadata.ts'
import {
  type EndpointAddress, type Endpoints, type EndpointSlice, type EndpointSubset, type Namespace, type Service,
  type SliceEndpoint, serviceNameLabel, transportProtocols
} from './types.ts'
import { spelled } from './validate.ts'

/** Kubernetes' hard limits of a slice. */
export const maxSliceEndpoints = 1_000
export const maxSlicePorts = 100
export const maxEndpointAddresses = 100
/** What Kubernetes mirrors of an Endpoints object; here the rest is refused instead of forgotten. */
export const maxSubsetAddresses = 1_000
/** Each is a group of ports: an honest object has a handful. */
export const maxSubsets = 100
/** Kubernetes' limit: an endpoint is meant for few zones. */
export const maxHints = 8

const addressTypes = ['FQDN', 'IPv4', 'IPv6'] as const

/** All causes against a hand-written EndpointSlice. `old` is the stored one that it replaces. */
export function endpointSliceFaults (slice: EndpointSlice, old?: EndpointSlice): readonly Cause[] {
  const causes = metadataFaults(slice.metadata, dns1123Subdomain, old?.metadata)
  const service = slice.metadata.labels?.[serviceNameLabel]
  const label = `metadata.labels[${serviceNameLabel}]`
  // Kubernetes accepts it, but no service ever uses such a slice.
  if (service === undefined || service === '') causes.push(required(label, 'must name the service that the endpoints belong to'))
  else causes.push(...broken(label, service, dns1035Label))
  const type: string = slice.addressType
  if (type === '') causes.push(required('addressType'))
  else if (!addressTypes.includes(slice.addressType)) causes.push(notSupported('addressType', type, addressTypes))
  if (old !== undefined && old.addressType !== slice.addressType) causes.push(invalidValue('addressType', type, 'field is immutable'))
  if (slice.endpoints.length > maxSliceEndpoints) causes.push(tooMany('endpoints', slice.endpoints.length, maxSliceEndpoints))
  else causes.push(...slice.endpoints.flatMap((endpoint, index) => endpointFaults(`endpoints[${index}]`, endpoint, slice.addressType)))
  return [...causes, ...portFaults('ports', slice.ports, maxSlicePorts)]
}

function endpointFaults (path: string, endpoint: SliceEndpoint, type: EndpointSlice['addressType']): Cause[] {
  const causes: Cause[] = []
  const { addresses, hostname, nodeName, hints } = endpoint
  if (addresses.length === 0) causes.push(required(`${path}.addresses`, 'must contain at least 1 address'))
  if (addresses.length > maxEndpointAddresses) causes.push(tooMany(`${path}.addresses`, addresses.length, maxEndpointAddresses))
  else causes.push(...addresses.flatMap((address, index) => addressFaults(`${path}.addresses[${index}]`, address, type)))
  if (hostname !== undefined) causes.push(...broken(`${path}.hostname`, hostname, dns1123Label))
  if (nodeName !== undefined) causes.push(...broken(`${path}.nodeName`, nodeName, dns1123Subdomain))
  for (const field of ['forZones', 'forNodes'] as const) {
    const names = (hints?.[field] ?? []).map((hint) => hint.name ?? '') // the schema lets it be absent
    if (names.length > maxHints) causes.push(tooMany(`${path}.hints.${field}`, names.length, maxHints))
    for (const [index, name] of names.slice(0, maxHints).entries()) {
      const field2 = `${path}.hints.${field}[${index}].name`
      if (name === '') causes.push(required(field2))
      else if (names.indexOf(name) < index) causes.push(duplicate(field2, name))
      else causes.push(...broken(field2, name, field === 'forZones' ? qualifiedName : dns1123Subdomain))
    }
  }
  return causes
}

function addressFaults (field: string, address: string, type: EndpointSlice['addressType']): Cause[] {
  switch (type) {
    case 'IPv4':
    case 'IPv6':
      if (ipFamilyOf(address) !== type) return [invalidValue(field, address, `must be a valid ${type} address`)]
      return broken(field, address, callableAddress)
    case 'FQDN': {
      const name = address.replace(/\.$/, '')
      return name.includes('.') ? broken(field, name, dns1123Subdomain) : [invalidValue(field, address, 'should be a domain with at least two segments separated by dots')]
    }
    default: return [] // the type itself is the cause
  }
}

interface AnyPort { readonly name?: string, readonly protocol: string, readonly port?: number, readonly appProtocol?: string }

/** Unnamed ports count as one name: there may be only one. */
function portFaults (path: string, ports: readonly AnyPort[], most: number): Cause[] {
  if (ports.length > most) return [tooMany(path, ports.length, most)]
  const names = new Set<string>()
  return ports.flatMap((port, index) => {
    const causes: Cause[] = []
    const name = port.name ?? ''
    if (names.has(name)) causes.push(duplicate(`${path}[${index}].name`, name))
    names.add(name)
    if (name !== '') causes.push(...broken(`${path}[${index}].name`, name, dns1123Label))
    if (port.port !== undefined) causes.push(...broken(`${path}[${index}].port`, port.port, portNumber))
    if (!(transportProtocols as readonly string[]).includes(port.protocol)) causes.push(notSupported(`${path}[${index}].protocol`, port.protocol, transportProtocols))
    if (port.appProtocol !== undefined) causes.push(...broken(`${path}[${index}].appProtocol`, port.appProtocol, qualifiedName))
    return causes
  })
}

/** All causes against an Endpoints object. Its name is its service's. */
export function endpointsFaults (endpoints: Endpoints, old?: Endpoints): readonly Cause[] {
  const causes = metadataFaults(endpoints.metadata, dns1035Label, old?.metadata)
  const subsets = endpoints.subsets ?? []
  if (subsets.length > maxSubsets) return [...causes, tooMany('subsets', subsets.length, maxSubsets)]
  return [...causes, ...subsets.flatMap((subset, index) => subsetFaults(`subsets[${index}]`, subset))]
}

function subsetFaults (path: string, subset: EndpointSubset): Cause[] {
  const causes: Cause[] = []
  const ready = subset.addresses ?? []
  const notReady = subset.notReadyAddresses ?? []
  if (ready.length + notReady.length === 0) causes.push(required(path, 'must specify `addresses` or `notReadyAddresses`'))
  for (const [field, addresses] of [['addresses', ready], ['notReadyAddresses', notReady]] as const) {
    if (addresses.length > maxSubsetAddresses) causes.push(tooMany(`${path}.${field}`, addresses.length, maxSubsetAddresses))
    else causes.push(...addresses.flatMap((address, index) => subsetAddressFaults(`${path}.${field}[${index}]`, address)))
  }
  const ports = subset.ports ?? []
  if (ports.length > 1) {
    causes.push(...ports.flatMap((port, index) => (port.name === undefined ? [required(`${path}.ports[${index}].name`)] : [])))
    return [...causes, ...portFaults(`${path}.ports`, ports, maxSlicePorts).filter((cause) => cause.value !== '')]
  }
  return [...causes, ...portFaults(`${path}.ports`, ports, maxSlicePorts)]
}

function subsetAddressFaults (path: string, { ip, hostname, nodeName }: EndpointAddress): Cause[] {
  const shape = broken(`${path}.ip`, ip, ipAddress)
  return [
    ...(shape.length > 0 ? shape : broken(`${path}.ip`, ip, callableAddress)),
    ...(hostname === undefined ? [] : broken(`${path}.hostname`, hostname, dns1123Label)),
    ...(nodeName === undefined ? [] : broken(`${path}.nodeName`, nodeName, dns1123Subdomain))
  ]
}

/** All causes against a Namespace: its name is a label of every DNS name in it. */
export function namespaceFaults (namespace: Namespace, old?: Namespace): readonly Cause[] {
  const causes = [...metadataFaults(namespace.metadata, dns1123Label, old?.metadata), ...namespaceDnsFaults(namespace.metadata)]
  return namespace.metadata.namespace === '' ? causes : [...causes, forbidden('metadata.namespace', 'not allowed on this type')]
}

/** What is accepted and will surprise. */
export function endpointSliceWarnings (slice: EndpointSlice): readonly string[] {
  const found = slice.endpoints.flatMap((endpoint, index) => [
    ...(endpoint.addresses.length > 1 ? [`endpoints[${index}].addresses: only the first address is used: give each its own endpoint`] : []),
    ...spelled(`endpoints[${index}].addresses`, endpoint.addresses)
  ])
  return slice.addressType === 'FQDN' ? [...found, 'addressType: endpoints of the type FQDN are kept and shown, and not resolved'] : found
}

/** Ports of hand-made endpoints that no port of their service names: callers of the service are not told of them. */
export function unnamedPortWarnings (made: EndpointSlice | Endpoints, service: Service): readonly string[] {
  const own = service.spec.ports
  if (own === undefined && isHeadless(service)) return [] // it offers what its endpoints have
  const lists = made.kind === 'EndpointSlice'
    ? [{ path: 'ports', ports: made.ports }]
    : (made.subsets ?? []).map(({ ports = [] }, index) => ({ path: `subsets[${index}].ports`, ports }))
  return lists.flatMap(({ path, ports }) =>
    (ports as readonly AnyPort[]).flatMap(({ name = '', protocol, port }, index) => {
      if (port === undefined) return [`${path}[${index}] has no number, which means all ports: callers cannot be told, and it is not used`]
      if (own?.some((each) => (each.name ?? '') === name && each.protocol === protocol) === true) return []
      const called = name === '' ? `unnamed port of ${protocol}` : `port "${name}" of ${protocol}`
      return [`${path}[${index}] is not used: service "${service.metadata.name}" has no ${called}`]
    }))
}

export const endpointsWarning = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'
