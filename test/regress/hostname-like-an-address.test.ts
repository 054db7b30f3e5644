// An instance with the hostname `10-3-2-2` and another one with the address 10.3.2.2 were one name with two addresses.
import t from 'tap'
import { UdpClient, text } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const service = 'web.shop.svc.cluster.local'
const ports = [{ name: 'http', port: 80 }]

t.test('a name that spells an address leads to that address alone', async (t) => {
  const world = new PlayedFeed().load()
    .register('shop/web/a', { address: '10.3.2.2', ports })
    .register('shop/web/b', { address: '10.9.9.9', hostname: '10-3-2-2', ports })
    .register('shop/web/c', { address: '10.9.9.8', hostname: 'fd00--7', ports })
    .register('shop/web/d', { address: '10.9.9.7', hostname: '10-9-9-7', ports })
    .register('shop/web/e', { address: '10.9.9.6', hostname: '10-9-9', ports })
    .register('shop/web/f', { address: '10.9.9.5', hostname: '010-9-9-9', ports })
  const client = new UdpClient(t, await serve(t, world, { reverse: ['10.0.0.0/8'] }))
  const addresses = async (host: string): Promise<string[]> => (await client.query(`${host}.${service}`, 'A')).answers.map(({ data }) => String(data))
  t.strictSame(await addresses('10-3-2-2'), ['10.3.2.2'])
  t.strictSame(await addresses('10-9-9-9'), ['10.9.9.9'], 'the other one is called by its own address')
  t.strictSame([await addresses('fd00--7'), await addresses('10-9-9-8')], [[], ['10.9.9.8']], 'of IPv6 too')
  t.strictSame([await addresses('10-9-9-7'), await addresses('10-9-9'), await addresses('010-9-9-9')], [['10.9.9.7'], ['10.9.9.6'], ['10.9.9.5']])
  const answer = await client.query(`_http._tcp.${service}`, 'SRV')
  t.strictSame(answer.answers.map(({ data }) => String(data.target).split('.')[0]).sort(), ['010-9-9-9', '10-3-2-2', '10-9-9', '10-9-9-7', '10-9-9-8', '10-9-9-9'])
  t.strictSame(text((await client.query('9.9.9.10.in-addr.arpa', 'PTR')).answers), [`9.9.9.10.in-addr.arpa 5 PTR 10-9-9-9.${service}`])
})
