// Redis' own settings and moods: what is refused at once, what is waited for, what goes on meanwhile.
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { joinRedis, life, policy, WatchedFollower } from '../support/redis-nodes.ts'
import { RedisProxy } from '../support/redis-proxy.ts'
import { freePort } from '../support/free-port.ts'
import { noRedis, RedisServer, type RedisServerOptions } from '../support/redis-server.ts'

const skip = noRedis

async function startServer (t: Test, options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options)
  t.teardown(() => server.dispose())
  return server
}

/** Opening must fail at once: the message. */
async function refusal (t: Test, url: string): Promise<string> {
  const store = createRedisStore({ url })
  t.teardown(() => store.close())
  const error = await store.open(new WatchedFollower()).then(() => undefined, (error: unknown) => error)
  t.match(error, { name: 'RegistryError', code: 'REG_STORE_UNAVAILABLE' })
  t.notMatch(inspect(error, { depth: 10 }), /'wrong'/, 'no password in the error or its causes')
  return error instanceof Error ? error.message : ''
}

t.test('a maxmemory-policy that evicts is refused', { skip }, async (t) => {
  const server = await startServer(t, { config: ['maxmemory-policy allkeys-lru'] })
  t.match(await refusal(t, server.url), /maxmemory-policy allkeys-lru.*set "maxmemory-policy noeviction"/)
})

t.test('a wrong password, and none where one is needed, are refused', { skip }, async (t) => {
  const server = await startServer(t, { password: 'right' })
  t.match(await refusal(t, server.url.replace('//', '//:wrong@')), /refuses the user name or password/)
  t.match(await refusal(t, server.url), /asks for a password/)
  const { store } = await joinRedis(t, server.url.replace('//', '//:right@'))
  t.notMatch(store.location, /right/)
  t.match(await store.grant(life('shop/orders/a')), { outcome: 'created' })
})

t.test('a user without a needed permission is refused, one with all of them works', { skip }, async (t) => {
  const server = await startServer(t)
  const commands = ['+eval', '+evalsha', '+xread', '+xrevrange', '+hscan', '+sscan', '+hget', '+hmget', '+type']
  const inScripts = ['+time', '+hset', '+hsetnx', '+hdel', '+hexists', '+hincrby', '+hkeys', '+hrandfield', '+xadd', '+xlen', '+xrange', '+xtrim', '+zadd', '+zrem', '+zscore', '+zmscore', '+zrange', '+zcard',
    '+sadd', '+srem', '+sismember', '+smismember', '+scard', '+exists', '+unlink']
  const address = server.url.replace('//', '//rollcall:pw@')
  await server.admin.acl('SETUSER', 'rollcall', 'on', '>pw', '~rollcall:*', ...commands, ...inScripts)
  t.match(await refusal(t, address), /lacks a permission/)
  await server.admin.acl('SETUSER', 'rollcall', '+info')
  const { store } = await joinRedis(t, address)
  const { lease } = await store.grant(life('shop/orders/a'))
  t.same((await store.renew(new Map([[60_000, [lease]]]))).unknown, [])
  await store.commit([{ type: 'put', key: 'override/shop/a', body: '{}', endsAtMs: 1, reason: 'override' }], 'operator')
  t.match(await store.expire(policy()), { suspected: 0 })
  await store.keepLoads(new Map([[lease, '1']]))
  t.match(await store.readLoads(''), { loads: [{ lease, body: '1' }] })
  t.equal(await store.claim({ claim: 'decider', holder: 'one' }, 1_000), true)
  t.equal(await store.writeNotes([{ key: 'x/a', body: '1', keepMs: 0 }], { claim: 'decider', holder: 'one' }), true)
  t.match(await store.readNotes('x/'), { notes: [{ key: 'x/a', body: '1' }] })
  t.not((await store.revoke([lease], 'tester'))[0], 0)
})

t.test('two registries share a Redis under two prefixes, and a key of another program is refused', { skip }, async (t) => {
  const server = await startServer(t)
  const one = await joinRedis(t, server.url)
  const other = createRedisStore({ url: server.url, prefix: 'second' })
  t.teardown(() => other.close())
  const follower = new WatchedFollower()
  await other.open(follower)
  await one.store.grant(life('shop/orders/a'))
  await other.sync()
  t.same([...follower.heldInstances()], [])
  await server.admin.set('third:{0}:meta', 'a text')
  const store = createRedisStore({ url: server.url, prefix: 'third' })
  t.teardown(() => store.close())
  await t.rejects(store.open(new WatchedFollower()), { code: 'REG_STORE_UNAVAILABLE', message: /third:\{0\}:meta of this Redis is not a registry's.*--redis-prefix/ })
  t.equal(await server.admin.get('third:{0}:meta'), 'a text')
})

t.test('the data of a newer version are refused', { skip }, async (t) => {
  const server = await startServer(t)
  await server.admin.hset('rollcall:{0}:meta', { epoch: 'e', schema: '2' })
  t.match(await refusal(t, server.url), /newer Rollcall/)
})

t.test('opening waits for a Redis that is not there yet', { skip }, async (t) => {
  const server = await startServer(t)
  const proxy = await RedisProxy.start(await freePort())
  t.teardown(() => proxy.dispose())
  const follower = new WatchedFollower()
  const opened = joinRedis(t, proxy.url, {}, follower)
  await follower.when(() => follower.healths.length === 1)
  t.match(follower.healths, [{ available: false }])
  t.equal(follower.loads, 0)
  proxy.point(server.port)
  await opened
  t.match(follower.healths, [{ available: false }, { available: true, reason: '' }])
})

t.test('opening waits for a replica to become a master', { skip }, async (t) => {
  const server = await startServer(t)
  await server.admin.replicaof('127.0.0.1', await freePort())
  const follower = new WatchedFollower()
  const opened = joinRedis(t, server.url, {}, follower)
  await follower.when(() => follower.healths.length === 1)
  t.match(follower.healths[0], { available: false, reason: /not a master/ })
  await server.admin.replicaof('NO', 'ONE')
  await opened
  t.equal(follower.loads, 1)
})

t.test('while Redis is away writes are refused with a time to try again, and the log names each change of state once', { skip }, async (t) => {
  const server = await startServer(t, { config: ['appendonly yes'] })
  const { store, follower } = await joinRedis(t, server.url)
  const { lease } = await store.grant(life('shop/orders/a'))
  await server.kill()
  await follower.when(() => follower.healths.at(-1)?.available === false)
  const away = { code: 'REG_STORE_UNAVAILABLE', retryAfterSeconds: 1 }
  await t.rejects(store.grant(life('shop/orders/b')), away)
  await t.rejects(store.renew(new Map([[60_000, [lease]]])), away)
  await t.rejects(store.revoke([lease], 'tester'), away)
  await t.rejects(store.expire(policy()), away)
  await t.rejects(store.sync(), away)
  await server.start()
  await follower.back(2)
  // While it is away the reason may change: from the connection that broke to the one that is refused.
  const states = follower.healths.filter((health, index, all) => health.available !== all[index - 1]?.available)
  t.match(states, [{ available: true }, { available: false, reason: /./ }, { available: true, reason: '' }])
  t.match(await store.grant(life('shop/orders/b')), { outcome: 'created' })
})

t.test('a full Redis takes nothing new, and lets living leases live and dead ones go', { skip }, async (t) => {
  const server = await startServer(t)
  const { store, follower } = await joinRedis(t, server.url)
  const known = life('shop/orders/a')
  const { lease } = await store.grant(known)
  await store.commit([{ type: 'put', key: 'override/shop/orders/a', body: '{}', endsAtMs: 0, reason: 'override' }], 'operator')
  const leaving = await store.grant(life('shop/orders/b'))
  await server.admin.config('SET', 'maxmemory', '1')
  const full = { code: 'REG_STORE_FULL', status: 507 }
  await t.rejects(store.grant(life('shop/orders/c')), full)
  await t.rejects(store.commit([{ type: 'put', key: 'override/shop/a', body: '{}', endsAtMs: 0, reason: 'override' }], 'operator'), full)
  await t.rejects(store.grant({ ...known, body: '{"weight":2}' }), full)
  t.match(await store.grant(known), { outcome: 'unchanged', lease }, 'what is registered so already needs no memory')
  t.match(await store.commit([{ type: 'delete', key: 'override/shop/orders/a', reason: 'override-removed' }], 'operator'), { outcome: 'committed' })
  t.same((await store.renew(new Map([[60_000, [lease]]]))).unknown, [])
  t.match(await store.expire(policy()), { suspected: 0 })
  t.not((await store.revoke([leaving.lease], 'tester'))[0], 0)
  await server.admin.config('SET', 'maxmemory', '0')
  t.match(await store.grant(life('shop/orders/c')), { outcome: 'created' })
  t.equal(follower.loads, 1, 'reading went on all the time')
})

t.test('too few replicas refuse writes with the reason, and stop no reading', { skip }, async (t) => {
  const server = await startServer(t)
  const { store, follower } = await joinRedis(t, server.url)
  await server.admin.config('SET', 'min-replicas-to-write', '1')
  await t.rejects(store.grant(life('shop/orders/a')), { code: 'REG_STORE_UNAVAILABLE', message: /too few replicas/ })
  await server.admin.config('SET', 'min-replicas-to-write', '0')
  t.match(await store.grant(life('shop/orders/a')), { outcome: 'created' })
  t.equal(follower.loads, 1)
})

t.test('a master that becomes a replica is left', { skip }, async (t) => {
  const server = await startServer(t)
  const other = await startServer(t)
  const proxy = await RedisProxy.start(server.port)
  t.teardown(() => proxy.dispose())
  const { store, follower } = await joinRedis(t, proxy.url)
  proxy.point(other.port)
  await server.admin.replicaof('127.0.0.1', other.port)
  await t.rejects(store.grant(life('shop/orders/a')), { code: 'REG_STORE_UNAVAILABLE' })
  await follower.back(2)
  t.match(await store.grant(life('shop/orders/a')), { outcome: 'created' })
})

t.test('a value that would break a record is refused before it is sent', { skip }, async (t) => {
  const server = await startServer(t)
  const { store } = await joinRedis(t, server.url)
  for (const overrides of [{ key: 'shop/orders' }, { key: 'a/b/c/d' }, { key: 'a/b/c\nd' }, { body: '{\n}' }, { generation: 'a\nb' }, { ttlMs: 0 }, { ttlMs: 1.5 }]) {
    await t.rejects(store.grant(life('shop/orders/a', overrides)), { code: 'REG_INVALID' })
  }
  await t.rejects(store.renew(new Map([[1_000, Array.from({ length: 10_001 }, () => 'x')]])), { code: 'REG_INVALID' })
  await t.rejects(store.commit([{ type: 'delete', key: '', reason: 'override' }], 'x'), { code: 'REG_INVALID' })
})

t.test('scripts that Redis forgot are sent again', { skip }, async (t) => {
  const server = await startServer(t)
  const { store } = await joinRedis(t, server.url)
  await store.grant(life('shop/orders/a'))
  await server.admin.script('FLUSH')
  t.match(await store.grant(life('shop/orders/b')), { outcome: 'created' })
})

t.test('closing leaves no connection, ends an opening that waits, and may be done twice', { skip }, async (t) => {
  const server = await startServer(t)
  const { store } = await joinRedis(t, server.url)
  t.equal(await clients(server), 3)
  await Promise.all([store.close(), store.close()])
  while (await clients(server) > 1) { /* Redis notices at its own pace */ }
  const waiting = createRedisStore({ url: `redis://127.0.0.1:${await freePort()}` })
  const follower = new WatchedFollower()
  const opening = waiting.open(follower)
  await follower.when(() => follower.healths.length === 1)
  await Promise.all([t.rejects(opening, { code: 'REG_STORE_UNAVAILABLE' }), waiting.close()])
  await t.rejects(waiting.open(follower), { code: 'REG_STORE_UNAVAILABLE' })
})

async function clients (server: RedisServer): Promise<number> {
  const list = String(await server.admin.client('LIST'))
  return list.trim().split('\n').length
}
