// rollcall describe: everything about one thing, and why it is as it is.
import type { Endpoint, EndpointsAnswer, Event, Instance, Page, ServiceExplanation, ServiceSummary } from '../../client-sdk/src/wire.ts'
import { callable } from '../../client-sdk/src/rules.ts'
import type { HorizontalPodAutoscaler } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { Ingress } from '../../client-sdk/src/ingress-manifests.ts'
import type { Service } from '../../client-sdk/src/manifests.ts'
import { showDuration } from '../model/duration.ts'
import { unknownRule } from '../config/flags.ts'
import type { Api, Query } from './api.ts'
import { connectionFlags, instanceName, label, namespaceFlag, type Command } from './command.ts'
import { UsageError } from './errors.ts'
import { orGone } from './gone.ts'
import { outputOf, structured } from './output.ts'
import { instancePath, orNothing, path } from './paths.ts'
import {
  clusterIpText, explanationText, externalIpText, instanceColumns, labelsText, portsText, servicePortsText, statuses, statusText
} from './shapes.ts'
import { age, Table } from './table.ts'
import type { Line } from './line.ts'
import type { Terminal } from './terminal.ts'

/** A screen holds them beside the rest; the whole story is at /v1/events. */
const eventsShown = 10
/** Each costs a request. */
const explained = 20

const describable: ReadonlyMap<string, 'Ingress' | 'HorizontalPodAutoscaler'> = new Map([
  ['ingress', 'Ingress'], ['ing', 'Ingress'], ['hpa', 'HorizontalPodAutoscaler'], ['horizontalpodautoscaler', 'HorizontalPodAutoscaler']
])

export const describe: Command = {
  name: 'describe',
  summary: 'Shows everything about one instance, service, ingress or autoscaler',
  usage: 'describe instance SERVICE/ID | service NAME | ingress NAME | hpa NAME [flags]',
  flags: {
    ...namespaceFlag,
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json or yaml: the registry\'s answer' },
    ...connectionFlags
  },
  examples: [
    ['describe instance orders/orders-1', 'its state, why it is in or out, what happened lately'],
    ['describe service orders', 'what it is, who is in it, and why the others are not'],
    ['describe ingress shop', 'its rules and who answers them, and who else asks for the same'],
    ['describe hpa orders', 'its metrics, what was decided, and why']
  ],
  run: async (call) => {
    const [kind = '', name = ''] = call.arguments('instance, service, ingress or hpa', 'its name')
    const form = outputOf(call, ['json', 'yaml'] as const)
    const { namespace, terminal } = call
    const api = await call.api()
    const print = (lines: readonly Line[]): void => { terminal.out(lines) }
    if (['instance', 'inst', 'i'].includes(kind)) {
      const { service, id } = instanceName(name)
      const instance =
        await orGone(api, { namespace, service, id }, terminal.now,
          api.get<Instance>(instancePath(namespace, service, id)))
      if (form !== undefined) return terminal.out(await structured(instance, form))
      const events = await eventsOf(api, { namespace, service, id })
      return print([...instanceLines(instance, terminal), ...eventLines(events, terminal)])
    }
    if (['service', 'svc', 's'].includes(kind)) {
      label('service', name)
      const summary =
        await orGone(api, { namespace, service: name }, terminal.now,
          api.get<ServiceSummary>(path('namespaces', namespace, 'services', name)))
      if (form !== undefined) return terminal.out(await structured(summary, form))
      const { agentsOf, carriedLines } = await import('./agents.ts')
      const [endpoints, instances, events, agents] = await Promise.all([
        api.get<EndpointsAnswer>(path('namespaces', namespace, 'services', name, 'endpoints'), { ready: summary.implicit ? undefined : 'any' }),
        instancesOf(api, summary),
        eventsOf(api, { namespace, service: name }),
        summary.implicit ? [] : agentsOf(api)
      ])
      const carried = summary.manifest === undefined ? [] : carriedLines(summary.manifest, agents)
      const explanations = summary.implicit ? [] : await explanationsOf(api, summary, instances, endpoints)
      return print([
        ...serviceLines(summary, endpoints, carried, terminal), ...endpointLines(summary, endpoints.endpoints), ...tableLines(instances, terminal),
        ...explanationLines(explanations), ...eventLines(events, terminal)
      ])
    }
    const described = describable.get(kind)
    if (described !== undefined) {
      const [{ objectName, objectOf }, { autoscalerEntries, ingressEntries }] =
        await Promise.all([import('./declared-kinds.ts'), import('./describe-objects.ts')])
      const object = await objectOf<Ingress | HorizontalPodAutoscaler>(api, described, namespace, objectName(`the name of the ${described}`, name))
      if (form !== undefined) return terminal.out(await structured(object, form))
      const entries = object.kind === 'Ingress' ? await ingressEntries(api, object) : autoscalerEntries(object)
      const events = await eventsOf(api, { namespace, id: name })
      const begin = object.kind === 'Ingress' ? 'ingress ' : 'autoscaler ' // others may have the same name
      return print([...entryLines(entries), ...eventLines(events.filter(({ message }) => message.startsWith(begin)), terminal)])
    }
    throw new UsageError(`${JSON.stringify(kind)} ${unknownRule('kind', kind, ['instance', 'service', 'ingress', 'hpa'])}`)
  }
}

async function eventsOf (api: Api, query: Query): Promise<readonly Event[]> {
  return (await api.get<Page<Event>>('/v1/events', { ...query, limit: String(eventsShown) })).items
}

/** Those that it selects, and those that registered under its name: a person may well take them for its own. */
async function instancesOf (api: Api, { namespace, name, manifest }: ServiceSummary): Promise<readonly Instance[]> {
  const selector = labelsText(manifest?.spec.selector ?? {})
  const lists = await Promise.all([{ service: name }, ...(selector === '' ? [] : [{ selector }])].map(async (query) =>
    (await orNothing(api.list<Instance>('/v1/instances', { namespace, ...query })))?.items ?? []))
  return [...new Map(lists.flat().map((instance) => [`${instance.service}/${instance.id}`, instance])).values()]
}

interface Explained {
  readonly instance: Instance
  readonly why: ServiceExplanation
}

/** Why instances are not among the ready endpoints. */
async function explanationsOf (
  api: Api, { namespace, name }: ServiceSummary, instances: readonly Instance[], { endpoints }: EndpointsAnswer
): Promise<readonly Explained[]> {
  const ready = new Set(endpoints.filter(({ conditions }) => conditions.ready).map(({ service, id }) => `${service ?? name}/${id}`))
  const asked = instances.filter(({ service, id }) => !ready.has(`${service}/${id}`)).slice(0, explained)
  const answers: Explained[] = []
  for (const instance of asked) {
    const services = await orNothing(api.get<readonly ServiceExplanation[]>(instancePath(namespace, instance.service, instance.id, 'explain')))
    const why = services?.find(({ service }) => service === name)
    if (why !== undefined) answers.push({ instance, why })
  }
  return answers
}

type Entry = readonly [string, string | readonly string[] | undefined]

/** `Title:   value`; several values stand below each other. Entries without a value are left out. */
function entryLines (entries: readonly Entry[]): string[] {
  const width = Math.max(...entries.map(([title]) => title.length)) + 1
  return entries.flatMap(([title, value]) => {
    const values = value === undefined ? [] : typeof value === 'string' ? [value] : value
    return values.map((text, index) => `${(index === 0 ? `${title}:` : '').padEnd(width)}  ${text}`)
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
    ['Node', instance.node],
    ['Version', instance.version],
    ['Source', instance.source],
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

function serviceLines (summary: ServiceSummary, endpoints: EndpointsAnswer, carried: readonly string[], terminal: Terminal): string[] {
  const { instances, protectedSince } = summary
  const byStatus = statuses.filter((status) => instances[status] > 0).map((status) => `${instances[status]} ${status}`)
  return entryLines([
    ['Name', summary.name],
    ['Namespace', summary.namespace],
    ['Declared', summary.implicit ? 'no: it exists while instances are registered under its name' : 'yes'],
    ...(summary.manifest === undefined ? [] : manifestEntries(summary.manifest)),
    ['Carried', carried],
    ['Warnings', summary.warnings],
    ['Instances', `${instances.total}${byStatus.length === 0 ? '' : ` (${byStatus.join(', ')})`}`],
    ['Suspect', String(instances.suspect)],
    ['Ready', String(instances.ready)],
    ['Endpoints', `${callable(endpoints.endpoints).length}${endpoints.failOpen ? ', all of them suspect and answered all the same (fail open)' : ''}`],
    ['Protected', protectedSince === undefined ? undefined : `for ${age(protectedSince, terminal.now())}: so many are suspect that none is removed yet`],
    ['Revision', String(summary.revision)]
  ])
}

/** In the words of kubectl describe. */
function manifestEntries (manifest: Service): Entry[] {
  const { metadata, spec } = manifest
  const ports = (spec.ports ?? []).map(({ name, port, protocol, targetPort, nodePort }) =>
    `${name ?? '<unset>'} ${port}/${protocol} -> ${targetPort}${nodePort === undefined ? '' : `, node port ${nodePort}`}`)
  return [
    ['Labels', pairLines(metadata.labels ?? {})],
    ['Annotations', pairLines(metadata.annotations ?? {})],
    ['Selector', spec.selector === undefined ? '<none>: its endpoints are made by hand' : labelsText(spec.selector)],
    ['Type', spec.type],
    ['IP Families', spec.ipFamilies?.join(',')],
    ['IP', spec.clusterIPs?.join(',') ?? clusterIpText(manifest)],
    ['External', externalIpText(manifest, true)],
    ['Wanted', spec.loadBalancerIP],
    ['Class', spec.loadBalancerClass],
    ['Pending', (manifest.status?.conditions ?? []).filter(({ status }) => status === 'False').map(({ message }) => message)],
    ['Sources', spec.loadBalancerSourceRanges?.map((range) => range.trim())],
    ['Health', spec.healthCheckNodePort === undefined ? undefined : `node port ${spec.healthCheckNodePort}`],
    ['Ports', ports.length === 0 ? servicePortsText(manifest) : ports],
    ['Affinity', spec.sessionAffinity],
    ['Traffic', [['external', spec.externalTrafficPolicy], ['internal', spec.internalTrafficPolicy], ['distribution', spec.trafficDistribution]]
      .filter(([, policy]) => policy !== undefined).map(([title, policy]) => `${title} ${policy}`)],
    ['Not ready', spec.publishNotReadyAddresses === undefined ? undefined : 'published as ready']
  ]
}

function endpointLines ({ implicit }: ServiceSummary, endpoints: readonly Endpoint[]): Line[] {
  if (implicit || endpoints.length === 0) return []
  const table = new Table<Endpoint>([
    { title: 'ENDPOINT', value: ({ service, id }) => (service === undefined ? id : `${service}/${id}`) },
    { title: 'ADDRESS', value: ({ address }) => address },
    { title: 'PORTS', value: ({ ports }) => portsText(ports) },
    { title: 'READY', value: ({ conditions }) => String(conditions.ready) }
  ], { wide: false, colours: false })
  return ['', ...table.lines(endpoints)]
}

function explanationLines (rows: readonly Explained[]): Line[] {
  if (rows.length === 0) return []
  const table = new Table<Explained>([
    { title: 'NOT READY', value: ({ instance }) => `${instance.service}/${instance.id}` },
    { title: 'RULE', value: ({ why }) => why.rule },
    { title: 'WHY', value: ({ why }) => explanationText(why) }
  ], { wide: false, colours: false })
  return ['', ...table.lines(rows)]
}

function tableLines (instances: readonly Instance[], terminal: Terminal): Line[] {
  if (instances.length === 0) return []
  const table = new Table(instanceColumns({ allNamespaces: false, now: terminal.now }), { wide: false, colours: terminal.colours })
  return ['', ...table.lines(instances)]
}

function eventLines (events: readonly Event[], terminal: Terminal): Line[] {
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
