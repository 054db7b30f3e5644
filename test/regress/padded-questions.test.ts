// A padded question over TLS got an answer whose length told what it was (RFC 7830, RFC 8467).
import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { selfSigned } from '../support/certificate.ts'
import { TcpClient, UdpClient, codec, opt, question } from '../support/dns-client.ts'
import { Upstream, response } from '../support/upstream.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const { cert, key } = selfSigned()
const block = 468
const padding = { code: 12, data: Buffer.alloc(31) }
const isPadded = (message: Buffer): boolean => opt(codec.decode(message))?.options?.some(({ code }) => code === 12) === true

t.test('an answer over TLS to a padded question is a multiple of a block long, whatever it says', async (t) => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 40; index++) world.register(`shop/many/${index}`, { address: `10.0.0.${index}`, ports: [{ name: 'http', port: 80 }] })
  world.register('shop/one/a', { address: '10.0.1.1', ports: [] })
  const upstream = await Upstream.open(t, (query) => response(query, { rcode: 3 }))
  const server = await serve(t, world, {
    tls: { host: '127.0.0.1', port: 0, cert, key }, forward: { upstreams: [upstream], clients: ['127.0.0.0/8'] }
  })
  const socket = connectTls({ host: '127.0.0.1', port: server.tls?.port ?? 0, servername: 'localhost', ca: cert, ALPNProtocols: ['dot'] })
  t.teardown(() => void socket.destroy())
  await once(socket, 'secureConnect')
  const tls = new TcpClient(socket)
  const tcp = await TcpClient.open(t, server)
  const udp = new UdpClient(t, server)
  const lengths = new Set<number>()
  for (const [name, type] of [
    ['one.shop.svc.cluster.local', 'A'], ['many.shop.svc.cluster.local', 'A'], ['many.shop.svc.cluster.local', 'SRV'], ['nobody.shop.svc.cluster.local', 'A'],
    ['cluster.local', 'SOA'], ['cluster.local', 'ANY'], ['www.example.com', 'A']
  ] as const) {
    const padded = question(name, type, { edns: { options: [padding] } })
    const plain = question(name, type, { edns: {} })
    tls.send(padded)
    const answer = await tls.receive() ?? Buffer.alloc(0)
    t.equal(answer.length % block, 0, `${name} ${type}: ${answer.length}`)
    lengths.add(answer.length)
    const filling = opt(codec.decode(answer))?.options?.find(({ code }) => code === 12)
    t.ok(filling !== undefined && filling.data.every((byte) => byte === 0), 'with zeros')
    tls.send(plain)
    t.notOk(isPadded(await tls.receive() ?? Buffer.alloc(0)), 'who does not pad gets none')
    tcp.send(padded)
    t.notOk(isPadded(await tcp.receive() ?? Buffer.alloc(0)), 'nor over TCP')
    t.notOk(isPadded(await udp.ask(padded)), 'nor over UDP')
  }
  t.ok(lengths.size > 1)
})
