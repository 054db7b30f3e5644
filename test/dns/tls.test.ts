// DNS over TLS (RFC 7858): the same answers, behind a handshake that has its own limits.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type Socket, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, type TLSSocket, connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import t from 'tap'
import { loadConfig } from '../../server/config/config.ts'
import { serve as serveNode } from '../../server/serve.ts'
import { DnsCounters } from '../../server/dns/counters.ts'
import type { DnsOptions, DnsServer } from '../../server/dns/server.ts'
import { firstMessageMs, idleMs, sweepMs } from '../../server/dns/listen/tcp-limits.ts'
import { selfSigned } from '../support/certificate.ts'
import { TcpClient, UdpClient, codec, question, text } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'
import { lacking } from '../support/programs.ts'

const { cert, key } = selfSigned()
const orders = 'orders.shop.svc.cluster.local'
const town = (): PlayedFeed => new PlayedFeed().load().register('shop/orders/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }] })

interface Place {
  readonly server: DnsServer
  readonly world: PlayedFeed
  readonly counters: DnsCounters
  readonly port: number
}

async function place (t: Parameters<typeof serve>[0], options: Partial<DnsOptions> = {}): Promise<Place> {
  const world = town()
  const counters = new DnsCounters()
  const server = await serve(t, world, { counters, tls: { host: '127.0.0.1', port: 0, cert, key }, ...options })
  return { server, world, counters, port: server.tls?.port ?? 0 }
}

type Ending = { teardown (end: () => void): void }

async function open (t: Ending, port: number, options: ConnectionOptions = {}): Promise<{ client: TcpClient, socket: TLSSocket }> {
  const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: cert, ALPNProtocols: ['dot'], ...options })
  t.teardown(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return { socket, client: new TcpClient(socket) }
}

/** A TCP connection that says nothing of keys. */
async function openBare (t: Ending, port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  t.teardown(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

const dropped = (counters: DnsCounters, reason: Parameters<DnsCounters['drop']>[0]): number => counters.dropped(reason)

t.test('a name is answered over TLS as over UDP, and counted as such', async (t) => {
  const { server, port, counters } = await place(t)
  const { client, socket } = await open(t, port)
  t.equal(socket.alpnProtocol, 'dot')
  t.ok(socket.authorized)
  const answer = await client.query(orders, 'A')
  t.strictSame(text(answer.answers), [`${orders} 5 A 10.0.0.1`])
  t.strictSame(answer, await new UdpClient(t, server).query(orders, 'A'))
  t.match([...counters.answers()].map(({ transport }) => transport).sort(), ['tls', 'udp'])
})

t.test('kdig asks over TLS', { skip: lacking('kdig') }, async (t) => {
  const { port } = await place(t)
  const { stdout } = await promisify(execFile)('kdig', ['@127.0.0.1', '-p', String(port), '+tls', '+short', orders, 'A'])
  t.equal(stdout, '10.0.0.1\n')
})

t.test('who speaks another protocol, or an old TLS, is refused', async (t) => {
  const { port } = await place(t)
  await t.rejects(open(t, port, { ALPNProtocols: ['h2'] }))
  await t.rejects(open(t, port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' }))
  const { socket } = await open(t, port, { ALPNProtocols: [] })
  t.equal(socket.alpnProtocol, false, 'who names none is served')
})

t.test('questions are taken one behind the other, and answered in their order', async (t) => {
  const { port } = await place(t)
  const { client } = await open(t, port)
  const count = 300
  client.send(...Array.from({ length: count }, (_, id) => question(orders, 'A', { id })))
  const ids: number[] = []
  while (ids.length < count) ids.push(codec.decode(await client.receive() ?? Buffer.alloc(0)).id)
  t.strictSame(ids, Array.from({ length: count }, (_, id) => id))
})

t.test('what is no TLS is hung up on, and counted', async (t) => {
  const { port, counters } = await place(t)
  const socket = await openBare(t, port)
  socket.resume().end(Buffer.concat([Buffer.from([0, 40]), question(orders, 'A')]))
  await once(socket, 'close')
  t.equal(dropped(counters, 'tls'), 1)
})

t.test('a handshake that is not finished in time is hung up on', async (t) => {
  const { port, world, counters } = await place(t)
  const socket = await openBare(t, port)
  while (counters.connections === 0) await new Promise((resolve) => setImmediate(resolve)) // it was taken
  world.clock.advance(firstMessageMs - sweepMs)
  t.equal(dropped(counters, 'deadline'), 0)
  world.clock.advance(2 * sweepMs)
  await once(socket.resume(), 'close')
  t.equal(dropped(counters, 'deadline'), 1)
})

t.test('deadlines of messages begin with the keys', async (t) => {
  const { port, world } = await place(t)
  const { client } = await open(t, port)
  world.clock.advance(firstMessageMs - sweepMs)
  await client.query(orders, 'A')
  world.clock.advance(idleMs - sweepMs)
  await client.query(orders, 'A')
  world.clock.advance(idleMs + sweepMs)
  t.equal(await client.receive(), undefined)
})

t.test('at the limit handshakes that do not go on are given up before connections that were used later', async (t) => {
  const { port, counters, world } = await place(t, { maxConnections: 3 })
  const bare = await openBare(t, port)
  world.clock.advance(10)
  await openBare(t, port)
  const { client } = await open(t, port)
  world.clock.advance(10)
  await client.query(orders, 'A')
  const ended = once(bare.resume(), 'close')
  const { client: late } = await open(t, port)
  await ended
  t.match(await late.query(orders, 'A'), { rcode: 'NOERROR' })
  t.match(await client.query(orders, 'A'), { rcode: 'NOERROR' }, 'who is in is served')
  t.equal(dropped(counters, 'too-many-connections'), 1)
})

t.test('closing waits for no handshake', async (t) => {
  const { server, port, counters } = await place(t)
  const bare = await openBare(t, port)
  const { client } = await open(t, port)
  while (counters.connections < 2) await new Promise((resolve) => setImmediate(resolve))
  await server.close() // its clock stands still: no grace ends
  await Promise.all([client.closed, bare.closed ? undefined : once(bare.resume(), 'close')])
  t.equal(counters.connections, 0)
})

t.test('a certificate that is none is refused, and nothing stays open', async (t) => {
  await t.rejects(place(t, { tls: { host: '127.0.0.1', port: 0, cert: 'none', key } }), /PEM/)
  await t.rejects(place(t, { tls: { host: '127.0.0.1', port: 0, cert, key: selfSigned().key } }), /key values mismatch/i)
})

t.test('files that are no certificate and key are refused by the name of the setting', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-tls-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content)
    return join(directory, name)
  }
  const files = { cert: file('cert.pem', cert), key: file('key.pem', key), other: file('other.pem', selfSigned().key), text: file('text', 'none') }
  const started = (certFile: string, keyFile: string): Promise<unknown> => serveNode(loadConfig({ argv: [
    '--http', '127.0.0.1:0', '--dns', '127.0.0.1:0', '--data', join(directory, 'data'), '--log-level', 'silent', '--dns-tls', '127.0.0.1:0', '--dns-tls-cert', certFile, '--dns-tls-key', keyFile
  ], env: {}, readFile: (path) => readFileSync(path, 'utf8'), hostname: 'here' }).values)
  const away = join(directory, 'away')
  await t.rejects(started(away, files.key), { code: 'REG_INVALID', errors: [{ field: 'dns-tls-cert', rule: /must name a file that can be read \(ENOENT/ }] })
  await t.rejects(started(files.cert, away), { code: 'REG_INVALID', errors: [{ field: 'dns-tls-key', rule: /ENOENT/ }] })
  await t.rejects(started(files.text, files.key), { code: 'REG_INVALID', errors: [{ field: 'dns-tls-cert, dns-tls-key', rule: /must be a certificate and its key in PEM form/ }] })
  await t.rejects(started(files.cert, files.other), { code: 'REG_INVALID', errors: [{ field: 'dns-tls-cert, dns-tls-key', rule: /mismatch/ }] })
})
