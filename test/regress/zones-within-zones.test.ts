// DS at a cut between two of our zones was answered by the child, a name between two zones did not exist, and a zone among the names of
// another one hid them.
import t from 'tap'
import { UdpClient, TcpClient, question, text, codec } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const soaOf = (zone: string): RegExp => new RegExp(`^${zone.replaceAll('.', '\\.')} 5 SOA ns\\.dns\\.`)

t.test('the parent answers for DS, and names between two zones exist', async (t) => {
  const world = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] })
    .declare('shop/cut', { type: 'ExternalName', externalName: 'east.cluster.local' })
  const client = new UdpClient(t, await serve(t, world, { zones: ['cluster.local', 'east.cluster.local', 'a.deep.cluster.local'] }))
  const facts = async (name: string, type: string): Promise<unknown[]> => {
    const { rcode, flag_aa: aa, authorities } = await client.query(name, type)
    return [rcode, aa, text(authorities)[0] ?? '']
  }
  for (const name of ['east.cluster.local', 'EAST.cluster.local']) t.match(await facts(name, 'DS'), ['NOERROR', true, soaOf('cluster.local')], name)
  t.match(await facts('a.deep.cluster.local', 'DS'), ['NOERROR', true, soaOf('cluster.local')])
  t.match(await facts('cluster.local', 'DS'), ['NOERROR', true, soaOf('cluster.local')], 'its parent is not ours')
  t.match(await facts('svc.east.cluster.local', 'DS'), ['NOERROR', true, soaOf('east.cluster.local')])
  t.match(await facts('east.cluster.local', 'MX'), ['NOERROR', true, soaOf('east.cluster.local')])
  t.match(await facts('deep.cluster.local', 'A'), ['NOERROR', true, soaOf('cluster.local')], 'nothing of its own, a zone below')
  t.match(await facts('west.cluster.local', 'A'), ['NXDOMAIN', true, soaOf('cluster.local')])
  t.match(await facts('x.deep.cluster.local', 'A'), ['NXDOMAIN', true, soaOf('cluster.local')])
  t.match(await facts('cut.shop.svc.cluster.local', 'DS'), ['NOERROR', true, soaOf('cluster.local')], 'behind an alias too')
  for (const zone of ['cluster.local', 'east.cluster.local', 'a.deep.cluster.local']) {
    t.strictSame(text((await client.query(`web.shop.svc.${zone}`, 'A')).answers), [`web.shop.svc.${zone} 5 A 10.0.0.1`])
  }
})

t.test('a zone among the names of another one is refused', async (t) => {
  for (const below of ['svc', 'shop.svc', 'pod', 'dns', '_udp', 'x.dns-version']) {
    for (const zones of [['cluster.local', `${below}.cluster.local`], [`${below}.cluster.local`, 'cluster.local']]) {
      await t.rejects(serve(t, new PlayedFeed(), { zones }), { code: 'REG_INVALID', errors: [{ field: 'zones', rule: /must not be among the names of cluster\.local/ }] })
    }
  }
})

t.test('a parent\'s transfer has the cut, and a padded query a padded answer over TLS alone', async (t) => {
  const world = new PlayedFeed().load()
  const server = await serve(t, world, { zones: ['cluster.local', 'east.cluster.local'] })
  const padding = { code: 12, data: Buffer.alloc(20) }
  const tcp = await TcpClient.open(t, server)
  tcp.send(question('cluster.local', 'SOA', { edns: { options: [padding] } }))
  const answer = codec.decode(await tcp.receive() ?? Buffer.alloc(0))
  t.strictSame(answer.additionals.flatMap(({ options = [] }) => options.map(({ code }) => code)), [], 'not over TCP')
})
