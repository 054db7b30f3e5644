import fc from 'fast-check'
import t from 'tap'
import type { Instance } from '../../client-sdk/src/wire.ts'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

type Item = Pick<Instance, 'namespace' | 'service' | 'id'>
const keyOf = ({ namespace, service, id }: Item): string => `${namespace}/${service}/${id}`

/** All pages of a list. */
async function pages (send: HttpWorld['send'], url: string, between?: () => Promise<void>): Promise<any[][]> {
  const all: any[][] = []
  for (let cursor = ''; ;) {
    const answer = await send('GET', `${url}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    if (answer.statusCode !== 200) throw new Error(answer.body)
    const { items, next } = answer.json()
    all.push(items)
    if (next === undefined) return all
    cursor = next
    await between?.()
  }
}

function selected (selector: string | undefined, version: string): boolean {
  switch (selector) {
    case 'version=v1': return version === 'v1'
    case 'version!=v1': return version !== 'v1'
    case '!version': return false
    default: return true
  }
}

const name = fc.constantFrom('a', 'b', 'c', 'a-a')
const instance = fc.record({
  namespace: name, service: name, id: fc.constantFrom('1', '2', '10', 'x', 'X', '~', '!'), version: fc.constantFrom('v1', 'v2'), status: fc.constantFrom('up', 'down', 'warning')
})

t.test('pages of any size hold every match once, in the order of namespace, service and id', async (t) => {
  const world = await build(t)
  await fc.assert(fc.asyncProperty(
    fc.uniqueArray(instance, { selector: keyOf, maxLength: 25 }),
    fc.integer({ min: 1, max: 9 }),
    fc.record({
      namespace: name, service: name, status: fc.constantFrom('up', 'down,warning'),
      selector: fc.constantFrom('version=v1', 'version!=v1', '!version', ''), address: fc.constant('10.0.0.1')
    }, { requiredKeys: [] }),
    async (instances, limit, filter) => {
      for (const { namespace, service, id, version, status } of instances) {
        await world.register(`${namespace}/${service}/${id}`, { address: version === 'v1' ? '10.0.0.1' : '10.0.0.2', labels: { version }, status })
      }
      try {
        const query = new URLSearchParams(filter as Record<string, string>).toString()
        const expected = instances.filter((candidate) =>
          (filter.namespace === undefined || candidate.namespace === filter.namespace) &&
          (filter.service === undefined || candidate.service === filter.service) &&
          (filter.status === undefined || filter.status.split(',').includes(candidate.status)) &&
          (filter.address === undefined || candidate.version === 'v1') &&
          selected(filter.selector, candidate.version))
          .map(keyOf)
        const known = instances.some((candidate) =>
          (filter.namespace === undefined || candidate.namespace === filter.namespace) &&
          (filter.service === undefined || candidate.service === filter.service))
        if (!known && (filter.namespace !== undefined || filter.service !== undefined)) {
          const answer = await world.send('GET', `/v1/instances?${query}`)
          if (answer.statusCode !== 404) throw new Error(`expected 404, got ${answer.statusCode}`)
          return
        }
        const found = await pages(world.send, `/v1/instances?limit=${limit}&${query}`)
        const order = (a: string, b: string): number => {
          const [x, y] = [a.split('/'), b.split('/')]
          for (const index of [0, 1, 2]) if (x[index] !== y[index]) return (x[index] ?? '') < (y[index] ?? '') ? -1 : 1
          return 0
        }
        const list = found.flat().map(keyOf)
        if (JSON.stringify(list) !== JSON.stringify(expected.sort(order))) throw new Error(`${JSON.stringify(list)} is not ${JSON.stringify(expected)}`)
        if (found.some((items) => items.length > limit) || found.slice(0, -1).some((items) => items.length !== limit)) throw new Error('a page is not full')

        const services = (await pages(world.send, `/v1/services?limit=${limit}&${query}`)).flat().map(({ namespace, name }) => `${namespace}/${name}`)
        const expectedServices = [...new Set(expected.map((key) => key.split('/').slice(0, 2).join('/')))]
        if (JSON.stringify(services) !== JSON.stringify(expectedServices)) throw new Error(`${JSON.stringify(services)} is not ${JSON.stringify(expectedServices)}`)
      } finally {
        for (const { namespace, service, id } of instances) await world.send('DELETE', pathOf(`${namespace}/${service}/${id}`))
      }
    }
  ), { numRuns: 40 })
})

t.test('a list that changes between its pages shows nothing twice and misses nothing that stays', async (t) => {
  const { send, register } = await build(t)
  for (let index = 10; index < 30; index++) await register(`shop/orders/o-${index}`)
  let round = 0
  const found = (await pages(send, '/v1/instances?limit=3', async () => {
    round++
    await send('DELETE', pathOf(`shop/orders/o-${10 + round}`)) // listed already, or still to come
    await register(`shop/orders/a-${round}`) // before where the list is
    await register(`shop/orders/z-${round}`) // behind it
  })).flat().map(({ id }) => id)
  t.equal(new Set(found).size, found.length)
  for (let index = 20; index < 30; index++) t.ok(found.includes(`o-${index}`))
})

t.test('a cursor outlives what it points to, its service and its namespace', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a')
  await register('shop/orders/b')
  const { next } = (await send('GET', '/v1/instances?limit=1&namespace=shop')).json()
  for (const id of ['a', 'b']) await send('DELETE', pathOf(`shop/orders/${id}`))
  const rest = await send('GET', `/v1/instances?limit=1&namespace=shop&cursor=${next}`)
  t.equal(rest.statusCode, 200)
  t.strictSame(rest.json().items, [])
})

t.test('namespaces are listed with their counts, page by page', async (t) => {
  const { send, register } = await build(t)
  for (const key of ['b/x/1', 'a/x/1', 'a/y/1', 'a/y/2', 'c/x/1']) await register(key)
  t.strictSame((await pages(send, '/v1/namespaces?limit=2')).map((items) => items.map(({ name, services, instances }) => [name, services, instances])), [
    [['a', 2, 3], ['b', 1, 1]], [['c', 1, 1]]
  ])
})

t.test('a service says how its instances are', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a')
  await register('shop/orders/b', { address: '10.0.0.2', status: 'draining' })
  const answer = await send('GET', '/v1/namespaces/shop/services/orders')
  t.match(answer.json(), { namespace: 'shop', name: 'orders', implicit: true, instances: { total: 2, ready: 1, suspect: 0, up: 1, draining: 1, down: 0 }, revision: 2 })
  t.equal((await send('GET', '/v1/namespaces/shop/services/orders', undefined, { 'if-none-match': String(answer.headers.etag) })).statusCode, 304)
})

t.test('a service whose suspects are kept says since when, and its ETag changes with it', async (t) => {
  const { send, register, registry, clock } = await build(t)
  for (const id of ['a', 'b', 'c']) await register(`shop/orders/${id}`, { address: '10.0.0.1', lease: { ttlMs: 1_000 } })
  clock.advance(1_001)
  await registry.sweep()
  const before = await send('GET', '/v1/services')
  clock.advance(60_000)
  for (let round = 0; round < 4; round++) {
    clock.advance(250)
    await registry.sweep()
  }
  const service = await send('GET', '/v1/namespaces/shop/services/orders')
  t.match(service.json(), { instances: { suspect: 3 }, protectedSince: /^2026-/ })
  t.match((await send('GET', '/v1/overview')).json().protection.services, [{ namespace: 'shop', service: 'orders' }])
  t.match((await send('GET', '/v1/services')).json().items, [{ protectedSince: /^2026-/ }])
  t.ok(before.headers.etag)
})

t.test('a list is 304 while nothing changed', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a')
  for (const url of ['/v1/instances', '/v1/services', '/v1/namespaces', '/v1/events']) {
    const { headers: { etag } } = await send('GET', url)
    t.equal((await send('GET', url, undefined, { 'if-none-match': String(etag) })).statusCode, 304, url)
  }
})
