// Who may do what, by every route: each identity asks for everything. A route without a row here fails the test, and so does a row without
// its route.
import t from 'tap'
import { type Manifest, manifestKinds } from '../../client-sdk/src/manifest-kinds.ts'
import type { PolicyRule } from '../../client-sdk/src/manifests.ts'
import { type HttpWorld, bearer, build, pathOf, tokenOf } from '../support/world.ts'

const identities: Readonly<Record<string, readonly PolicyRule[] | undefined>> = {
  anonymous: undefined,
  reader: [{ role: 'reader', namespaces: ['shop'] }],
  owner: [{ role: 'agent', namespaces: ['shop'], services: ['orders'] }],
  neighbour: [{ role: 'agent', namespaces: ['shop'], services: ['orders'] }],
  stranger: [{ role: 'agent', namespaces: ['pay'] }],
  operator: [{ role: 'operator', namespaces: ['shop'] }],
  declarer: [{ verbs: ['read', 'declare'], namespaces: ['shop'] }],
  proxy: [{ role: 'proxy', namespaces: ['shop'] }],
  admin: [{ role: 'admin' }]
}
type Name = 'anonymous' | 'reader' | 'owner' | 'neighbour' | 'stranger' | 'operator' | 'declarer' | 'proxy' | 'admin'
const everybody: readonly Name[] = ['anonymous', 'reader', 'owner', 'neighbour', 'stranger', 'operator', 'declarer', 'proxy', 'admin']
const known = everybody.filter((name) => name !== 'anonymous')
const readers = known.filter((name) => name !== 'stranger')

/** Of what is asked for, who is not refused for who it is. */
const may = {
  anything: everybody,
  ask: known,
  read: readers,
  readWeb: ['reader', 'operator', 'declarer', 'proxy', 'admin'],
  registerNew: ['owner', 'neighbour', 'admin'],
  registerTheirs: ['owner'],
  changeTheirs: ['owner', 'operator', 'admin'],
  operate: ['operator', 'admin'],
  declare: ['declarer', 'admin'],
  declareAll: ['admin'],
  proxy: ['proxy', 'admin'],
  metrics: ['operator', 'admin'],
  admin: ['admin']
} as const satisfies Record<string, readonly Name[]>

interface Row {
  readonly ask: readonly [method: string, url: string, body?: unknown, headers?: Record<string, string>]
  readonly may: keyof typeof may
}

const theirs = pathOf('o1')
const service = '/v1/namespaces/shop/services'
const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } }
const leases = [{ namespace: 'shop', service: 'orders', id: 'o1' }]

/** Of a kind that is shown as it was declared. */
function objectRows (kind: Manifest['kind'], many: string, plural: string): Readonly<Record<string, Row>> {
  const of = `/v1/namespaces/shop/${plural}`
  const { apiVersion } = manifestKinds[kind]
  return {
    [`list${many}`]: { ask: ['GET', `/v1/${plural}`], may: 'ask' },
    [`list${many}, of a namespace`]: { ask: ['GET', `/v1/${plural}?namespace=shop`], may: 'read' },
    [`listNamespaced${many}`]: { ask: ['GET', of], may: 'read' },
    [`get${kind}`]: { ask: ['GET', `${of}/web`], may: 'read' },
    [`put${kind}`]: { ask: ['PUT', `${of}/web`, { apiVersion, kind, metadata: { name: 'web' } }], may: 'declare' },
    [`delete${kind}`]: { ask: ['DELETE', `${of}/web`], may: 'declare' }
  }
}

const rows: Readonly<Record<string, Row>> = {
  register: { ask: ['PUT', theirs, { address: '10.0.0.1' }], may: 'registerTheirs' },
  'register, a new one': { ask: ['PUT', pathOf('new'), { address: '10.0.0.1' }], may: 'registerNew' },
  patchInstance: { ask: ['PATCH', theirs, { weight: 7 }], may: 'changeTheirs' },
  getInstance: { ask: ['GET', theirs], may: 'read' },
  explainInstance: { ask: ['GET', `${theirs}/explain`], may: 'read' },
  heartbeat: { ask: ['PUT', `${theirs}/heartbeat`], may: 'changeTheirs' },
  heartbeats: { ask: ['POST', '/v1/heartbeats', { leases }], may: 'changeTheirs' },
  override: { ask: ['PUT', `${theirs}/override`, { status: 'draining' }], may: 'operate' },
  removeOverride: { ask: ['DELETE', `${theirs}/override`], may: 'operate' },
  listOverrides: { ask: ['GET', '/v1/overrides'], may: 'ask' },
  getEndpoints: { ask: ['GET', `${service}/orders/endpoints`], may: 'read' },
  listNamespaces: { ask: ['GET', '/v1/namespaces'], may: 'ask' },
  listServices: { ask: ['GET', '/v1/services'], may: 'ask' },
  listInstances: { ask: ['GET', '/v1/instances'], may: 'ask' },
  'listInstances, of a namespace': { ask: ['GET', '/v1/instances?namespace=shop'], may: 'read' },
  listHandMade: { ask: ['GET', '/v1/handmade'], may: 'ask' },
  getService: { ask: ['GET', `${service}/web`], may: 'readWeb' },
  putService: { ask: ['PUT', `${service}/web`, manifest], may: 'declare' },
  deleteService: { ask: ['DELETE', `${service}/web`], may: 'declare' },
  getEndpointSlices: { ask: ['GET', `${service}/orders/endpointslices`], may: 'read' },
  getEndpointsObject: { ask: ['GET', `${service}/orders/endpointsobject`], may: 'read' },
  getNamespace: { ask: ['GET', '/v1/namespaces/shop'], may: 'read' },
  putNamespace: { ask: ['PUT', '/v1/namespaces/shop'], may: 'declare' },
  deleteNamespace: { ask: ['DELETE', '/v1/namespaces/shop'], may: 'declare' },
  apply: { ask: ['POST', '/v1/apply', manifest], may: 'declare' },
  delete: { ask: ['POST', '/v1/delete', { names: [{ kind: 'Service', namespace: 'shop', name: 'web' }] }], may: 'declare' },
  ...objectRows('Ingress', 'Ingresses', 'ingresses'),
  ...objectRows('Secret', 'Secrets', 'secrets'),
  ...objectRows('HorizontalPodAutoscaler', 'HorizontalPodAutoscalers', 'horizontalpodautoscalers'),
  listLoads: { ask: ['GET', '/v1/loads'], may: 'ask' },
  'listLoads, of a namespace': { ask: ['GET', '/v1/loads?namespace=shop'], may: 'read' },
  getDesired: { ask: ['GET', '/v1/namespaces/shop/horizontalpodautoscalers/web/desired'], may: 'read' },
  listExternalMetrics: { ask: ['GET', '/v1/namespaces/shop/external-metrics'], may: 'read' },
  putExternalMetric: { ask: ['PUT', '/v1/namespaces/shop/external-metrics/queue', { value: 1 }], may: 'declare' },
  removeExternalMetric: { ask: ['DELETE', '/v1/namespaces/shop/external-metrics/queue'], may: 'declare' },
  'getSecret, with its data': { ask: ['GET', '/v1/namespaces/shop/secrets/web?data=true'], may: 'admin' },
  listIngressClasses: { ask: ['GET', '/v1/ingressclasses'], may: 'ask' },
  getIngressClass: { ask: ['GET', '/v1/ingressclasses/web'], may: 'ask' },
  putIngressClass: { ask: ['PUT', '/v1/ingressclasses/web', { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'web' } }], may: 'declareAll' },
  deleteIngressClass: { ask: ['DELETE', '/v1/ingressclasses/web'], may: 'declareAll' },
  getIngressObjects: { ask: ['GET', '/v1/ingress/objects'], may: 'proxy' },
  getIngressCertificates: { ask: ['GET', '/v1/ingress/certificates'], may: 'proxy' },
  listPools: { ask: ['GET', '/v1/pools'], may: 'ask' },
  explainDnsAnswer: { ask: ['GET', '/v1/dns/answer?name=orders.shop'], may: 'ask' },
  queryDns: { ask: ['GET', '/dns-query?dns=AAABAAABAAAAAAAAA3d3dwAAAQAB'], may: 'ask' },
  postDnsQuery: { ask: ['POST', '/dns-query', Buffer.from('AAABAAABAAAAAAAAA3d3dwAAAQAB', 'base64url').toString('latin1'), { 'content-type': 'application/dns-message' }], may: 'ask' },
  watch: { ask: ['GET', '/v1/watch?namespace=shop', undefined, { accept: 'application/json' }], may: 'anything' }, // is no watch: see sight.test.ts
  getRevision: { ask: ['GET', '/v1/revisions/1'], may: 'ask' },
  listEvents: { ask: ['GET', '/v1/events'], may: 'ask' },
  getOverview: { ask: ['GET', '/v1/overview'], may: 'ask' },
  backup: { ask: ['POST', '/v1/backup'], may: 'admin' },
  listUnreadable: { ask: ['GET', '/v1/unreadable'], may: 'admin' },
  getUnreadable: { ask: ['GET', '/v1/unreadable/x'], may: 'admin' },
  removeUnreadable: { ask: ['DELETE', '/v1/unreadable/x'], may: 'admin' },
  whoAmI: { ask: ['GET', '/v1/whoami'], may: 'anything' },
  canI: { ask: ['GET', '/v1/can-i?verb=read&namespace=shop&service=orders'], may: 'anything' },
  listPolicies: { ask: ['GET', '/v1/policies'], may: 'admin' },
  getPolicy: { ask: ['GET', '/v1/policies/p'], may: 'admin' },
  putPolicy: { ask: ['PUT', '/v1/policies/p', { apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name: 'p' }, spec: { subjects: ['token:x'], rules: [{ role: 'reader', namespaces: ['shop'] }] } }], may: 'admin' },
  deletePolicy: { ask: ['DELETE', '/v1/policies/p'], may: 'admin' },
  'apply, a policy': { ask: ['POST', '/v1/apply', { apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name: 'p' }, spec: { subjects: ['token:x'], rules: [{ role: 'reader', namespaces: ['shop'] }] } }], may: 'admin' },
  'delete, a policy': { ask: ['POST', '/v1/delete', { names: [{ kind: 'Policy', name: 'p' }] }], may: 'admin' },
  listTokens: { ask: ['GET', '/v1/tokens'], may: 'admin' },
  createToken: { ask: ['POST', '/v1/tokens', { name: 'one' }], may: 'admin' },
  revokeToken: { ask: ['DELETE', '/v1/tokens/none'], may: 'admin' },
  createTicket: { ask: ['POST', '/v1/tickets'], may: 'ask' },
  prometheusTargets: { ask: ['GET', '/v1/prometheus/targets'], may: 'ask' },
  livez: { ask: ['GET', '/livez'], may: 'anything' },
  readyz: { ask: ['GET', '/readyz'], may: 'anything' },
  metrics: { ask: ['GET', '/metrics'], may: 'metrics' },
  openapi: { ask: ['GET', '/openapi.json'], may: 'ask' },
  deregister: { ask: ['DELETE', theirs], may: 'changeTheirs' }
}

async function controlled (t: Parameters<typeof build>[0]): Promise<HttpWorld & { tokens: Map<string, string | undefined> }> {
  const world = await build(t, { control: { mode: 'on' } })
  const tokens = new Map<string, string | undefined>()
  for (const [name, rules] of Object.entries(identities)) tokens.set(name, rules === undefined ? undefined : await tokenOf(world, name, rules))
  return { ...world, tokens }
}

t.test('every route asks who may, and gives each identity its answer', async (t) => {
  const { send, tokens, registry, access } = await controlled(t)
  const document = (await send('GET', '/openapi.json', undefined, bearer(tokens.get('admin')))).json()
  const routes = Object.values<any>(document.paths).flatMap((path) => Object.values<any>(path).map(({ operationId }) => operationId as string)).sort()
  const answered = [...new Set(Object.keys(rows).map((name) => name.split(',')[0] ?? ''))].sort()
  t.same(answered, routes, 'every route has a row, and every row a route')

  const lines = [`${'route'.padEnd(32)}${everybody.map((name) => name.slice(0, 9).padEnd(10)).join('')}`]
  for (const [name, { ask: [method, url, body, headers], may: whom }] of Object.entries(rows)) {
    const cells: string[] = []
    for (const identity of everybody) {
      await send('PUT', theirs, { address: '10.0.0.1' }, bearer(tokens.get('owner')))
      if (registry.catalog.entry('shop', 'orders', 'new') !== undefined) await access.deregister({ namespace: 'shop', service: 'orders', id: 'new' })
      if (registry.catalog.declared('shop', 'web') === undefined) await send('PUT', `${service}/web`, manifest, bearer(tokens.get('admin')))
      const answer = await send(method, url, body, { ...headers, ...bearer(tokens.get(identity)) })
      const isPermitted = (may[whom] as readonly string[]).includes(identity)
      const expected = isPermitted ? 'not refused' : identity === 'anonymous' ? 401 : 403
      const isRefused = answer.statusCode === 401 || answer.statusCode === 403
      // Of many heartbeats those that are refused are named, and the others are renewed.
      const isNamed = name === 'heartbeats' && answer.statusCode === 200 && answer.json().forbidden?.length === 1
      cells.push(`${isRefused || isNamed ? '-' : answer.statusCode}`)
      t.equal(isNamed ? 403 : isRefused ? answer.statusCode : 'not refused', expected, `${name} as ${identity}: ${answer.body.slice(0, 200)}`)
      if (answer.statusCode === 401) t.match(answer.headers['www-authenticate'], /^Bearer/)
    }
    lines.push(`${name.padEnd(32)}${cells.map((cell) => cell.padEnd(10)).join('')}`)
  }
  t.comment(lines.join('\n'))
})

t.test('a wrong, expired or revoked token is refused at every route, also where nobody else is', async (t) => {
  const { send, clock, control, tokens } = await controlled(t)
  const short = await tokenOf({ control }, 'short', [{ role: 'admin' }], new Date(clock.now() + 1_000).toISOString())
  t.equal((await send('GET', '/v1/services', undefined, bearer(short))).statusCode, 200)
  clock.advance(2_000)
  t.match((await send('GET', '/v1/services', undefined, bearer(short))).json(), { code: 'REG_UNAUTHENTICATED', detail: /expired/ })
  t.equal((await send('DELETE', '/v1/tokens/reader', undefined, bearer(tokens.get('admin')))).statusCode, 200)
  t.match((await send('GET', '/v1/services', undefined, bearer(tokens.get('reader')))).json(), { code: 'REG_UNAUTHENTICATED' })
  const forged = `rc_${'A'.repeat(43)}`
  for (const wrong of [forged, `${tokens.get('owner')?.slice(0, -1)}`, `${tokens.get('owner')}x`, 'eyJhbGciOiJub25lIn0.e30.']) {
    t.match((await send('GET', '/v1/whoami', undefined, bearer(wrong))).json(), { code: 'REG_UNAUTHENTICATED' }, wrong)
  }
})

t.test('what is no bearer token is refused by its form, and a token in a URL with the reason', async (t) => {
  const { send, tokens } = await controlled(t)
  for (const authorization of ['Basic YTpi', 'Bearer', 'Bearer a b', 'Bearer \u00e4', `Bearer ${'a'.repeat(20_000)}`, 'bearer,x']) {
    const { statusCode } = await send('GET', '/v1/whoami', undefined, { authorization: Buffer.from(authorization).toString('latin1') })
    t.ok(statusCode === 400 || statusCode === 431, `${authorization.slice(0, 20)}: ${statusCode}`)
  }
  for (const url of ['/v1/whoami?token=', '/v1/services?access_token=', '/v1/watch?a=b&token=']) {
    const answer = await send('GET', `${url}${tokens.get('admin')}`)
    t.equal(answer.statusCode, 400)
    t.match(answer.json().detail, /must not be in a URL/)
    t.notMatch(answer.body, tokens.get('admin') ?? 'none', 'and is not repeated')
  }
})

t.test('who shows many wrong tokens waits, and a right one is never held back', async (t) => {
  const { send, tokens, clock } = await controlled(t)
  const statuses: number[] = []
  for (let n = 0; n < 20; n++) statuses.push((await send('GET', '/v1/whoami', undefined, bearer('rc_wrong'))).statusCode)
  t.same(statuses.slice(0, 10), Array(10).fill(401))
  t.same(statuses.slice(10), Array(10).fill(429))
  const last = await send('GET', '/v1/whoami', undefined, bearer('rc_wrong'))
  t.ok(Number(last.headers['retry-after']) > 1)
  t.equal((await send('GET', '/v1/whoami', undefined, bearer(tokens.get('owner')))).statusCode, 200)
  clock.advance(61_000)
  t.equal((await send('GET', '/v1/whoami', undefined, bearer('rc_wrong'))).statusCode, 401, 'after a minute it begins anew')
})
