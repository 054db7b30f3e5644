// Two real nodes on one Redis, one of which is cut off from it, or frozen: clients that know both go to the one that is
// well.
import t from 'tap'
import { Rollcall, type RollcallEvent } from '../../client-sdk/src/index.ts'
import { RedisProxy } from '../support/redis-proxy.ts'
import { RedisServer, noRedis } from '../support/redis-server.ts'
import { call, instancePath, startNode, type Node } from '../support/processes.ts'
import { type Closable } from '../support/closable.ts'

interface Pair {
  readonly ill: Node
  readonly well: Node
  /** Between the node that falls ill and Redis. */
  readonly line: RedisProxy
  readonly redis: RedisServer
  /** A client whose home is the node that falls ill, and what it tells. */
  readonly client: () => {
    readonly rollcall: Rollcall, readonly event: (type: RollcallEvent['type']) => Promise<RollcallEvent>
  }
}

async function pair (t: Closable): Promise<Pair> {
  const redis = await RedisServer.start()
  t.teardown(() => redis.dispose())
  const line = await RedisProxy.start(redis.port)
  t.teardown(() => line.dispose())
  const [ill, well] = await Promise.all(
    [startNode(t, ['--redis', line.url, '--node', 'ill']), startNode(t, ['--redis', redis.url, '--node', 'well'])]
  )
  return {
    ill,
    well,
    line,
    redis,
    client: () => {
      const told: RollcallEvent[] = []
      const waiting = new Set<() => void>()
      const rollcall = new Rollcall({
        address: [ill.url, well.url],
        prefer: 'first',
        namespace: 'shop',
        warn: null,
        onEvent: (event) => {
          told.push(event)
          for (const look of waiting) look()
        }
      })
      t.teardown(() => rollcall.close())
      return {
        rollcall,
        event: (type) => new Promise((resolve) => {
          const look = (): void => {
            const found = told.find((event) => event.type === type)
            if (found === undefined) return
            waiting.delete(look)
            resolve(found)
          }
          waiting.add(look)
          look()
        })
      }
    }
  }
}

/** The ids that a node answers as callable and not suspect, at each of its changes, since the watch began. */
async function * listed (node: Node): AsyncGenerator<readonly string[]> {
  await using rollcall = new Rollcall({ address: node.url, namespace: 'shop' })
  for await (const event of rollcall.watch({ view: 'endpoints', service: 'orders' })) {
    if (event.type === 'endpoints') yield event.endpoints.endpoints.filter(({ suspect }) => !suspect).map(({ id }) => id)
    if (event.type === 'endpoints-snapshot') yield event.services.flatMap(({ endpoints }) => endpoints.filter(({ suspect }) => !suspect).map(({ id }) => id))
  }
}

for (const illness of ['cut off from Redis', 'frozen'] as const) {
  t.test(`a node is ${illness}: lists are fresh, and no living instance goes missing at the other`, { skip: noRedis }, async (t) => {
    const { ill, well, line, client } = await pair(t)
    t.teardown(() => process.kill(ill.pid, 'SIGCONT'))
    const [caller, plain, session] = [client(), client(), client()]
    await plain.rollcall.register({ service: 'orders', id: 'plain', address: '10.0.0.1', port: 80, ttlMs: 3_000 })
    await session.rollcall.register(
      { service: 'orders', id: 'session', address: '10.0.0.2', port: 80, ttlMs: 3_000, session: true }
    )
    await session.event('session')
    t.equal((await caller.rollcall.resolveAll('orders')).length, 2)
    const changes = listed(well)
    t.teardown(() => changes.return(undefined))
    const next = async (): Promise<readonly string[]> => {
      const { value, done } = await changes.next()
      if (done === true) throw new Error('the watch of the healthy node has ended')
      for (const id of ['plain', 'session']) t.ok(value.includes(id), `${id} is listed with ${value.join(', ')}`)
      return value
    }
    await next()

    if (illness === 'frozen') process.kill(ill.pid, 'SIGSTOP')
    else {
      line.point(undefined)
      line.cut()
    }
    const failovers = await Promise.all([caller, plain, session].map(({ event }) => event('failover')))
    for (const event of failovers) t.match(event, { from: ill.url, to: well.url })
    await session.event('session')

    // What comes and goes at the healthy node is known to the caller, whose node was ill.
    await caller.rollcall.register({ service: 'orders', id: 'third', address: '10.0.0.3', port: 80, ttlMs: 60_000 })
    // lets the sockets go on
    while ((await caller.rollcall.resolveAll('orders')).length < 3) await caller.rollcall.namespaces().next()
    // A lease as long as theirs, that nobody renews, measures the time: when it has run out they must have renewed
    // theirs at the other node.
    const probe = { address: '10.0.0.4', lease: { ttlMs: 3_000 } }
    t.equal((await call('PUT', `${well.url}${instancePath('probe')}`, probe)).status, 201)
    while (!(await next()).includes('probe'));
    while ((await next()).includes('probe'));
  })
}

t.test('a node says so when it loses its store and when it has it again, to sockets and streams', { skip: noRedis }, async (t) => {
  const { ill, line, redis } = await pair(t)
  const events: RollcallEvent['type'][] = []
  const told = new Map<string, () => void>()
  const once = (type: string): Promise<void> => new Promise((resolve) => void told.set(type, resolve))
  const rollcall = new Rollcall({ address: ill.url, onEvent: ({ type }) => { events.push(type); told.get(type)?.() } })
  t.teardown(() => rollcall.close())
  const stream = new TextDecoderStream()
  const abort = new AbortController()
  t.teardown(() => abort.abort())
  const response = await fetch(
    `${ill.url}/v1/watch`, { headers: { accept: 'text/event-stream' }, signal: abort.signal }
  )
  void response.body?.pipeTo(stream.writable as WritableStream<Uint8Array>).catch(() => {})
  const reader = stream.readable.getReader()
  let text = ''
  const reads = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) text += (await reader.read()).value ?? ''
  }
  await rollcall.resolveAll('orders')
  await reads(/event: hello\ndata: \{"type":"hello","pingMs":15000,"stale":false\}\n\n/)

  const stale = once('stale')
  line.point(undefined)
  line.cut()
  await stale
  await reads(/event: stale\ndata: \{"type":"stale","reason":"[^"]+"\}\n\n/)
  const current = once('current')
  line.point(redis.port)
  await current
  await reads(/event: current\ndata: \{"type":"current"\}\n\n/)
  t.strictSame(events, ['stale', 'current'])
})
