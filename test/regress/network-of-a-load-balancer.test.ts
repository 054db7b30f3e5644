// The network of an address that a load balancer was given was NXDOMAIN, where that of a cluster IP is NODATA.
import t from 'tap'
import { storedManifest, manifestKey } from '../../server/registry/services/manifests.ts'
import { UdpClient } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

t.test('a network exists with any address that a service has, and goes with the last', async (t) => {
  const world = new PlayedFeed().load()
  const client = new UdpClient(t, await serve(t, world, { reverse: ['10.0.0.0/8', '198.51.0.0/16'] }))
  const rcode = async (name: string): Promise<string> => (await client.query(name, 'PTR')).rcode
  const put = (status: object, spec: object = {}): void => {
    const revision = world.feed.revision + 1
    const nowMs = world.clock.now()
    const body = storedManifest({
      apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'shop', name: 'edge' },
      spec: { type: 'LoadBalancer', sessionAffinity: 'None', clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], ports: [], ...spec }, status
    } as Parameters<typeof storedManifest>[0])
    const object = { key: manifestKey({ kind: 'Service', namespace: 'shop', name: 'edge' }), createdRevision: revision, revision, createdAtMs: nowMs, updatedAtMs: nowMs, endsAtMs: 0, body }
    world.feed.apply([{ type: 'put-object', reason: 'declared', revision, atMs: nowMs, by: 'test', object }])
  }
  put({ loadBalancer: {} })
  t.strictSame([await rcode('96.10.in-addr.arpa'), await rcode('100.51.198.in-addr.arpa')], ['NOERROR', 'NXDOMAIN'])
  put({ loadBalancer: { ingress: [{ ip: '198.51.100.7' }] } })
  t.strictSame([await rcode('100.51.198.in-addr.arpa'), await rcode('7.100.51.198.in-addr.arpa')], ['NOERROR', 'NXDOMAIN'], 'the address itself has no name')
  put({ loadBalancer: { ingress: [{ ip: '198.51.101.7' }] } })
  t.strictSame([await rcode('100.51.198.in-addr.arpa'), await rcode('101.51.198.in-addr.arpa')], ['NXDOMAIN', 'NOERROR'])
  put({ loadBalancer: {} }, { externalIPs: ['198.51.102.7'] })
  t.strictSame([await rcode('101.51.198.in-addr.arpa'), await rcode('102.51.198.in-addr.arpa')], ['NXDOMAIN', 'NOERROR'])
  const key = manifestKey({ kind: 'Service', namespace: 'shop', name: 'edge' })
  world.feed.apply([{ type: 'delete-object', reason: 'removed', key, revision: world.feed.revision + 1, atMs: 0, by: 'test' }])
  t.equal(await rcode('102.51.198.in-addr.arpa'), 'NXDOMAIN')
})
