// Redis behind TLS, with certificates on both sides: one server, Sentinel and Cluster, and what is said when it does not work.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createRedisStore, type RedisStoreOptions } from '../../server/store/redis/redis-store.ts'
import { type Pair, authority } from '../support/certificate.ts'
import { freePort } from '../support/free-port.ts'
import { joinRedis, life, WatchedFollower } from '../support/redis-nodes.ts'
import { noRedis, RedisServer, type RedisServerOptions } from '../support/redis-server.ts'

const ours = authority()
const mine = ours.issue({ name: 'rollcall' })
type Test = Parameters<typeof joinRedis>[0]
type Tls = NonNullable<RedisStoreOptions['tls']>

interface Files {
  readonly at: (name: string, text: string) => string
  readonly tls: Tls
}

function files (t: Test): Files {
  const directory = t.testdir()
  const at = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    chmodSync(join(directory, name), 0o600)
    return join(directory, name)
  }
  return { at, tls: { caFile: at('ca', ours.cert), certFile: at('cert', mine.cert), keyFile: at('key', mine.key) } }
}

interface Place {
  readonly server: RedisServer
  readonly port: number
}

async function start (
  t: Test, { at }: Files, pair: Pair = ours.issue(), config: readonly string[] = [], options: Partial<RedisServerOptions> = {}
): Promise<Place> {
  const port = await freePort()
  const server = await RedisServer.start({
    ...options,
    config: [
      `tls-port ${port}`, `tls-cert-file ${at(`cert-${port}`, pair.cert)}`, `tls-key-file ${at(`key-${port}`, pair.key)}`,
      `tls-ca-cert-file ${at('redis-ca', ours.cert)}`, ...config
    ]
  })
  t.teardown(() => server.dispose())
  return { server, port }
}

const use = async (t: Test, url: string, tls: Tls): Promise<void> => {
  const { store, follower } = await joinRedis(t, url, { tls })
  const { revision } = await store.grant(life('shop/orders/a'))
  await follower.when(() => follower.instances.has('shop/orders/a'))
  t.ok(revision > 0)
  t.match(store.location, /^rediss/)
}

t.test('one Redis that wants certificates', { skip: noRedis }, async (t) => {
  const there = files(t)
  const { port } = await start(t, there, ours.issue(), ['tls-auth-clients yes'])
  await use(t, `rediss://127.0.0.1:${port}`, there.tls)
})

t.test('a Sentinel, its master and its replica', { skip: noRedis }, async (t) => {
  const there = files(t)
  const master = await start(t, there, ours.issue(), ['tls-replication yes'])
  const sentinel = await start(t, there, ours.issue(), ['tls-replication yes'], { sentinelOf: master.port })
  await use(t, `rediss+sentinel://127.0.0.1:${sentinel.port}/main`, there.tls)
})

t.test('a Cluster, by a name that all certificates have', { skip: noRedis }, async (t) => {
  const there = files(t)
  const named = ours.issue({ names: ['redis.example'] })
  const { server, port } = await start(t, there, named, ['tls-cluster yes'], { cluster: true })
  await server.admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  while (!String(await server.admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) { /* asks again */ }
  await use(t, `rediss+cluster://127.0.0.1:${port}`, { ...there.tls, serverName: 'redis.example' })
})

t.test('what does not work is said with what would help, and stops the start', { skip: noRedis }, async (t) => {
  const there = files(t)
  const { at, tls } = there
  const { server, port } = await start(t, there, ours.issue(), ['tls-auth-clients yes'])
  const now = Date.now()
  const expired = await start(t, there, ours.issue({ fromMs: now - 9_000_000, untilMs: now - 5_000_000 }))
  const elsewhere = await start(t, there, ours.issue({ names: ['redis.example'] }))
  const old = await start(t, there, ours.issue(), ['tls-protocols TLSv1.1', 'tls-ciphers ALL:@SECLEVEL=0'])
  const other = authority('Another')
  const wrong = other.issue()
  const table: readonly (readonly [string, number, Tls, RegExp])[] = [
    ['an unknown CA', port, { ...tls, caFile: at('other', other.cert) }, /its certificate is of a CA that is not trusted here: name the file of that CA with --redis-ca/],
    ['no CA', port, { ...tls, caFile: undefined }, /not trusted here/],
    ['no certificate', port, { caFile: tls.caFile }, /wants a certificate of this client, and there is none to show: name one with --redis-cert and --redis-key/],
    ['a certificate of another CA', port, { ...tls, certFile: at('w', wrong.cert), keyFile: at('k', wrong.key) }, /refuses the certificate of this client/],
    ['an expired one', expired.port, tls, /has expired/],
    ['another name', elsewhere.port, tls, /is for other names/],
    ['TLS 1.1', old.port, tls, /no version of TLS in common/],
    ['a file that is away', port, { ...tls, caFile: '/nowhere' }, /redis-ca must name a file that can be read \(ENOENT\)/],
    ['a CA that is none', port, { ...tls, caFile: at('none', 'none') }, /redis-ca must hold one or several certificates/],
    ['a key of another certificate', port, { ...tls, keyFile: at('k2', wrong.key) }, /redis-cert, redis-key must be a certificate and its key/]
  ]
  for (const [what, at, given, says] of table) {
    const store = createRedisStore({ url: `rediss://127.0.0.1:${at}`, tls: given })
    await t.rejects(store.open(new WatchedFollower()), { code: 'REG_STORE_UNAVAILABLE', message: says }, what)
    await store.close()
  }
  // Redis says nothing where it speaks the other way: what is seen is a connection that is silent, or closed.
  for (const [url, says] of [
    [`redis://127.0.0.1:${port}`, /does it speak TLS there\? Then the address begins with rediss/],
    [`rediss://127.0.0.1:${server.port}`, /does it speak TLS there\? Without it the address begins with redis\)/]
  ] as const) {
    const store = createRedisStore({ url, tls: url.startsWith('rediss') ? tls : {}, timeouts: { connectMs: 300, commandMs: 300 } })
    const follower = new WatchedFollower()
    const opening = store.open(follower)
    await follower.when(() => follower.healths.length > 0)
    t.match(follower.healths[0], { available: false, reason: says })
    await Promise.all([t.rejects(opening), store.close()])
  }
})

t.test('a certificate that is replaced is shown at the next connection', { skip: noRedis }, async (t) => {
  const there = files(t)
  const { server, port } = await start(t, there, ours.issue(), ['tls-auth-clients yes'])
  const { follower } = await joinRedis(t, `rediss://127.0.0.1:${port}`, { tls: there.tls })
  there.at('cert', 'none')
  await server.admin.call('CLIENT', 'KILL', 'SKIPME', 'yes', 'TYPE', 'normal')
  await follower.when(() => follower.healths.at(-1)?.available === false)
  await follower.when(() => /redis-cert, redis-key must be/.test(follower.healths.at(-1)?.reason ?? ''))
  const renewed = ours.issue({ name: 'rollcall' })
  there.at('key', renewed.key)
  there.at('cert', renewed.cert)
  await follower.when(() => follower.healths.at(-1)?.available === true)
  t.pass('the node is back')
})
