// Views: which networks may look up which namespaces. Names of others are refused whether or not they are there.
import t from 'tap'
import { readViews } from '../../server/dns/protect/view-setting.ts'
import { dnsCore } from '../../server/dns/server.ts'
import { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { readNetworks } from '../../server/model/address/ranges.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { world } from '../support/world.ts'

/** A question of class IN, as a client sends it. */
function question (name: string, type = 1): Buffer {
  const labels = name.replace(/\.$/, '').split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)])
  return Buffer.concat([Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, type, 0, 1])])
}

const rcodeNames = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

t.test('each network gets the names of its namespaces, and REFUSED for all others', async (t) => {
  const made = await world(t)
  for (const namespace of ['shop', 'pay']) await made.register(`${namespace}/orders/a`)
  await made.access.apply(readManifests('apiVersion: v1\nkind: Service\nmetadata: { name: alias, namespace: shop }\nspec: { type: ExternalName, externalName: orders.pay.svc.cluster.local }\n'))
  const views = readViews(['office=10.1.0.0/16:shop', 'desk=10.1.2.0/24:pay+sh*', 'ops=10.9.0.0/16:*', 'six=fd00:1::/32:pay'])
  const core = dnsCore({ source: made.registry.feed, random: () => 0, views, reverse: readNetworks(['10.0.0.0/8'], 'networks') }, ['127.0.0.1'])
  t.teardown(() => core.close())
  const writer = new MessageWriter(65_535)
  const ask = (name: string, address: string, type?: number, transport: 'udp' | 'https' = 'udp'): string => {
    const length = core.responder.respond(question(name, type), { transport, address }, writer)
    if (typeof length !== 'number') throw new Error('it is answered later')
    return `${rcodeNames[(writer.bytes[3] ?? 0) & 15]} ${writer.bytes.readUInt16BE(6)}`
  }
  const orders = (namespace: string): string => `orders.${namespace}.svc.cluster.local`
  for (const [name, address, expected] of [
    [orders('shop'), '10.1.0.7', 'NOERROR 1'], [orders('shop'), '10.1.0.7', 'NOERROR 1'], [orders('pay'), '10.1.0.7', 'REFUSED 0'], [orders('nothing'), '10.1.0.7', 'REFUSED 0'],
    ['none.shop.svc.cluster.local', '10.1.0.7', 'NXDOMAIN 0'], ['shop.svc.cluster.local', '10.1.0.7', 'NOERROR 0'], ['pay.svc.cluster.local', '10.1.0.7', 'REFUSED 0'],
    [orders('pay'), '10.1.2.7', 'NOERROR 1'], [orders('shop'), '10.1.2.7', 'NOERROR 1'], [orders('pay'), '::ffff:10.1.2.7', 'NOERROR 1'],
    [orders('pay'), '10.9.1.1', 'NOERROR 1'], [orders('pay'), 'fd00:1::7', 'NOERROR 1'], [orders('shop'), 'fd00:1::7', 'REFUSED 0'],
    [orders('shop'), '192.0.2.1', 'REFUSED 0'], [orders('shop'), '127.0.0.1', 'NOERROR 1'], [orders('pay'), '::1', 'NOERROR 1'],
    ['ORDERS.Pay.SVC.cluster.local', '10.1.0.7', 'REFUSED 0'], ['1-0-0-10.pay.pod.cluster.local', '10.1.0.7', 'REFUSED 0']
  ] as const) t.equal(ask(name, address), expected, `${name} from ${address}`)
  t.match(ask('cluster.local', '192.0.2.1', 6), /^NOERROR/, 'the zone is no secret')
  t.equal(ask('1.0.0.10.in-addr.arpa', '10.1.0.7', 12), 'REFUSED 0', 'the names of addresses are of all namespaces')
  t.match(ask('1.0.0.10.in-addr.arpa', '10.9.0.7', 12), /^NOERROR [1-9]/)
  t.equal(ask('b._dns-sd._udp.cluster.local', '10.1.0.7', 12), 'REFUSED 0', 'and so are lists of them')
  t.equal(ask('alias.shop.svc.cluster.local', '10.1.0.7'), 'NOERROR 1', 'an alias does not lead where its client may not look')
  t.match(ask('alias.shop.svc.cluster.local', '10.9.0.7'), /^NOERROR 2/)
  t.equal(ask(orders('pay'), '10.1.0.7', 1, 'https'), 'NOERROR 1', 'over HTTP access control has decided')
})
