// Declared services of the test registry: what may be applied, its defaults, and the endpoints behind it. The real
// registry has more rules.
import type { EndpointSlice, Namespace, Service, ServicePort } from '../manifests.ts'
import { endpointOf, isLabel, isLabelKey, isLabelValue, labelKeyRule, labelRule, labelValueRule } from '../rules.ts'
import { isObject } from '../shape.ts'
import { serviceLabel, type Endpoint, type EndpointPort, type FieldError, type Instance } from '../wire.ts'

export type TestManifest = Service | EndpointSlice | Namespace

/** Names the service that a hand-made slice belongs to. */
const sliceLabel = 'kubernetes.io/service-name'
const types = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']
const protocols = ['TCP', 'UDP', 'SCTP']

/** Allocates addresses and node ports that were never used. */
export interface Allocator {
  clusterIP (): string
  nodePort (): number
}

/** JSON objects one behind the other, as the SDK sends them; a List is its items. @throws Error for anything else */
export function documentsOf (text: string): readonly unknown[] {
  const documents: unknown[] = []
  for (let rest = text.trim(); rest !== ''; rest = rest.trim()) {
    if (!rest.startsWith('{')) throw new Error('the registry of tests reads manifests as objects or JSON; YAML is the real one\'s')
    const end = endOf(rest)
    documents.push(JSON.parse(rest.slice(0, end)))
    rest = rest.slice(end)
  }
  return documents.flatMap(
    (each) => (
      isObject(each) && each['kind'] === 'List' && Array.isArray(each['items']) ? each['items'] as unknown[] : [each]
    )
  )
}

/** Where the object at the beginning of a text ends. */
function endOf (text: string): number {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (inString) {
      if (character === '\\') at++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{') depth++
    else if (character === '}' && --depth === 0) return at + 1
  }
  return text.length
}

/** The manifest as it is stored, or its faults. */
export function manifestOf (
  document: unknown, namespace: string,
  before: (kind: string, namespace: string, name: string) => TestManifest | undefined, allocate: Allocator
): TestManifest | FieldError[] {
  if (!isObject(document)) return [{ field: '', value: document, rule: 'must be an object' }]
  const { apiVersion, kind } = document
  const meta = isObject(document['metadata']) ? document['metadata'] : {}
  const place = typeof meta['namespace'] === 'string' ? meta['namespace'] : namespace
  const { name } = meta
  const faults: FieldError[] = []
  const need = (
    isGood: boolean, field: string, value: unknown, rule: string
  ): void => { if (!isGood) faults.push({ field, value, rule }) }
  need(isLabel(name), 'metadata.name', name, labelRule)
  need(isLabel(place), 'metadata.namespace', place, labelRule)
  const metadata = { ...meta, name: String(name), namespace: place }
  if (kind === 'Namespace' && apiVersion === 'v1') return faults.length > 0 ? faults : {
    apiVersion, kind, metadata: { ...metadata, namespace: '' }
  } as unknown as Namespace
  if (kind === 'EndpointSlice' && apiVersion === 'discovery.k8s.io/v1') return sliceOf(document, metadata, faults)
  if (kind !== 'Service' || apiVersion !== 'v1') return [
    { field: 'kind', value: kind, rule: 'must be Service, EndpointSlice or Namespace, with its apiVersion' }
  ]
  const known = before('Service', place, metadata.name)
  const spec = specOf(
    isObject(document['spec']) ? document['spec'] : {}, known?.kind === 'Service' ? known.spec : undefined, allocate,
    faults
  )
  return faults.length > 0 ? faults : { apiVersion, kind, metadata, spec, status: { loadBalancer: {} } }
}

function sliceOf (
  document: Readonly<Record<string, unknown>>, metadata: { name: string, namespace: string }, faults: FieldError[]
): EndpointSlice | FieldError[] {
  const slice = { ...document, metadata, ports: document['ports'] ?? [] } as unknown as EndpointSlice
  if (!Array.isArray(slice.endpoints)) faults.push({
    field: 'endpoints', value: slice.endpoints, rule: 'must be a list'
  })
  if (slice.metadata.labels?.[sliceLabel] === undefined) faults.push({
    field: `metadata.labels[${sliceLabel}]`, rule: 'must name a service'
  })
  return faults.length > 0 ? faults : slice
}

function specOf (
  given: Readonly<Record<string, unknown>>, before: Service['spec'] | undefined, allocate: Allocator,
  faults: FieldError[]
): Service['spec'] {
  const fault = (field: string, value: unknown, rule: string): void => {
    faults.push({ field: `spec.${field}`, value, rule })
  }
  const { type = 'ClusterIP', selector, externalName } = given
  if (!types.includes(type as string)) fault('type', type, `must be one of ${types.join(', ')}`)
  const isExternal = type === 'ExternalName'
  const clusterIP = isExternal ? undefined : given['clusterIP'] ?? before?.clusterIP
  if (isExternal && typeof externalName !== 'string') fault('externalName', externalName, 'must be given')
  if (selector !== undefined) {
    for (const [key, value] of Object.entries(isObject(selector) ? selector : { '': '' })) {
      if (!isLabelKey(key)) fault('selector', key, labelKeyRule)
      if (!isLabelValue(value)) fault(`selector.${key}`, value, labelValueRule)
    }
  }
  const list = Array.isArray(given['ports']) ? given['ports'] as Readonly<Record<string, unknown>>[] : []
  if (list.length === 0 && !isExternal && clusterIP !== 'None') fault('ports', given['ports'], 'must have at least one port')
  const isNumber = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535
  const names = new Set<unknown>()
  const ports = list.map((each, index) => {
    const { name, port, protocol = 'TCP', targetPort = port } = each
    if (!isNumber(port)) fault(`ports[${index}].port`, port, 'must be a whole number 1-65535')
    if (!protocols.includes(protocol as string)) fault(`ports[${index}].protocol`, protocol, `must be one of ${protocols.join(', ')}`)
    if (!isNumber(targetPort) && (typeof targetPort !== 'string' || targetPort === '')) fault(`ports[${index}].targetPort`, targetPort, 'must be a number or the name of a port')
    if (list.length > 1 && (name === undefined || names.has(name))) fault(`ports[${index}].name`, name, 'must be given, and differ from the others')
    names.add(name)
    const known = before?.ports?.find((one) => one.port === port && one.protocol === protocol)?.nodePort
    const nodePort = type === 'NodePort' || type === 'LoadBalancer' ? each['nodePort'] ?? known ?? allocate.nodePort() : undefined
    return { ...each, protocol, targetPort, ...(nodePort === undefined ? {} : { nodePort }) } as unknown as ServicePort
  })
  const address = isExternal || faults.length > 0 ? undefined : clusterIP ?? allocate.clusterIP()
  return {
    sessionAffinity: 'None', ...given, type, ...(ports.length === 0 ? {} : { ports }), ...(
      address === undefined ? {} : { clusterIP: address, clusterIPs: [address] }
    )
  } as unknown as Service['spec'] // just seen to be one, as far as a fake looks
}

/** True if the service selects the instance; each carries the label of the service that it registered under. */
export function selectsInstance ({ metadata, spec }: Service, { namespace, service, labels }: Instance): boolean {
  if (spec.selector === undefined || namespace !== metadata.namespace) return false
  const all: Readonly<Record<string, string>> = { ...labels, [serviceLabel]: service }
  return Object.entries(spec.selector).every(([key, value]) => Object.hasOwn(all, key) && all[key] === value)
}

/**
 * The endpoints of a declared service: of the instances that it selects, with its ports, or those that were made by
 * hand.
 */
export function declaredEndpoints (
  service: Service, instances: Iterable<Instance>, slices: Iterable<EndpointSlice>
): readonly Endpoint[] {
  if (service.spec.type === 'ExternalName') return []
  if (service.spec.selector === undefined) return [...slices].filter((slice) => belongsTo(slice, service)).flatMap(handMade)
  return [...instances].filter((instance) => selectsInstance(service, instance)).map((instance) => {
    const endpoint = endpointOf(instance)
    const publishes = service.spec.publishNotReadyAddresses === true
    return {
      ...endpoint, service: instance.service, ports: portsOf(service, instance),
      conditions: publishes ? { ...endpoint.conditions, ready: true } : endpoint.conditions
    }
  })
}

export function belongsTo ({ metadata }: EndpointSlice, service: Service): boolean {
  return metadata.namespace === service.metadata.namespace && metadata.labels?.[sliceLabel] === service.metadata.name
}

function portsOf ({ spec }: Service, instance: Instance): readonly EndpointPort[] {
  return (spec.ports ?? []).flatMap(({ name = '', protocol, targetPort, appProtocol }) => {
    const port = typeof targetPort === 'number' ? targetPort : instance.ports.find(
      (each) => each.name === targetPort && each.protocol === protocol
    )?.port
    return port === undefined ? [] : [{ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })
}

function handMade ({ endpoints, ports }: EndpointSlice): Endpoint[] {
  const known = ports.flatMap(
    ({ name = '', port, protocol = 'TCP' }): EndpointPort[] => (port === undefined ? [] : [{ name, port, protocol }])
  )
  return endpoints.flatMap(({ addresses: [address], conditions, hostname, zone }) => {
    if (address === undefined) return []
    const ready = conditions?.ready ?? true
    const told = { ready, serving: conditions?.serving ?? ready, terminating: conditions?.terminating ?? false }
    return [{
      id: address, address, ports: known, ...(
        hostname === undefined ? {} : { hostname }
      ), labels: {}, metadata: {}, weight: 100, priority: 0, ...(zone === undefined ? {} : { zone }),
      status: told.terminating ? 'draining' as const : told.serving ? 'up' as const : 'down' as const, suspect: false, conditions: told
    }]
  })
}

/** What an implicit service would be, declared. */
export function implicitManifest (namespace: string, name: string): Service {
  return {
    apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: {
      type: 'ClusterIP', clusterIP: 'None', selector: { [serviceLabel]: name }, sessionAffinity: 'None'
    }
  }
}
