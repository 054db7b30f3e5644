// EndpointSlices and Endpoints as computed views: never stored, the same on every node for the same endpoints.
import { createHash } from 'node:crypto'
import type { Endpoint, EndpointPort } from '../../../client-sdk/src/wire.ts'
import { familyOf } from '../address/address.ts'
import type { EndpointSet } from '../instance/endpoints.ts'
import { defaultFamily, hasSelector, isHeadless } from './facts.ts'
import { packed, possibleNumbers } from './slice-packing.ts'
import {
  type EndpointAddress, type Endpoints, type EndpointSlice, type EndpointSubset, headlessLabel, type IpFamily, managedByLabel,
  type ObjectReference, type Service, type SliceEndpoint, type SlicePort, serviceNameLabel
} from './types.ts'

/** Where Kubernetes cuts an Endpoints object off, and says so in an annotation. */
export const maxEndpointsAddresses = 1_000
export const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity'
export const sliceManager = 'endpointslice-controller.k8s.io'

/** What the slices of one family and one list of ports have in common. */
interface SliceGroup {
  readonly family: IpFamily
  /** Before the number in their names. */
  readonly prefix: string
  readonly members: readonly Endpoint[]
}

/**
 * The slices of a service: one port list and one family per slice, at most 100 endpoints in each, named
 * `<service>-<hash of family and port list>-<n>` (slice-packing.ts says which n). Without endpoints there is one empty
 * slice per family, so that "none" can be distinct from "not computed yet".
 * @param managedBy `mirrorManager` (endpoints.ts) for what an Endpoints object holds
 */
export function endpointSlices (
  service: Service, endpoints: EndpointSet, managedBy: string = sliceManager
): readonly EndpointSlice[] {
  if (service.spec.type === 'ExternalName') return []
  return sliceGroups(service, endpoints.all).flatMap(({ family, prefix, members }) =>
    packed(members, (endpoint) => identity(service, endpoint)).map(([number, own]) =>
      sliceOf(service, `${prefix}${number}`, family, own, managedBy)))
}

/**
 * The names of all slices that there may have been, when only these endpoints may have come or gone since.
 * @param past what was there, or may have been
 */
export function possibleSliceNames (service: Service, now: EndpointSet, past: readonly Endpoint[]): readonly string[] {
  const certain = new Set(now.all.map((endpoint) => identity(service, endpoint)))
  for (const endpoint of past) certain.delete(identity(service, endpoint))
  const names = sliceGroups(service, [...now.all, ...past]).flatMap(({ prefix, members }) => {
    const own = members.map((endpoint) => identity(service, endpoint))
    return possibleNumbers(own, (name) => certain.has(name)).map((number) => `${prefix}${number}`)
  })
  return [...names, ...familiesOf(service).map((family) => `${prefixOf(service, family, noPorts)}0`)]
}

function familiesOf ({ spec }: Service): readonly IpFamily[] {
  return spec.ipFamilies ?? [defaultFamily]
}

function sliceGroups (service: Service, endpoints: readonly Endpoint[]): readonly SliceGroup[] {
  return familiesOf(service).flatMap((family) => {
    const groups = byPorts(endpoints.filter((endpoint) => isOf(endpoint, family)))
    if (groups.size === 0) groups.set(noPorts, [])
    const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
    return sorted.map(([ports, members]) => ({ family, members, prefix: prefixOf(service, family, ports) }))
  })
}

function prefixOf (service: Service, family: IpFamily, ports: string): string {
  return `${service.metadata.name}-${createHash('sha256').update(`${family} ${ports}`).digest('hex').slice(0, 10)}-`
}

function isOf (endpoint: Endpoint, family: IpFamily): boolean {
  return (familyOf(endpoint.address) === 4) === (family === 'IPv4')
}

/** Of endpoints without ports, and of none. */
const noPorts = '[]'

/** The same for the same ports, in whatever order they were given. */
function portsKey (ports: readonly EndpointPort[]): string {
  const texts = ports.map(({ name, port, protocol, appProtocol }) => JSON.stringify([name, port, protocol, appProtocol ?? '']))
  return `[${texts.sort().join(',')}]`
}

function byPorts (endpoints: readonly Endpoint[]): Map<string, Endpoint[]> {
  const groups = new Map<string, Endpoint[]>()
  let last: { ports: readonly EndpointPort[], group: Endpoint[] } | undefined // instances mostly share one list
  for (const endpoint of endpoints) {
    if (last?.ports !== endpoint.ports) {
      const key = portsKey(endpoint.ports)
      let group = groups.get(key)
      if (group === undefined) groups.set(key, group = [])
      last = { ports: endpoint.ports, group }
    }
    last.group.push(endpoint)
  }
  return groups
}

/** Of an instance its name, so that it stays in its slice when its address is another one. */
function identity (service: Service, endpoint: Endpoint): string {
  return targetOf(service, endpoint).targetRef?.name ?? endpoint.address
}

function sliceOf (service: Service, name: string, family: IpFamily, members: readonly Endpoint[], managedBy: string): EndpointSlice {
  const { metadata } = service
  const zoned = service.spec.trafficDistribution !== undefined
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name,
      namespace: metadata.namespace,
      labels: {
        ...metadata.labels,
        [serviceNameLabel]: metadata.name,
        [managedByLabel]: managedBy,
        ...(isHeadless(service) ? { [headlessLabel]: '' } : {})
      },
      ...(metadata.uid === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true }] })
    },
    addressType: family,
    endpoints: members.map((endpoint) => sliceEndpoint(service, endpoint, zoned)),
    ports: (members[0]?.ports ?? []).map(slicePort)
  }
}

/**
 * An instance plays the pod, under the name that commands and paths call it by: the service that it registered under is
 * part of who it is, since a selector may have `host-1` of several. What was made by hand points at nothing.
 */
function targetOf (service: Service, endpoint: Endpoint): { targetRef?: ObjectReference } {
  if (!hasSelector(service)) return {}
  const { namespace, name } = service.metadata
  return { targetRef: { kind: 'Pod', namespace, name: `${endpoint.service ?? name}/${endpoint.id}` } }
}

function sliceEndpoint (service: Service, endpoint: Endpoint, zoned: boolean): SliceEndpoint {
  const { address, conditions, hostname, node, zone } = endpoint
  return {
    addresses: [address],
    conditions: { ready: conditions.ready, serving: conditions.serving, terminating: conditions.terminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(node === undefined ? {} : { nodeName: node }),
    ...targetOf(service, endpoint),
    ...(zone === undefined ? {} : { zone }),
    ...(zoned && zone !== undefined && conditions.ready ? { hints: { forZones: [{ name: zone }] } } : {})
  }
}

function slicePort ({ name, port, protocol, appProtocol }: EndpointPort): SlicePort & { readonly port: number } {
  return { name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }
}

/**
 * The older Endpoints object: the primary family only, at most 1,000 addresses, the ready ones first. Those that are
 * going away and not ready are left out, as Kubernetes does.
 */
export function endpointsObject (service: Service, endpoints: EndpointSet): Endpoints {
  const { name, namespace, labels } = service.metadata
  const family = service.spec.ipFamilies?.[0] ?? defaultFamily
  const members =
    onePerAddress(endpoints.all.filter((endpoint) =>
      isOf(endpoint, family) && (endpoint.conditions.ready || !endpoint.conditions.terminating)))
  const ready = members.filter((endpoint) => endpoint.conditions.ready)
  const shown = new Set([...ready, ...members.filter((endpoint) => !endpoint.conditions.ready)].slice(0, maxEndpointsAddresses))
  const groups = byPorts(members.filter((endpoint) => shown.has(endpoint)))
  const subsets = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => subsetOf(service, group))
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name,
      namespace,
      ...(labels === undefined && !isHeadless(service) ? {} : { labels: { ...labels, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}) } }),
      ...(members.length > shown.size ? { annotations: { [overCapacityAnnotation]: 'truncated' } } : {})
    },
    ...(subsets.length === 0 ? {} : { subsets })
  }
}

/**
 * The object names addresses, and an address with a list of ports once: of several instances there (two registrations
 * of one process, a new life beside the old one) the ready one speaks for it.
 */
function onePerAddress (endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const found = new Map<string, Endpoint>()
  for (const endpoint of endpoints) {
    const key = `${endpoint.address} ${portsKey(endpoint.ports)}`
    const known = found.get(key)
    if (known === undefined || (endpoint.conditions.ready && !known.conditions.ready)) found.set(key, endpoint)
  }
  return [...found.values()]
}

function subsetOf (service: Service, group: readonly Endpoint[]): EndpointSubset {
  const addresses = (ready: boolean): EndpointAddress[] => group.filter((endpoint) => endpoint.conditions.ready === ready).map((endpoint) => ({
    ip: endpoint.address,
    ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
    ...(endpoint.node === undefined ? {} : { nodeName: endpoint.node }),
    ...targetOf(service, endpoint)
  }))
  const [ready, notReady] = [addresses(true), addresses(false)]
  const ports = (group[0]?.ports ?? []).map(slicePort)
  return {
    ...(ready.length === 0 ? {} : { addresses: ready }),
    ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
    ...(ports.length === 0 ? {} : { ports })
  }
}
