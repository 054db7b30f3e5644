// The kinds of things that `get` lists: how each is asked for, named and followed.
import type { Manifest } from '../../client-sdk/src/manifest-kinds.ts'
import type { EndpointSlice, Policy, Service } from '../../client-sdk/src/manifests.ts'
import { callable } from '../../client-sdk/src/rules/callable.ts'
import type { Endpoint, EndpointsAnswer, Event, HandMadeEndpoints, Instance, ListedOverride, NamespaceSummary, Page, Pool,
  ServiceEndpoints, ServiceSummary, UnreadableRecord } from '../../client-sdk/src/wire.ts'
import { declaredKinds } from './declared-kinds.ts'
import type { ListedAgent } from './agents.ts'
import { agentNamespace, agentService, instancePath, path } from './paths.ts'
import { instanceName, label } from './command.ts'
import { RefusedError, UsageError } from './errors.ts'
import { orGone } from './gone.ts'
import type { Kind, Request, ServiceName } from './kind.ts'
import {
  endpointColumns, eventColumns, handMadeColumns, instanceColumns, namespaceColumns, overrideColumns, policyColumns, poolColumns,
  proxyColumns, serviceColumns,
  sliceColumns, unreadableColumns, type EndpointRow, type ServiceRow,
  type SliceRow
} from './shapes.ts'

/**
 * Services are asked for their endpoints so many at a time: a list of a thousand must not open a thousand connections.
 */
const atOnce = 8

const instances: Kind<Instance> = {
  name: 'instances',
  aliases: ['instance', 'inst', 'i'],
  filters: ['selector', 'status'],
  columns: instanceColumns,
  id: (row) => `${row.service}/${row.id}`,
  fetch: async ({ api, namespace, name, selector, status, now }) => {
    if (name?.includes('/') === true) {
      const { service, id } = instanceName(name)
      const place = { namespace: namespace ?? 'default', service, id }
      const answer = await orGone(api, place, now, api.get<Instance>(instancePath(place.namespace, service, id)))
      return { rows: [answer], answer }
    }
    const list = api.list<Instance>('/v1/instances', { namespace, service: name, selector, status })
    const answer =
      await (name === undefined ? list : orGone(api, { namespace: namespace ?? 'default', service: name }, now, list))
    return { rows: answer.items, answer }
  },
  follow: 'instances'
}

const summary = async ({ api, namespace = 'default', now }: Request, service: string): Promise<ServiceSummary> =>
  await orGone(api, { namespace, service }, now,
    api.get<ServiceSummary>(path('namespaces', namespace, 'services', service)))

/** A service that -l leaves out is none of the list, whatever happens to it. */
async function summariesOf (request: Request, { namespace, service }: ServiceName): Promise<ServiceRow[]> {
  const { api, selector } = request
  if (selector === undefined) return await withAnnouncers(request, [await api.get<ServiceSummary>(path('namespaces', namespace, 'services', service))])
  const { items } = await api.list<ServiceSummary>('/v1/services', { namespace, selector })
  return await withAnnouncers(request, items.filter(({ name }) => name === service))
}

/** Who announces the addresses of load balancers, where that is shown. */
async function withAnnouncers ({ api, wide }: Request, rows: readonly ServiceSummary[]): Promise<ServiceRow[]> {
  if (!wide || !rows.some(({ manifest }) => manifest?.spec.type === 'LoadBalancer')) return [...rows]
  const { agentsOf, announcersOf } = await import('./agents.ts')
  const agents = await agentsOf(api)
  return rows.map((row) => (row.manifest?.spec.type === 'LoadBalancer' ? { ...row, announcers: agents === undefined ? '<unknown>' : announcersOf(row.manifest, agents) || '<nobody>' } : row))
}

const services: Kind<ServiceRow> = {
  name: 'services',
  aliases: ['service', 'svc', 's'],
  filters: ['selector'],
  columns: serviceColumns,
  id: (row) => row.name,
  essence: ({ instances, endpoints, protectedSince, manifest }) =>
    ({ instances, endpoints, protectedSince, spec: manifest?.spec, status: manifest?.status }),
  fetch: async (request) => {
    const { api, namespace, name, selector } = request
    if (name !== undefined) {
      const answer = await summary(request, label('service', name))
      return { rows: await withAnnouncers(request, [answer]), answer }
    }
    const answer = await api.list<ServiceSummary>('/v1/services', { namespace, selector })
    return { rows: await withAnnouncers(request, answer.items), answer }
  },
  manifest: async ({ api, namespace = 'default', now }, name) =>
    applicable(await orGone(api, { namespace, service: label('service', name) }, now,
      api.get<Service>(path('namespaces', namespace, 'services', name), { view: 'manifest' }))),
  follow: { rowsOf: summariesOf,
    isOf: (row, { namespace, service }) => row.namespace === namespace && row.name === service, gone: 'removed' }
}

/**
 * Without what names the one object that it was: applied, it means a service like it, that one or a new one (decision
 * 0024).
 */
function applicable<Kind extends Manifest> (manifest: Kind): Kind {
  const metadata =
    Object.fromEntries(Object.entries(manifest.metadata).filter(([name]) =>
      name !== 'uid' && name !== 'resourceVersion'))
  return { ...manifest, metadata }
}

async function endpointsOf ({ api, selector, ready }: Request, namespace: string,
  service: string): Promise<EndpointsAnswer> {
  return await api.get<EndpointsAnswer>(path('namespaces', namespace, 'services', service, 'endpoints'),
    { selector, ready })
}

async function ofEachService<Answer> (request: Request,
  ask: (service: ServiceSummary) => Promise<Answer>): Promise<{ revision: string, answers: Answer[] }> {
  const { revision, items } = await request.api.list<ServiceSummary>('/v1/services', { namespace: request.namespace })
  const answers: Answer[] = []
  for (let first =
    0; first < items.length; first += atOnce) answers.push(...await Promise.all(items.slice(first, first + atOnce)
    .map(ask)))
  return { revision, answers }
}

/**
 * Of a declared service an endpoint says which service it registered under; one that says nothing there was made by
 * hand.
 */
const endpointRows = ({ namespace, service, declared, endpoints }: EndpointsAnswer): EndpointRow[] =>
  endpoints.map((endpoint) =>
    ({ ...endpoint, namespace, service, registered: endpoint.service ?? (declared === true ? undefined : service) }))

/** Of what a watch tells again and again: an endpoint that did not change is the same object, and so is its row. */
const rowsOfWatched = new WeakMap<Endpoint, EndpointRow>()

/** With a selector the registry has to be asked: what is called instead, if none is ready, is judged by all of them. */
function watchedRows ({ selector, ready = 'true' }: Request, told: ServiceEndpoints): EndpointRow[] | undefined {
  if (selector !== undefined) return undefined
  const { endpoints: all } = told
  const shown = ready === 'any' ? all : ready === 'true' ? callable(all) : all.filter(({ conditions }) => !conditions.ready)
  return shown.map((endpoint) => {
    const known = rowsOfWatched.get(endpoint)
    if (known !== undefined) return known
    const [row] = endpointRows({ ...told, endpoints: [endpoint] }) as [EndpointRow] // one of one
    rowsOfWatched.set(endpoint, row)
    return row
  })
}

const endpoints: Kind<EndpointRow> = {
  name: 'endpoints',
  aliases: ['endpoint', 'ep', 'e'],
  filters: ['selector', 'ready'],
  columns: endpointColumns,
  id: (row) => (row.registered === undefined ? undefined : `${row.registered}/${row.id}`),
  fetch: async (request) => {
    const { api, namespace = 'default', name, now } = request
    if (name !== undefined) {
      const answer =
        await orGone(api, { namespace, service: label('service', name) }, now, endpointsOf(request, namespace, name))
      return { rows: endpointRows(answer), answer }
    }
    const { revision, answers } =
      await ofEachService(request, async ({ namespace, name }) => await endpointsOf(request, namespace, name))
    return { rows: answers.flatMap(endpointRows), answer: { revision, items: answers } }
  },
  follow: {
    rowsOf: async (request, { namespace, service }) => endpointRows(await endpointsOf(request, namespace, service)),
    rowsOfTold: watchedRows,
    isOf: (row, { namespace, service }) => row.namespace === namespace && row.service === service,
    gone: 'left'
  }
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
    const unused = await unusedSlices(request)
    if (request.name !== undefined) {
      const answer = await of(request.namespace ?? 'default', label('service', request.name)).catch((error: unknown) => {
        if (unused.length > 0 && error instanceof RefusedError && error.status === 404) return noSlices
        throw error
      })
      return { rows: [...rows([answer]), ...unused], answer: { ...answer, items: [...answer.items, ...unused.map(plain)].map(applicable) } }
    }
    const { answers } = await ofEachService(request, async ({ namespace, name }) => await of(namespace, name))
    const items = [...answers.flatMap(({ items }) => items), ...unused.map(plain)]
    return { rows: [...rows(answers), ...unused], answer: { ...noSlices, items: items.map(applicable) } }
  }
}

const noSlices = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSliceList', items: [] as readonly EndpointSlice[] }

const plain = ({ namespace: _, use: __, ...slice }: SliceRow): EndpointSlice => slice

/** Slices that were applied by hand and are in no service's answer: that of a service that is not declared, say. */
async function unusedSlices ({ api, namespace, name }: Request): Promise<SliceRow[]> {
  const { items } = await api.list<HandMadeEndpoints>('/v1/handmade', { namespace, service: name })
  return items.flatMap(({ namespace, use, manifest }) =>
    (manifest.kind === 'EndpointSlice' && use !== 'used' && use !== 'externalName' ? [{ ...manifest, namespace, use }] : []))
}

const handMade: Kind<HandMadeEndpoints> = {
  name: 'handmade',
  aliases: ['hm'],
  filters: [],
  columns: handMadeColumns,
  id: (row) => row.name,
  fetch: async ({ api, namespace, name }) => {
    const answer = await api.list<HandMadeEndpoints>('/v1/handmade', { namespace, service: name })
    return { rows: answer.items, answer }
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

const policies: Kind<Policy> = {
  name: 'policies',
  aliases: ['policy', 'pol'],
  filters: [],
  columns: () => policyColumns,
  id: (row) => row.metadata.name,
  global: true,
  fetch: async ({ api, name }) => {
    const answer = await api.get<Page<Policy>>('/v1/policies')
    const rows = answer.items.filter((policy) => name === undefined || policy.metadata.name === name)
    return { rows, answer: name === undefined ? { ...answer, items: rows.map(applicable) } : rows.map(applicable)[0] }
  },
  manifest: async ({ api }, name) => {
    const found = (await api.get<Page<Policy>>('/v1/policies')).items.find(({ metadata }) => metadata.name === name)
    if (found === undefined) throw new UsageError(`there is no policy ${JSON.stringify(name)}`)
    return applicable(found)
  }
}

const proxies: Kind<ListedAgent> = {
  name: 'proxies',
  aliases: ['proxy', 'px'],
  filters: [],
  columns: proxyColumns,
  id: (row) => row.id,
  global: true,
  fetch: async ({ api, name }) => {
    const { agentsWithRevisions } = await import('./agents.ts')
    const rows = (await agentsWithRevisions(api)).filter(({ id, node }) => name === undefined || id === name || node === name)
    return { rows, answer: { items: rows.map(({ instance }) => instance) } }
  },
  follow: { of: { namespace: agentNamespace, service: agentService }, rowOf: async () => (await import('./agents.ts')).agentOf },
  told: ({ instance }) => instance
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

const overrides: Kind<ListedOverride> = {
  name: 'overrides',
  aliases: ['override', 'ov'],
  filters: [],
  columns: overrideColumns,
  id: (row) => `${row.service}/${row.id}`,
  fetch: async ({ api, namespace, name }) => {
    const { service, id } = nameFilter(name, undefined)
    const answer = await api.list<ListedOverride>('/v1/overrides', { namespace, service })
    return { rows: answer.items.filter((item) => id === undefined || item.id === id), answer }
  }
}

/** How many of the newest are shown; the rest is at /v1/events, page by page. */
const eventsShown = 100

const events: Kind<Event> = {
  name: 'events',
  aliases: ['event', 'ev'],
  filters: ['service', 'id'],
  columns: eventColumns,
  id: () => undefined,
  fetch: async ({ api, namespace, name, id }) => {
    const answer =
      await api.get<Page<Event>>('/v1/events', { namespace, ...nameFilter(name, id), limit: String(eventsShown) })
    return { rows: answer.items.toReversed(), answer } // the newest stands last, as in every log
  },
  follow: 'events'
}

/** A service, or SERVICE/ID. */
export function nameFilter (name: string | undefined,
  id: string | undefined): { service: string | undefined, id: string | undefined } {
  if (name?.includes('/') !== true) return { service: name === undefined ? undefined : label('service', name), id }
  if (id !== undefined) throw new UsageError('SERVICE/ID and --id exclude each other')
  return instanceName(name)
}

// Rows of different kinds never meet: each kind is used with its own rows only.
export const kinds =
  [services, instances, endpoints, slices, overrides, events, pools, proxies, namespaces, policies, handMade,
    unreadable, ...declaredKinds] as unknown as readonly Kind<object>[]
