// What 10,000 endpoints of one service cost the SDK: a pick by each strategy, a difference of one endpoint, and memory. Everything is
// measured beside something of the same run: a pick beside one among ten endpoints, a difference beside one in a list of a hundred.
import { type Balance, EndpointTable } from '../../client-sdk/src/endpoint-table.ts'
import type { Preference } from '../../client-sdk/src/balancer.ts'
import type { Endpoint } from '../../client-sdk/src/wire.ts'
import { type Row } from './lib.ts'

const many = 10_000
const rounds = 7
const picksEach = 20_000
const changesEach = 5_000

/** As JSON brings them: nothing of one is shared with another. */
function endpoints (count: number): Endpoint[] {
  return JSON.parse(JSON.stringify(Array.from({ length: count }, (_, index) => one(index)))) as Endpoint[] // as the registry sends it
}

function one (index: number, version = `v${index % 3}`): Endpoint {
  return {
    id: `orders-${index}`,
    service: 'orders',
    address: `10.0.${index >> 8}.${index & 255}`,
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }, { name: 'metrics', port: 9090, protocol: 'TCP' }],
    labels: { app: 'orders', version, env: 'production' },
    metadata: { team: 'shop' },
    weight: 50 + index % 100,
    priority: 0,
    zone: `zone-${index % 3}`,
    region: 'eu',
    node: `node-${index % 200}`,
    version,
    status: 'up',
    suspect: false,
    conditions: { ready: true, serving: true, terminating: false }
  }
}

function tableOf (count: number): EndpointTable {
  const table = new EndpointTable(Math.random)
  table.replace(endpoints(count))
  return table
}

/** Microseconds of processor time for each, the median of several rounds. */
function timed (count: number, actions: readonly ((turn: number) => void)[]): number[] {
  const times = actions.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, action] of actions.entries()) {
      const began = process.cpuUsage()
      for (let turn = 0; turn < count; turn++) action(turn)
      const { user, system } = process.cpuUsage(began)
      times[index]?.push((user + system) / count)
    }
  }
  return times.map((list) => list.sort((a, b) => a - b)[rounds >> 1] ?? 0)
}

const nothingTried: ReadonlySet<string> = new Set()
const strategies: readonly (readonly [string, Balance, Preference])[] = [
  ['round-robin', 'round-robin', {}],
  ['round-robin, own zone first', 'round-robin', { zone: 'zone-1' }],
  ['least-outstanding', 'least-outstanding', {}],
  ['least-outstanding, own zone and a named port', 'least-outstanding', { zone: 'zone-1', port: 'metrics' }]
]

export async function sdk (): Promise<Row[]> {
  return [...strategies.map(([name, balance, preference]) => picks(name, balance, preference)), differences(), memory()]
}

function picks (name: string, balance: Balance, preference: Preference): Row {
  const pick = (table: EndpointTable): () => void => {
    const ends: (() => void)[] = []
    return () => {
      const candidate = table.pick(preference, balance, nothingTried)
      if (candidate === undefined) throw new Error('nothing was picked')
      if (balance === 'round-robin') return
      ends.push(table.begin(candidate.key))
      if (ends.length > 100) ends.shift()?.()
    }
  }
  const [few = 0, all = 0] = timed(picksEach, [pick(tableOf(10)), pick(tableOf(many))])
  return {
    what: `SDK: a pick among ${many} endpoints, ${name}`,
    measured: `${all.toFixed(2)} us, ${(all / few).toFixed(1)} times one among ten`,
    goal: 'under 10 us',
    met: all < 10
  }
}

function differences (): Row {
  const change = (table: EndpointTable, count: number): (turn: number) => void => {
    for (const [, balance, preference] of strategies) table.pick(preference, balance, nothingTried)
    const news = Array.from({ length: changesEach }, (_, turn) => ({ ...one(turn % count, `v${turn % 7}`), weight: 50 + turn % 90 }))
    return (turn) => table.put(news[turn] ?? one(0))
  }
  const [few = 0, all = 0] = timed(changesEach, [change(tableOf(100), 100), change(tableOf(many), many)])
  return {
    what: `SDK: a difference of one endpoint in a list of ${many} that is picked from by four strategies`,
    measured: `${all.toFixed(2)} us, ${(all / few).toFixed(2)} times one in a list of 100`,
    goal: 'at most 4 times',
    met: all / few < 4
  }
}

function memory (): Row {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
  const used = (): number => {
    globalThis.gc?.()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = used()
  const table = tableOf(many)
  for (const [, balance, preference] of strategies) table.pick(preference, balance, nothingTried)
  const ours = used() - before
  const plain = endpoints(many)
  const asJson = used() - before - ours
  if (table.size !== plain.length) throw new Error('endpoints are missing')
  return {
    what: `SDK: memory of ${many} endpoints, with the turns of four strategies`,
    measured: `${(ours / 1e6).toFixed(2)} MB, ${(ours / asJson).toFixed(2)} of what JSON.parse makes of them`,
    goal: 'at most 5 MB',
    met: ours <= 5e6
  }
}
