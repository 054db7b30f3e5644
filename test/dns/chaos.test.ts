// Class CH (RFC 4892): a server says what it is and which one it is, and never anything of class IN.
import t from 'tap'
import { type Message, UdpClient, codec, extendedError, question } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const web = 'web.shop.svc.cluster.local'
const TXT = 16

const questions: readonly (readonly [name: string, type: number, rcode: string, data: string | undefined, says: string])[] = [
  ['version.bind', TXT, 'NOERROR', 'rollcall 1.2.3', 'the version'],
  ['VERSION.Bind', TXT, 'NOERROR', 'rollcall 1.2.3', 'in either case'],
  ['version.server', TXT, 'NOERROR', 'rollcall 1.2.3', 'under its newer name'],
  ['id.server', TXT, 'NOERROR', 'node-a', 'the node'],
  ['hostname.bind', TXT, 'NOERROR', 'node-a', 'under its older name'],
  ['id.server', 255, 'NOERROR', 'node-a', 'ANY'],
  ['id.server', 1, 'NOERROR', undefined, 'no such type: NODATA'],
  ['authors.bind', TXT, 'REFUSED', undefined, 'another name'],
  ['bind', TXT, 'REFUSED', undefined, 'the name above'],
  ['x.id.server', TXT, 'REFUSED', undefined, 'a name below'],
  ['cluster.local', 6, 'REFUSED', undefined, 'a zone of class IN'],
  [web, 1, 'REFUSED', undefined, 'a service']
]

function chaosQuestion (name: string, type: number): Buffer {
  const message = question(name, 'TXT')
  message.writeUInt16BE(type, message.length - 4)
  message.writeUInt16BE(3, message.length - 2)
  return message
}

t.test('class CH has four names, and nothing else', async (t) => {
  const of = new PlayedFeed().load().register('shop/web/a', { address: '10.1.0.1' })
  const client = new UdpClient(t, await serve(t, of, { node: 'node-a', version: 'rollcall 1.2.3' }))
  for (const [name, type, rcode, data, says] of questions) {
    const octets = await client.ask(chaosQuestion(name, type))
    const message = codec.decode(octets)
    t.strictSame([message.rcode, message.flag_aa, message.authorities.length], [rcode, rcode === 'NOERROR', 0], `${name} ${type}: ${says}`)
    t.strictSame(message.answers.map((record) => [record.class, record.ttl, String(record.data)]), data === undefined ? [] : [['CH', 0, data]])
    t.ok(octets.includes(chaosQuestion(name, type).subarray(12)), 'the question as it came')
  }
})

t.test('who is not there in class CH is said to be, and the names are of class CH alone', async (t) => {
  const client = new UdpClient(t, await serve(t, new PlayedFeed(), { node: 'node-a' }))
  const ask = async (message: Buffer): Promise<Message> => codec.decode(await client.ask(message))
  t.equal((await ask(chaosQuestion('id.server', TXT))).answers.length, 1, 'also before the registry is loaded')
  const withEdns = question('authors.bind', 'TXT', { edns: {} })
  withEdns.writeUInt16BE(3, 12 + 'authors.bind'.length + 2 + 2)
  t.equal(extendedError(await ask(withEdns))?.code, 20)
  t.equal((await ask(question('id.server', 'TXT'))).rcode, 'REFUSED', 'class IN')
})
