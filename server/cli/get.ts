// rollcall get: lists, as tables or as the registry's own JSON; with -w the lines go on as things change.
import type { EndpointSlice, Service } from '../../client-sdk/src/manifests.ts'
import type {
  EndpointsAnswer, Instance, ListedOverride, NamespaceSummary, Page, Pool, ServiceSummary, UnreadableRecord
} from '../../client-sdk/src/wire.ts'
import { instancePath, path } from './api.ts'
import { connectionFlags, instanceName, label, namespaceFlag, type Command, type Invocation } from './command.ts'
import { RefusedError, UsageError } from './errors.ts'
import { unknownRule } from '../config/flags.ts'
import type { Kind, Request } from './kind.ts'
import { outputFlag, outputOf, outputs, structured } from './output.ts'
import {
  endpointColumns, instanceColumns, namespaceColumns, overrideColumns, poolColumns, serviceColumns, sliceColumns, statuses, unreadableColumns,
  type EndpointRow, type ServiceRow,
  type SliceRow
} from './shapes.ts'
import { Table } from './table.ts'
import { watchRows } from './watch-rows.ts'

/** Services are asked for their endpoints so many at a time: a list of a thousand must not open a thousand connections. */
const atOnce = 8

const instances: Kind<Instance> = {
  name: 'instances',
  aliases: ['instance', 'inst', 'i'],
  filters: ['selector', 'status'],
  columns: instanceColumns,
  id: (row) => `${row.service}/${row.id}`,
  fetch: async ({ api, namespace, name, selector, status }) => {
    if (name?.includes('/') === true) {
      const { service, id } = instanceName(name)
      const answer = await api.get<Instance>(instancePath(namespace ?? 'default', service, id))
      return { rows: [answer], answer }
    }
    const answer = await api.list<Instance>('/v1/instances', { namespace, service: name, selector, status })
    return { rows: answer.items, answer }
  }
}

const summary = async ({ api, namespace }: Request, service: string): Promise<ServiceSummary> =>
  await api.get<ServiceSummary>(path('namespaces', namespace ?? 'default', 'services', service))

const services: Kind<ServiceRow> = {
  name: 'services',
  aliases: ['service', 'svc', 's'],
  filters: ['selector'],
  columns: serviceColumns,
  id: (row) => row.name,
  essence: ({ instances, endpoints, protectedSince, manifest }) => ({ instances, endpoints, protectedSince, spec: manifest?.spec, status: manifest?.status }),
  fetch: async (request) => {
    const { api, namespace, name, selector } = request
    if (name !== undefined) {
      const answer = await summary(request, label('service', name))
      return { rows: [answer], answer }
    }
    const answer = await api.list<ServiceSummary>('/v1/services', { namespace, selector })
    return { rows: answer.items, answer }
  },
  manifest: async ({ api, namespace }, name) =>
    await api.get<Service>(path('namespaces', namespace ?? 'default', 'services', label('service', name)), { view: 'manifest' }),
  changed: async (request, { namespace, service }) => [await summary({ ...request, namespace }, service)],
  isAbout: (row, { namespace, service }) => row.namespace === namespace && row.name === service
}

async function endpointsOf ({ api, selector, ready }: Request, namespace: string, service: string): Promise<EndpointsAnswer> {
  return await api.get<EndpointsAnswer>(path('namespaces', namespace, 'services', service, 'endpoints'), { selector, ready })
}

async function ofEachService<Answer> (request: Request, ask: (service: ServiceSummary) => Promise<Answer>): Promise<{ revision: string, answers: Answer[] }> {
  const { revision, items } = await request.api.list<ServiceSummary>('/v1/services', { namespace: request.namespace })
  const answers: Answer[] = []
  for (let first = 0; first < items.length; first += atOnce) answers.push(...await Promise.all(items.slice(first, first + atOnce).map(ask)))
  return { revision, answers }
}

const endpointRows = ({ namespace, service, endpoints }: EndpointsAnswer): EndpointRow[] =>
  endpoints.map((endpoint) => ({ ...endpoint, namespace, service }))

const endpoints: Kind<EndpointRow> = {
  name: 'endpoints',
  aliases: ['endpoint', 'ep', 'e'],
  filters: ['selector', 'ready'],
  columns: endpointColumns,
  id: (row) => `${row.service}/${row.id}`,
  fetch: async (request) => {
    if (request.name !== undefined) {
      const answer = await endpointsOf(request, request.namespace ?? 'default', label('service', request.name))
      return { rows: endpointRows(answer), answer }
    }
    const { revision, answers } = await ofEachService(request, async ({ namespace, name }) => await endpointsOf(request, namespace, name))
    return { rows: answers.flatMap(endpointRows), answer: { revision, items: answers } }
  },
  changed: async (request, { namespace, service }) => endpointRows(await endpointsOf(request, namespace, service))
}

interface SliceList {
  readonly items: readonly EndpointSlice[]
}

const slices: Kind<SliceRow> = {
  name: 'endpointslices',
  aliases: ['endpointslice', 'eps'],
  filters: [],
  columns: sliceColumns,
  id: (row) => row.metadata.name,
  fetch: async (request) => {
    const of = async (namespace: string, service: string): Promise<SliceList> =>
      await request.api.get<SliceList>(path('namespaces', namespace, 'services', service, 'endpointslices'))
    const rows = (lists: readonly SliceList[]): SliceRow[] =>
      lists.flatMap(({ items }) => items.map((slice) => ({ ...slice, namespace: slice.metadata.namespace })))
    if (request.name !== undefined) {
      const answer = await of(request.namespace ?? 'default', label('service', request.name))
      return { rows: rows([answer]), answer }
    }
    const { answers } = await ofEachService(request, async ({ namespace, name }) => await of(namespace, name))
    return { rows: rows(answers), answer: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSliceList', items: answers.flatMap(({ items }) => items) } }
  }
}

const overrides: Kind<ListedOverride> = {
  name: 'overrides',
  aliases: ['override', 'ov'],
  filters: [],
  columns: overrideColumns,
  id: (row) => `${row.service}/${row.id}`,
  fetch: async ({ api, namespace, name }) => {
    const { service, id } = name === undefined ? { service: undefined, id: undefined } : name.includes('/') ? instanceName(name) : { service: label('service', name), id: undefined }
    const answer = await api.list<ListedOverride>('/v1/overrides', { namespace, service })
    return { rows: answer.items.filter((item) => id === undefined || item.id === id), answer }
  }
}

const pools: Kind<Pool> = {
  name: 'pools',
  aliases: ['pool'],
  filters: [],
  columns: () => poolColumns,
  id: (row) => row.name,
  global: true,
  fetch: async ({ api, name }) => {
    const answer = await api.get<readonly Pool[]>('/v1/pools')
    return { rows: answer.filter((pool) => name === undefined || pool.name === name), answer }
  }
}

const namespaces: Kind<NamespaceSummary> = {
  name: 'namespaces',
  aliases: ['namespace', 'ns', 'n'],
  filters: [],
  columns: () => namespaceColumns,
  id: (row) => row.name,
  global: true,
  fetch: async ({ api, name }) => {
    const answer = await api.list<NamespaceSummary>('/v1/namespaces')
    if (name === undefined) return { rows: answer.items, answer }
    const rows = answer.items.filter((item) => item.name === label('namespace', name))
    return { rows, answer: rows[0] }
  }
}

const unreadable: Kind<UnreadableRecord> = {
  name: 'unreadable',
  aliases: [],
  filters: [],
  columns: () => unreadableColumns,
  id: (row) => row.key,
  global: true,
  fetch: async ({ api, name }) => {
    if (name === undefined) {
      const answer: Page<UnreadableRecord> = await api.list<UnreadableRecord>('/v1/unreadable')
      return { rows: [...answer.items], answer }
    }
    const answer = await api.get<UnreadableRecord>(path('unreadable', name))
    return { rows: [answer], answer }
  }
}

// Rows of different kinds never meet: each kind is used with its own rows only.
const kinds = [services, instances, endpoints, slices, overrides, pools, namespaces, unreadable] as unknown as readonly Kind<object>[]

export const get: Command = {
  name: 'get',
  summary: 'Lists services, instances, endpoints, slices, overrides, pools, namespaces, or what cannot be read',
  usage: 'get services|instances|endpoints|endpointslices|overrides|pools|namespaces|unreadable [NAME] [flags]',
  details: `NAME is a service, for instances and overrides also SERVICE/ID. Short forms: svc, inst, ep, eps, ov, ns.
The first columns of services are kubectl's; TYPE headless is also a service that is not declared: its instances are its
endpoints. pools are the ranges that cluster IPs, node ports and the addresses of load balancers are given from.
unreadable are records of the store that cannot be read or break a rule, and are in no answer; rollcall delete
unreadable KEY removes one.
-o json and -o yaml show the answer of the registry as it is; -o name shows names that other commands take.
-o yaml of one service is its manifest, ready to be applied.`,
  flags: {
    ...namespaceFlag,
    'all-namespaces': { type: 'boolean', short: 'A', what: 'All namespaces' },
    ...outputFlag,
    selector: { type: 'string', short: 'l', metavar: 'SELECTOR', what: 'Only what has these labels, like version=v2,tier!=test' },
    status: { type: 'string', metavar: 'STATUS', what: `Only instances of this status: ${statuses.join(', ')}` },
    ready: { type: 'string', metavar: 'true|false|any', what: 'Which endpoints (default true: what callers may call)' },
    watch: { type: 'boolean', short: 'w', what: 'Goes on: a line for each change, until Ctrl-C' },
    ...connectionFlags
  },
  examples: [
    ['get services', 'the services of the namespace, and how many of each are ready'],
    ['get services -A -o wide', 'all of them, with their selectors'],
    ['get service web -o yaml', 'its manifest, with what was allocated'],
    ['get overrides -A', 'what operators said, and of which instances that are gone'],
    ['get pools', 'how many addresses and node ports are free'],
    ['get instances orders -o wide', 'every instance of one service, also those that are not ready'],
    ['get endpoints orders', 'who may be called'],
    ['get instances -A --status draining', 'what is draining anywhere'],
    ['get instances -l version=v2 -w', 'go on as they change'],
    ['get instances orders -o name', 'names for a loop in a script']
  ],
  run: async (call) => {
    const kind = kindOf(call)
    const [, name, surplus] = call.positionals
    if (surplus !== undefined) throw new UsageError(`${JSON.stringify(surplus)} is one argument too many`)
    const request = requestOf(call, kind, name)
    const output = outputOf(call, outputs) ?? 'table'
    if (call.flag('watch')) return await watch(call, kind, request, output)
    if (output === 'yaml' && name !== undefined && kind.manifest !== undefined) {
      return call.terminal.out(await structured(await kind.manifest(request, name), output))
    }
    const { rows, answer } = await kind.fetch(request).catch((error: unknown) => noneYet(error, request))
    await show(call, kind, request, output, rows, answer)
    return rows.length === 0 && name !== undefined && kind.name !== 'endpoints' ? 1 : 0
  }
}

/** A namespace exists while something is registered in it: a list of one that does not is empty, like that of any other quiet one. */
function noneYet (error: unknown, { name }: Request): { rows: object[], answer: unknown } {
  if (error instanceof RefusedError && error.code === 'REG_NAMESPACE_NOT_FOUND' && name === undefined) return { rows: [], answer: undefined }
  throw error
}

function kindOf (call: Invocation): Kind<object> {
  const word = call.positionals[0]
  const words = kinds.flatMap((kind) => [kind.name, ...kind.aliases])
  if (word === undefined) throw new UsageError(`what to get is missing: one of ${kinds.map((kind) => kind.name).join(', ')}`)
  const found = kinds.find((kind) => kind.name === word || kind.aliases.includes(word))
  if (found === undefined) throw new UsageError(`${JSON.stringify(word)} ${unknownRule('kind', word, words)}`)
  return found
}

function requestOf (call: Invocation, kind: Kind<object>, name: string | undefined): Request {
  for (const filter of ['selector', 'status', 'ready']) {
    if (call.text(filter) !== undefined && !kind.filters.includes(filter)) throw new UsageError(`--${filter} is not for ${kind.name}`)
  }
  const all = call.flag('all-namespaces')
  if (all && call.text('namespace') !== undefined) throw new UsageError('--namespace and --all-namespaces exclude each other')
  if (all && name !== undefined && kind.global !== true) throw new UsageError('a NAME is in one namespace: leave out --all-namespaces, or the NAME')
  return {
    api: call.api(),
    namespace: all ? undefined : call.namespace,
    name,
    selector: call.text('selector'),
    status: call.choice('status', statuses),
    ready: call.choice('ready', ['true', 'false', 'any'])
  }
}

async function show (call: Invocation, kind: Kind<object>, request: Request, output: typeof outputs[number], rows: object[], answer: unknown): Promise<void> {
  const { terminal } = call
  if (output === 'json' || output === 'yaml') terminal.out(await structured(answer ?? { items: [] }, output))
  else if (output === 'name') rows.forEach((row) => { terminal.out(kind.id(row)) })
  else if (rows.length === 0) terminal.err(nothing(kind, request))
  else tableOf(call, kind, request, output).lines(rows).forEach((line) => { terminal.out(line) })
  if (isFailOpen(answer)) terminal.err('All instances that could serve are suspect; they are answered all the same (fail open).')
}

const isFailOpen = (answer: unknown): boolean => typeof answer === 'object' && answer !== null && 'failOpen' in answer && answer.failOpen === true

function tableOf (call: Invocation, kind: Kind<object>, request: Request, output: 'table' | 'wide'): Table<object> {
  const place = { allNamespaces: request.namespace === undefined, now: call.terminal.now, wide: output === 'wide' }
  return new Table(kind.columns(place), { wide: output === 'wide', colours: call.terminal.colours })
}

function nothing (kind: Kind<object>, { namespace, name }: Request): string {
  const of = name === undefined || kind.global === true ? '' : ` of ${name}`
  return `No ${kind.name}${of}${namespace === undefined || kind.global === true ? '' : ` in namespace ${namespace}`}.`
}

async function watch (call: Invocation, kind: Kind<object>, request: Request, output: typeof outputs[number]): Promise<void> {
  if (kind === slices as unknown || kind === overrides as unknown || kind.global === true) throw new UsageError(`${kind.name} cannot be watched: watch services, instances or endpoints`)
  if (output === 'yaml' || output === 'name') throw new UsageError(`-w goes with table, wide and json, not with ${output}`)
  if (request.status !== undefined) throw new UsageError('--status does not go with -w: an instance that changes its status would vanish without a line')
  if (request.name?.includes('/') === true) throw new UsageError('-w watches a service: leave out the /ID')
  const table = output === 'json' ? undefined : tableOf(call, kind, request, output)
  await watchRows(call, kind, request, (rows) => {
    const lines = table === undefined ? rows.map((row) => JSON.stringify(row)) : rows.length === 0 ? [] : table.lines(rows)
    lines.forEach((line) => { call.terminal.out(line) })
  })
}
