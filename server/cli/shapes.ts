// The columns of what the registry lists, and its small texts: ports, labels, the status in one word.
import type { Manifest } from '../../client-sdk/src/manifest-kinds.ts'
import { serviceNameLabel, type EndpointSlice, type Policy, type PolicyRule, type Service } from '../../client-sdk/src/manifests.ts'
import {
  serviceLabel, type Conditions, type Endpoint, type Event, type HandMadeEndpoints,
  type HandMadeUse, type Instance, type ListedOverride, type NamespaceSummary, type Pool, type PoolBand, type Port,
  type ServiceExplanation, type ServiceSummary, type Status, type UnreadableRecord
} from '../../client-sdk/src/wire.ts'
import type { ListedAgent } from './agents.ts'
import { age, type Column } from './table.ts'
import type { Colour } from './line.ts'

// Written out, since the model's own list brings the schema compiler along, and a command should be over before that is loaded.
export const statuses = ['starting', 'up', 'warning', 'draining', 'down'] as const satisfies readonly Status[]

/** `http:8080,dns:53/UDP` */
export function portsText (ports: readonly Port[]): string {
  return ports.map(({ name, port, protocol }) => `${name === '' ? '' : `${name}:`}${port}${protocol === 'TCP' ? '' : `/${protocol}`}`).join(',')
}

/** `tier=gold,version=v2` */
export function labelsText (labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(',')
}

/** The effective status, and what a person must know beside it: `up (suspect)`, `draining (override)`. */
export function statusText (instance: Instance): string {
  const notes = [...(instance.suspect ? ['suspect'] : []), ...(instance.override === undefined ? [] : ['override'])]
  return instance.effectiveStatus + (notes.length === 0 ? '' : ` (${notes.join(', ')})`)
}

export function statusColour (status: string, suspect: boolean): Colour | undefined {
  if (suspect || status === 'down') return 'red'
  return status === 'up' ? 'green' : 'yellow'
}

const readyColour = ({ conditions }: { conditions: Conditions }): Colour => (conditions.ready ? 'green' : 'red')

interface Place {
  /** Several namespaces are shown: name them. */
  readonly allNamespaces: boolean
  readonly now: () => number
  readonly wide?: boolean
}

function namespaced<Row extends { readonly namespace: string }> ({ allNamespaces }: Place, columns: readonly Column<Row>[]): Column<Row>[] {
  return [...(allNamespaces ? [{ title: 'NAMESPACE', value: (row: Row) => row.namespace }] : []), ...columns]
}

/** `gone` is why an instance is not there any more. */
export type InstanceRow = Instance & { readonly gone?: string }

export function instanceColumns (place: Place): Column<InstanceRow>[] {
  return namespaced<InstanceRow>(place, [
    { title: 'NAME', value: (row) => row.id },
    { title: 'SERVICE', value: (row) => row.service },
    { title: 'ADDRESS', value: (row) => row.address },
    { title: 'PORTS', value: (row) => portsText(row.ports) },
    {
      title: 'STATUS',
      value: (row) => row.gone ?? statusText(row),
      colour: (row) => (row.gone === undefined ? statusColour(row.effectiveStatus, row.suspect) : 'gray')
    },
    { title: 'READY', value: (row) => String(row.gone === undefined && row.conditions.ready),
      colour: (row) => (row.gone === undefined ? readyColour(row) : 'gray') },
    { title: 'AGE', value: (row) => age(row.createdAt, place.now()) },
    { title: 'WEIGHT', wide: true, value: (row) => String(row.weight) },
    { title: 'ZONE', wide: true, value: (row) => row.zone ?? '' },
    { title: 'NODE', wide: true, value: (row) => row.node ?? '' },
    { title: 'VERSION', wide: true, value: (row) => row.version ?? '' },
    { title: 'LABELS', wide: true, value: (row) => labelsText(row.labels) }
  ])
}

/** What kubectl shows for an absent value. */
const none = '<none>'
/** kubectl cuts the addresses of a load balancer here, unless asked for wide. */
const loadBalancerWidth = 16

/** As kubectl has it. An implicit service answers with its instances, as a headless one does. */
export function clusterIpText (manifest: Service | undefined): string {
  if (manifest === undefined) return 'None'
  return manifest.spec.clusterIPs?.[0] ?? manifest.spec.clusterIP ?? none
}

export function externalIpText (manifest: Service | undefined, wide: boolean): string {
  if (manifest === undefined) return none
  const { type, externalName, externalIPs = [] } = manifest.spec
  if (type === 'ExternalName') return externalName ?? none
  if (type !== 'LoadBalancer') return externalIPs.join(',') || none
  const given = (manifest.status?.loadBalancer.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '').join(',')
  const shown = wide || given.length <= loadBalancerWidth ? given : `${given.slice(0, loadBalancerWidth - 3)}...`
  return [shown, ...externalIPs].filter((text) => text !== '').join(',') || '<pending>'
}

/** `80:30000/TCP,53/UDP` */
export function servicePortsText (manifest: Service | undefined): string {
  const ports = manifest?.spec.ports ?? []
  return ports.map(({ port, nodePort, protocol }) => `${port}${nodePort === undefined ? '' : `:${nodePort}`}/${protocol}`).join(',') || none
}

/** `gone` says that a service is not there any more. */
export type ServiceRow = ServiceSummary & { readonly gone?: string, readonly announcers?: string }

/** kubectl's columns first, in its order: what is read by position stays where it is. */
export function serviceColumns (place: Place): Column<ServiceRow>[] {
  return namespaced<ServiceRow>(place, [
    { title: 'NAME', value: (row) => row.name },
    { title: 'TYPE', value: (row) => row.manifest?.spec.type ?? 'headless' },
    { title: 'CLUSTER-IP', value: (row) => clusterIpText(row.manifest) },
    { title: 'EXTERNAL-IP', value: (row) => externalIpText(row.manifest, place.wide === true) },
    { title: 'PORT(S)', value: (row) => servicePortsText(row.manifest) },
    { title: 'AGE', value: (row) => age(row.createdAt, place.now()) },
    { title: 'SELECTOR', wide: true, value: (row) => labelsText(row.manifest?.spec.selector ?? (row.implicit ? { [serviceLabel]: row.name } : {})) || none },
    {
      title: 'READY',
      value: ({ endpoints, gone }) => gone ?? `${endpoints.ready}/${endpoints.total}`,
      colour: ({ endpoints, gone }) => (gone !== undefined ? 'gray' : endpoints.ready === 0 ? 'red' : endpoints.ready < endpoints.total ? 'yellow' : 'green')
    },
    { title: 'ANNOUNCED-BY', wide: true, value: ({ announcers }) => announcers ?? none, colour: ({ announcers }) => (announcers === '<nobody>' ? 'red' : undefined) },
    { title: 'SUSPECT', wide: true, value: (row) => String(row.instances.suspect), colour: (row) => (row.instances.suspect > 0 ? 'red' : undefined) },
    { title: 'PROTECTED', wide: true, value: (row) => (row.protectedSince === undefined ? '' : age(row.protectedSince, place.now())), colour: () => 'yellow' }
  ])
}

function ageText (manifest: Manifest, { now }: Place): string {
  const since = manifest.metadata.creationTimestamp
  return since === undefined ? '<unknown>' : age(since, now())
}

export type SliceRow = EndpointSlice & { readonly namespace: string, readonly use?: HandMadeUse }

/** The first three, and how many more. */
function some (texts: readonly string[]): string {
  const more = texts.length > shownOfSlice ? ` + ${texts.length - shownOfSlice} more...` : ''
  return (texts.slice(0, shownOfSlice).join(',') || '<unset>') + more
}

const shownOfSlice = 3

export function sliceColumns (place: Place): Column<SliceRow>[] {
  return namespaced<SliceRow>(place, [
    { title: 'NAME', value: (row) => row.metadata.name },
    { title: 'ADDRESSTYPE', value: (row) => row.addressType },
    { title: 'PORTS', value: (row) => some(row.ports.map(({ port, name }) => (port === undefined ? name ?? '*' : String(port)))) },
    { title: 'ENDPOINTS', value: (row) => some(row.endpoints.flatMap(({ addresses }) => addresses)) },
    { title: 'AGE', value: (row) => ageText(row, place) },
    { title: 'SERVICE', value: (row) => `${row.metadata.labels?.[serviceNameLabel] ?? ''}${useText(row.use)}` }
  ])
}

/** Why a hand-made slice is not among the endpoints of its service. */
function useText (use: HandMadeUse = 'used'): string {
  switch (use) {
    case 'used': return ''
    case 'undeclared': return ' (not declared)'
    case 'externalName': return ' (not used: it is an ExternalName)'
    case 'selector': return ' (not used: it has a selector)'
    case 'mirror': return ' (not used: it has an Endpoints object)'
    default: return ' (not used)' // of a newer registry
  }
}

export function handMadeColumns (place: Place): Column<HandMadeEndpoints>[] {
  return namespaced<HandMadeEndpoints>(place, [
    { title: 'KIND', value: (row) => row.kind },
    { title: 'NAME', value: (row) => row.name },
    { title: 'SERVICE', value: (row) => `${row.service}${useText(row.use)}` },
    { title: 'ENDPOINTS', value: ({ manifest }) => some(manifest.kind === 'EndpointSlice'
      ? manifest.endpoints.flatMap(({ addresses }) => addresses)
      : (manifest.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [] }) => [...addresses, ...notReadyAddresses].map(({ ip }) => ip))) },
    { title: 'AGE', value: (row) => ageText(row.manifest, place) }
  ])
}

const bandText = (band: PoolBand | undefined): string => (band === undefined ? '' : `${band.used}/${band.size}`)

export function overrideColumns (place: Place): Column<ListedOverride>[] {
  return namespaced<ListedOverride>(place, [
    { title: 'INSTANCE', value: (row) => `${row.service}/${row.id}` },
    { title: 'OVERRIDE', value: ({ override }) => [override.status, override.weight === undefined ? undefined : `weight ${override.weight}`].filter((text) => text !== undefined).join(', ') },
    { title: 'AUTHOR', value: (row) => row.override.author },
    { title: 'AGE', value: (row) => age(row.override.createdAt, place.now()) },
    { title: 'UNTIL', value: (row) => row.override.until ?? '' },
    { title: 'REGISTERED', value: (row) => String(row.registered), colour: (row) => (row.registered ? undefined : 'yellow') },
    { title: 'ABSENT', value: (row) => (row.absentSince === undefined ? '' : age(row.absentSince, place.now())) },
    { title: 'REASON', value: (row) => row.override.reason }
  ])
}

export const poolColumns: readonly Column<Pool>[] = [
  { title: 'NAME', value: (row) => row.name },
  { title: 'KIND', value: (row) => row.kind },
  { title: 'RANGES', value: (row) => row.ranges.join(',') },
  { title: 'SIZE', value: (row) => String(row.size) },
  { title: 'USED', value: (row) => String(row.used) },
  { title: 'FREE', value: (row) => String(row.free), colour: (row) => (row.free === 0 ? 'red' : undefined) },
  { title: 'AUTO-ASSIGN', value: (row) => String(row.autoAssign) },
  { title: 'STATIC', wide: true, value: (row) => bandText(row.bands?.static) },
  { title: 'DYNAMIC', wide: true, value: (row) => bandText(row.bands?.dynamic) }
]

export const policyColumns: readonly Column<Policy>[] = [
  { title: 'NAME', value: ({ metadata }) => metadata.name },
  { title: 'SUBJECTS', value: ({ spec }) => spec.subjects.join(',') },
  { title: 'RULES', value: ({ spec }) => spec.rules.map(ruleText).join('; ') },
  { title: 'RESOURCE VERSION', wide: true, value: ({ metadata }) => metadata.resourceVersion ?? '' }
]

/** `agent in shop of orders` */
export function ruleText ({ role, verbs = [], namespaces = [], services = [], addresses = [] }: PolicyRule): string {
  const parts = [role ?? verbs.join('+')]
  if (namespaces.length > 0) parts.push(`in ${namespaces.join('+')}`)
  if (services.length > 0) parts.push(`of ${services.join('+')}`)
  if (addresses.length > 0) parts.push(`at ${addresses.join('+')}`)
  return parts.join(' ')
}

export function proxyColumns ({ now }: Place): Column<ListedAgent>[] {
  return [
    { title: 'NODE', value: (row) => row.node },
    { title: 'ZONE', value: (row) => row.zone ?? '' },
    { title: 'MODE', value: (row) => row.mode },
    { title: 'ADDRESSES', value: ({ addresses }) => some(addresses.map(({ text }) => text)) },
    { title: 'REVISION', value: (row) => (row.revision === undefined ? '' : String(row.revision)) },
    {
      title: 'STATUS', value: ({ instance }) => instance.gone ?? statusText(instance),
      colour: ({ instance }) => (instance.gone === undefined ? statusColour(instance.effectiveStatus, instance.suspect) : 'gray')
    },
    { title: 'AGE', value: ({ instance }) => age(instance.createdAt, now()) },
    { title: 'CLUSTER-IPS', wide: true, value: (row) => (row.carriesClusterIps ? 'yes' : 'no'), colour: (row) => (row.carriesClusterIps ? undefined : 'yellow') },
    { title: 'COVERS', wide: true, value: ({ covers }) => covers.map(({ text }) => text).join(',') },
    { title: 'EXTERNAL-IPS', wide: true, value: ({ externalIps }) => externalIps.map(({ text }) => text).join(',') },
    { title: 'ANNOUNCES', wide: true, value: ({ announces }) => announces?.join(',') ?? '' }
  ]
}

export const unreadableColumns: readonly Column<UnreadableRecord>[] = [
  { title: 'KEY', value: (row) => row.key },
  { title: 'REVISION', value: (row) => (row.revision === undefined ? '' : String(row.revision)) },
  { title: 'REASON', value: (row) => row.reason },
  { title: 'CONTENT', wide: true, value: (row) => row.content }
]

export const explanationColumns: readonly Column<ServiceExplanation>[] = [
  { title: 'SERVICE', value: (row) => row.service },
  { title: 'IN', value: (row) => String(row.in), colour: (row) => (row.in ? 'green' : 'gray') },
  { title: 'READY', value: (row) => String(row.ready), colour: (row) => (row.ready ? 'green' : row.in ? 'red' : 'gray') },
  { title: 'RULE', value: (row) => row.rule },
  { title: 'WHY', value: explanationText }
]

export function explanationText ({ message, missingPorts }: ServiceExplanation): string {
  return `${message}${missingPorts.length === 0 ? '' : `; it lacks the ports ${missingPorts.map((name) => name || '(unnamed)').join(', ')}`}`
}

/**
 * `service` is the one that was asked for, `registered` the one of the instance; `gone` says that an endpoint is not
 * there any more.
 */
export type EndpointRow = Endpoint & { readonly namespace: string, readonly service: string,
  readonly registered: string | undefined, readonly gone?: string }

export function endpointColumns (place: Place): Column<EndpointRow>[] {
  return namespaced<EndpointRow>(place, [
    { title: 'NAME',
      value: (row) =>
        (row.registered === undefined || row.registered === row.service ? row.id : `${row.registered}/${row.id}`) },
    { title: 'SERVICE', value: (row) => row.service },
    { title: 'ADDRESS', value: (row) => row.address },
    { title: 'PORTS', value: (row) => portsText(row.ports) },
    { title: 'READY', value: (row) => String(row.gone === undefined && row.conditions.ready),
      colour: (row) => (row.gone === undefined ? readyColour(row) : 'gray') },
    {
      title: 'STATUS',
      value: (row) => row.gone ?? row.status + (row.suspect ? ' (suspect)' : ''),
      colour: (row) => (row.gone === undefined ? statusColour(row.status, row.suspect) : 'gray')
    },
    { title: 'WEIGHT', wide: true, value: (row) => String(row.weight) },
    { title: 'PRIORITY', wide: true, value: (row) => String(row.priority) },
    { title: 'ZONE', wide: true, value: (row) => row.zone ?? '' },
    { title: 'NODE', wide: true, value: (row) => row.node ?? '' },
    { title: 'VERSION', wide: true, value: (row) => row.version ?? '' },
    { title: 'LABELS', wide: true, value: (row) => labelsText(row.labels) }
  ])
}

export function eventColumns (place: Place): Column<Event>[] {
  return namespaced<Event>(place, [
    { title: 'TIME', value: (row) => row.at },
    { title: 'EVENT', value: (row) => row.reason },
    { title: 'OBJECT', value: (row) => (row.id === '' ? row.service : `${row.service}/${row.id}`) },
    { title: 'BY', value: (row) => row.by },
    { title: 'MESSAGE', value: (row) => row.message },
    { title: 'REVISION', wide: true, value: (row) => row.revision }
  ])
}

export const namespaceColumns: readonly Column<NamespaceSummary>[] = [
  { title: 'NAME', value: (row) => row.name },
  { title: 'SERVICES', value: (row) => String(row.services) },
  { title: 'INSTANCES', value: (row) => String(row.instances) }
]
