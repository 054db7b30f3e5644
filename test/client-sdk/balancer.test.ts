// Who is called, as tables of a list and the expected choice.
import t from 'tap'
import fc from 'fast-check'
import { candidates, firstChoice, leastLoaded, RoundRobin, type Candidate } from '../../client-sdk/src/balancer.ts'
import { answered, conditionsOf } from '../../client-sdk/src/rules.ts'
import type { Endpoint, Status } from '../../client-sdk/src/wire.ts'

interface Row {
  readonly weight?: number
  readonly priority?: number
  readonly zone?: string
  readonly status?: Status
  readonly suspect?: boolean
  readonly ports?: Record<string, number>
}

function endpoint (id: string, { weight = 100, priority = 0, zone, status = 'up', suspect = false, ports = { http: 80 } }: Row = {}): Endpoint {
  return {
    id,
    address: '10.0.0.1',
    ports: Object.entries(ports).map(([name, port]) => ({ name, port, protocol: 'TCP' })),
    labels: {},
    metadata: {},
    weight,
    priority,
    ...(zone === undefined ? {} : { zone }),
    status,
    suspect,
    conditions: conditionsOf(status, suspect)
  }
}

const list = (rows: Record<string, Row>): Endpoint[] => Object.entries(rows).map(([id, row]) => endpoint(id, row))
const ids = (chosen: readonly (Candidate | Endpoint)[]): string => chosen.map((each) => ('endpoint' in each ? each.endpoint.id : each.id)).join(' ')

t.test('answered: the ready ones, else those that drain, and only without them the suspect ones', async (t) => {
  const table: [string, Record<string, Row>, string][] = [
    ['up and warning are called', { a: {}, b: { status: 'warning' }, c: { status: 'down' }, d: { status: 'starting' }, e: { status: 'draining' } }, 'a b'],
    ['a suspect is out while another is ready', { a: { suspect: true }, b: {} }, 'b'],
    ['all suspect: all are called', { a: { suspect: true }, b: { suspect: true } }, 'a b'],
    ['one that drains serves, and comes before the suspects', { a: { suspect: true }, b: { status: 'draining' } }, 'b'],
    [
      'fail open never brings back what is down or starting',
      { a: { suspect: true, status: 'down' }, b: { suspect: true }, c: { suspect: true, status: 'starting' } }, 'b'
    ],
    [
      'of the suspects those that drain come last', { a: { suspect: true, status: 'draining' }, b: { suspect: true } },
      'b'
    ],
    [
      'a suspect that drains is better than nobody',
      { a: { suspect: true, status: 'draining' }, b: { status: 'down' } }, 'a'
    ],
    ['nobody', {}, '']
  ]
  for (const [name, rows, expected] of table) t.equal(ids(answered(list(rows)).endpoints), expected, name)
  t.equal(answered(list({ a: { status: 'draining' } })).failOpen, false)
  t.equal(answered(list({ a: { suspect: true }, b: { status: 'down' } })).failOpen, true)
})

t.test('firstChoice: weight, then priority, then zone', async (t) => {
  const table: [string, Record<string, Row>, string | undefined, string][] = [
    ['all the same', { b: {}, a: {} }, undefined, 'a b'],
    ['the lowest priority number only', { a: { priority: 10 }, b: { priority: 5 }, c: { priority: 5 } }, undefined, 'b c'],
    ['weight 0 only when nothing else is left', { a: { weight: 0 }, b: { weight: 1 } }, undefined, 'b'],
    ['weight 0 when nothing else is left', { a: { weight: 0 }, b: { weight: 0 } }, undefined, 'a b'],
    ['a backup with a weight before a primary with 0', { a: { weight: 0 }, b: { priority: 9 } }, undefined, 'b'],
    ['the own zone first', { a: { zone: 'x' }, b: { zone: 'y' }, c: { zone: 'y' } }, 'y', 'b c'],
    ['another zone if the own has nobody', { a: { zone: 'x' }, b: {} }, 'y', 'a b'],
    ['a far primary before a near backup', { a: { zone: 'x' }, b: { zone: 'y', priority: 1 } }, 'y', 'a']
  ]
  for (const [name, rows, zone, expected] of table) t.equal(ids(firstChoice(candidates(list(rows)), zone)), expected, name)
})

t.test('candidates: the wished port, by name or number', async (t) => {
  const rows = { a: { ports: { http: 80, grpc: 90 } }, b: { ports: { http: 81 } }, c: { ports: {} } }
  const table: [string | number | undefined, string][] = [
    [undefined, 'a:80 b:81'], ['http', 'a:80 b:81'], ['grpc', 'a:90'], [81, 'b:81'], ['nope', '']
  ]
  for (const [port, expected] of table) {
    t.equal(candidates(list(rows), port).map((each) => `${each.endpoint.id}:${each.port.port}`).join(' '), expected, `port ${port}`)
  }
})

t.test('round robin: smooth, by weight', async (t) => {
  const turns = (rows: Record<string, Row>, count: number): string => {
    const robin = new RoundRobin(() => 0)
    const all = candidates(list(rows))
    return Array.from({ length: count }, () => robin.pick(all)?.endpoint.id ?? '-').join('')
  }
  t.equal(turns({ a: {}, b: {}, c: {} }, 6), 'abcabc', 'each in its turn')
  t.equal(turns({ a: { weight: 5 }, b: { weight: 1 }, c: { weight: 1 } }, 7), 'aabacaa', 'never in bursts')
  t.equal(turns({ a: { weight: 0 }, b: { weight: 0 } }, 4), 'abab', 'those with weight 0 share')
  t.equal(turns({}, 2), '--', 'nobody is nobody')
})

t.test('over a sum of the weights each is picked as often as its weight says, wherever it began', async (t) => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 }), (weights) => {
    const robin = new RoundRobin(() => 0)
    const all = candidates(weights.map((weight, index) => endpoint(`e${index}`, { weight })))
    const sum = weights.reduce((total, weight) => total + weight, 0)
    const counts = weights.map(() => 0)
    for (let turn = 0; turn < sum; turn++) counts[Number(robin.pick(all)?.endpoint.id.slice(1))]!++
    return counts.every((count, index) => count === weights[index])
  }))
  t.pass('for any weights')
})

t.test('an endpoint that left and came back begins anew', async (t) => {
  const robin = new RoundRobin(() => 0)
  const all = candidates(list({ a: {}, b: {} }))
  robin.pick(all)
  robin.keep(new Set(['b']))
  t.equal(robin.pick(all)?.endpoint.id, 'b', 'b has credit from its turn, a has none')
})

t.test('least loaded: calls in relation to the weight', async (t) => {
  const all = candidates(list({ a: { weight: 100 }, b: { weight: 200 }, c: { weight: 100 } }))
  const loads: Record<string, number> = { a: 1, b: 1, c: 1 }
  t.equal(ids(leastLoaded(all, (id) => loads[id] ?? 0)), 'b')
  t.equal(ids(leastLoaded(all, () => 0)), 'a b c')
})
