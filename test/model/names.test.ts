import t from 'tap'
import fc from 'fast-check'
import { parseAddress } from '../../server/model/address/address.ts'
import { instanceKey, isId, isLabel, isLabelKey, isLabelValue, isPortName, splitKey } from '../../server/model/names.ts'

const tables: readonly [string, (text: string) => boolean, readonly string[], readonly string[]][] = [
  ['a label', isLabel,
    ['a', '0', 'orders', 'a-b', '9lives', 'x'.repeat(63)],
    ['', 'A', 'Orders', '-a', 'a-', 'a.b', 'a_b', 'a b', 'x'.repeat(64), 'é', '\u212a', 'a\n', '{a}', 'a\u0000']],
  ['an id', isId,
    ['a', 'A', 'a.b', '...', 'i:1@host~x', '{a}', '%2f', 'x'.repeat(253)],
    ['', '.', '..', 'a/b', 'a b', 'a\n', 'é', 'x'.repeat(254), '\u007f', '\u0000']],
  ['a port name', isPortName,
    ['http', 'h', '9p', 'a-b-c', 'x'.repeat(15)],
    ['', '8080', 'a--b', '-a', 'a-', 'HTTP', 'a_b', 'x'.repeat(16), 'http\n']],
  ['a label key', isLabelKey,
    ['app', 'App_1.x', 'example.com/app', 'a', 'x'.repeat(63), `${'a'.repeat(253)}/b`],
    ['', '/', '/a', 'a/', 'a/b/c', '-a', 'a-', 'Example.com/a', 'x'.repeat(64), 'a b', `${'a'.repeat(254)}/b`, 'a..b/c', '__proto__']],
  ['a label value', isLabelValue,
    ['', 'v1', 'A.b_c-d', 'x'.repeat(63)],
    ['-a', 'a-', 'a b', 'x'.repeat(64), 'a/b', 'é']]
]

for (const [name, accepts, good, bad] of tables) {
  t.test(`${name} is accepted or refused, never folded`, async (t) => {
    for (const text of good) t.ok(accepts(text), `accepts ${JSON.stringify(text)}`)
    for (const text of bad) t.notOk(accepts(text), `refuses ${JSON.stringify(text)}`)
  })
}

t.test('a key splits into the parts that it was made of', async () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,10}$/)
  fc.assert(fc.property(label, label, fc.stringMatching(/^[!-.0-~]{1,20}$/), (namespace, service, id) => {
    const parts = splitKey(instanceKey(namespace, service, id))
    return parts.namespace === namespace && parts.service === service && parts.id === id
  }))
})

t.test('an address is canonical, and of a kind that somebody can call', async (t) => {
  const good: readonly [string, string, 4 | 6][] = [
    ['10.0.0.1', '10.0.0.1', 4], ['127.0.0.1', '127.0.0.1', 4], ['240.0.0.1', '240.0.0.1', 4],
    ['2001:DB8::1', '2001:db8::1', 6], ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', 6], ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', 6],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', 6], ['::1', '::1', 6], ['::ffff:10.0.0.1', '10.0.0.1', 4], ['::FFFF:a00:1', '10.0.0.1', 4],
    ['64:ff9b::10.0.0.1', '64:ff9b::a00:1', 6], ['fd00:10:96:0:0:0:0:a1', 'fd00:10:96::a1', 6]
  ]
  for (const [input, text, family] of good) t.same(parseAddress(input), { text, family }, input)
  const bad: readonly [string, RegExp][] = [
    ['', /IPv4 or IPv6/], ['localhost', /IPv4 or IPv6/], ['10.0.0', /IPv4 or IPv6/], ['010.0.0.1', /IPv4 or IPv6/], ['0x7f.1', /IPv4 or IPv6/],
    ['2852039166', /IPv4 or IPv6/], ['1.2.3.256', /IPv4 or IPv6/], ['10.0.0.1 ', /IPv4 or IPv6/], ['fe80::1%eth0', /IPv4 or IPv6/], [':::1', /IPv4 or IPv6/],
    ['0.0.0.0', /unspecified/], ['::', /unspecified/], ['0.1.2.3', /unspecified/], ['::ffff:0.0.0.0', /unspecified/],
    ['224.0.0.1', /multicast/], ['239.255.255.255', /multicast/], ['ff02::1', /multicast/], ['255.255.255.255', /broadcast/],
    ['169.254.169.254', /link-local/], ['::ffff:169.254.169.254', /link-local/], ['fe80::1', /link-local/]
  ]
  for (const [input, problem] of bad) {
    const result = parseAddress(input)
    t.match('problem' in result ? result.problem : 'accepted', problem, input)
  }
})
