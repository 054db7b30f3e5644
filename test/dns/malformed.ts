// Messages that no server should take for a question, and some that only look like that: rows of octets. Those that others have died
// of or lived with are measured and reviewed: NSD, Knot and BIND, and the defects of dns2 by their numbers.

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')
const query = 'abcd 0100 0001 0000 0000 0000'
const name = '03776562 0473686f70 03737663 07636c7573746572 056c6f63616c 00'
const plain = `${name} 0001 0001`
const edns = '00 0029 04d0 00 00 0000 0000'
const withRecords = (answers: string, authorities: string, additionals: string): string => `abcd 0100 0001 ${answers} ${authorities} ${additionals}`
const one = '0001'
const none = '0000'
const zone = '07636c7573746572 056c6f63616c 00'
const soa = `0018 c00c c00c ${'00000001'.repeat(5)}`
/** Of the key `edge`, with a MAC of zeros. */
const tsig = `0465646765 00 00fa 00ff 00000000 003d 0b686d61632d736861323536 00 00006955b900 012c 0020 ${'00'.repeat(32)} abcd 0000 0000`.replace(/\s/g, '')
const octet = (number: number): string => number.toString(16).padStart(4, '0')
const ednsCookie = (octets: number): string => `00 0029 04d0 00000000 ${octet(octets + 4)} 000a ${octet(octets)} ${'01'.repeat(octets)}`

/** Each pointer goes to the one before, in the data of a record of no known type; records are named by the last. */
function pointerChain (): Buffer {
  const pointers = Array.from({ length: 8_000 }, (_, index) => octet(0xc000 | (index === 0 ? 12 : 28 + 2 * index)))
  const named = `${octet(0xc000 | (28 + 2 * 8_000))} ff01 0001 00000000 0000`
  return hex(`abcd 0100 0001 0000 0000 ${octet(4_001)} 0161 00 0001 0001 00 ff00 0001 00000000 3e80 ${pointers.join('')} ${named.repeat(4_000)}`)
}

/** 0 NOERROR, 1 FORMERR, 3 NXDOMAIN, 4 NOTIMP, 5 REFUSED, 16 BADVERS, 23 BADCOOKIE; `silence` = no answer at all. */
type Expected = number | 'silence'

/**
 * The answer to each where the service web.shop is served. A message over TCP that is shorter than a header or longer than 4,096
 * octets is not answered: its length ends the connection.
 */
export const malformed: readonly (readonly [says: string, message: Buffer, expected: Expected, overTcp?: Expected])[] = [
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
  ['a cookie of somebody else and no question', hex(`abcd 0100 0000 0000 0000 0001 00 0029 04d0 00000000 001c 000a 0018 ${'01'.repeat(24)}`), 23],
  ['two cookies', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0018 ${'000a 0008 0102030405060708'.repeat(2)}`), 0],
  ['a cookie of three octets', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0007 000a 0003 010203`), 1],
  ['an unknown record beside OPT', hex(`${withRecords(none, none, '0002')} ${plain} ${edns} 00 ff01 00ff 00000000 0004 01020304`), 0],
  ['a root question', hex(`${query} 00 0001 0001`), 5],
  ['a name of 255 octets', hex(`${query} ${`3f${'61'.repeat(63)}`.repeat(3)} 3d${'61'.repeat(61)} 00 0001 0001`), 5],
  ['a name of 127 labels', hex(`${query} ${'0161'.repeat(127)} 00 0001 0001`), 5],
  ['a name of 128 labels', hex(`${query} ${'0161'.repeat(128)} 00 0001 0001`), 1],
  ['110 labels below a service', hex(`${query} ${'0161'.repeat(110)} ${name} 0001 0001`), 3],
  ['a dot inside a label (dns2 9)', hex(`${query} 03612e62 0474657374 00 0001 0001`), 5],
  ['a dot inside a label instead of between two', hex(`${query} 087765622e73686f70 ${name.slice(20)} 0001 0001`), 3],
  ['octets that no text has, inside a label', hex(`${query} 0500c00cff2e ${name} 0001 0001`), 3],
  ['a label of 64 octets', hex(`${query} 40${'61'.repeat(64)} 00 0001 0001`), 1],
  ['a label of type 10, and nothing more', hex(`${query} 80`), 1],
  ['a label of type 10 that would end inside the message', hex(`${query} bf${'61'.repeat(63)} 00 0001 0001`), 1],
  ['two pointers that go to each other', hex(`${query} c00e c00c 0001 0001`), 1],
  ['a pointer behind the end of the message', hex(`${query} ffff 0001 0001`), 1],
  ['a name that is nothing but 2,000 pointers', Buffer.concat([hex(query), Buffer.alloc(4_000, 0xc0), hex('00 0001 0001')]), 1],
  ['a chain of 8,000 pointers named by 2,000 records (dns2 R4)', pointerChain(), 1],
  ['a datagram of zeros, as long as there are', Buffer.alloc(65_507), 1],
  ['4,000 octets of ones', Buffer.concat([hex('abcd 0100'), Buffer.alloc(4_000, 0xff)]), 1],
  ['an OPT that says 65535 octets and has none', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 ffff`), 1],
  ['an OPT that says none and has some', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0000 000a 0003 010203`), 0],
  ['an OPT with the upper half of an rcode (dns2 18)', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 80000000 0000`), 0],
  ['an OPT with every flag', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 0000ffff 0000`), 0],
  ['an OPT of version 1', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00010000 0000`), 16],
  ['an OPT of version 255, and an option that is longer', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00ff0000 0004 0003 ffff`), 1],
  ['an OPT that offers no octets', hex(`${withRecords(none, none, one)} ${plain} 00 0029 0000 00000000 0000`), 0],
  ['an option of 65535 octets', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0006 000a ffff 0102`), 1],
  ['a hundred empty options', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0190 ${'fde90000'.repeat(100)}`), 0],
  ['keepalive with a timeout, which is the server\'s to say', hex(`${withRecords(none, none, one)} ${plain} 00 0029 04d0 00000000 0006 000b 0002 0064`), 0, 1],
  ['a record whose data go past the end', hex(`${withRecords(none, none, one)} ${plain} 00 0010 0001 00000000 0100 0161`), 1],
  ['an answer record whose data go past the end', hex(`${withRecords(one, none, none)} ${plain} c00c 0001 0001 00000000 ffff 0a000001`), 1],
  ['two authority records', hex(`${withRecords(none, '0002', none)} ${plain} ${'00 0001 0001 00000000 0000'.repeat(2)}`), 1],
  ['counts that are all 65535', hex(`abcd 0100 ffff ffff ffff ffff ${plain}`), 1],
  ['TSIG before OPT', hex(`${withRecords(none, none, '0002')} ${plain} ${tsig} ${edns}`), 1],
  ['two TSIGs', hex(`${withRecords(none, none, '0002')} ${plain} ${tsig} ${tsig}`), 1],
  ['TSIG among the answers', hex(`${withRecords(one, none, none)} ${plain} ${tsig}`), 1],
  ['TSIG among the authorities', hex(`${withRecords(none, one, none)} ${plain} ${tsig}`), 1],
  ['TSIG cut in its data', hex(`${withRecords(none, none, one)} ${plain} ${tsig.slice(0, -20)}`), 1],
  ['TSIG cut in its head', hex(`${withRecords(none, none, one)} ${plain} 0465646765 00 00fa 00ff 0000`), 1],
  ['NOTIFY with a SOA', hex(`abcd 2400 0001 0001 0000 0000 ${zone} 0006 0001 c00c 0006 0001 00000005 ${soa}`), 4],
  ['NOTIFY without a question', hex('abcd 2400 0000 0000 0000 0000'), 4],
  ['NOTIFY whose SOA is cut', hex(`abcd 2400 0001 0001 0000 0000 ${zone} 0006 0001 c00c 0006 0001 00000005 0040 00`), 4],
  ['UPDATE with every section', hex(`abcd 2800 0001 0001 0001 0001 ${zone} 0006 0001 ${'c00c 00ff 00ff 00000000 0000'.repeat(3)}`), 4],
  ['UPDATE whose sections are not there', hex(`abcd 2800 0001 00ff 00ff 00ff ${zone} 0006 0001`), 4],
  ['a DSO message (RFC 8490)', hex('abcd 3000 0000 0000 0000 0000 0001 0008 0000ea60 0000ea60'), 4],
  ['AXFR of a stranger', hex(`${query} ${zone} 00fc 0001`), 5],
  ['AXFR of what is no zone', hex(`${query} ${name} 00fc 0001`), 5],
  ['IXFR with a SOA', hex(`${withRecords(none, one, none)} ${zone} 00fb 0001 c00c 0006 0001 00000005 ${soa}`), 5],
  ['IXFR without a SOA', hex(`${query} ${zone} 00fb 0001`), 5],
  ['IXFR with an A instead of a SOA', hex(`${withRecords(none, one, none)} ${zone} 00fb 0001 c00c 0001 0001 00000005 0004 0a000001`), 5],
  ['IXFR whose SOA is too short', hex(`${withRecords(none, one, none)} ${zone} 00fb 0001 c00c 0006 0001 00000005 0002 0000`), 5],
  ['IXFR whose SOA is cut', hex(`${withRecords(none, one, none)} ${zone} 00fb 0001 c00c 0006 0001 00000005 ${soa.slice(0, -8)}`), 1],
  ['TKEY', hex(`${query} ${name} 00f9 0001`), 0],
  ['TSIG as the type of a question', hex(`${query} ${name} 00fa 0001`), 0],
  ['MAILB, a type for questions that nobody asks', hex(`${query} ${name} 00fd 0001`), 0],
  ...Array.from({ length: 15 }, (_, index) =>
    [`opcode ${index + 1}`, hex(`abcd ${((index + 1) << 3).toString(16).padStart(2, '0')}00 0001 0000 0000 0000 ${plain}`), 4] as const),
  ...[0, 2, 3, 4, 254, 255, 0x8001, 0xffff].map((number) =>
    [`class ${number}`, hex(`${query} ${name} 0001 ${number.toString(16).padStart(4, '0')}`), 5] as const),
  ...Array.from({ length: 65 }, (_, octets) =>
    [`a cookie of ${octets} octets`, hex(`${withRecords(none, none, one)} ${plain} ${ednsCookie(octets)}`), octets === 8 || (octets >= 16 && octets <= 40) ? 0 : 1] as const)
]

export const twoOpts = hex(`${withRecords(none, none, '0002')} ${plain} ${edns} ${edns}`)
export const optAlone = hex(`abcd 0100 0000 0000 0000 0001 ${edns}`)
