// Who is called, as tables of a list and the expected choice.
import t from 'tap'
import fc from 'fast-check'
import { candidates, endpointKey, type Candidate, type Preference } from '../../client-sdk/src/balancer.ts'
import { type Balance, EndpointTable } from '../../client-sdk/src/endpoint-table.ts'
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

function tableOf (rows: Record<string, Row>, random = (): number => 0): EndpointTable {
  const table = new EndpointTable(random)
  table.replace(list(rows))
  return table
}

const nothingTried: ReadonlySet<string> = new Set()
const turns = (table: EndpointTable, count: number, preference: Preference = {}, balance: Balance = 'round-robin'): string =>
  Array.from({ length: count }, () => table.pick(preference, balance, nothingTried)?.endpoint.id ?? '-').join('')
/** Those that are picked, in the order of their names. */
const picked = (table: EndpointTable, preference: Preference = {}, balance: Balance = 'round-robin'): string =>
  [...new Set(turns(table, 20, preference, balance))].sort().join(' ')
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

t.test('picked first: weight, then priority, then zone', async (t) => {
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
  for (const [name, rows, zone, expected] of table) {
    t.equal(picked(tableOf(rows), { zone }), expected, name)
    const changed = tableOf({ a: { status: 'down' }, b: { status: 'down' }, c: { weight: 3 } })
    picked(changed, { zone }) // its turns exist now, and follow what comes
    changed.replace(list(rows))
    t.equal(picked(changed, { zone }), expected, `${name}, after a change`)
  }
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

t.test('picked by tier: the tier is decided among all endpoints, those without the port included', async (t) => {
  const table = tableOf({ a: { ports: { grpc: 90 }, suspect: true }, b: { ports: { http: 80 } } })
  t.equal(picked(table, { port: 'grpc' }), '-', 'one without the port is ready: the suspect is not called')
  table.remove('b')
  t.equal(picked(table, { port: 'grpc' }), 'a')
  table.put(endpoint('c', { status: 'draining', ports: { grpc: 91 } }))
  t.equal(picked(table, { port: 'grpc' }), 'c', 'one that drains comes before suspects')
})

t.test('round robin: smooth, by weight', async (t) => {
  t.equal(turns(tableOf({ a: {}, b: {}, c: {} }), 6), 'abcabc', 'each in its turn')
  t.equal(turns(tableOf({ a: { weight: 5 }, b: { weight: 1 }, c: { weight: 1 } }), 14), 'aabaacaaabaaca', 'never in bursts')
  t.equal(turns(tableOf({ a: { weight: 0 }, b: { weight: 0 } }), 4), 'abab', 'those with weight 0 share')
  t.equal(turns(tableOf({}), 2), '--', 'no endpoint, no pick')
  t.equal(turns(tableOf({ a: {}, b: {}, c: {} }, () => 0.5), 3), 'cab', 'clients begin at different endpoints')
})

const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 })

t.test('over a sum of the weights each is picked as often as its weight says, wherever it began', async (t) => {
  fc.assert(fc.property(weights, fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(50), (weights, start, before) => {
    const table = tableOf(Object.fromEntries(weights.map((weight, index) => [String(index), { weight }])), () => start)
    const sum = weights.reduce((total, weight) => total + weight, 0)
    turns(table, before)
    const counts = weights.map(() => 0)
    for (const id of turns(table, sum)) counts[Number(id)]!++
    // Due times are sums of fractions: at the edge of the period one turn may fall on its other side.
    return counts.every((count, index) => Math.abs(count - weights[index]!) <= 1) && counts.reduce((total, count) => total + count, 0) === sum
  }))
  t.pass('for any weights')
})

t.test('turns go on through changes: the shares of a long run are those of the weights', async (t) => {
  const table = tableOf({ a: { weight: 1 }, b: { weight: 1 } })
  turns(table, 101)
  table.put(endpoint('a', { weight: 3 }))
  const counts = { a: 0, b: 0 }
  for (const id of turns(table, 400)) counts[id as 'a' | 'b']++
  t.ok(Math.abs(counts.a - 300) <= 3, `a has weight 3 of 4: ${counts.a} of 400`)
  table.put(endpoint('c', { weight: 4 }))
  const later = turns(table, 400)
  t.ok(Math.abs(later.split('c').length - 1 - 200) <= 4, 'a new one gets its share, and no more')
  t.notMatch(later, /ccc/, 'and not at once')
})

t.test('those that were tried are passed over, and keep their turn', async (t) => {
  const table = tableOf({ a: {}, b: {}, c: { priority: 1 } })
  const pick = (...tried: string[]): string | undefined => table.pick({}, 'round-robin', new Set(tried))?.endpoint.id
  t.equal(pick('a'), 'b')
  t.equal(pick('a', 'b'), 'c', 'a backup when the first choice was tried')
  t.equal(pick('a', 'b', 'c'), undefined)
  t.equal(turns(table, 4), 'aaba', 'b has had a turn before a')
})

t.test('least outstanding: calls in relation to the weight', async (t) => {
  const table = tableOf({ a: { weight: 100 }, b: { weight: 200 }, c: { weight: 100 } })
  const ends = ['a', 'b', 'c'].map((key) => table.begin(key))
  t.equal(picked(table, {}, 'least-outstanding'), 'b')
  for (const end of ends) end()
  t.equal(picked(table, {}, 'least-outstanding'), 'a b c')
  const end = table.begin('b')
  table.begin('a')
  table.begin('c')
  t.equal(picked(table, {}, 'least-outstanding'), 'b', 'one that is asked already follows')
  table.remove('b')
  table.put(endpoint('b', { weight: 1 }))
  t.equal(picked(table, {}, 'least-outstanding'), 'a c', 'calls go on while their endpoint is away')
  end()
  t.equal(picked(table, {}, 'least-outstanding'), 'b')
})

t.test('one that was busy for long has no turns to catch up with', async (t) => {
  const table = tableOf({ a: {}, b: {} })
  const end = table.begin('a')
  t.equal(turns(table, 50, {}, 'least-outstanding'), 'b'.repeat(50))
  end()
  t.notMatch(turns(table, 6, {}, 'least-outstanding'), /aaa/)
})

t.test('any order of changes ends with the turns of the list as it is then', async (t) => {
  const status = fc.constantFrom<Status>('up', 'draining', 'down')
  const row = fc.record({ weight: fc.integer({ min: 0, max: 3 }), priority: fc.integer({ min: 0, max: 1 }), zone: fc.constantFrom('x', 'y'), status, suspect: fc.boolean() })
  const change = fc.record({ id: fc.constantFrom(...'abcdef'), row: fc.option(row, { nil: undefined }) })
  fc.assert(fc.property(fc.array(change, { maxLength: 40 }), fc.constantFrom<Balance>('round-robin', 'least-outstanding'), (changes, balance) => {
    const table = tableOf({})
    picked(table, { zone: 'x' }, balance)
    const now = new Map<string, Row>()
    for (const { id, row } of changes) {
      if (row === undefined) {
        now.delete(id)
        table.remove(id)
      } else {
        now.set(id, row)
        table.put(endpoint(id, row))
      }
    }
    const fresh = tableOf(Object.fromEntries(now))
    return picked(table, { zone: 'x' }, balance) === picked(fresh, { zone: 'x' }, balance) && table.size === now.size
  }))
  t.pass('for any changes')
})

t.test('what endpoints have in common is kept once, and nothing of an endpoint is lost', async (t) => {
  const table = tableOf({ a: { zone: 'x' }, b: { zone: 'x' } })
  table.put({ ...endpoint('c'), labels: { version: 'v1' }, metadata: { text: 'x'.repeat(1_000) }, hostname: 'c-0', node: 'n', version: '1', region: 'r', service: 's' })
  const [a, b, c] = [...table.values()]
  t.equal(a?.ports, b?.ports)
  t.equal(a?.labels, b?.labels)
  t.strictSame(a, endpoint('a', { zone: 'x' }))
  t.match(c, { labels: { version: 'v1' }, metadata: { text: /^x{1000}$/ }, hostname: 'c-0', node: 'n', version: '1', region: 'r', service: 's' })
  t.equal(endpointKey(c!), 's/c')
  t.throws(() => { (a!.labels as Record<string, string>)['version'] = 'v2' }, TypeError, 'a change to one would be a change to all')
})
