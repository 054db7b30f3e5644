// The columns of what the registry lists, and its small texts: ports, labels, the status in one word.
import type { Conditions, Endpoint, Instance, NamespaceSummary, Port, ServiceSummary, Status } from '../../client-sdk/src/wire.ts'
import { age, type Column } from './table.ts'
import type { Colour } from './terminal.ts'

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
    { title: 'READY', value: (row) => String(row.gone === undefined && row.conditions.ready), colour: (row) => (row.gone === undefined ? readyColour(row) : 'gray') },
    { title: 'AGE', value: (row) => age(row.createdAt, place.now()) },
    { title: 'WEIGHT', wide: true, value: (row) => String(row.weight) },
    { title: 'ZONE', wide: true, value: (row) => row.zone ?? '' },
    { title: 'VERSION', wide: true, value: (row) => row.version ?? '' },
    { title: 'LABELS', wide: true, value: (row) => labelsText(row.labels) }
  ])
}

export function serviceColumns (place: Place): Column<ServiceSummary>[] {
  const count = (title: string, value: (instances: ServiceSummary['instances']) => number): Column<ServiceSummary> =>
    ({ title, wide: true, value: (row) => String(value(row.instances)) })
  return namespaced<ServiceSummary>(place, [
    { title: 'NAME', value: (row) => row.name },
    { title: 'INSTANCES', value: (row) => String(row.instances.total) },
    {
      title: 'READY',
      value: (row) => String(row.instances.ready),
      colour: ({ instances }) => (instances.ready === 0 ? 'red' : instances.ready < instances.total ? 'yellow' : 'green')
    },
    { title: 'SUSPECT', value: (row) => String(row.instances.suspect), colour: (row) => (row.instances.suspect > 0 ? 'red' : undefined) },
    { title: 'PROTECTED', value: (row) => (row.protectedSince === undefined ? '' : age(row.protectedSince, place.now())), colour: () => 'yellow' },
    count('STARTING', (instances) => instances.starting),
    count('UP', (instances) => instances.up),
    count('WARNING', (instances) => instances.warning),
    count('DRAINING', (instances) => instances.draining),
    count('DOWN', (instances) => instances.down),
    { title: 'REVISION', wide: true, value: (row) => String(row.revision) }
  ])
}

export type EndpointRow = Endpoint & { readonly namespace: string, readonly service: string }

export function endpointColumns (place: Place): Column<EndpointRow>[] {
  return namespaced<EndpointRow>(place, [
    { title: 'NAME', value: (row) => row.id },
    { title: 'SERVICE', value: (row) => row.service },
    { title: 'ADDRESS', value: (row) => row.address },
    { title: 'PORTS', value: (row) => portsText(row.ports) },
    { title: 'READY', value: (row) => String(row.conditions.ready), colour: readyColour },
    { title: 'STATUS', value: (row) => row.status + (row.suspect ? ' (suspect)' : ''), colour: (row) => statusColour(row.status, row.suspect) },
    { title: 'WEIGHT', wide: true, value: (row) => String(row.weight) },
    { title: 'PRIORITY', wide: true, value: (row) => String(row.priority) },
    { title: 'ZONE', wide: true, value: (row) => row.zone ?? '' },
    { title: 'VERSION', wide: true, value: (row) => row.version ?? '' },
    { title: 'LABELS', wide: true, value: (row) => labelsText(row.labels) }
  ])
}

export const namespaceColumns: readonly Column<NamespaceSummary>[] = [
  { title: 'NAME', value: (row) => row.name },
  { title: 'SERVICES', value: (row) => String(row.services) },
  { title: 'INSTANCES', value: (row) => String(row.instances) }
]
