// The columns of each kind, as kubectl's users know them. Those of priority 1 are for `-o wide`.
import type { Endpoints, EndpointSlice, Service, ServicePort } from '../../model/service/types.ts'
import type { KubeObject } from '../objects/meta.ts'
import { age, ageOf, at, type CellOf, type Column, column, cutList, list, name, none, selectorText, shownAddresses, shownEndpoints, text, unknown, unset, wide } from './column.ts'
import { declaredColumns } from './declared-columns.ts'

export type { Cell, Column } from './column.ts'

// Service ---------------------------------------------------------------------------------------------------------------

function portText ({ port, nodePort, protocol }: ServicePort): string {
  return nodePort === undefined || nodePort === 0 ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`
}

/** Of a load balancer its addresses; those that people gave it stand behind them. */
function externalIps (service: Service, isWide: boolean): string {
  const { spec, status } = service
  const external = spec.externalIPs ?? []
  switch (spec.type) {
    case 'ExternalName': return spec.externalName ?? ''
    case 'LoadBalancer': {
      const given = [...new Set((status?.loadBalancer.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []))].join(',')
      const shown = !isWide && given.length > shownAddresses ? `${given.slice(0, shownAddresses - 3)}...` : given
      if (external.length > 0) return [...shown === '' ? [] : shown.split(','), ...external].join(',')
      return shown === '' ? '<pending>' : shown
    }
    default: return external.length === 0 ? none : external.join(',')
  }
}

const serviceOf = (object: KubeObject): Service => object as unknown as Service // the columns of services are asked for services

const services: readonly Column[] = [
  name,
  column('Type', 'How the service is exposed.', (object) => serviceOf(object).spec.type),
  column('Cluster-IP', 'The address of the service.', (object) => serviceOf(object).spec.clusterIP ?? none),
  column('External-IP', 'Addresses that lead to it from outside.', (object) => externalIps(serviceOf(object), false)),
  column('Port(s)', 'The ports of the service.', (object) => serviceOf(object).spec.ports?.map(portText).join(',') ?? none),
  age,
  column('Selector', 'Which instances it sends traffic to.', (object) => selectorText(serviceOf(object).spec.selector), wide)
]

// Endpoints -------------------------------------------------------------------------------------------------------------

function endpointsText ({ subsets = [] }: Endpoints): string {
  const shown: string[] = []
  let count = 0
  for (const { addresses = [], ports = [] } of subsets) {
    const places = ports.length === 0 ? addresses.map(({ ip }) => ip) : ports.flatMap(({ port }) => addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)))
    count += places.length
    shown.push(...places.slice(0, Math.max(0, shownEndpoints - shown.length)))
  }
  if (count === 0) return none
  return count > shownEndpoints ? `${shown.join(',')} + ${count - shownEndpoints} more...` : shown.join(',')
}

function slicePortsText (ports: EndpointSlice['ports']): string {
  return ports.length === 0 ? unset : cutList(ports.map(({ port }) => (port === undefined ? '*' : String(port))))
}

function sliceEndpointsText (endpoints: EndpointSlice['endpoints']): string {
  return endpoints.length === 0 ? unset : cutList(endpoints.flatMap(({ addresses }) => addresses))
}

const sliceOf = (object: KubeObject): EndpointSlice => object as unknown as EndpointSlice // as above

// Nodes -----------------------------------------------------------------------------------------------------------------

const rolePrefix = 'node-role.kubernetes.io/'

function addressOf (object: KubeObject, type: string): string {
  const found = list(at(object, 'status', 'addresses')).find((address) => at(address, 'type') === type)
  return found === undefined ? none : text(at(found, 'address'))
}

function statusOfNode (object: KubeObject): string {
  const ready = list(at(object, 'status', 'conditions')).find((condition) => at(condition, 'type') === 'Ready')
  return ready === undefined ? 'Unknown' : at(ready, 'status') === 'True' ? 'Ready' : 'NotReady'
}

function rolesOf ({ metadata: { labels = {} } }: KubeObject): string {
  const roles = Object.keys(labels).filter((key) => key.startsWith(rolePrefix)).map((key) => key.slice(rolePrefix.length)).sort()
  return roles.length === 0 ? none : roles.join(',')
}

const infoOf = (field: string): CellOf => (object) => text(at(object, 'status', 'nodeInfo', field)) || unknown

// Pods ------------------------------------------------------------------------------------------------------------------

function readyText (object: KubeObject): string {
  const containers = list(at(object, 'status', 'containerStatuses'))
  return `${containers.filter((container) => at(container, 'ready') === true).length}/${list(at(object, 'spec', 'containers')).length}`
}

// Events ----------------------------------------------------------------------------------------------------------------

const involvedText: CellOf = (object) => `${text(at(object, 'involvedObject', 'kind')).toLowerCase()}/${text(at(object, 'involvedObject', 'name'))}`

// Loads -----------------------------------------------------------------------------------------------------------------

const usageColumn = (title: string, resource: string): Column => column(title, `How much ${resource} is used.`, (object) => {
  const whole = at(object, 'usage', resource)
  return whole === undefined ? list(at(object, 'containers')).map((container) => text(at(container, 'usage', resource))).join(',') : text(whole)
})

const byKind: Readonly<Record<string, readonly Column[]>> = {
  ...declaredColumns,
  Service: services,
  Endpoints: [name, column('Endpoints', 'Addresses and ports.', (object) => endpointsText(object as unknown as Endpoints)), age],
  EndpointSlice: [
    name,
    column('AddressType', 'Of which kind its addresses are.', (object) => sliceOf(object).addressType),
    column('Ports', 'The ports of each endpoint.', (object) => slicePortsText(sliceOf(object).ports)),
    column('Endpoints', 'Addresses.', (object) => sliceEndpointsText(sliceOf(object).endpoints)),
    age
  ],
  Namespace: [name, column('Status', 'Active, or going.', (object) => text(at(object, 'status', 'phase')) || 'Active'), age],
  Pod: [
    name,
    column('Ready', 'Whether callers are sent to it.', readyText),
    column('Status', 'What it said of itself, or what the registry knows of it.', (object) => text(at(object, 'status', 'reason')) || text(at(object, 'status', 'phase'))),
    column('Restarts', 'Is not counted here.', () => '0'),
    age,
    column('IP', 'Its address.', (object) => text(at(object, 'status', 'podIP')) || none, wide),
    column('Node', 'The machine that it is on.', (object) => text(at(object, 'spec', 'nodeName')) || none, wide),
    column('Nominated Node', 'Is not used here.', () => none, wide),
    column('Readiness Gates', 'Are not used here.', () => none, wide)
  ],
  Node: [
    name,
    column('Status', 'Whether something on it sends heartbeats.', statusOfNode),
    column('Roles', 'What it does.', rolesOf),
    age,
    column('Version', 'Of its agent.', (object) => text(at(object, 'status', 'nodeInfo', 'kubeletVersion'))),
    column('Internal-IP', 'Its address.', (object) => addressOf(object, 'InternalIP'), wide),
    column('External-IP', 'Its address from outside.', (object) => addressOf(object, 'ExternalIP'), wide),
    column('OS-Image', 'Is not known here.', infoOf('osImage'), wide),
    column('Kernel-Version', 'Is not known here.', infoOf('kernelVersion'), wide),
    column('Container-Runtime', 'Is not known here.', infoOf('containerRuntimeVersion'), wide)
  ],
  Deployment: [
    name,
    column('Ready', 'How many of its instances are ready.', (object) => `${text(at(object, 'status', 'readyReplicas')) || '0'}/${text(at(object, 'spec', 'replicas')) || '0'}`),
    column('Up-to-date', 'How many there are.', (object) => Number(at(object, 'status', 'updatedReplicas') ?? 0), { type: 'integer' }),
    column('Available', 'How many are ready.', (object) => Number(at(object, 'status', 'availableReplicas') ?? 0), { type: 'integer' }),
    age,
    column('Containers', 'The service that its instances registered under.', (object) => list(at(object, 'spec', 'template', 'spec', 'containers')).map((each) => text(at(each, 'name'))).join(','), wide),
    column('Images', 'Service and version.', (object) => list(at(object, 'spec', 'template', 'spec', 'containers')).map((each) => text(at(each, 'image'))).join(','), wide),
    column('Selector', 'What its instances have in common.', (object) => selectorText(at(object, 'spec', 'selector', 'matchLabels')), wide)
  ],
  Event: [
    column('Last Seen', 'When it happened last.', (object, nowMs) => ageOf(at(object, 'lastTimestamp'), nowMs)),
    column('Type', 'Normal or Warning.', (object) => text(object.type)),
    column('Reason', 'What happened, in a word.', (object) => text(object.reason)),
    column('Object', 'What it happened to.', involvedText),
    column('Subobject', 'Is not used here.', () => '', wide),
    column('Source', 'Who says so.', (object) => text(at(object, 'source', 'component')), wide),
    column('Message', 'What happened, for people.', (object) => text(object.message)),
    column('First Seen', 'When it happened first.', (object, nowMs) => ageOf(at(object, 'firstTimestamp'), nowMs), wide),
    column('Count', 'How often it happened.', (object) => Number(object.count ?? 1), { type: 'integer', priority: 1 }),
    column('Name', 'Name must be unique within a namespace.', ({ metadata }) => metadata.name, { format: 'name', priority: 1 })
  ],
  Lease: [name, column('Holder', 'Who keeps it.', (object) => text(at(object, 'spec', 'holderIdentity'))), age],
  NodeMetrics: [name, usageColumn('CPU', 'cpu'), usageColumn('Memory', 'memory'), column('Window', 'Over which time.', (object) => text(object.window))],
  PodMetrics: [name, usageColumn('CPU', 'cpu'), usageColumn('Memory', 'memory'), column('Window', 'Over which time.', (object) => text(object.window))]
}

const plain: readonly Column[] = [name, age]

export function columnsOf (kind: string): readonly Column[] {
  return byKind[kind] ?? plain
}
