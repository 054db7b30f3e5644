// SRV of the bare name weighed an endpoint twice that has one number for TCP and for UDP: weights are of endpoints.
import t from 'tap'
import { UdpClient, text } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const at = (port: number, ...names: readonly [name: string, protocol: 'TCP' | 'UDP'][]): { name: string, port: number, protocol: 'TCP' | 'UDP' }[] =>
  names.map(([name, protocol]) => ({ name, port, protocol }))

t.test('an endpoint weighs what it weighs, however many of its ports have one number', async (t) => {
  const world = new PlayedFeed().load()
    .register('shop/dns/a', { address: '10.0.0.1', weight: 7, ports: at(53, ['dns', 'UDP'], ['dns-tcp', 'TCP']) })
    .register('shop/dns/b', { address: '10.0.0.2', weight: 9, ports: [...at(53, ['dns', 'UDP']), ...at(80, ['http', 'TCP'], ['web', 'UDP'])] })
    .register('shop/same/a', { address: '10.0.0.3', hostname: 'twin', weight: 7, ports: at(53, ['dns', 'UDP'], ['dns-tcp', 'TCP']) })
    .register('shop/same/b', { address: '10.0.0.4', hostname: 'twin', weight: 9, ports: at(53, ['dns', 'UDP'], ['dns-tcp', 'TCP']) })
  const client = new UdpClient(t, await serve(t, world))
  const records = async (name: string): Promise<string[]> => text((await client.query(`${name}.shop.svc.cluster.local`, 'SRV')).answers).map((line) => line.split(' SRV ')[1] ?? '').sort()
  t.strictSame(await records('dns'), [
    '0 7 53 10-0-0-1.dns.shop.svc.cluster.local', '0 9 53 10-0-0-2.dns.shop.svc.cluster.local', '0 9 80 10-0-0-2.dns.shop.svc.cluster.local'
  ])
  t.strictSame(await records('same'), ['0 16 53 twin.same.shop.svc.cluster.local'], 'two endpoints of one name still add up')
  t.strictSame(await records('_web._udp.dns'), ['0 9 80 10-0-0-2.dns.shop.svc.cluster.local'])
})
