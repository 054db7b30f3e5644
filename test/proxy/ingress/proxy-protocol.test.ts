// The header of the PROXY protocol: what is read of it, and what is refused. Each row is also cut at every octet.
import t from 'tap'
import { crc32c } from '../../../server/proxy/ingress/listen/crc32c.ts'
import { maxBinaryOctets, readProxyHeader } from '../../../server/proxy/ingress/listen/proxy-protocol.ts'

const sign = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
/** A header of version 2. */
function binary (command: number, transport: number, content: Buffer, length = content.length): Buffer {
  return Buffer.concat([sign, Buffer.of(command, transport, length >> 8, length & 255), content])
}
const four = Buffer.from('c0000201c6336407dc0401bb', 'hex') // 192.0.2.1:56324 -> 198.51.100.7:443
const six = Buffer.concat([Buffer.from('20010db8000000000000000000000001', 'hex'), Buffer.from('20010db8000000000000000000000002', 'hex'), Buffer.from('dc0401bb', 'hex')])
const addition = (type: number, value: Buffer): Buffer => Buffer.concat([Buffer.of(type, value.length >> 8, value.length & 255), value])
function summed (wrong = 0): Buffer {
  const header = binary(0x21, 0x11, Buffer.concat([four, addition(4, Buffer.alloc(3)), addition(3, Buffer.alloc(4))]))
  header.writeUInt32BE((crc32c(header) ^ wrong) >>> 0, header.length - 4)
  return header
}
const client4 = { address: '192.0.2.1', port: 56_324, localAddress: '198.51.100.7', localPort: 443 }
const client6 = { address: '2001:db8::1', port: 56_324, localAddress: '2001:db8::2', localPort: 443 }

t.test('what is a header, whose it is, and where it ends', (t) => {
  for (const [name, header, client] of [
    ['version 1, IPv4', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n'), client4],
    ['version 1, IPv6', Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n'), client6],
    ['version 1, unknown', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
    ['version 1, unknown with more', Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), undefined],
    ['version 2, IPv4', binary(0x21, 0x11, four), client4],
    ['version 2, IPv6', binary(0x21, 0x21, six), client6],
    ['version 2, IPv4 with additions', binary(0x21, 0x11, Buffer.concat([four, addition(1, Buffer.from('h2')), addition(0x20, Buffer.alloc(300))])), client4],
    ['version 2 with its checksum', summed(), client4],
    ['version 2, LOCAL', binary(0x20, 0x00, Buffer.alloc(0)), undefined],
    ['version 2, LOCAL with what is not looked at', binary(0x20, 0x11, Buffer.alloc(5)), undefined],
    ['version 2, unspecified', binary(0x21, 0x00, Buffer.alloc(0)), undefined],
    ['version 2, a UNIX socket', binary(0x21, 0x31, Buffer.alloc(216)), undefined]
  ] as const) {
    const behind = Buffer.concat([header, Buffer.from('GET / HTTP/1.1\r\n')])
    t.strictSame(readProxyHeader(behind), { kind: 'whole', length: header.length, ...(client === undefined ? {} : { client }) }, name)
    for (let cut = 0; cut < header.length; cut++) if (readProxyHeader(header.subarray(0, cut)).kind !== 'part') t.fail(`${name}, cut at ${cut}`)
  }
  t.end()
})

t.test('what is refused, and why', (t) => {
  for (const [problem, header] of [
    ['does not begin with a PROXY protocol header', 'GET / HTTP/1.1\r\n'],
    ['does not begin with a PROXY protocol header', '\x16\x03\x01'],
    ['does not begin with a PROXY protocol header', 'proxy TCP4 192.0.2.1 198.51.100.7 56324 443\r\n'],
    ['has a line', 'PROXY \r\n'], ['has a line', 'PROXY TCP5 192.0.2.1 198.51.100.7 56324 443\r\n'], ['has a line', 'PROXY UNKNOWNS\r\n'],
    ['has a line', 'PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n'], ['has a line', 'PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n'],
    ['has a line', 'PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n'], ['has a line', 'PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n'],
    ['names an address', 'PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n'], ['names an address', 'PROXY TCP4 2001:db8::1 198.51.100.7 56324 443\r\n'],
    ['names an address', 'PROXY TCP4 192.0.2.01 198.51.100.7 56324 443\r\n'], ['names an address', 'PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n'],
    ['names an address', 'PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n'], ['names an address', 'PROXY TCP4 localhost 198.51.100.7 56324 443\r\n'],
    ['names a port', 'PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n'], ['names a port', 'PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n'],
    ['has a first line of more than 107 octets', `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`], ['has a first line of more than 107 octets', `PROXY TCP6 ${'f'.repeat(120)}`],
    ['is of a version or command', binary(0x11, 0x11, four)], ['is of a version or command', binary(0x22, 0x11, four)],
    ['is of a family or transport', binary(0x21, 0x12, four)], ['is of a family or transport', binary(0x21, 0x41, four)], ['is of a family or transport', binary(0x21, 0x10, four)],
    ['is shorter than its addresses', binary(0x21, 0x11, four.subarray(1))], ['is shorter than its addresses', binary(0x21, 0x21, four)],
    [`is longer than ${maxBinaryOctets} octets`, binary(0x21, 0x11, four, 65_535)],
    ['ends within an addition', binary(0x21, 0x11, Buffer.concat([four, Buffer.of(1, 0)]))],
    ['ends within an addition', binary(0x21, 0x11, Buffer.concat([four, Buffer.of(1, 0, 9, 1)]))],
    ['has a checksum that is not of four octets', binary(0x21, 0x11, Buffer.concat([four, addition(3, Buffer.alloc(3))]))],
    ['does not fit its checksum', summed(1)]
  ] as const) {
    const found = readProxyHeader(Buffer.from(header as string))
    t.ok(found.kind === 'refused' && found.problem.startsWith(problem), `${problem}: ${JSON.stringify(found)}`)
  }
  t.end()
})

t.test('the checksum is that of RFC 3720 appendix B.4', (t) => {
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  t.end()
})
