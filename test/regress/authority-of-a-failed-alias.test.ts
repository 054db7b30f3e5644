// An alias out of our zones, asked for while no upstream answers, was SERVFAIL with AA: authority for not knowing.
import t from 'tap'
import { UdpClient, text } from '../support/dns-client.ts'
import { Upstream, response } from '../support/upstream.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

t.test('an alias that leads to a failure of others is answered without AA, one that leads to data or to no name with it', async (t) => {
  const rcodes = [2, 3, 0]
  const upstream = await Upstream.open(t, (query) => response(query, { rcode: rcodes.shift() ?? 0 }))
  const world = new PlayedFeed().load()
  for (const name of ['ill', 'gone', 'empty']) world.declare(`harbor/${name}`, { type: 'ExternalName', externalName: `${name}.partner.example` })
  const server = await serve(t, world, { forward: { upstreams: [{ address: upstream.address, port: upstream.port }], clients: ['127.0.0.0/8'] } })
  const client = new UdpClient(t, server)
  for (const [name, rcode, isAuthoritative] of [['ill', 'SERVFAIL', false], ['gone', 'NXDOMAIN', true], ['empty', 'NOERROR', true]] as const) {
    const owner = `${name}.harbor.svc.cluster.local`
    const message = await client.query(owner, 'A')
    t.same([message.rcode, message.flag_aa, text(message.answers)], [rcode, isAuthoritative, [`${owner} 5 CNAME ${name}.partner.example`]])
  }
})
