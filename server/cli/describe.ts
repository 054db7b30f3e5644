// rollcall describe: everything about one thing, and why it is as it is.
import type { EndpointsAnswer, Event, Instance, Page, ServiceSummary } from '../../client-sdk/src/wire.ts'
import { showDuration } from '../config-kinds.ts'
import { unknownRule } from '../flags.ts'
import { instancePath, path, type Api, type Query } from './api.ts'
import { connectionFlags, instanceName, label, namespaceFlag, type Command } from './command.ts'
import { UsageError } from './errors.ts'
import { outputOf, structured } from './output.ts'
import { instanceColumns, portsText, statuses, statusText } from './shapes.ts'
import { age, Table } from './table.ts'
import { harmless, type Terminal } from './terminal.ts'

/** A screen holds them beside the rest; the whole story is at /v1/events. */
const eventsShown = 10

export const describe: Command = {
  name: 'describe',
  summary: 'Shows everything about one instance or one service',
  usage: 'describe instance SERVICE/ID | service NAME [flags]',
  flags: {
    ...namespaceFlag,
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json or yaml: the registry\'s answer' },
    ...connectionFlags
  },
  examples: [
    ['describe instance orders/orders-1', 'its state, why it is in or out, what happened lately'],
    ['describe service orders', 'who is in it, who may be called']
  ],
  run: async (call) => {
    const [kind = '', name = ''] = call.arguments('instance or service', 'its name')
    const form = outputOf(call, ['json', 'yaml'] as const)
    const { namespace, terminal } = call
    const api = call.api()
    const print = (lines: readonly string[]): void => { lines.forEach((line) => { terminal.out(line) }) }
    if (['instance', 'inst', 'i'].includes(kind)) {
      const { service, id } = instanceName(name)
      const instance = await api.get<Instance>(instancePath(namespace, service, id))
      if (form !== undefined) return terminal.out(await structured(instance, form))
      const events = await eventsOf(api, { namespace, service, id })
      return print([...instanceLines(instance, terminal), ...eventLines(events, terminal)])
    }
    if (['service', 'svc', 's'].includes(kind)) {
      label('service', name)
      const summary = await api.get<ServiceSummary>(path('namespaces', namespace, 'services', name))
      if (form !== undefined) return terminal.out(await structured(summary, form))
      const [endpoints, instances, events] = await Promise.all([
        api.get<EndpointsAnswer>(path('namespaces', namespace, 'services', name, 'endpoints')),
        api.list<Instance>('/v1/instances', { namespace, service: name }),
        eventsOf(api, { namespace, service: name })
      ])
      return print([...serviceLines(summary, endpoints, terminal), ...tableLines(instances.items, terminal), ...eventLines(events, terminal)])
    }
    throw new UsageError(`${JSON.stringify(kind)} ${unknownRule('kind', kind, ['instance', 'service'])}`)
  }
}

async function eventsOf (api: Api, query: Query): Promise<readonly Event[]> {
  return (await api.get<Page<Event>>('/v1/events', { ...query, limit: String(eventsShown) })).items
}

type Entry = readonly [string, string | readonly string[] | undefined]

/** `Title:   value`; several values stand below each other. Entries without a value are left out. */
function entryLines (entries: readonly Entry[]): string[] {
  const width = Math.max(...entries.map(([title]) => title.length)) + 1
  return entries.flatMap(([title, value]) => {
    const values = value === undefined ? [] : typeof value === 'string' ? [value] : value
    return values.map((text, index) => `${(index === 0 ? `${title}:` : '').padEnd(width)}  ${harmless(text)}`)
  })
}

const pairLines = (pairs: Readonly<Record<string, string>>): readonly string[] => {
  const lines = Object.entries(pairs).map(([key, value]) => `${key}=${value}`)
  return lines.length === 0 ? ['<none>'] : lines
}

function instanceLines (instance: Instance, terminal: Terminal): string[] {
  const { override, conditions } = instance
  return entryLines([
    ['Name', instance.id],
    ['Service', instance.service],
    ['Namespace', instance.namespace],
    ['Address', instance.address],
    ['Ports', portsText(instance.ports) || '<none>'],
    ['Hostname', instance.hostname],
    ['Status', statusText(instance)],
    ['Reported', instance.status === instance.effectiveStatus ? undefined : instance.status],
    ['Ready', `${conditions.ready}: ${whyReady(instance)}`],
    ['Override', override === undefined ? undefined : overrideText(override)],
    ['Weight', String(instance.weight)],
    ['Priority', String(instance.priority)],
    ['Zone', instance.zone],
    ['Region', instance.region],
    ['Version', instance.version],
    ['Labels', pairLines(instance.labels)],
    ['Metadata', pairLines(instance.metadata)],
    ['Generation', instance.generation],
    ['TTL', showDuration(instance.lease.ttlMs)],
    ['Created', `${instance.createdAt} (${age(instance.createdAt, terminal.now())} ago)`],
    ['Updated', `${instance.updatedAt} (${age(instance.updatedAt, terminal.now())} ago)`],
    ['Revision', String(instance.revision)]
  ])
}

/** Why it is in the answers, or out of them: the first reason that decides. */
export function whyReady ({ conditions, suspect, override, effectiveStatus }: Instance): string {
  if (conditions.ready) return 'it is answered to callers'
  if (suspect) return 'its lease ran out or its session broke'
  if (override?.status !== undefined) return `an operator set it ${override.status}`
  return effectiveStatus === 'draining' ? 'it is draining' : `it says it is ${effectiveStatus}`
}

function overrideText ({ status, weight, author, reason, until }: NonNullable<Instance['override']>): string {
  const what = [status, weight === undefined ? undefined : `weight ${weight}`].filter((part) => part !== undefined).join(', ')
  return `${what} by ${author}${reason === '' ? '' : `: ${reason}`}${until === undefined ? '' : ` (until ${until})`}`
}

function serviceLines (summary: ServiceSummary, endpoints: EndpointsAnswer, terminal: Terminal): string[] {
  const { instances, protectedSince } = summary
  const byStatus = statuses.filter((status) => instances[status] > 0).map((status) => `${instances[status]} ${status}`)
  return entryLines([
    ['Name', summary.name],
    ['Namespace', summary.namespace],
    ['Declared', summary.implicit ? 'no: it exists while instances are registered under its name' : 'yes'],
    ['Instances', `${instances.total}${byStatus.length === 0 ? '' : ` (${byStatus.join(', ')})`}`],
    ['Suspect', String(instances.suspect)],
    ['Ready', String(instances.ready)],
    ['Endpoints', `${endpoints.endpoints.length}${endpoints.failOpen ? ', all of them suspect and answered all the same (fail open)' : ''}`],
    ['Protected', protectedSince === undefined ? undefined : `for ${age(protectedSince, terminal.now())}: so many are suspect that none is removed yet`],
    ['Revision', String(summary.revision)]
  ])
}

function tableLines (instances: readonly Instance[], terminal: Terminal): string[] {
  if (instances.length === 0) return []
  const table = new Table(instanceColumns({ allNamespaces: false, now: terminal.now }), { wide: false, colours: terminal.colours })
  return ['', ...table.lines(instances)]
}

function eventLines (events: readonly Event[], terminal: Terminal): string[] {
  if (events.length === 0) return []
  const table = new Table<Event>([
    { title: 'AGE', value: (event) => age(event.at, terminal.now()) },
    { title: 'EVENT', value: (event) => event.reason },
    { title: 'INSTANCE', value: (event) => event.id },
    { title: 'BY', value: (event) => event.by },
    { title: 'MESSAGE', value: (event) => event.message }
  ], { wide: false, colours: false })
  return ['', ...table.lines(events)]
}
