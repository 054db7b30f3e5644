// What is asked about services: `/v1/health/...` and `/v1/catalog/...`.
import { beside } from '../beside.ts'
import type { EndpointSet } from '../registry/core.ts'
import { checkStatuses, isCheckStatus } from './form/check-definition.ts'
import { foldedName } from './form/names.ts'
import { type ConsulCheck, type ConsulNode, type Entry, nodeCheckOf, nodeOf } from './answers/entry.ts'
import { catalogForm, healthForm, nodeServiceForm } from './answers/forms.ts'
import { isPlain, wanted } from './answers/wanted.ts'
import type { Subject } from './blocking.ts'
import { badRequest } from './consul-error.ts'
import { type ConsulContext, accessOf, answerBlocking, fingerprint, indexIn, missing, queryOf, subjectOfService } from './context.ts'
import { instancesOf, present } from './directory.ts'
import { requireRoots } from './filter/filter.ts'
import { type NamespaceTable } from './namespace-table.ts'
import type { ReadQuery } from './query.ts'
import type { Asked, Routes } from './routes.ts'

/** The service that Consul's servers are themselves. */
const ownService = 'consul'
/** Where they speak to each other; nobody does here. */
const serverPort = 8_300

const healthRoots = ['Node', 'Service', 'Checks']
const checkRoots = ['Node', 'CheckID', 'Name', 'Status', 'Notes', 'Output', 'ServiceID', 'ServiceName', 'ServiceTags', 'Type', 'Interval', 'Timeout', 'Definition']
const nodeRoots = ['ID', 'Node', 'Address', 'Datacenter', 'TaggedAddresses', 'Meta', 'CreateIndex', 'ModifyIndex']
const catalogRoots = ['ID', 'Node', 'Address', 'Datacenter', 'TaggedAddresses', 'NodeMeta', 'ServiceKind', 'ServiceID', 'ServiceName', 'ServiceTags', 'ServiceAddress',
  'ServiceTaggedAddresses', 'ServiceWeights', 'ServiceMeta', 'ServicePort', 'ServiceSocketPath', 'ServiceEnableTagOverride', 'ServiceProxy', 'ServiceConnect', 'ServiceLocality',
  'CreateIndex', 'ModifyIndex']
const serviceRoots = ['Kind', 'ID', 'Service', 'Tags', 'Address', 'TaggedAddresses', 'Meta', 'Port', 'SocketPath', 'Weights', 'EnableTagOverride', 'Locality', 'Datacenter', 'CreateIndex', 'ModifyIndex']

export { checkRoots, serviceRoots }

/** What is registered in a namespace. */
interface Everything {
  /** By name and address. */
  readonly nodes: ReadonlyMap<string, ConsulNode>
  readonly entries: readonly Entry[]
}

export function addReads (routes: Routes, context: ConsulContext): void {
  const { directory, answers, defaults: { datacenter } } = context
  const texts = beside<EndpointSet, { readonly version: number, readonly text: string }>()
  /** Of one entry: of a large service a change makes one anew. */
  const healthTexts = beside<Entry, string>()
  const healthText = (entry: Entry): string => {
    const text = healthTexts.get(entry) ?? JSON.stringify(healthForm(entry))
    healthTexts.set(entry, text)
    return text
  }

  /** Those under a name that the caller may see. */
  const entriesOf = (asked: Asked, namespace: string, service: string): readonly Entry[] => {
    const set = present(() => accessOf(context, asked).endpoints(namespace, service))
    if (set !== undefined) return answers.entries(set)
    return service === ownService ? [serverEntry(context)] : []
  }
  const near = ({ request }: Asked, query: ReadQuery): ReadQuery => (
    query.near === '_agent' || query.near === '_ip' ? { ...query, near: context.parts.peerOf(request).address } : query
  )

  const serviceRead = (what: string, roots: readonly string[], form: (entry: Entry) => object) => (asked: Asked): Promise<unknown> => {
    if (asked.rest === '') throw missing(what)
    const query = near(asked, queryOf(context, asked))
    requireRoots(query.filter, roots)
    const { namespace } = query
    const service = foldedName(asked.rest)
    const make = (): object[] => wanted(entriesOf(asked, namespace, service), query, form)
    const subject = subjectOfService(context, namespace, service, isPlain(query) ? undefined : () => fingerprint(make()))
    return answerBlocking(context, asked, { query, subject, make })
  }

  routes.add('GET', '/v1/health/service/*', (asked) => {
    const query = near(asked, queryOf(context, asked))
    const { namespace } = query
    const service = foldedName(asked.rest)
    if (!isPlain(query) || service === '') return serviceRead('service name', healthRoots, healthForm)(asked)
    // The question that everybody asks: of a service that has not changed the text is there.
    const make = (): string => {
      const set = present(() => accessOf(context, asked).endpoints(namespace, service))
      if (set === undefined) return JSON.stringify(entriesOf(asked, namespace, service).map(healthForm))
      const known = texts.get(set)
      if (known?.version === answers.version) return known.text
      const text = `[${answers.entries(set).map(healthText).join(',')}]`
      texts.set(set, { version: answers.version, text })
      return text
    }
    return answerBlocking(context, asked, { query, subject: subjectOfService(context, namespace, service), make, isText: true })
  })
  routes.add('GET', '/v1/catalog/service/*', serviceRead('service name', catalogRoots, catalogForm))
  // What is connected through the mesh: nobody is.
  for (const path of ['/v1/health/connect/*', '/v1/catalog/connect/*']) {
    routes.add('GET', path, (asked) => {
      const query = queryOf(context, asked)
      return answerBlocking(context, asked, { query, subject: subjectOfService(context, query.namespace, foldedName(asked.rest)), make: () => [] })
    })
  }

  routes.add('GET', '/v1/health/checks/*', (asked) => {
    if (asked.rest === '') throw missing('service name')
    const query = queryOf(context, asked)
    requireRoots(query.filter, checkRoots)
    const service = foldedName(asked.rest)
    const make = (): ConsulCheck[] => wanted(entriesOf(asked, query.namespace, service), { ...query, filter: undefined }, ({ checks }) => checks).flat()
      .filter((check) => query.filter?.matches(check) ?? true)
    const subject = subjectOfService(context, query.namespace, service, isPlain(query) ? undefined : () => fingerprint(make()))
    return answerBlocking(context, asked, { query, subject, make })
  })

  routes.add('GET', '/v1/health/state/*', async (asked) => {
    const state = asked.rest
    if (state !== 'any' && !isCheckStatus(state)) throw badRequest(state === '' ? 'Missing check state' : `Invalid check state: must be any, ${checkStatuses.join(', ')}`)
    const query = queryOf(context, asked)
    requireRoots(query.filter, checkRoots)
    const make = async (): Promise<ConsulCheck[]> => {
      const { nodes, entries } = await everything(asked, query.namespace)
      const checks = [...[...nodes.values()].map(nodeCheckOf), ...entries.flatMap((entry) => entry.checks)]
      return checks.filter((check) => (state === 'any' || check.Status === state) && (query.filter?.matches(check) ?? true))
    }
    return answerBlocking(context, asked, { query, subject: await subjectOfNamespace(query.namespace, (table) => table.checksRevision), make })
  })

  routes.add('GET', '/v1/health/node/*', async (asked) => {
    if (asked.rest === '') throw missing('node name')
    const query = queryOf(context, asked)
    requireRoots(query.filter, checkRoots)
    const make = async (): Promise<ConsulCheck[]> => {
      const { node, entries } = await ofNode(asked, query.namespace)
      return node === undefined ? [] : [nodeCheckOf(node), ...entries.flatMap(({ checks }) => checks)].filter((check) => query.filter?.matches(check) ?? true)
    }
    const subject = await subjectOfNamespace(query.namespace, (table) => table.nodeRevision(asked.rest))
    return answerBlocking(context, asked, { query, subject, make })
  })

  routes.add('GET', '/v1/catalog/services', async (asked) => {
    const query = queryOf(context, asked)
    requireRoots(query.filter, ['ServiceName', 'ServiceTags'])
    const subject = await subjectOfNamespace(query.namespace, (table) => table.namesRevision)
    const make = async (): Promise<Record<string, readonly string[]>> => {
      const { sight } = accessOf(context, asked)
      const table = await directory.table(query.namespace)
      const names = table.names().filter(([name, tags]) => (
        (sight?.service(query.namespace, name) ?? true) && (query.filter?.matches({ ServiceName: name, ServiceTags: tags }) ?? true)
      ))
      return { ...Object.fromEntries(names), ...(names.some(([name]) => name === ownService) || query.filter !== undefined ? {} : { [ownService]: [] }) }
    }
    return answerBlocking(context, asked, { query, subject, make })
  })

  routes.add('GET', '/v1/catalog/nodes', async (asked) => {
    const query = queryOf(context, asked)
    requireRoots(query.filter, nodeRoots)
    const make = async (): Promise<ConsulNode[]> => {
      const { nodes } = await everything(asked, query.namespace)
      return [...nodes.values()].filter((node) => query.filter?.matches(node) ?? true).sort((a, b) => (a.Node < b.Node ? -1 : 1))
    }
    return answerBlocking(context, asked, { query, subject: await subjectOfNamespace(query.namespace, (table) => table.nodesRevision), make })
  })

  const nodeRead = (services: (entries: readonly Entry[]) => unknown) => async (asked: Asked): Promise<unknown> => {
    if (asked.rest === '') throw missing('node name')
    const query = queryOf(context, asked)
    requireRoots(query.filter, serviceRoots)
    const make = async (): Promise<unknown> => {
      const { node, entries } = await ofNode(asked, query.namespace)
      return node === undefined ? null : { Node: node, Services: services(entries.filter((entry) => query.filter?.matches(nodeServiceForm(entry)) ?? true)) }
    }
    const subject = await subjectOfNamespace(query.namespace, (table) => table.nodeRevision(asked.rest))
    return answerBlocking(context, asked, { query, subject, make })
  }
  routes.add('GET', '/v1/catalog/node/*', nodeRead((entries) => Object.fromEntries(entries.map((entry) => [entry.service.ID, nodeServiceForm(entry)]))))
  routes.add('GET', '/v1/catalog/node-services/*', nodeRead((entries) => entries.map(nodeServiceForm)))
  routes.add('GET', '/v1/catalog/datacenters', () => [datacenter])

  async function everything (asked: Asked, namespace: string): Promise<Everything> {
    const own = serverEntry(context).node
    const nodes = new Map([[`${own.Node} ${own.Address}`, own]])
    const entries: Entry[] = []
    for await (const instance of instancesOf(accessOf(context, asked), namespace)) {
      const entry = answers.entry(instance)
      entries.push(entry)
      const key = `${entry.node.Node} ${entry.node.Address}`
      if (!nodes.has(key)) nodes.set(key, entry.node)
    }
    return { nodes, entries }
  }

  async function ofNode (asked: Asked, namespace: string): Promise<{ readonly node: ConsulNode | undefined, readonly entries: readonly Entry[] }> {
    const { nodes, entries } = await everything(asked, namespace)
    const isAsked = ({ Node, ID }: ConsulNode): boolean => Node === asked.rest || ID === asked.rest
    return { node: [...nodes.values()].find(isAsked), entries: entries.filter((entry) => isAsked(entry.node)) }
  }

  async function subjectOfNamespace (namespace: string, read: (table: NamespaceTable) => number): Promise<Subject> {
    await directory.table(namespace)
    return {
      index: () => indexIn(context, directory.namespaceRevision(namespace, read)),
      follow: (wake) => directory.follow(namespace, '', wake)
    }
  }
}

/** This node of the registry, as Consul shows its servers. */
export function serverEntry ({ self, defaults: { datacenter } }: ConsulContext): Entry {
  const indexes = { CreateIndex: 1, ModifyIndex: 1 }
  const node = nodeOf(self.name, self.address, datacenter, indexes)
  const service = { ID: ownService, Service: ownService, Tags: [], Address: '', Meta: {}, Port: serverPort, Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false, ...indexes }
  return { node, service, checks: [], status: 'passing', record: undefined }
}
