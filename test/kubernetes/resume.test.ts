import fc from 'fast-check'
import t from 'tap'
import type { Store } from '../../server/store/store.ts'
import { HandClock } from '../support/hand-clock.ts'
import { type Cluster, cluster, namespaced, serve, serviceOf } from './helper.ts'

const kinds = [
  '/api/v1/services', '/api/v1/endpoints', '/apis/discovery.k8s.io/v1/endpointslices', '/api/v1/pods', '/api/v1/nodes', '/api/v1/namespaces',
  '/apis/apps/v1/deployments', '/apis/coordination.k8s.io/v1/leases'
]

type Cache = Map<string, string>

function keyOf ({ metadata: { namespace = '', name } }: any): string {
  return `${namespace}/${name}`
}

/**
 * What a client compares: everything but the resource version, which a derived object may have another of on another
 * node.
 */
function contentOf ({ kind: _kind, apiVersion: _version, metadata: { resourceVersion: _revision, ...metadata }, ...object }: any): string {
  return JSON.stringify({ ...object, metadata })
}

/** Longer than any test. */
const lease = { ttlMs: 3_600_000 }

async function listed ({ ask }: Cluster, path: string): Promise<{ readonly cache: Cache, readonly revision: string }> {
  const list = (await ask('GET', path)).json()
  return { cache: new Map(list.items.map((item: any) => [keyOf(item), contentOf(item)])), revision: list.metadata.resourceVersion }
}

/** Follows a watch from a revision until it has everything, and says whether it had to list anew. */
async function resumed (node: Cluster, path: string, { cache, revision }: { readonly cache: Cache, readonly revision: string }): Promise<'resumed' | 'expired'> {
  const events = await node.watch(`${path}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${revision}`)
  node.clock.advance(2_000) // its time is up: it tells what there is, and ends
  let last = Number(revision)
  for (let event = await events.next(); event !== undefined; event = await events.next()) {
    if (event.type === 'ERROR') return 'expired'
    if (Number(event.object.metadata.resourceVersion) < last) throw new Error(`${path}: ${event.object.metadata.resourceVersion} after ${last}`)
    last = Number(event.object.metadata.resourceVersion)
    if (event.type === 'BOOKMARK') continue
    if (event.type === 'DELETED') cache.delete(keyOf(event.object))
    else cache.set(keyOf(event.object), contentOf(event.object))
  }
  return 'resumed'
}

t.test('a watch of any kind goes on at a node that was never asked, and its client ends with what that node lists', async (t) => {
  const first = await cluster(t)
  const { access, register } = first
  await access.put({ kind: 'Service', namespace: 'shop', name: 'web' }, serviceOf('web', { selector: { app: 'web' } }))
  for (const id of ['a', 'b', 'c']) await register(`shop/orders/${id}`, { address: '10.0.0.1', node: `node-${id}`, labels: { app: 'web' }, ports: [{ port: 80 }], lease })
  await register('old/gone/last', { address: '10.0.0.9', lease })
  const before = new Map(await Promise.all(kinds.map(async (path) => [path, await listed(first, path)] as const)))

  await access.deregister({ namespace: 'shop', service: 'orders', id: 'a' })
  await access.deregister({ namespace: 'old', service: 'gone', id: 'last' })
  await register('shop/orders/d', { address: '10.0.0.4', node: 'node-d', labels: { app: 'web' }, ports: [{ port: 81 }], lease })
  await access.patch({ namespace: 'shop', service: 'orders', id: 'b' }, { labels: { app: 'other' } })
  await register('new/fresh/one', { address: '10.0.0.5', lease })

  const second = await serve(t, first)
  for (const [path, state] of before) {
    t.equal(await resumed(second, path, state), 'resumed', path)
    t.same([...state.cache].sort(), [...(await listed(second, path)).cache].sort(), path)
  }
})

t.test('a client that was cut in the middle of what it missed goes on from there', async (t) => {
  const first = await cluster(t)
  for (let id = 0; id < 20; id++) await first.register(`shop/orders/i${id}`, { address: '10.0.0.1', lease })
  const state = await listed(first, '/api/v1/pods')
  for (let id = 0; id < 20; id++) await first.access.patch({ namespace: 'shop', service: 'orders', id: `i${(id * 7) % 20}` }, { labels: { round: 'two' } })
  await first.access.deregister({ namespace: 'shop', service: 'orders', id: 'i3' })
  let { revision } = state
  for (let cut = 0; cut < 20; cut++) {
    const node = await serve(t, first)
    const events = await node.watch(`/api/v1/pods?watch=true&resourceVersion=${revision}`)
    const event = await events.next()
    if (event?.type === 'DELETED') state.cache.delete(keyOf(event.object))
    else state.cache.set(keyOf(event?.object), contentOf(event?.object))
    revision = event?.object.metadata.resourceVersion
    events.close()
  }
  t.same([...state.cache].sort(), [...(await listed(first, '/api/v1/pods')).cache].sort())
})

t.test('an object that left a selector meanwhile is deleted for its watch', async (t) => {
  const first = await cluster(t)
  for (const id of ['a', 'b']) await first.register(`shop/orders/${id}`, { address: '10.0.0.1', labels: { tier: 'x' } })
  const { metadata: { resourceVersion } } = (await first.ask('GET', `${namespaced}/pods?labelSelector=tier%3Dx`)).json()
  await first.access.patch({ namespace: 'shop', service: 'orders', id: 'a' }, { labels: { tier: 'y' } })
  await first.access.patch({ namespace: 'shop', service: 'orders', id: 'b' }, { labels: { more: 'z' } })
  const events = await (await serve(t, first)).watch(`${namespaced}/pods?watch=true&labelSelector=tier%3Dx&resourceVersion=${resourceVersion}`)
  t.same(await events.told(2), ['DELETED a', 'MODIFIED b'])
})

t.test('a service that was declared and deleted meanwhile is told, and its slices expire, since nobody knows which there were', async (t) => {
  const first = await cluster(t)
  const { access } = first
  await access.put({ kind: 'Service', namespace: 'shop', name: 'web' }, serviceOf('web'))
  const services = await listed(first, '/api/v1/services')
  const slices = await listed(first, '/apis/discovery.k8s.io/v1/endpointslices')
  await access.delete([{ kind: 'Service', namespace: 'shop', name: 'web' }])
  const second = await serve(t, first)
  t.equal(await resumed(second, '/api/v1/services', services), 'resumed')
  t.same([...services.cache], [])
  t.equal(await resumed(second, '/apis/discovery.k8s.io/v1/endpointslices', slices), 'expired')
  t.equal(await resumed(second, '/apis/discovery.k8s.io/v1/endpointslices', await listed(second, '/apis/discovery.k8s.io/v1/endpointslices')), 'resumed')
})

t.test('what the log does not tell is read for the first of many watches alone', async (t) => {
  let readings = 0
  const first = await cluster(t, {
    core: { ringLimit: 0 },
    wrap: (store): Store => new Proxy(store, {
      get: (target, name) => {
        if (name === 'readLog') readings++
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) as unknown : value
      }
    })
  })
  const path = '/apis/discovery.k8s.io/v1/endpointslices'
  const states = []
  for (const name of ['one', 'two']) {
    await first.access.put({ kind: 'Service', namespace: 'shop', name }, serviceOf(name))
    states.push(await listed(first, path))
  }
  await first.access.delete([{ kind: 'Service', namespace: 'shop', name: 'one' }])
  const second = await serve(t, first)
  const [older, newer] = states
  if (older === undefined || newer === undefined) throw new RangeError('there are two')
  t.equal(await resumed(second, path, older), 'expired')
  const once = readings
  t.ok(once > 0)
  for (const state of [older, newer, older]) t.equal(await resumed(second, path, state), 'expired')
  t.equal(readings, once)
})

t.test('more changes than a node keeps of a kind are not told: the client lists anew', async (t) => {
  const first = await cluster(t)
  await first.register('shop/orders/a', { address: '10.0.0.1', lease })
  const state = await listed(first, '/api/v1/pods')
  for (let round = 0; round < 101; round++) {
    await Promise.all(Array.from({ length: 100 }, (_, id) => first.register(`shop/orders/i${id}`, { address: '10.0.0.1', labels: { round: String(round) }, lease })))
  }
  t.equal(await resumed(await serve(t, first), '/api/v1/pods', state), 'expired')
})

for (const [memory, core] of [['memory', {}], ['the log of the store', { ringLimit: 0 }]] as const) {
  t.test(`whatever changed, a client that resumes from ${memory} has what is there, or is told to list anew`, async (t) => {
    let told = 0
    const anySteps = fc.array(fc.tuple(fc.nat(5), fc.nat(7), fc.nat(3)), { minLength: 4, maxLength: 30 })
    await fc.assert(fc.asyncProperty(anySteps, fc.nat(10), fc.nat(20), async (steps, cut, begin) => {
      await using scope = new Scope()
      const first = await cluster(scope, { core, clock: new HandClock().letMomentsPass() })
      const { access, register } = first
      await register('shop/first/one', { address: '10.0.0.1', lease }) // a watch from revision 0 is one that begins
      let before: ReadonlyMap<string, Awaited<ReturnType<typeof listed>>> = new Map()
      // The other node answers from some time on, or is asked for the first time at the end.
      let second: Cluster | undefined
      for (const [index, [what, id, value]] of [...steps, [0, 0, 0] as const].entries()) {
        if (index === cut % steps.length) before = new Map(await Promise.all(kinds.map(async (path) => [path, await listed(first, path)] as const)))
        if (index === cut % steps.length + begin) {
          second = await serve(scope, first)
          for (const path of kinds) await listed(second, path)
        }
        const name = { namespace: 'shop', service: `s${id % 2}`, id: `i${id}` }
        if (what === 0) await access.put({ kind: 'Service', namespace: 'shop', name: 'web' }, serviceOf('web', { selector: { app: `a${value}` } }))
        else if (what === 1 && value === 0) await access.delete([{ kind: 'Service', namespace: 'shop', name: 'web' }], { ignoreMissing: true })
        else if (what === 2) await access.deregister(name).catch(() => undefined)
        else if (what === 3) await access.patch(name, { labels: { app: `a${value}` } }).catch(() => undefined)
        else await register(`shop/s${id % 2}/i${id}`, { address: `10.0.0.${value + 1}`, node: `n${value}`, labels: { app: `a${value}` }, ports: [{ port: 80 + value }], lease })
      }
      second ??= await serve(scope, first)
      for (const [path, state] of before) {
        if (await resumed(second, path, state) === 'expired') continue
        told++
        const now = [...(await listed(second, path)).cache].sort()
        if (JSON.stringify([...state.cache].sort()) !== JSON.stringify(now)) throw new Error(`${path}: ${JSON.stringify([...state.cache].sort())} and not ${JSON.stringify(now)}`)
      }
    }), { numRuns: 12 })
    t.ok(told > 40, `${told} of 96 were told`)
  })
}

/** What a run opens, closed at its end. */
class Scope implements AsyncDisposable {
  readonly #closers: (() => unknown)[] = []

  teardown (close: () => unknown): void {
    this.#closers.push(close)
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    for (const close of this.#closers.reverse()) await close()
  }
}
