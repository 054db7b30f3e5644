// Every malformed message that others have died of, and very many that nobody thought of: always alive, always bounded.
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { cookieSecretKey } from '../../server/registry/cookie-secret.ts'
import { TcpClient, UdpClient, codec, framed, opt, question } from './client.ts'
import { World, serve } from './world.ts'

const web = 'web.shop.svc.cluster.local'
/** The id of the good question behind the bad ones. */
const sentinelId = 0xfeed
const maxUdp = 512
const maxEdns = 1232

function world (): World {
  const result = new World().load().keep(cookieSecretKey, JSON.stringify({ keys: ['e5e973e5a6b2a43f48e7dc849e37bfcf'] }))
  for (let index = 0; index < 150; index++) {
    result.register(`shop/web/${index}`, { address: index % 3 === 0 ? `fd00::${index + 1}` : `10.1.0.${index}`, ports: [{ name: 'http', port: 80 }, { name: 'peer', port: 7, protocol: 'UDP' }] })
  }
  return result
}

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')
const query = 'abcd 0100 0001 0000 0000 0000'
const name = '03776562 0473686f70 03737663 07636c7573746572 056c6f63616c 00'
const plain = `${name} 0001 0001`
const edns = '00 0029 04d0 00 00 0000 0000'
const withRecords = (answers: string, authorities: string, additionals: string): string => `abcd 0100 0001 ${answers} ${authorities} ${additionals}`
const one = '0001'
const none = '0000'

/** What is said to each; `silence` = no answer at all. rcode 1 = FORMERR. */
const malformed: readonly (readonly [says: string, message: Buffer, expected: number | 'silence'])[] = [
  ['an empty datagram', hex(''), 'silence'],
  ['one octet', hex('ab'), 'silence'],
  ['five octets', hex('abcd010000'), 'silence'],
  ['eleven octets', hex('abcd 0100 0001 0000 0000 00'), 'silence'],
  ['a text', Buffer.from('hi there'), 'silence'],
  ['an answer', hex(`abcd 8100 0001 0000 0000 0000 ${plain}`), 'silence'],
  ['an answer without a question', hex('abcd 8180 0000 0000 0000 0000'), 'silence'],
  ['a header alone', hex('abcd 0100 0000 0000 0000 0000'), 1],
  ['a header that promises a question', hex(query), 1],
  ['two questions', hex(`abcd 0100 0002 0000 0000 0000 ${plain} ${plain}`), 1],
  ['65535 questions', hex(`abcd 0100 ffff 0000 0000 0000 ${plain}`), 1],
  ['65535 answers', hex(`abcd 0100 0001 ffff 0000 0000 ${plain}`), 1],
  ['65535 additional records', hex(`abcd 0100 0001 0000 0000 ffff ${plain}`), 1],
  ['a question cut in its name', hex(`${query} 03776562 0473`), 1],
  ['a question without its type', hex(`${query} ${name}`), 1],
  ['a question without its class', hex(`${query} ${name} 0001`), 1],
  ['a question cut in its class', hex(`${query} ${name} 0001 00`), 1],
  ['a name that points to itself', hex(`${query} c00c 0001 0001`), 1],
  ['a name that points forward', hex(`${query} c020 0001 0001 ${name}`), 1],
  ['a name that points into the header', hex(`${query} c000 0001 0001`), 1],
  ['a name with a pointer behind a label', hex(`${query} 03776562 c00c 0001 0001`), 1],
  ['a pointer cut in the middle', hex(`${query} c0`), 1],
  ['a label of type 01', hex(`${query} 41${'61'.repeat(65)} 00 0001 0001`), 1],
  ['a label of type 10', hex(`${query} 81${'61'.repeat(65)} 00 0001 0001`), 1],
  ['a name of 256 octets', hex(`${query} ${`3f${'61'.repeat(63)}`.repeat(3)} 3e${'61'.repeat(62)} 00 0001 0001`), 1],
  ['a name without an end', hex(`${query} ${'0161'.repeat(600)}`), 1],
  ['a dns2 empty question list', hex('000100000000000000000000'), 1],
  ['a record that is promised and not there', hex(`${withRecords(none, none, one)} ${plain}`), 1],
  ['a record cut behind its name', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04`), 1],
  ['OPT past the end', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0010 00`), 1],
  ['two OPTs', hex(`${withRecords(none, none, '0002')} ${plain} ${edns} ${edns}`), 1],
  ['OPT with an owner', hex(`${withRecords(none, none, one)} ${plain} 0161 ${edns}`), 1],
  ['OPT owned by a pointer', hex(`${withRecords(none, none, one)} ${plain} c00c 0029 04d0 00000000 0000`), 1],
  ['OPT among the answers', hex(`${withRecords(one, none, none)} ${plain} ${edns}`), 1],
  ['OPT among the authorities', hex(`${withRecords(none, one, none)} ${plain} ${edns}`), 1],
  ['an option cut in its header', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0003 000a00`), 1],
  ['an option longer than OPT', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0006 000a 0009 0102`), 1],
  ['a record whose name has no end', hex(`${withRecords(none, none, one)} ${plain} ${'0161'.repeat(300)}`), 1],
  ['a record whose name has a label of type 01', hex(`${withRecords(none, none, one)} ${plain} 40 00 0001 0001 00000000 0000`), 1],
  ['three additional records', hex(`${withRecords(none, none, '0003')} ${plain} ${edns} 00 0001 0001 00000000 0000 00 0001 0001 00000000 0000`), 1],
  ['a chain of 8000 pointers (dns2 R4, cut to a datagram)', Buffer.concat([hex(`abcd 0100 0001 0000 0000 1018 ${plain} 00ff 0000 0100 0000 00 3e80`), Buffer.alloc(8_000, 0xc0)]), 1],
  ['trailing octets', hex(`${query} ${plain} deadbeef`), 0],
  ['type 0', hex(`${query} ${name} 0000 0001`), 0],
  ['class 0', hex(`${query} ${name} 0001 0000`), 5],
  ['class ANY', hex(`${query} ${name} 0001 00ff`), 5],
  ['class CH, and a name of class IN', hex(`${query} ${name} 0010 0003`), 5],
  ['class CH, and a name cut in the middle', hex(`${query} 07766572 0010 0003`), 1],
  ['the Z bit', hex(`abcd 0140 0001 0000 0000 0000 ${plain}`), 0],
  ['the TC bit', hex(`abcd 0300 0001 0000 0000 0000 ${plain}`), 0],
  ['all bits but QR and the opcode', hex(`abcd 07ff 0001 0000 0000 0000 ${plain}`), 0],
  ['IQUERY', hex('abcd 0900 0000 0001 0000 0000 00 0001 0001 00000000 0004 0a000001'), 4],
  ['STATUS', hex('abcd 1100 0000 0000 0000 0000'), 4],
  ['NOTIFY', hex(`abcd 2000 0001 0000 0000 0000 ${name} 0006 0001`), 4],
  ['UPDATE', hex(`abcd 2800 0001 0000 0001 0000 ${name} 0006 0001 c00c 0001 0001 00000005 0004 0a000001`), 4],
  ['OPT as the type of a question', hex(`${query} ${name} 0029 0001`), 0],
  ['type ANY at a name that is not there', hex(`${query} 046e6f6e65 ${name} 00ff 0001`), 3],
  ['opcode 15', hex(`abcd 7900 0001 0000 0000 0000 ${plain}`), 4],
  ['opcode 15 without a question', hex('abcd f900 0000 0000 0000 0000'.replace('f9', '79')), 4],
  ['a cookie of nine octets', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 000d 000a 0009 010203040506070809`), 1],
  ['a cookie of 41 octets', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 002d 000a 0029 ${'01'.repeat(41)}`), 1],
  ['a cookie of no octets', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0004 000a 0000`), 1],
  ['a cookie of eight octets and no question', hex(`abcd 0100 0000 0000 0000 0001 00 0029 04d0 00000000 000c 000a 0008 0102030405060708`), 0],
  ['a cookie of somebody else and no question', hex(`abcd 0100 0000 0000 0000 0001 00 0029 04d0 00000000 001c 000a 0018 ${'01'.repeat(24)}`), 7],
  ['two cookies', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0018 ${'000a 0008 0102030405060708'.repeat(2)}`), 0],
  ['a cookie of three octets', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0007 000a 0003 010203`), 1],
  ['an unknown record beside OPT', hex(`${withRecords(none, none, '0002')} ${plain} ${edns} 00 ff01 00ff 00000000 0004 01020304`), 0],
  ['a root question', hex(`${query} 00 0001 0001`), 5]
]

t.test('every malformed message is answered as the protocol demands, or with silence, and the next one is answered', async (t) => {
  const server = await serve(t, world())
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
    t.equal(first.readUInt8(3) & 15, expected, `${says}: rcode ${expected}`)
    t.equal((await udp.receive()).readUInt16BE(0), sentinelId, 'and the next one is answered')
  }
  t.equal(server.counters.failed, 0)
})

t.test('the same over TCP', async (t) => {
  const server = await serve(t, world())
  for (const [says, message, expected] of malformed) {
    const tcp = await TcpClient.open(t, server)
    tcp.socket.write(framed(message))
    tcp.send(question(web, 'A', { id: sentinelId }))
    const first = await tcp.receive()
    const isRefused = message.length < 12 || message.length > 4096 // such a length ends the connection
    t.equal(first === undefined ? 'closed' : first.readUInt16BE(0) === sentinelId ? 'silence' : first.readUInt8(3) & 15, isRefused ? 'closed' : expected, says)
    tcp.socket.destroy()
  }
  t.equal(server.counters.failed, 0)
})

t.test('the error to two OPTs has one OPT, and one without a question has it too', async (t) => {
  const udp = new UdpClient(t, await serve(t, world()))
  t.ok(opt(codec.decode(await udp.ask(hex(`${withRecords(none, none, '0002')} ${plain} ${edns} ${edns}`)))))
  t.ok(opt(codec.decode(await udp.ask(hex(`abcd 0100 0000 0000 0000 0001 ${edns}`)))))
})

/** Small and seeded, so that a failure comes back. */
function generator (seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

const seeds: readonly Buffer[] = [
  ...malformed.map(([, message]) => message.subarray(0, 1_500)),
  ...['id.server', 'version.bind'].map((owner) => Buffer.concat([question(owner, 'TXT').subarray(0, -1), Buffer.from([3])])),
  ...['A', 'AAAA', 'SRV', 'ANY', 'SOA', 'NS', 'TXT', 'AXFR'].flatMap((type) => [web, `_http._tcp.${web}`, `10-1-0-1.${web}`, 'cluster.local', 'ns.dns.cluster.local', 'dns-version.cluster.local']
    .flatMap((owner) => [question(owner, type), question(owner, type, { edns: { size: 4096, options: [{ code: 10, data: Buffer.alloc(8, 1) }] } })]))
]
const interesting = [0, 1, 0x0c, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff]

function mutant (next: (below: number) => number): Buffer {
  let message = Buffer.from(seeds[next(seeds.length)] ?? '')
  for (let count = next(4); count >= 0; count--) {
    const at = next(Math.max(1, message.length))
    switch (next(6)) {
      case 0: message[at] = next(256); break
      case 1: message[at] = interesting[next(interesting.length)] ?? 0; break
      case 2: message = message.subarray(0, at); break
      case 3: message = Buffer.concat([message.subarray(0, at), Buffer.alloc(next(40), next(256)), message.subarray(at)]); break
      case 4: message = Buffer.concat([message.subarray(0, at), message.subarray(at + next(8))]); break
      case 5: message = Buffer.concat([message, (seeds[next(seeds.length)] ?? message).subarray(next(12))]).subarray(0, 4_000); break
    }
  }
  return message
}

const mutants = 20_000
const batch = 40 // fits every receive buffer, so that none is lost on the way

function fault (answer: Buffer, transport: 'udp' | 'tcp'): string | undefined {
  if (answer.length < 12) return `${answer.length} octets`
  if ((answer.readUInt8(2) & 0x80) === 0) return 'not an answer'
  const message = codec.decode(answer) // throws if it is not well formed
  if (transport === 'udp' && answer.length > (opt(message) === undefined ? maxUdp : maxEdns)) return `${answer.length} octets`
  return message.additionals.filter(({ type }) => type === 'OPT').length > 1 ? 'two OPTs' : undefined
}

t.test(`${mutants} mutated messages over UDP: always alive, never an answer larger than allowed`, async (t) => {
  const server = await serve(t, world(), { random: Math.random })
  const udp = new UdpClient(t, server)
  const next = generator(20_260_101)
  const faults: string[] = []
  let answered = 0
  for (let sent = 0; sent < mutants; sent += batch) {
    for (let index = 0; index < batch; index++) {
      const message = mutant(next)
      if (message.length >= 2 && message.readUInt16BE(0) === sentinelId) message.writeUInt16BE(0, 0)
      await udp.send(message)
    }
    await udp.send(question(web, 'A', { id: sentinelId, edns: {} }))
    for (;;) {
      const answer = await udp.receive()
      if (answer.readUInt16BE(0) === sentinelId) break
      answered++
      const found = fault(answer, 'udp')
      if (found !== undefined) faults.push(`${found}: ${answer.toString('hex')}`)
    }
  }
  t.strictSame(faults, [])
  t.equal(server.counters.failed, 0, 'none of them met a fault of ours')
  t.ok(answered > mutants / 4, `${answered} were answered`)
})

t.test(`${mutants} mutated messages over TCP: always alive, each connection answers in order or ends`, async (t) => {
  const server = await serve(t, world(), { random: Math.random })
  const next = generator(42)
  const faults: string[] = []
  let answered = 0
  for (let sent = 0; sent < mutants; sent += batch) {
    const tcp = await TcpClient.open(t, server)
    const messages = Array.from({ length: batch }, () => mutant(next))
    // Every third connection has lengths that lie or are too short as well, which may end it at once.
    const isHonest = sent % (3 * batch) !== 0
    const lengthen = (message: Buffer): Buffer => (message.length >= 12 ? message : Buffer.concat([message, Buffer.alloc(12)]))
    tcp.socket.write(Buffer.concat(messages.map((message) =>
      (isHonest ? framed(lengthen(message)) : next(3) === 0 ? Buffer.concat([Buffer.from([0, next(256)]), message]) : framed(message)))))
    tcp.socket.end()
    for (let answer = await tcp.receive(); answer !== undefined; answer = await tcp.receive()) {
      answered++
      const found = fault(answer, 'tcp')
      if (found !== undefined) faults.push(`${found}: ${answer.toString('hex')}`)
    }
    tcp.socket.destroy()
  }
  t.strictSame(faults, [])
  t.equal(server.counters.failed, 0, 'none of them met a fault of ours')
  t.ok(answered > mutants / 4, `${answered} were answered`)
  t.equal((await (await TcpClient.open(t, server)).query(web, 'A')).answers.length, 100)
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

t.test('a datagram from port 0, which ends a dns2 server, does no harm', async (t) => {
  const server = await serve(t, world())
  const script = 'import socket,struct,sys;q=bytes.fromhex(sys.argv[2]);s=socket.socket(2,3,17);' +
    's.sendto(struct.pack(">HHHH",0,int(sys.argv[1]),8+len(q),0)+q,("127.0.0.1",0))'
  const sent = spawnSync('python3', ['-c', script, String(server.port), question(web, 'A').toString('hex')])
  const udp = new UdpClient(t, server)
  t.equal((await udp.query(web, 'A')).rcode, 'NOERROR')
  if (sent.status === 0) t.equal(server.counters.dropped('port-zero'), 1)
  else t.comment('raw sockets need root and python3: the packet itself was not sent')
})
