// Every malformed message that others have died of, and peers that mean no good: always alive, always bounded. What nobody has
// thought of is in test/fuzz.
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { cookieSecretKey } from '../../server/dns/protect/cookie-secret.ts'
import { usedMemory } from '../fuzz/memory.ts'
import { readSent, verdict } from '../fuzz/verdict.ts'
import { batchSettings } from '../support/dns-batches.ts'
import { TcpClient, UdpClient, codec, framed, opt, question } from '../support/dns-client.ts'
import { malformed, optAlone, twoOpts } from './malformed.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const web = 'web.shop.svc.cluster.local'
/** The id of the good question behind the bad ones. */
const sentinelId = 0xfeed

function world (): PlayedFeed {
  const result = new PlayedFeed().load().keep(cookieSecretKey, JSON.stringify({ keys: ['e5e973e5a6b2a43f48e7dc849e37bfcf'] }))
  for (let index = 0; index < 150; index++) {
    result.register(`shop/web/${index}`, { address: index % 3 === 0 ? `fd00::${index + 1}` : `10.1.0.${index}`, ports: [{ name: 'http', port: 80 }, { name: 'peer', port: 7, protocol: 'UDP' }] })
  }
  return result
}

/** With the upper bits that OPT has. */
function rcodeOf (answer: Buffer): number {
  return (opt(codec.decode(answer))?.extendedRcode ?? 0) * 16 + (answer.readUInt8(3) & 15)
}

for (const batch of batchSettings) t.test(`every malformed message is answered as the protocol demands, or with silence, and the next one is answered (batch ${batch})`, async (t) => {
  const server = await serve(t, world(), { batch })
  const udp = new UdpClient(t, server)
  for (const [says, message, expected] of malformed) {
    await udp.send(message)
    await udp.send(question(web, 'A', { id: sentinelId }))
    const first = await udp.receive()
    if (expected === 'silence') {
      t.equal(first.readUInt16BE(0), sentinelId, `${says}: silence`)
      continue
    }
    t.equal(first.readUInt16BE(0), message.readUInt16BE(0), `${says}: its id`)
    t.equal(rcodeOf(first), expected, `${says}: rcode ${expected}`)
    t.equal(verdict(readSent(message), first, 'udp', {}), undefined, `${says}: a good answer`)
    t.equal((await udp.receive()).readUInt16BE(0), sentinelId, 'and the next one is answered')
  }
  t.equal(server.counters.failed, 0)
})

t.test('the same over TCP', async (t) => {
  const server = await serve(t, world())
  for (const [says, message, expected, overTcp = expected] of malformed) {
    const tcp = await TcpClient.open(t, server)
    tcp.socket.write(framed(message))
    tcp.send(question(web, 'A', { id: sentinelId }))
    const first = await tcp.receive()
    const isRefused = message.length < 12 || message.length > 4096 // such a length ends the connection
    const found = first === undefined ? 'closed' : first.readUInt16BE(0) === sentinelId ? 'silence' : rcodeOf(first)
    t.equal(found, isRefused ? 'closed' : overTcp, says)
    if (first !== undefined && typeof found === 'number') t.equal(verdict(readSent(message), first, 'tcp', {}), undefined, `${says}: a good answer`)
    tcp.socket.destroy()
  }
  t.equal(server.counters.failed, 0)
})

t.test('the error to two OPTs has one OPT, and one without a question has it too', async (t) => {
  const udp = new UdpClient(t, await serve(t, world()))
  for (const message of [twoOpts, optAlone]) t.ok(opt(codec.decode(await udp.ask(message))))
})

t.test('a set that is longer than any message is cut to what one holds (dns2 3)', async (t) => {
  const ports = [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }] as const
  const spec = { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'wide' }, ports }
  const many = new PlayedFeed().load().declare('shop/wide', spec, [], { 'rollcall.dev/dns-max-records': '1000' })
  for (let index = 0; index < 1_000; index++) {
    const hostname = `h${index}`.padEnd(63, 'x')
    many.register(`shop/web/${index}`, { address: `10.2.${index >> 8}.${index & 255}`, hostname, labels: { app: 'wide' }, ports: [{ name: 'http', port: 80 }] })
  }
  const server = await serve(t, many)
  const tcp = await TcpClient.open(t, server)
  tcp.send(question('_http._tcp.wide.shop.svc.cluster.local', 'SRV', { edns: {} }), question('wide.shop.svc.cluster.local', 'A'))
  const answer = await tcp.receive() ?? Buffer.alloc(12)
  const message = codec.decode(answer)
  t.ok(answer.length > 65_000, `${answer.length} octets`)
  t.same([message.flag_tc, message.answers.length > 500, opt(message)?.type, server.counters.cut], [false, true, 'OPT', 1])
  t.equal(codec.decode(await tcp.receive() ?? Buffer.alloc(12)).answers.length, 1_000, 'and the next one is answered')
  t.equal(server.counters.failed, 0)
})

t.test('silent peers that keep their half open are ended, and do not hold up the close (dns2 6)', async (t) => {
  const of = world()
  const server = await serve(t, of)
  const udp = new UdpClient(t, server)
  const peers = await Promise.all(Array.from({ length: 20 }, () => TcpClient.open(t, server))) // TcpClient allows half-open
  while (server.counters.connections < peers.length) await udp.query(web, 'A')
  of.clock.advance(3_500)
  for (const peer of peers) t.equal(await peer.receive(), undefined)
  while (server.counters.connections > 0) await udp.query(web, 'A')
  t.equal(server.counters.dropped('deadline'), peers.length)
  await TcpClient.open(t, server)
  await server.close()
})

t.test('a message that trickles in from the first octet on does not hold a connection (dns2 7)', async (t) => {
  const of = world()
  const server = await serve(t, of)
  const udp = new UdpClient(t, server)
  const client = await TcpClient.open(t, server)
  const octets = framed(question(web, 'A'))
  for (let at = 0; at < 12; at++) {
    client.socket.write(octets.subarray(at, at + 1))
    await udp.query(web, 'A') // the server has read the octet by then
    of.clock.advance(300)
  }
  t.equal(await client.receive(), undefined)
  t.equal(server.counters.dropped('deadline'), 1)
})

t.test('4,000 questions whose answers nobody reads hold a bounded piece of memory (dns2 7)', async (t) => {
  const server = await serve(t, world())
  const udp = new UdpClient(t, server)
  const client = await TcpClient.open(t, server)
  const answer = await udp.ask(question(`_http._tcp.${web}`, 'SRV', { edns: {} })) // whole it is longer
  const before = await usedMemory()
  client.socket.pause()
  client.send(...Array.from({ length: 4_000 }, (_, id) => question(`_http._tcp.${web}`, 'SRV', { id })))
  const answered = (): number => [...server.counters.answers()].find(({ transport }) => transport === 'tcp')?.count ?? 0
  let last = -1
  while (last !== answered() || last === 0) { // until it answers no more
    last = answered()
    for (let index = 0; index < 50; index++) await udp.query(web, 'A')
  }
  const held = await usedMemory() - before
  t.ok(last < 4_000, `${last} of 4,000 are answered before it stops to read`)
  t.ok(held < 2 * 1024 * 1024, `${held} octets are held, where all answers have more than ${4_000 * answer.length}`)
})

t.test('connections that are reset in the middle leave nothing behind', async (t) => {
  const server = await serve(t, world())
  const udp = new UdpClient(t, server)
  for (let index = 0; index < 100; index++) {
    const tcp = await TcpClient.open(t, server)
    tcp.send(question(`_http._tcp.${web}`, 'SRV'), question(web, 'A'))
    tcp.socket.resetAndDestroy()
  }
  while (server.counters.connections > 0) await udp.query(web, 'A')
  t.equal((await udp.query(web, 'A')).rcode, 'NOERROR')
  t.equal(server.counters.failed, 0)
})

for (const batch of batchSettings) t.test(`a datagram from port 0, which ends a dns2 server, does no harm (batch ${batch})`, async (t) => {
  const server = await serve(t, world(), { batch })
  const script = 'import socket,struct,sys;q=bytes.fromhex(sys.argv[2]);s=socket.socket(2,3,17);' +
    's.sendto(struct.pack(">HHHH",0,int(sys.argv[1]),8+len(q),0)+q,("127.0.0.1",0))'
  const sent = spawnSync('python3', ['-c', script, String(server.port), question(web, 'A').toString('hex')])
  t.equal((await new UdpClient(t, server).query(web, 'A')).rcode, 'NOERROR')
  if (sent.status === 0) t.equal(server.counters.dropped('port-zero'), 1)
  else t.pass('the datagram is dropped', { skip: 'a raw socket needs root, and this one python3: it could not be sent' })
})
