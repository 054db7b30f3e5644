// Clients whose zone is known by their address are given what is near them.
import t from 'tap'
import { ClientZones } from '../../server/dns/protect/client-zones.ts'
import { readClientZones } from '../../server/dns/protect/client-zone-setting.ts'
import { TcpClient, UdpClient, text } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const zone = 'cluster.local'
const web = `web.shop.svc.${zone}`
const front = `front.shop.svc.${zone}`

function world (): PlayedFeed {
  return new PlayedFeed().load()
    .register('shop/web/a', { address: '10.0.0.1', hostname: 'web-0', zone: 'East', labels: { version: 'v2' }, ports: [{ name: 'http', port: 8080 }] })
    .register('shop/web/b', { address: '10.0.0.2', hostname: 'web-1', zone: 'west', labels: { version: 'v2' }, ports: [{ name: 'http', port: 8080 }, { name: 'admin', port: 9000 }] })
    .register('shop/web/c', { address: '10.0.0.3', zone: 'west', labels: { version: 'v1' }, ports: [{ name: 'http', port: 8080 }] })
    .register('shop/web/d', { address: 'fd00::4', zone: 'west', ports: [{ name: 'http', port: 8080 }] })
    .declare('shop/front', { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], selector: { version: 'v2' }, ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }] })
    .declare('shop/alias', { type: 'ExternalName', externalName: web })
}

const east = { clientZones: readClientZones(['127.0.0.0/8=EAST']) }

t.test('a client in a network is given the endpoints of its zone', async (t) => {
  const server = await serve(t, world(), east)
  const tcp = await TcpClient.open(t, server)
  for (const client of [new UdpClient(t, server), tcp]) {
    const data = async (name: string, type = 'A'): Promise<string[]> =>
      text((await client.query(name, type)).answers).map((line) => line.split(' ').slice(3).join(' ')).sort()
    t.strictSame(await data(web), ['10.0.0.1'])
    t.strictSame(await data(web, 'AAAA'), ['fd00::4'], 'what nobody in the zone has comes from the others')
    t.strictSame(await data(web, 'SRV'), [`0 100 8080 web-0.${web}`])
    t.strictSame(await data(`_http._tcp.${web}`, 'SRV'), [`0 100 8080 web-0.${web}`])
    t.strictSame(await data(`_admin._tcp.${web}`, 'SRV'), [`0 100 9000 web-1.${web}`], 'a port that nobody in the zone has too')
    t.strictSame(await data(`alias.shop.svc.${zone}`), ['10.0.0.1', web], 'through an alias')
    t.strictSame(await data(`west.pin._zone.${web}`), ['10.0.0.2', '10.0.0.3'], 'who names a zone gets that one')
    t.strictSame(await data(`west.prefer._zone.${web}`), ['10.0.0.2', '10.0.0.3'])
    t.strictSame(await data(`v2._tag.${web}`), ['10.0.0.1'], 'of those with the tag the near ones')
    t.strictSame(await data(`v1._tag.${web}`), ['10.0.0.3'], 'or all of them')
    t.strictSame(await data(`web-1.${web}`), ['10.0.0.2'], 'who names an endpoint gets that one')
    t.strictSame(await data(front), ['10.96.0.9'], 'a cluster IP is near to everybody')
    t.strictSame(await data(front, 'SRV'), [`0 100 80 ${front}`])
  }
})

t.test('a client in no network, and one whose zone has nobody, is given all', async (t) => {
  for (const clientZones of [['192.0.2.0/24=east'], ['127.0.0.0/8=north']]) {
    const client = new UdpClient(t, await serve(t, world(), { clientZones: readClientZones(clientZones) }))
    t.equal((await client.query(web, 'A')).answers.length, 3)
  }
})

t.test('the zone of the client follows the very next change', async (t) => {
  const of = world()
  const client = new UdpClient(t, await serve(t, of, east))
  t.equal((await client.query(web, 'A')).answers.length, 1)
  of.deregister('shop/web/a')
  t.equal((await client.query(web, 'A')).answers.length, 2)
})

t.test('the longest prefix counts, in both families and for mapped addresses', async (t) => {
  const zones = new ClientZones(readClientZones(['10.0.0.0/8=wide', '10.1.0.0/16=Narrow', '10.1.2.3/32=one', 'fd00::/16=six', 'fd00:0:0:1::/64=deep', '::/0=rest']))
  for (const [address, zoneName] of [
    ['10.2.0.1', 'wide'], ['10.1.0.1', 'narrow'], ['10.1.2.3', 'one'], ['10.1.2.4', 'narrow'], ['11.0.0.1', undefined], ['::ffff:10.1.2.3', 'one'], ['::ffff:11.0.0.1', undefined],
    ['fd00::1', 'six'], ['fd00:0:0:1::9', 'deep'], ['2001:db8::1', 'rest'], ['fe80::1%eth0', 'rest'], ['', undefined], ['nonsense', undefined]
  ] as const) {
    t.equal(zones.zoneOf(address), zoneName, address)
    t.equal(zones.zoneOf(address), zoneName, `${address}, remembered`)
  }
  for (let index = 0; index < 10_000; index++) zones.zoneOf(`192.0.${index >> 8 & 255}.${index & 255}`)
  t.equal(zones.zoneOf('10.1.2.3'), 'one', 'more clients than are remembered change nothing')
  t.equal(new ClientZones(readClientZones(['0.0.0.0/0=all'])).zoneOf('203.0.113.1'), 'all')
})
