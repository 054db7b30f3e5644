// What Eureka's clients see: the endpoints of services, the delta, the hash, and that clients of both kinds end with the same view.
import t from 'tap'
import type { Registration } from '../../client-sdk/src/wire.ts'
import type { ManifestDocument } from '../../server/model/manifest/manifest-document.ts'
import { Recent, keptMs, maxKept } from '../../server/eureka/view/recent.ts'
import { App } from '../../server/eureka/view/app.ts'
import { type EurekaWorld, eurekaWorld } from './eureka-world.ts'

interface Application { readonly name: string, readonly instance: readonly Record<string, any>[] }

/** As `ORDERS/a UP`, in order. */
const states = (applications: readonly Application[]): string[] =>
  applications.flatMap(({ name, instance }) => instance.map(({ instanceId, status }) => `${name}/${instanceId} ${status}`)).sort()

const full = async ({ get }: EurekaWorld): Promise<string[]> => states((await get('/apps')).json.applications.application)

/** A client as Java's: applies deltas blindly, counts, and asks for everything if its count is not the server's. */
class DeltaClient {
  readonly #world: EurekaWorld
  readonly #instances = new Map<string, Record<string, any>>()
  fulls = 0

  constructor (world: EurekaWorld) {
    this.#world = world
  }

  get states (): string[] {
    return Array.from(this.#instances, ([key, { status }]) => `${key} ${status}`).sort()
  }

  async poll (): Promise<void> {
    const delta = (await this.#world.get('/apps/delta')).json.applications
    for (const { name, instance } of delta.application as Application[]) {
      for (const each of instance) {
        if (each['actionType'] === 'DELETED') this.#instances.delete(`${name}/${each['instanceId']}`)
        else this.#instances.set(`${name}/${each['instanceId']}`, each)
      }
    }
    if (this.#hash() !== delta.apps__hashcode) await this.fetch()
  }

  async fetch (): Promise<void> {
    this.fulls += 1
    this.#instances.clear()
    const { application } = (await this.#world.get('/apps')).json.applications as { application: Application[] }
    for (const { name, instance } of application) for (const each of instance) this.#instances.set(`${name}/${each['instanceId']}`, each)
  }

  #hash (): string {
    const counts = new Map<string, number>()
    for (const { status } of this.#instances.values()) counts.set(status, (counts.get(status) ?? 0) + 1)
    return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([status, count]) => `${status}_${count}_`).join('')
  }
}

const shop = { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }] } satisfies Registration

t.test('a client that follows deltas ends with what is there, whatever happens, and asks for everything once', async (t) => {
  const world = await eurekaWorld(t)
  const { put, ask, access, pass } = world
  const client = new DeltaClient(world)
  await client.fetch()
  const step = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    await act()
    await client.poll()
    t.strictSame(client.states, await full(world), what)
  }
  const name = (id: string): { namespace: string, service: string, id: string } => ({ namespace: 'default', service: 'orders', id })
  const long = { leaseInfo: { durationInSecs: 3_000 } }
  await step('register', () => put({ instanceId: 'a', ...long }))
  await step('another, natively', () => access.register(name('b'), { ...shop, lease: { ttlMs: 3_000_000 } }))
  await step('a third, in another application', () => put({ app: 'PAYMENTS', instanceId: 'c', ...long }))
  await step('override', () => ask('PUT', '/apps/ORDERS/a/status?value=OUT_OF_SERVICE'))
  await step('its end', () => ask('DELETE', '/apps/ORDERS/a/status'))
  await step('warning is UP', () => access.patch(name('b'), { status: 'warning' }))
  await step('down', () => access.patch(name('b'), { status: 'down' }))
  await step('a swap that the hash does not see', async () => {
    await ask('DELETE', '/apps/ORDERS/a')
    await put({ instanceId: 'd', ...long })
  })
  await step('come and go at once', async () => {
    await put({ instanceId: 'e', ...long })
    await ask('DELETE', '/apps/ORDERS/e')
  })
  await step('the application goes', () => ask('DELETE', '/apps/PAYMENTS/c'))
  await pass(60_000, 5_000)
  await step('much later', () => put({ instanceId: 'f', ...long }))
  t.equal(client.fulls, 1)
  t.strictSame(client.states, ['ORDERS/b DOWN', 'ORDERS/d UP', 'ORDERS/f UP'])
})

t.test('a client that was away for five minutes finds what it missed; after longer the hash tells it', async (t) => {
  const world = await eurekaWorld(t)
  const { put, ask, pass } = world
  const client = new DeltaClient(world)
  const long = { leaseInfo: { durationInSecs: 3_000 } }
  await put({ instanceId: 'a', ...long })
  await client.fetch()
  await ask('DELETE', '/apps/ORDERS/a')
  await put({ instanceId: 'b', ...long })
  await pass(300_000, 5_000)
  await client.poll()
  t.strictSame(client.states, ['ORDERS/b UP'])
  t.equal(client.fulls, 1)
  await put({ instanceId: 'c', ...long })
  await full(world) // somebody else asks
  await pass(keptMs + 1_000, 5_000)
  t.strictSame((await world.get('/apps/delta')).json.applications.application, [])
  await client.poll()
  t.strictSame(client.states, ['ORDERS/b UP', 'ORDERS/c UP'])
  t.equal(client.fulls, 2)
})

t.test('a node that begins tells what happened before it', async (t) => {
  const before = await eurekaWorld(t)
  const client = new DeltaClient(before)
  await before.put({ instanceId: 'a' })
  await client.fetch()
  await before.ask('DELETE', '/apps/ORDERS/a')
  await before.put({ instanceId: 'b' })
  // Nobody has asked this listener yet: it stands for a node that was started a moment ago.
  const { applications } = (await before.get('/apps/delta')).json
  t.strictSame(applications.application[0].instance.map(({ instanceId, actionType }: any) => `${instanceId} ${actionType}`), ['a DELETED', 'b ADDED'])
  const after = await eurekaWorld(t)
  await after.put({ instanceId: 'a' })
  await after.ask('DELETE', '/apps/ORDERS/a')
  await after.put({ instanceId: 'b' })
  t.strictSame((await after.get('/apps/delta')).json.applications.application[0].instance.map(({ instanceId, actionType }: any) => `${instanceId} ${actionType}`), ['a DELETED', 'b MODIFIED'])
})

t.test('a suspect instance is DOWN while others answer, and what it was while nobody does', async (t) => {
  const world = await eurekaWorld(t, { core: { protection: { graceMs: 600_000, holdMs: 0 } } })
  const { put, ask, pass, get } = world
  const client = new DeltaClient(world)
  await put({ instanceId: 'a', leaseInfo: { durationInSecs: 10 } })
  await put({ instanceId: 'b', leaseInfo: { durationInSecs: 30 } })
  await client.fetch()
  await pass(12_000)
  t.strictSame(await full(world), ['ORDERS/a DOWN', 'ORDERS/b UP'])
  await client.poll()
  t.strictSame(client.states, ['ORDERS/a DOWN', 'ORDERS/b UP'])
  await pass(20_000)
  t.strictSame(await full(world), ['ORDERS/a UP', 'ORDERS/b UP'], 'fail open: better the last list than none')
  await client.poll()
  t.strictSame(client.states, ['ORDERS/a UP', 'ORDERS/b UP'])
  t.match((await get('/status')).json.statusInfo.applicationStats, { 'suspect-instances': '2' })
  t.equal((await ask('PUT', '/apps/ORDERS/b?status=UP')).status, 200)
  await pass(1_000)
  t.strictSame(await full(world), ['ORDERS/a DOWN', 'ORDERS/b UP'])
  await client.poll()
  t.strictSame(client.states, ['ORDERS/a DOWN', 'ORDERS/b UP'])
  t.equal(client.fulls, 1, 'also those that were shown otherwise only because of others are in the delta')
})

t.test('the brake is self-preservation, and says why', async (t) => {
  const world = await eurekaWorld(t)
  const { put, pass, get, ask } = world
  for (const id of ['a', 'b', 'c', 'd']) await put({ instanceId: id, leaseInfo: { durationInSecs: 10 } })
  await pass(40_000)
  t.strictSame(await full(world), ['a', 'b', 'c', 'd'].map((id) => `ORDERS/${id} UP`))
  t.match((await get('/status')).json.statusInfo.applicationStats, { 'is-self-preservation-on': 'true', 'self-preservation-reason': /so many instances of orders are suspect/ })
  t.match((await ask('GET', '//')).body, /class="red">EMERGENCY! EUREKA MAY BE INCORRECTLY CLAIMING INSTANCES ARE UP WHEN THEY'RE NOT: so many instances of orders are suspect/)
})

t.test('a declared service is an application of what it selects, or of what was made for it by hand', async (t) => {
  const world = await eurekaWorld(t)
  const { access, put, get } = world
  const client = new DeltaClient(world)
  await client.fetch()
  const documentOf = (value: object, index: number): ManifestDocument => {
    const { kind } = value as { kind: string }
    return { kind, value, index } as unknown as ManifestDocument
  }
  const apply = async (...values: object[]): Promise<unknown> => access.apply(values.map(documentOf))
  const service = (name: string, spec: object): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec })
  await access.register({ namespace: 'default', service: 'api', id: 'x' }, { ...shop, labels: { tier: 'gold' } })
  await access.register({ namespace: 'default', service: 'api', id: 'y' }, shop)
  await put({ instanceId: 'a' })
  await apply(service('gold', { selector: { tier: 'gold' }, ports: [{ name: 'web', port: 80, targetPort: 'http' }] }))
  await client.poll()
  t.strictSame(await full(world), ['API/x UP', 'API/y UP', 'GOLD/api/x UP', 'ORDERS/a UP'])
  t.strictSame(client.states, await full(world))
  t.match((await get('/apps/GOLD')).json.application.instance, [{ instanceId: 'api/x', vipAddress: 'gold', port: { $: 8080, '@enabled': 'true' } }])
  t.match((await get('/apps/GOLD/api%2Fx')).json.instance, { instanceId: 'api/x' })
  await access.patch({ namespace: 'default', service: 'api', id: 'y' }, { labels: { tier: 'gold' } })
  await access.patch({ namespace: 'default', service: 'api', id: 'x' }, { labels: { tier: null } })
  await client.poll()
  t.strictSame(client.states, await full(world))
  t.ok(client.states.includes('GOLD/api/y UP') && !client.states.includes('GOLD/api/x UP'))
  await apply(service('legacy', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] }), {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'legacy-1', labels: { 'kubernetes.io/service-name': 'legacy' } }, addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }], endpoints: [{ addresses: ['192.0.2.7'], zone: 'b' }]
  })
  await client.poll()
  t.match((await get('/apps/LEGACY')).json.application.instance, [{ ipAddr: '192.0.2.7', hostName: '192.0.2.7', status: 'UP', port: { $: 8080 }, metadata: { zone: 'b' } }])
  t.strictSame(client.states, await full(world))
  await access.delete([{ kind: 'Service', namespace: 'default', name: 'gold' }, { kind: 'Service', namespace: 'default', name: 'legacy' }])
  await client.poll()
  t.strictSame(client.states, ['API/x UP', 'API/y UP', 'ORDERS/a UP'])
  t.equal(client.fulls, 1)
})

t.test('who asks while others change something gets a list that is of one moment, and no older one', async (t) => {
  const world = await eurekaWorld(t)
  const { access, get } = world
  for (let index = 0; index < 300; index++) await access.register({ namespace: 'default', service: 'orders', id: `i${index}` }, shop)
  const answers = await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const id = `n${index}`
    await access.register({ namespace: 'default', service: 'orders', id }, shop)
    const { applications } = (await get('/apps', index % 2 === 0 ? {} : { 'x-y': '1' })).json
    const [{ instance }] = applications.application as [Application]
    t.equal(applications.apps__hashcode, `UP_${instance.length}_`)
    return instance.some(({ instanceId }) => instanceId === id)
  }))
  t.ok(answers.every((isThere) => isThere), 'each sees its own write')
})

t.test('a namespace that went leaves nothing behind, and is not shown as it was when it comes again', async (t) => {
  const world = await eurekaWorld(t)
  const { ask, get, pass, access } = world
  const hash = async (): Promise<string> => (await get('//namespaces/once/eureka/apps')).json.applications.apps__hashcode
  for (let round = 0; round < 3; round++) {
    await access.register({ namespace: 'once', service: 'orders', id: `i${round}` }, { ...shop, lease: { ttlMs: 3_000_000 } })
    t.equal(await hash(), 'UP_1_')
    t.equal((await ask('DELETE', `//namespaces/once/eureka/apps/ORDERS/i${round}`)).status, 200)
    t.equal(await hash(), '')
    await pass(keptMs + 1_000, 5_000)
    t.equal(await hash(), '')
    t.strictSame((await get('//namespaces/once/eureka/apps/delta')).json.applications.application, [])
  }
})

t.test('what changed lately is bounded', async (t) => {
  const recent = new Recent()
  const app = new App('default', 'orders')
  const row = app.goneRow({ ...shop, namespace: 'default', service: 'orders', id: 'a', metadata: {}, labels: {}, weight: 100, priority: 0, lease: { ttlMs: 1_000 }, createdAt: '2026-01-01T00:00:00Z', updatedAt: '2026-01-01T00:00:00Z', effectiveStatus: 'up', status: 'up', suspect: false, conditions: { ready: true, serving: true, terminating: false } } as never)
  for (let index = 0; index < maxKept + 5; index++) recent.add(String(index), { app, row, action: 'ADDED', atMs: 0 })
  t.equal(recent.at(0).length, maxKept)
  t.equal(recent.at(keptMs).length, 0)
})
