import fc from 'fast-check'
import t from 'tap'
import { HeldServices } from '../../client-sdk/src/held-services.ts'
import type { Endpoint, ServiceDifference, ServiceEndpoints } from '../../client-sdk/src/wire.ts'

function endpoint (n: number, weight = 100): Endpoint {
  return {
    id: `i-${String(n).padStart(5, '0')}`, address: `10.0.${n >> 8}.${n & 255}`, ports: [], labels: {}, metadata: {}, weight, priority: 0, status: 'up', suspect: false,
    conditions: { ready: true, serving: true, terminating: false }
  }
}

function whole (endpoints: readonly Endpoint[]): ServiceEndpoints {
  return { namespace: 'shop', service: 'web', revision: 'e.0', failOpen: false, endpoints }
}

function difference (from: number, put: readonly Endpoint[], removed: readonly Endpoint[] = []): ServiceDifference {
  return { namespace: 'shop', service: 'web', from: `e.${from}`, revision: `e.${from + 1}`, failOpen: false, put, removed: removed.map(({ id }) => ({ id })) }
}

t.test('each event shows the service as it was then, whenever somebody looks at it', async (t) => {
  const some = (maxLength: number): fc.Arbitrary<number[]> => fc.uniqueArray(fc.nat(400), { maxLength })
  const change = fc.record({ put: some(40), removed: some(20), looks: fc.boolean() })
  const changes = fc.array(change, { maxLength: 40 })
  fc.assert(fc.property(changes, (steps) => {
    const held = new HeldServices()
    const expected = new Map(Array.from({ length: 200 }, (_, n) => [n * 2, endpoint(n * 2)]))
    held.hold(whole([...expected.values()]))
    const seen: [ServiceEndpoints, Endpoint[]][] = []
    for (const [at, { put, removed, looks }] of steps.entries()) {
      const gone = removed.filter((n) => !put.includes(n))
      for (const n of gone) expected.delete(n)
      for (const n of put) expected.set(n, endpoint(n, at))
      const event = held.apply(difference(at, put.toSorted((a, b) => a - b).map((n) => endpoint(n, at)), gone.map((n) => endpoint(n))))
      if (event === undefined) return false
      if (looks) void event.endpoints
      seen.push([event, [...expected].sort(([a], [b]) => a - b).map(([, each]) => each)])
    }
    return seen.reverse().every(([event, list]) => JSON.stringify(event.endpoints) === JSON.stringify(list))
  }))
  t.pass()
})

t.test('a difference does not look at the endpoints that it says nothing about', async (t) => {
  let looks = 0
  const all = new Proxy(Array.from({ length: 10_000 }, (_, n) => endpoint(n)), {
    get: (target, name, receiver) => {
      if (typeof name === 'string' && /^\d+$/.test(name)) looks++
      return Reflect.get(target, name, receiver) as unknown
    }
  })
  const held = new HeldServices()
  held.hold(whole(all))
  let last: ServiceEndpoints | undefined
  for (let n = 0; n < 2_000; n++) last = held.apply(difference(n, [endpoint(n % 7, n)]))
  t.equal(looks, 0)
  t.equal(last?.endpoints.length, 10_000)
  t.equal(last?.endpoints[1_999 % 7]?.weight, 1_999)
  t.equal(last?.endpoints, last?.endpoints, 'the list is made once')
  t.ok(looks <= 10_000)
  for (let n = 2_000; n < 6_000; n++) last = held.apply(difference(n, [endpoint(n % 7, n)]))
  t.ok(looks <= 20_000, 'what has come is put together now and then, so that it does not grow without end')
})

t.test('an event is written as JSON whole, and a difference that is not from what was told last is missed', async (t) => {
  const held = new HeldServices()
  held.hold(whole(Array.from({ length: 200 }, (_, n) => endpoint(n))))
  const event = held.apply(difference(0, [endpoint(7, 1)], [endpoint(8)]))
  const written = JSON.parse(JSON.stringify(event)) as ServiceEndpoints
  t.equal(written.endpoints.length, 199)
  t.same(Object.keys(written), ['namespace', 'service', 'revision', 'failOpen', 'endpoints'])
  t.equal(held.apply(difference(0, [])), undefined)
  held.forget({ namespace: 'shop', service: 'web' })
  t.equal(held.apply(difference(1, [])), undefined)
})
