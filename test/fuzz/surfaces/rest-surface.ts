// REST: lists, instances, services, endpoints, tags.
import type { Comparison } from './comparison.ts'
import { type Cursors, revisionOf } from './cursors.ts'
import { type Model, type Shown, labelOf } from './model.ts'
import { type ModelEndpoint, type ModelService, serviceOf } from './model-endpoints.ts'
import { ask, instanceUrl, serviceUrl } from './rest-client.ts'
import { saidEndpoint, saidInstance, saidManifest } from './shapes.ts'

const surface = 'rest'
/** Small, so that a list has pages. */
const pageSize = 3

export interface Looking {
  readonly url: string
  readonly model: Model
  readonly comparison: Comparison
  readonly cursors: Cursors
}

export async function lookAtRest (looking: Looking): Promise<void> {
  await lists(looking)
  for (const namespace of looking.model.namespaces) {
    for (const name of looking.model.services(namespace)) {
      const service = serviceOf(looking.model, namespace, name)
      if (service === undefined) continue
      await lookAtService(looking, service)
      await lookAtEndpoints(looking, service)
    }
  }
  for (const instance of looking.model.list()) await lookAtInstance(looking, instance)
}

async function lists ({ url, model, comparison }: Looking): Promise<void> {
  const namespaces = await pages(url, '/v1/namespaces')
  comparison.same(surface, 'list of namespaces', namespaces, model.namespaces.map((name) => ({
    name, services: model.services(name).length, instances: model.list(({ namespace }) => namespace === name).length
  })))
  const services = await pages(url, '/v1/services')
  comparison.same(
    surface, 'list of services', services.map(summary),
    model.namespaces.flatMap(
      (namespace) => model.services(namespace).map((name) => meantSummary(serviceOf(model, namespace, name)))
    )
  )
  const filters: readonly [query: string, fits: (instance: Shown) => boolean][] = [
    ['', () => true],
    ['selector=app%3Dx', (instance) => labelOf(instance, 'app') === 'x'],
    [
      'selector=app!%3Dx,tier',
      (instance) => labelOf(instance, 'app') !== 'x' && labelOf(instance, 'tier') !== undefined
    ],
    ['selector=rollcall.dev/service%3Dalpha', ({ service }) => service === 'alpha'],
    ['status=up,draining', ({ effectiveStatus }) => effectiveStatus === 'up' || effectiveStatus === 'draining'],
    ['address=10.0.0.1', ({ address }) => address === '10.0.0.1']
  ]
  for (const [query, fits] of filters) {
    comparison.same(
      surface, `list of instances ${query}`, (await pages(url, '/v1/instances', query)).map(saidInstance), model.list(fits)
    )
  }
}

/** @throws for what is no page */
async function pages (url: string, path: string, query = ''): Promise<any[]> {
  const items: unknown[] = []
  for (let cursor = '', page = 0; page < 100; page++) {
    const { status, body, text } = await ask(url, 'GET', `${path}?limit=${pageSize}&${query}${cursor}`)
    if (status !== 200) return [`${status} ${text}`]
    items.push(...body.items)
    if (body.next === undefined) return items
    cursor = `&cursor=${encodeURIComponent(body.next)}`
  }
  return ['a list without an end']
}

export function summary ({ namespace, name, implicit, instances, endpoints, manifest }: any): object {
  return { namespace, name, implicit, instances, endpoints, manifest: saidManifest(manifest) }
}

export function meantSummary (service: ModelService | undefined): object | undefined {
  if (service === undefined) return undefined
  const { namespace, name, manifest, instances, all } = service
  const count = (fits: (instance: Shown) => boolean): number => instances.filter(fits).length
  const byStatus = Object.fromEntries(
    ['starting', 'up', 'warning', 'draining', 'down'].map(
      (status) => [status, count(({ effectiveStatus }) => effectiveStatus === status)]
    )
  )
  return {
    namespace, name, implicit: manifest === undefined, manifest: saidManifest(manifest),
    instances: {
      total: instances.length, ready: count(({ conditions }) => conditions.ready),
      suspect: count(({ suspect }) => suspect), ...byStatus
    },
    endpoints: { total: all.length, ready: all.filter(({ conditions }) => conditions.ready).length }
  }
}

async function lookAtService ({ url, comparison }: Looking, service: ModelService): Promise<void> {
  const path = serviceUrl(service.namespace, service.name)
  const read = await ask(url, 'GET', path)
  if (!comparison.same(surface, `status of ${path}`, read.status, 200)) return
  comparison.same(surface, `service ${path}`, summary(read.body), meantSummary(service))
  const view = await ask(url, 'GET', `${path}?view=manifest`)
  if (service.manifest !== undefined) {
    comparison.same(
      surface, `manifest of ${path}`, [view.status, saidManifest(view.body)], [200, saidManifest(service.manifest)]
    )
    return
  }
  const { kind, metadata, spec } = view.body ?? {}
  const said = [view.status, kind, metadata?.name, spec?.clusterIP]
  comparison.same(surface, `manifest of the implicit ${path}`, said, [200, 'Service', service.name, 'None'])
}

async function lookAtEndpoints ({ url, comparison, cursors }: Looking, service: ModelService): Promise<void> {
  const { namespace, name, all, answered, failOpen, manifest } = service
  const path = `${serviceUrl(namespace, name)}/endpoints`
  const forms: readonly [query: string, list: readonly ModelEndpoint[]][] = [
    ['', answered],
    ['?ready=any', all],
    ['?ready=false', all.filter(({ conditions }) => !conditions.ready)],
    ['?selector=app%3Dx', answered.filter(({ labels }) => labels['app'] === 'x')],
    [
      '?selector=rollcall.dev/service%3Dalpha',
      answered.filter((endpoint) => registeredService(service, endpoint) === 'alpha')
    ],
    ['?port=http&ready=any', all.filter(({ ports }) => ports.some((port) => port.name === 'http'))],
    ['?zone=a&ready=any', all.filter(({ zone }) => zone === 'a')]
  ]
  const about = `endpoints of ${namespace}/${name}`
  const before = cursors.before(about)
  const content = contentOf(service)
  for (const [query, list] of forms) {
    const { status, body, headers } = await ask(url, 'GET', `${path}${query}`)
    comparison.same(
      surface, `${path}${query}`, [status, body?.endpoints?.map(saidEndpoint), body?.failOpen, body?.declared ?? false],
      [200, list, failOpen, manifest !== undefined]
    )
    if (query !== '') continue
    const revision = revisionOf(body?.revision)
    cursors.told(comparison, surface, about, revision, content)
    const tag = headers.get('etag') ?? ''
    comparison.same(
      surface, `${path} with its own tag`, (await ask(url, 'GET', path, undefined, { 'if-none-match': tag })).status, 304
    )
    if (before === undefined || before.content === content) continue
    const old = tag.replace(/\d+"$/, `${before.revision}"`)
    comparison.same(
      surface, `${path} with the tag of before it changed`,
      (await ask(url, 'GET', path, undefined, { 'if-none-match': old })).status, 200
    )
  }
}

/** What stands behind an endpoint of a selector; of what is made by hand nothing is registered. */
function registeredService (
  { name, manifest }: ModelService, { service, id, address }: ModelEndpoint
): string | undefined {
  return manifest === undefined ? name : service ?? (id === address ? undefined : name)
}

/** What a change of the endpoints is a change of. */
export function contentOf ({ all, failOpen, manifest }: ModelService): string {
  return JSON.stringify([all, failOpen, manifest])
}

async function lookAtInstance ({ url, comparison, cursors }: Looking, instance: Shown): Promise<void> {
  const path = `${instance.namespace}/${instance.service}/${instance.id}`
  const { status, body, headers } = await ask(url, 'GET', instanceUrl(path))
  if (!comparison.same(surface, `status of instance ${path}`, status, 200)) return
  comparison.same(surface, `instance ${path}`, saidInstance(body), instance)
  const about = `instance ${path}`
  const before = cursors.before(about)
  const content = JSON.stringify(instance)
  cursors.told(comparison, surface, about, Number(body?.revision), content)
  if (before === undefined || before.content === content) return
  const old = (headers.get('etag') ?? '').replace(/\d+"$/, `${before.revision}"`)
  comparison.same(
    surface, `instance ${path} with the tag of before it changed`,
    (await ask(url, 'GET', instanceUrl(path), undefined, { 'if-none-match': old })).status, 200
  )
}
