// `--dns localhost:PORT` listened on one address of two.
import { connect as connectTls } from 'node:tls'
import { once } from 'node:events'
import t from 'tap'
import { startDnsWorkers } from '../../server/dns/workers.ts'
import { selfSigned } from '../support/certificate.ts'
import { TcpClient, UdpClient, text } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const hosts = ['127.0.0.1', '127.0.0.2']
const name = 'web.shop.svc.cluster.local'
const { cert, key } = selfSigned()

t.test('DNS and DNS over TLS are answered at every address, on one port each, with threads too', async (t) => {
  const world = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] })
  const tls = { host: hosts, port: 0, cert, key }
  const threads = await startDnsWorkers({ workers: 1, feed: world.feed, host: hosts, port: 0, tls })
  t.teardown(() => threads.close())
  await threads.whenTaken(1)
  for (const server of [await serve(t, world, { host: hosts, tls }), threads]) {
    t.strictSame(server.places, hosts.map((address) => ({ address, port: server.port })))
    t.strictSame(server.tlsPlaces, hosts.map((address) => ({ address, port: server.tls?.port })))
    t.strictSame([server.address, server.tls?.address], ['127.0.0.1', '127.0.0.1'])
    for (const place of server.places) {
      const wanted = [`${name} 5 A 10.0.0.1`]
      t.strictSame(text((await new UdpClient(t, place).query(name, 'A')).answers), wanted)
      t.strictSame(text((await (await TcpClient.open(t, place)).query(name, 'A')).answers), wanted)
      const nameServer = await new UdpClient(t, place).query('ns.dns.cluster.local', 'A')
      t.strictSame(text(nameServer.answers).sort(), hosts.map((address) => `ns.dns.cluster.local 5 A ${address}`), 'and the name server has them all')
    }
    for (const { address, port } of server.tlsPlaces) {
      const socket = connectTls({ host: address, port, servername: 'localhost', ca: cert, ALPNProtocols: ['dot'] })
      t.teardown(() => void socket.destroy())
      await once(socket, 'secureConnect')
      t.equal((await new TcpClient(socket).query(name, 'A')).rcode, 'NOERROR')
    }
  }
})
