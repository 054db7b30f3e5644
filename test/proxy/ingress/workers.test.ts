// The worker processes of an ingress: one that dies refuses nobody, is started anew, and what it counted stays counted.
import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { guardedClock, systemClock } from '../../../server/clock.ts'
import { standaloneGuard } from '../../../server/guard.ts'
import { IngressStore } from '../../../server/proxy/ingress/agent/ingress-store.ts'
import { bindPlaces } from '../../../server/proxy/ingress/workers/place-sockets.ts'
import { sumFigures } from '../../../server/proxy/ingress/workers/worker-figures.ts'
import { WorkerPool } from '../../../server/proxy/ingress/workers/worker-pool.ts'
import { heard, ingressOf, serviceAt, settings } from './helper.ts'

t.test('workers die and are replaced under load: no connection is refused, counts stay, the end is quiet', { timeout: 60_000 }, async (t) => {
  const held = new Set<() => void>()
  const server = createServer((incoming, response) => {
    if (incoming.url === '/held') held.add(() => response.end('at last'))
    else response.end('ok')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close().closeAllConnections() })
  const store = new IngressStore({ classes: [], certificates: () => ({ bySecret: new Map(), other: undefined, ticketKeys: new Uint8Array(48) }) })
  store.setServices([serviceAt((server.address() as AddressInfo).port)])
  store.setObjects([ingressOf('web', ['a.example'])], [])
  const warnings: string[] = []
  const sockets = await bindPlaces([{ host: '127.0.0.1', port: 0, scheme: 'http' }], 2, () => undefined)
  const port = sockets[0]?.[0]?.port ?? 0
  t.equal(sockets[1]?.[0]?.port, port, 'one port')
  const clock = guardedClock(systemClock, standaloneGuard, 'test')
  const pool = new WorkerPool({
    sockets, settings: (place) => settings({ place }), source: store, clock, guard: standaloneGuard,
    log: { info: () => undefined, warn: (_, message) => warnings.push(message) }
  })
  t.teardown(() => pool.end(0))
  await pool.start()
  t.equal(pool.working, 2)
  const ask = (path = '/', host = 'a.example'): Promise<number> => new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, agent: false, headers: { host } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    }).on('error', reject).end()
  })
  /** Each on a connection of its own. */
  const all = async (count: number): Promise<readonly number[]> => await Promise.all(Array.from({ length: count }, () => ask()))
  t.ok((await all(40)).every((status) => status === 200))
  t.match(sumFigures(await pool.figures()).engine.requests, { 'shop/web shop/web 200': 40 })
  t.ok((await pool.figures()).every(({ listeners: { accepted } }) => accepted > 0), 'both get some')

  const [first = 0] = pool.pids
  process.kill(first, 'SIGKILL')
  await until(() => warnings.length > 0)
  t.match(warnings, [/the ingress worker \d ended \(SIGKILL\): it is started anew in 50 ms/])
  t.ok((await all(40)).every((status) => status === 200), 'while one place has no worker')
  await until(() => pool.working === 2)
  t.notOk(pool.pids.includes(first))
  t.equal(pool.restarts, 1)

  store.setObjects([ingressOf('web', ['b.example'])], [])
  pool.changed({ ingresses: ['shop/web'] })
  await pool.whenTaken()
  const statuses = await Promise.all(Array.from({ length: 20 }, () => ask('/', 'a.example')))
  t.ok(statuses.every((status) => status === 404), 'the old and the new worker have what changed')

  const before = pool.pids
  const slow = ask('/held', 'b.example')
  await until(() => held.size > 0)
  let isReplaced = false
  const load = (async () => {
    const found: number[] = []
    while (!isReplaced) found.push(...await Promise.all(Array.from({ length: 5 }, () => ask('/', 'b.example'))))
    return found
  })()
  await pool.replace(30_000)
  isReplaced = true
  const met = await load
  t.ok(met.every((status) => status === 200), `${met.filter((status) => status !== 200).join()} of ${met.length}: nobody is refused while workers are replaced`)
  t.ok(pool.pids.every((pid) => !before.includes(pid)))
  for (const end of held) end()
  t.equal(await slow, 200, 'what was under way is answered by the old one')
  const sum = sumFigures(await pool.figures())
  t.ok((sum.engine.requests['- - 404'] ?? 0) >= 20, JSON.stringify(sum.engine.requests))

  const idle = connect(port, '127.0.0.1')
  const end = heard(idle)
  await once(idle, 'connect')
  await pool.end(30_000)
  await end
  await t.rejects(ask(), { code: 'ECONNREFUSED' })
})

async function until (isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
