import t from 'tap'
import { Peers } from '../../server/http/server/peer.ts'
import { readNetworks } from '../../server/model/address/ranges.ts'
import { build, pathOf } from '../support/world.ts'

const networks = readNetworks(['10.0.0.0/8', '2001:db8:ffff::/48', '127.0.0.1/32'], 'trusted-proxy')

t.test('who asks', async (t) => {
  const peers = new Peers(networks)
  for (const [says, near, headers, address, isHidden] of [
    ['the peer, without proxies', '192.0.2.1', {}, '192.0.2.1', false],
    ['the peer in IPv6 form', '::ffff:192.0.2.1', {}, '192.0.2.1', false],
    ['a trusted peer that says nothing', '10.0.0.1', {}, '10.0.0.1', false],
    ['a stranger who says something', '192.0.2.1', { 'x-forwarded-for': '198.51.100.1' }, '192.0.2.1', true],
    ['whom a trusted proxy names', '10.0.0.1', { 'x-forwarded-for': '198.51.100.1' }, '198.51.100.1', false],
    ['the last one that is no proxy', '10.0.0.1', { 'x-forwarded-for': '203.0.113.9, 198.51.100.1, 10.0.0.2' }, '198.51.100.1', false],
    ['the first proxy, if all are', '10.0.0.1', { 'x-forwarded-for': '10.0.0.3, 10.0.0.2' }, '10.0.0.3', false],
    ['with a port', '10.0.0.1', { 'x-forwarded-for': '198.51.100.1:1234' }, '198.51.100.1', false],
    ['an IPv6 address', '10.0.0.1', { 'x-forwarded-for': '2001:db8::1' }, '2001:db8::1', false],
    ['an IPv6 address with a port', '10.0.0.1', { 'x-forwarded-for': '[2001:db8::1]:1234' }, '2001:db8::1', false],
    ['through an IPv6 proxy', '2001:db8:ffff::1', { 'x-forwarded-for': '198.51.100.1' }, '198.51.100.1', false],
    ['by the standard', '10.0.0.1', { forwarded: 'for=198.51.100.1;proto=http;by=10.0.0.1' }, '198.51.100.1', false],
    ['by the standard, quoted', '10.0.0.1', { forwarded: 'For="[2001:db8::1]:4711"' }, '2001:db8::1', false],
    ['by the standard, several', '10.0.0.1', { forwarded: 'for=203.0.113.9, for=198.51.100.1;proto=https, proto=http;for=10.0.0.2' }, '198.51.100.1', false],
    ['the standard wins', '10.0.0.1', { forwarded: 'for=198.51.100.1', 'x-forwarded-for': '203.0.113.9' }, '198.51.100.1', false],
    ['nobody knows who', '10.0.0.1', { forwarded: 'for=unknown' }, '10.0.0.1', true],
    ['nobody knows who, behind two', '10.0.0.1', { forwarded: 'for=_hidden, for=10.0.0.2' }, '10.0.0.2', true],
    ['an empty header', '10.0.0.1', { 'x-forwarded-for': '' }, '10.0.0.1', true],
    ['nonsense', '10.0.0.1', { 'x-forwarded-for': '<script>, 999.1.1.1' }, '10.0.0.1', true],
    ['a chain without end', '10.0.0.1', { 'x-forwarded-for': Array.from({ length: 100 }, () => '10.0.0.9').join(',') }, '10.0.0.9', false]
  ] as const) t.strictSame(peers.of({ socket: { remoteAddress: near }, headers }), { address, isHidden }, says)
  t.strictSame(peers.of({ socket: {}, headers: {} }), { address: 'unknown', isHidden: false })
  t.strictSame(new Peers().of({ socket: { remoteAddress: '127.0.0.1' }, headers: { 'x-forwarded-for': '198.51.100.1' } }), { address: '127.0.0.1', isHidden: true })
})

t.test('a registration through a trusted proxy has the address of who sent it', async (t) => {
  const { send } = await build(t, { trustedProxies: networks })
  const answer = await send('PUT', pathOf('shop/orders/a'), {}, { 'x-forwarded-for': '198.51.100.1' })
  t.equal(answer.statusCode, 201)
  t.equal(answer.json().address, '198.51.100.1')
  t.match((await send('GET', '/v1/events')).json().items, [{ by: '198.51.100.1' }])
})

t.test('a registration without an address through a proxy that is not trusted is refused, one with an address is not', async (t) => {
  const { send, registry } = await build(t)
  for (const headers of [{ 'x-forwarded-for': '198.51.100.1' }, { forwarded: 'for=198.51.100.1' }] as const) {
    const answer = await send('PUT', pathOf('shop/orders/a'), {}, headers)
    t.equal(answer.statusCode, 400)
    t.match(answer.json(), { code: 'REG_INVALID', errors: [{ field: 'address', rule: /proxy that this node does not trust \(--trusted-proxy\)/ }] })
  }
  t.equal(registry.feed.revision, 0)
  t.equal((await send('PUT', pathOf('shop/orders/a'), { address: '192.0.2.7' }, { 'x-forwarded-for': '198.51.100.1' })).statusCode, 201)
})

t.test('loopback, where the registry is shared by machines', async (t) => {
  const shared = await build(t, { sharedStore: true })
  const refused = await shared.send('PUT', pathOf('shop/orders/a'), {})
  t.equal(refused.statusCode, 400)
  t.match(refused.json().errors, [{ field: 'address', rule: /over loopback, and the registry is shared by several machines/ }])
  for (const address of ['127.0.0.1', '127.9.9.9', '::1']) {
    const taken = await shared.send('PUT', pathOf('shop/orders/a'), { address })
    t.ok(taken.statusCode < 300)
    t.match(taken.json(), { address, warnings: [`address ${address} is of one machine only: whoever resolves this instance on another machine calls himself`] })
    t.notOk('warnings' in (await shared.send('GET', pathOf('shop/orders/a'))).json(), 'it is no part of the instance')
  }
  t.notOk('warnings' in (await shared.send('PUT', pathOf('shop/orders/b'), { address: '192.0.2.7' })).json())
  const own = await build(t)
  const taken = (await own.send('PUT', pathOf('shop/orders/a'), {})).json()
  t.equal(taken.address, '127.0.0.1', 'with a store of its own it stays as it is')
  t.notOk('warnings' in taken)
})
