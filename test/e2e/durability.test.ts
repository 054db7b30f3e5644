import t from 'tap'
import { RedisServer, noRedis } from '../support/redis-server.ts'
import { call, endpointsPath, instancePath, startNode } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

type Test = Pick<typeof t, 'equal' | 'ok' | 'same' | 'teardown'>

const registrations = 10_000
const writers = 32
const killAfter = 4_000

/** Registers from many connections until the node is killed; gives the ids that were acknowledged. */
async function registerUntilKilled (url: string, kill: () => Promise<unknown>): Promise<Set<string>> {
  const acknowledged = new Set<string>()
  let next = 0
  let killed: Promise<unknown> | undefined
  const write = async (): Promise<void> => {
    while (next < registrations) {
      const id = `i${next++}`
      try {
        const { status } = await call('PUT', url + instancePath(id), { address: '10.0.0.1', lease: { ttlMs: 600_000 } })
        if (status === 201) acknowledged.add(id)
      } catch {
        return // the node is dead: this one was not acknowledged
      }
      if (acknowledged.size >= killAfter) killed ??= kill()
    }
  }
  await Promise.all(Array.from({ length: writers }, write))
  await killed
  return acknowledged
}

async function listed (url: string): Promise<Set<string>> {
  const ids = new Set<string>()
  let cursor = ''
  do {
    const { body } = await call('GET', `${url}/v1/instances?limit=1000${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)
    for (const instance of body.items) ids.add(instance.id)
    cursor = body.next ?? ''
  } while (cursor !== '')
  return ids
}

/** Beats for some instances until one that is silent has been removed; then all that beat must be there. */
async function onlyTheSilentExpire (t: Test, url: string): Promise<void> {
  const beating = Array.from({ length: 20 }, (_, index) => ({ namespace: 'shop', service: 'beating', id: `b${index}` }))
  for (const { id, service } of [...beating, { id: 'silent', service: 'silent' }]) {
    await call('PUT', url + instancePath(id, service), { address: '10.0.0.2', lease: { ttlMs: 1_000 } })
  }
  for (;;) {
    const { body: answer } = await call('POST', `${url}/v1/heartbeats`, { leases: beating })
    if (answer.renewed !== beating.length) throw new Error(`only ${answer.renewed} of ${beating.length} were renewed, unknown: ${JSON.stringify(answer.unknown)}`)
    const { body: events } = await call('GET', `${url}/v1/events?namespace=shop&service=silent`)
    if (events.items.some((event: { reason: string }) => event.reason === 'expired')) break
  }
  const { body } = await call('GET', url + endpointsPath('beating'))
  t.equal(body.endpoints.length, beating.length)
}

async function survivesKill (t: Test, args: readonly string[], between: () => Promise<void>): Promise<void> {
  const first = await startNode(t, args)
  const acknowledged = await registerUntilKilled(first.url, () => first.end('SIGKILL'))
  t.ok(acknowledged.size >= killAfter && acknowledged.size < registrations, `${acknowledged.size} of ${registrations} were acknowledged before the kill`)
  await between()
  const second = await startNode(t, args)
  const present = await listed(second.url)
  t.same([...acknowledged].filter((id) => !present.has(id)), [], 'none of them is lost')
  await onlyTheSilentExpire(t, second.url)
  t.equal(await second.end('SIGTERM'), 0)
}

t.test('SQLite: whatever was acknowledged before kill -9 is there after it, and nothing that kept beating expires', async (t) => {
  const directory = await temporaryDirectory(t)
  await survivesKill(t, ['--data', directory, '--grace', '1s', '--hold-max', '2s'], async () => undefined)
})

t.test('Redis: the same when the server and Redis itself are killed', { skip: noRedis }, async (t) => {
  const redis = await RedisServer.start({ config: ['appendonly yes', 'appendfsync always'] })
  t.teardown(() => redis.dispose())
  await survivesKill(t, ['--redis', redis.url, '--grace', '1s', '--hold-max', '2s'], async () => {
    await redis.kill()
    await redis.start()
  })
})
