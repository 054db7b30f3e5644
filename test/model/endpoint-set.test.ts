// Endpoints of a service that change one by one: the same as a list that is sorted, counted and written anew each time, at the cost of
// the run that the change lies in.
import fc from 'fast-check'
import t from 'tap'
import { answered } from '../../client-sdk/src/rules.ts'
import type { Endpoint, Status } from '../../client-sdk/src/wire.ts'
import { maxChunkItems } from '../../server/model/instance/chunked-list.ts'
import { compareEndpoints, endpointList } from '../../server/model/instance/endpoint-part.ts'
import { EndpointSet } from '../../server/model/instance/endpoints.ts'
import { EndpointTable } from '../../server/registry/catalog/endpoint-table.ts'

function endpoint (id: string, status: Status = 'up', suspect = false, service?: string): Endpoint {
  const serving = (status === 'up' || status === 'draining') && !suspect
  return {
    id, address: '10.0.0.1', ports: [], labels: { 'ü': '✓"\\' }, metadata: {}, weight: 100, priority: 0, status, suspect,
    conditions: { ready: serving && status === 'up', serving, terminating: status === 'draining' }, ...(service === undefined ? {} : { service })
  }
}

const change = fc.record({
  id: fc.integer({ min: 0, max: 900 }).map((at) => `i${at}`), service: fc.constantFrom(undefined, 'blue'), goes: fc.boolean(),
  status: fc.constantFrom<Status>('up', 'draining', 'down'), suspect: fc.boolean(), leaseMs: fc.constantFrom(5_000, 15_000, Infinity), reads: fc.boolean()
})

const jsonOf = (set: EndpointSet, which: 'all' | 'answered'): unknown => JSON.parse(`[${Buffer.concat([...set.json(which)]).toString()}]`)

t.test('endpoints that change one by one equal a list that is made anew', async (t) => {
  fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 120 }), fc.constantFrom(0, 3, 250, 700), (changes, count) => {
    const model = new Map<string, { endpoint: Endpoint, leaseMs: number }>()
    const keyOf = ({ id, service = '' }: Pick<Endpoint, 'id' | 'service'>): string => `${id} ${service}`
    for (let at = 0; at < count; at++) model.set(`i${at} `, { endpoint: endpoint(`i${at}`), leaseMs: 15_000 })
    const table = new EndpointTable('shop', 'orders', model.values())
    let revision = 1
    for (const { id, service, goes, status, suspect, leaseMs, reads } of changes) {
      const name = service === undefined ? { id } : { id, service }
      const before = model.get(keyOf(name))
      const after = goes ? undefined : { endpoint: endpoint(id, status, suspect, service), leaseMs }
      table.change(before, after, ++revision)
      if (after === undefined) model.delete(keyOf(name))
      else model.set(keyOf(name), after)
      if (!reads) continue
      const set = table.at(revision)
      const all = [...model.values()].map((each) => each.endpoint).sort(compareEndpoints)
      const rule = answered(all)
      t.strictSame(set.all, all)
      t.strictSame(set.answered, rule.endpoints)
      const shortest = Math.min(...[...model.values()].map((each) => each.leaseMs))
      t.strictSame(
        { size: set.size, ready: set.ready, failOpen: set.failOpen, leaseMs: set.leaseMs },
        {
          size: all.length, ready: all.filter(({ conditions }) => conditions.ready).length, failOpen: rule.failOpen,
          leaseMs: shortest === Infinity ? undefined : shortest
        }
      )
      t.strictSame(jsonOf(set, 'all'), all)
      t.strictSame(jsonOf(set, 'answered'), rule.endpoints)
      t.strictSame(set.get(name), after?.endpoint)
      t.strictSame(set.answeredAs(id), rule.endpoints.filter((each) => each.id === id))
      t.ok(set.parts.every(({ items: { length } }) => length > 0 && length <= maxChunkItems))
    }
  }), { numRuns: 40, seed: 16 })
})

t.test('a change makes one endpoint and one run anew in a service of a hundred and of a hundred thousand, and copies the JSON of the others', async (t) => {
  for (const count of [100, 10_000, 100_000]) {
    const endpoints = Array.from({ length: count }, (_, at) => endpoint(`i${String(at).padStart(6, '0')}`))
    const table = new EndpointTable('shop', 'orders', endpoints.map((each) => ({ endpoint: each, leaseMs: 15_000 })))
    const before = table.at(1)
    const texts = before.parts.map((part) => [...part.json(undefined, false)])
    let revision = 1
    for (const at of [0, count >> 1, count - 1]) {
      const known = new Set<object>([...table.at(revision).parts, ...table.at(revision).all])
      const one = endpoints[at] as Endpoint // at is below the count
      table.change({ endpoint: one, leaseMs: 15_000 }, { endpoint: { ...one, weight: 7 }, leaseMs: 15_000 }, ++revision)
      const after = table.at(revision)
      t.equal(after.parts.filter((part) => !known.has(part)).length, 1, `runs of ${count}`)
      t.equal(after.all.filter((each) => !known.has(each)).length, 1, `endpoints of ${count}`)
      t.equal(Math.max(...after.parts.map(({ items }) => items.length)) <= maxChunkItems, true)
    }
    const kept = new Set(texts.flat().map(({ buffer }) => buffer))
    const last = table.at(revision)
    const anew = last.parts.filter((part) => [...part.json(undefined, false)].every(({ buffer }) => !kept.has(buffer)))
    t.ok(anew.length <= 3, `the JSON of ${anew.length} runs of ${last.parts.length} was joined anew`)
  }
})

t.test('a list that grows and shrinks keeps its runs within bounds', async (t) => {
  let list = endpointList([])
  const ids = Array.from({ length: 3_000 }, (_, at) => `i${(at * 7_919) % 3_000}`)
  for (const id of ids) list = list.put(endpoint(id))
  t.equal(list.length, 3_000)
  t.ok(list.chunks.length <= 3_000 / (maxChunkItems / 2) + 1)
  for (const id of ids.slice(0, 2_900)) list = list.delete({ id })
  t.equal(list.length, 100)
  t.ok(list.chunks.length <= 8, `${list.chunks.length} runs of 100`)
  t.strictSame([...list].map(({ id }) => id), ids.slice(2_900).sort())
  t.equal(list.delete({ id: 'nobody' }), list)
})

t.test('the JSON of a set comes without a comma too many, whoever of it is answered', async (t) => {
  const all = Array.from({ length: 700 }, (_, at) => endpoint(`i${String(at).padStart(3, '0')}`, at % 3 === 0 ? 'up' : at > 400 ? 'draining' : 'down'))
  const set = new EndpointSet('shop', 'orders', 1, endpointList(all), undefined)
  t.strictSame(jsonOf(set, 'answered'), all.filter(({ conditions }) => conditions.ready))
  t.strictSame(jsonOf(new EndpointSet('shop', 'orders', 1, endpointList([]), undefined), 'answered'), [])
})
