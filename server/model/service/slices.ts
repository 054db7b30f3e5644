// EndpointSlices and Endpoints as computed views: never stored, the same on every node for the same endpoints.
import { createHash } from 'node:crypto'
import type { Endpoint, EndpointPort } from '../../../client-sdk/src/wire.ts'
import { familyOf } from '../address/address.ts'
import type { EndpointSet } from '../instance/endpoints.ts'
import { defaultFamily, hasSelector, isHeadless } from './facts.ts'
import {
  type EndpointAddress, type Endpoints, type EndpointSlice, type EndpointSubset, headlessLabel, type IpFamily, managedByLabel,
  type ObjectReference, type Service, type SliceEndpoint, type SlicePort, serviceNameLabel
} from './types.ts'

/** Kubernetes' default: a change of one endpoint costs its watchers one slice. */
export const maxEndpointsPerSlice = 100
/** Where Kubernetes cuts an Endpoints object off, and says so in an annotation. */
export const maxEndpointsAddresses = 1_000
export const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity'
export const sliceManager = 'endpointslice-controller.k8s.io'

export interface SliceOptions {
  /** Default `sliceManager`; `mirrorManager` (endpoints.ts) for what an Endpoints object holds. */
  readonly managedBy?: string
  /**
   * The slices as they were last shown. Given, each endpoint stays in its slice and only slices that must change do; without,
   * endpoints are packed in their order.
   */
  readonly previous?: readonly EndpointSlice[]
}

/**
 * The slices of a service: one port list and one family per slice, at most 100 endpoints in each, named
 * `<service>-<hash of family and port list>-<n>`. Without endpoints there is one empty slice per family, so that "none" can be
 * distinct from "not computed yet".
 */
export function endpointSlices (service: Service, endpoints: EndpointSet, options: SliceOptions = {}): readonly EndpointSlice[] {
  if (service.spec.type === 'ExternalName') return []
  const slices: EndpointSlice[] = []
  for (const family of service.spec.ipFamilies ?? [defaultFamily]) {
    const groups = byPorts(endpoints.all.filter((endpoint) => isOf(endpoint, family)))
    if (groups.size === 0) groups.set('[]', [])
    for (const [key, group] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const prefix = `${service.metadata.name}-${createHash('sha256').update(`${family} ${key}`).digest('hex').slice(0, 10)}-`
      for (const [number, members] of packed(service, group, prefix, options.previous)) {
        slices.push(sliceOf(service, `${prefix}${number}`, family, members, options.managedBy ?? sliceManager))
      }
    }
  }
  return slices
}

function isOf (endpoint: Endpoint, family: IpFamily): boolean {
  return (familyOf(endpoint.address) === 4) === (family === 'IPv4')
}

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

/** Slices by number. What was in a slice stays there; the rest fills changed slices first, the fullest first, then new ones. */
function packed (
  service: Service, group: readonly Endpoint[], prefix: string, previous: readonly EndpointSlice[] | undefined
): [number, Endpoint[]][] {
  const slices = new Map<number, { members: Endpoint[], changed: boolean }>()
  const waiting = new Map(group.map((endpoint) => [identity(service, endpoint), endpoint]))
  for (const slice of previous ?? []) {
    const number = slice.metadata.name.startsWith(prefix) ? Number(slice.metadata.name.slice(prefix.length)) : -1
    if (!Number.isSafeInteger(number) || number < 0) continue
    const members: Endpoint[] = []
    for (const { addresses, targetRef } of slice.endpoints) {
      const key = `${addresses[0] ?? ''} ${targetRef?.name ?? ''}`
      const endpoint = waiting.get(key)
      if (endpoint !== undefined) members.push(endpoint)
      waiting.delete(key)
    }
    slices.set(number, { members, changed: members.length < slice.endpoints.length })
  }
  let rest = [...waiting.values()]
  const room = [...slices.values()].sort((a, b) => b.members.length - a.members.length)
  for (const slice of room.filter(({ changed }) => changed)) rest = filled(slice.members, rest)
  const fitting = room.find(({ changed, members }) => !changed && members.length + rest.length <= maxEndpointsPerSlice)
  if (rest.length > 0 && fitting !== undefined) rest = filled(fitting.members, rest)
  for (let number = 0; rest.length > 0; number++) {
    if (slices.has(number)) continue
    const members: Endpoint[] = []
    rest = filled(members, rest)
    slices.set(number, { members, changed: true })
  }
  const used = [...slices].filter(([, { members }]) => members.length > 0).map(([number, { members }]): [number, Endpoint[]] => [number, members])
  return used.length === 0 ? [[0, []]] : used.sort(([a], [b]) => a - b)
}

function filled (members: Endpoint[], rest: Endpoint[]): Endpoint[] {
  const room = Math.max(0, maxEndpointsPerSlice - members.length)
  members.push(...rest.slice(0, room))
  return rest.slice(room)
}

function identity (service: Service, endpoint: Endpoint): string {
  return `${endpoint.address} ${targetOf(service, endpoint).targetRef?.name ?? ''}`
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
 * The older Endpoints object: the primary family only, at most 1,000 addresses, the ready ones first. Those that are going
 * away and not ready are left out, as Kubernetes does.
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
