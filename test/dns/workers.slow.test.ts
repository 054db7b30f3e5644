// DNS from several threads: real threads and sockets, before a feed in this one.
import { once } from 'node:events'
import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { DnsCounters, type Place, startDns } from '../../server/dns/server.ts'
import { beginDnsWorkers, type DnsWorkers, type DnsWorkersOptions, spawnDnsWorker, startDnsWorkers } from '../../server/dns/workers.ts'
import { cookieSecretKey } from '../../server/dns/protect/cookie-secret.ts'
import { selfSigned } from '../support/certificate.ts'
import { type Message, TcpClient, UdpClient, extendedError, opt } from '../support/dns-client.ts'
import { Upstream, response } from '../support/upstream.ts'
import { HandClock } from '../support/hand-clock.ts'
import { PlayedFeed } from '../support/played-feed.ts'

interface Closable {
  teardown (end: () => unknown): void
}

const home = fileURLToPath(new URL('../../', import.meta.url))
const name = 'web.shop.svc.cluster.local'
/** The kernel chooses a thread by the port of the client: that so many go to one of two happens once in 2^39. */
const clients = 40

/** Threads that the test can reach. */
class Threads {
  readonly workers: Worker[] = []
  readonly counters: DnsCounters[] = []
  readonly exits: Promise<unknown>[] = []
  readonly errors: string[] = []
  readonly log = { warn: () => undefined, error: (message: string) => this.#logged(message) }
  #told: (() => void) | undefined

  spawn = (...[data, transfer, threadName]: Parameters<typeof spawnDnsWorker>): Worker => {
    const worker = spawnDnsWorker(data, transfer, threadName)
    this.workers.push(worker)
    this.counters.push(new DnsCounters(data.counters))
    this.exits.push(once(worker, 'exit').then(([code]) => code))
    return worker
  }

  /** Resolves when the thread of that number says that it works; the pool has heard it by then. */
  async atWork (index: number): Promise<void> {
    const worker = this.workers[index]
    if (worker === undefined) throw new Error(`there is no thread ${index}`)
    for (;;) {
      const [message] = await once(worker, 'message') as [{ readonly type: string }]
      if (message.type === 'working') return
    }
  }

  /** The next error in the log. */
  async error (): Promise<string> {
    while (this.errors.length === 0) await new Promise<void>((resolve) => { this.#told = resolve })
    return this.errors.shift() ?? ''
  }

  #logged (message: string): void {
    this.errors.push(message)
    this.#told?.()
  }
}

async function start (t: Closable, world: PlayedFeed, options: Partial<DnsWorkersOptions> = {}): Promise<DnsWorkers> {
  const dns = await startDnsWorkers({ workers: 2, feed: world.feed, host: '127.0.0.1', port: 0, ...options })
  t.teardown(() => dns.close())
  return dns
}

/** Asks from many ports, by both transports. */
async function askAll (t: Closable, dns: DnsWorkers): Promise<Message[]> {
  const ask = async (index: number): Promise<Message> => {
    const client = index % 4 === 0 ? await TcpClient.open(t, dns) : new UdpClient(t, dns)
    return client.query(name, 'A', { edns: {} })
  }
  return Promise.all(Array.from({ length: clients }, (_, index) => ask(index)))
}

/** Whether a program accepts connections there. */
function accepts ({ address, port }: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address, () => socket.end(() => resolve(true)))
    socket.on('error', () => resolve(false))
  })
}

async function until (isSo: () => Promise<boolean>): Promise<void> {
  while (!await isSo());
}

const addresses = (messages: readonly Message[]): string[] => [...new Set(messages.map(({ rcode, answers }) => `${rcode} ${answers.map(({ data }) => data).sort().join(' ')}`))]
const answered = (counters: DnsCounters): number => [...counters.answers()].reduce((sum, { count }) => sum + count, 0)

t.test('two threads answer on one port, and both follow the registry', async (t) => {
  const world = new PlayedFeed()
  const threads = new Threads()
  const dns = await start(t, world, { spawn: threads.spawn })
  const early = await askAll(t, dns)
  t.same(addresses(early), ['SERVFAIL '])
  t.same(new Set(early.map((message) => extendedError(message)?.code)), new Set([14]), 'not ready')
  world.load().register('shop/web/a', { address: '10.0.0.1', ports: [] })
  await dns.whenTaken(1)
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1'])
  world.register('shop/web/b', { address: '10.0.0.2', ports: [] }).deregister('shop/web/a')
  await dns.whenTaken(3)
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.2'])
  world.deregister('shop/web/b').loseStore()
  await dns.whenTaken(4)
  t.same(addresses(await askAll(t, dns)), ['NXDOMAIN '])

  t.equal(threads.counters.length, 2)
  for (const counters of threads.counters) t.ok(answered(counters) > 0, 'each answered some')
  t.same([...dns.counters.answers()].map(({ transport, rcode, count }) => `${transport} ${rcode} ${count}`).sort(), [
    'tcp NOERROR 20', 'tcp NXDOMAIN 10', 'tcp SERVFAIL 10', 'udp NOERROR 60', 'udp NXDOMAIN 30', 'udp SERVFAIL 30'
  ], 'and the counters are those of both')
  t.ok(dns.counters.connections >= clients / 4, 'open connections too')
})

t.test('after a resynchronisation all threads answer what is left', async (t) => {
  const world = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] }).register('shop/web/b', { address: '10.0.0.2', ports: [] })
  const dns = await start(t, world)
  await dns.whenTaken(2)
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1 10.0.0.2'])
  world.reload((key) => key.endsWith('/b'))
  await dns.whenTaken(2)
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.2'])
})

t.test('a thread that dies is logged and started anew, later each time, and the others go on meanwhile', async (t) => {
  const world = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] })
  const threads = new Threads()
  const clock = new HandClock()
  const dns = await start(t, world, { spawn: threads.spawn, log: threads.log, clock })
  await dns.whenTaken(1)
  await askAll(t, dns)
  const counted = answered(dns.counters)
  for (const delayMs of [100, 200, 400]) {
    const last = threads.workers.at(-1)
    const count = threads.workers.length
    t.equal(await last?.terminate(), 1)
    t.equal(await threads.error(), `DNS: the thread dns-2 ended, and is started anew in ${delayMs} ms: exit code 1`)
    t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1'], 'the other one answers all')
    world.register('shop/other/a', { address: '10.0.0.9', ports: [] })
    clock.advance(delayMs - 1)
    t.equal(threads.workers.length, count)
    clock.advance(1)
    t.equal(threads.workers.length, count + 1)
    await dns.whenTaken(world.feed.revision)
  }
  t.equal(answered(dns.counters), counted + 3 * clients, 'what the dead ones counted stays')
  clock.advance(60_000)
  await threads.workers.at(-1)?.terminate()
  t.match(await threads.error(), /in 100 ms/, 'the last one had lived for a minute')
})

t.test('while no thread is at work the main one answers, from what the registry has by then', async (t) => {
  const world = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] })
  const threads = new Threads()
  const clock = new HandClock()
  const dns = await beginDnsWorkers({ workers: 1, feed: world.feed, host: '127.0.0.1', port: 0, spawn: threads.spawn, log: threads.log, clock })
  t.teardown(() => dns.close())
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1'], 'before the first one works')
  await dns.started
  await dns.whenTaken(1)
  const ofThread = threads.counters[0] ?? new DnsCounters()
  const counted = answered(ofThread)
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1'])
  t.equal(answered(ofThread), counted + clients, 'then the thread answers all')
  await threads.workers[0]?.terminate()
  await threads.error()
  world.register('shop/web/b', { address: '10.0.0.2', ports: [] })
  await until(() => accepts(dns))
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1 10.0.0.2'], 'while it is gone')
  t.equal(answered(ofThread), counted + clients)
  clock.advance(100)
  await threads.atWork(1)
  await dns.whenTaken(2)
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1 10.0.0.2'], 'when it is there again')
  t.equal(answered(ofThread), counted + 2 * clients, 'and answers all')
})

t.test('a fault of a thread is in the log', async (t) => {
  const threads = new Threads()
  const clock = new HandClock()
  let count = 0
  const spawn: typeof spawnDnsWorker = (...args) => count++ === 0 ? new Worker('throw new Error("no such luck")', { eval: true }) : threads.spawn(...args)
  const dns = await start(t, new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] }), { spawn, log: threads.log, clock })
  t.match(await threads.error(), /dns-1 ended, and is started anew in 100 ms: no such luck/)
  await dns.whenTaken(1)
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1'], 'one is enough to begin')
  clock.advance(100)
  t.equal(threads.workers.length, 2)
})

t.test('if no thread can answer the start fails with the fault of the first', async (t) => {
  const world = new PlayedFeed()
  const fails = (message: string): Partial<DnsWorkersOptions> => ({ spawn: () => new Worker(`throw new Error('${message}')`, { eval: true }) })
  await t.rejects(start(t, world, fails('no such luck')), { message: 'no such luck' })
  await t.rejects(start(t, world, { spawn: () => { throw new Error('no more threads') } }), { message: 'no more threads' })
})

t.test('bad settings are refused in this thread, by name', async (t) => {
  for (const [field, options] of Object.entries({ workers: { workers: 65 }, ttlSeconds: { ttlSeconds: -1 }, zones: { zones: [] } })) {
    await t.rejects(start(t, new PlayedFeed(), options), { code: 'REG_INVALID', errors: [{ field }] })
  }
})

t.test('nobody joins the port of another registry', async (t) => {
  const world = new PlayedFeed()
  const dns = await start(t, world)
  await t.rejects(start(t, world, { port: dns.port }), { code: 'EADDRINUSE' })
  await t.rejects(startDns({ source: world.feed, host: '127.0.0.1', port: dns.port }), { code: 'EADDRINUSE' })
})

t.test('on close the port is free, connections are ended, and the threads end by themselves', async (t) => {
  const world = new PlayedFeed().load()
  const threads = new Threads()
  const dns = await start(t, world, { spawn: threads.spawn })
  const connections = await Promise.all(Array.from({ length: 8 }, () => TcpClient.open(t, dns)))
  await connections[0]?.query(name, 'A')
  await Promise.all([dns.close(), dns.close()])
  t.same(await Promise.all(threads.exits), [0, 0])
  t.same(await Promise.all(connections.map((connection) => connection.receive())), connections.map(() => undefined))
  await (await startDns({ source: world.feed, host: dns.address, port: dns.port })).close()
  await dns.whenTaken(1) // there is nothing to wait for
})

t.test('without threads the calling one answers', async (t) => {
  const world = new PlayedFeed()
  const threads = new Threads()
  const dns = await start(t, world, { workers: 0, spawn: threads.spawn })
  const taken = dns.whenTaken(1)
  world.load().register('shop/web/a', { address: '10.0.0.1', ports: [] })
  await taken
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1'])
  t.equal(answered(dns.counters), clients)
  t.equal(threads.workers.length, 0)
})

t.test('threads run below node_modules, where Node strips no types by itself', async (t) => {
  const installed = join(t.testdir(), 'node_modules', 'rollcall')
  for (const part of ['bin', 'server', 'client-sdk/src', 'package.json']) cpSync(join(home, part), join(installed, part), { recursive: true })
  symlinkSync(join(home, 'node_modules'), join(installed, 'node_modules'))
  const load = (path: string): Promise<unknown> => import(pathToFileURL(join(installed, path)).href)
  await load('bin/strip-types.js')
  const { spawnDnsWorker: spawn } = await load('server/dns/workers.ts') as { spawnDnsWorker: typeof spawnDnsWorker }
  const dns = await start(t, new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] }), { spawn })
  await dns.whenTaken(1)
  t.same(addresses(await askAll(t, dns)), ['NOERROR 10.0.0.1'])
})

t.test('a thread gives the cookies of the registry, logs its queries through the parent, and counts what it timed', async (t) => {
  const world = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1' })
    .keep(cookieSecretKey, JSON.stringify({ keys: ['e5e973e5a6b2a43f48e7dc849e37bfcf'] }))
  const { promise: line, resolve } = Promise.withResolvers<object>()
  const log = { warn: (message: string) => t.fail(message), error: (message: string) => t.fail(message), info: resolve }
  const dns = await start(t, world, { workers: 1, version: 'rollcall 1.2.3', rateLimit: 5, queryLogRatio: 1, log })
  await dns.whenTaken(world.feed.revision)
  const client = new UdpClient(t, dns)
  const cookieFor = async (data: Buffer): Promise<Buffer | undefined> => opt(await client.query(name, 'A', { edns: { options: [{ code: 10, data }] } }))?.options?.[0]?.data
  const given = await cookieFor(Buffer.from('2464c4abcf10c957', 'hex')) ?? Buffer.alloc(0)
  t.equal(given.length, 24)
  t.same(await cookieFor(given), given)
  t.match(await line, { client: '127.0.0.1', transport: 'udp', name: `${name}.`, type: 'A', rcode: 'NOERROR' })
  t.equal(dns.counters.builds, 1)
  t.equal(dns.counters.latencies.reduce((sum, count) => sum + count, 0), 1)
})

t.test('threads forward, speak TLS, and leave HTTP to the main thread', async (t) => {
  const upstream = await Upstream.open(t, (query) => response(query, { answers: [{ name: query.questions[0]?.name, type: 'A', ttl: 60, data: '192.0.2.7' }] }))
  const { cert, key } = selfSigned()
  const world = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1' })
  const forward = { upstreams: [{ address: upstream.address, port: upstream.port }], clients: ['127.0.0.0/8'] }
  const dns = await start(t, world, { forward, tls: { host: '127.0.0.1', port: 0, cert, key } })
  await dns.whenTaken(world.feed.revision)
  t.match(await new UdpClient(t, dns).query('www.example', 'A'), { rcode: 'NOERROR', flag_ra: true, answers: [{ data: '192.0.2.7' }] })
  const socket = connectTls({ port: dns.tls?.port ?? 0, host: '127.0.0.1', servername: 'localhost', ca: cert })
  t.teardown(() => void socket.destroy())
  await once(socket, 'secureConnect')
  const tls = new TcpClient(socket)
  t.match(await tls.query('www.example', 'A'), { answers: [{ data: '192.0.2.7' }] })
  t.match(await tls.query(name, 'A'), { answers: [{ data: '10.0.0.1' }] })
  const client = '127.0.0.1'
  t.match(await dns.desk.explain({ name, type: 'A', client }), { rcode: 'NOERROR', answer: [{ data: '10.0.0.1' }] })
  t.match(await dns.desk.explain({ name: 'www.example', type: 'A', client }), { rcode: 'NOERROR', answer: [{ data: '192.0.2.7' }] })
  t.strictSame([...dns.counters.answers()].map(({ transport, count }) => [transport, count]), [['udp', 1], ['tls', 2], ['https', 2]], 'all are in one count')
  t.ok(dns.counters.forwards('miss') > 0)
})
