// Addresses in the order of their octets: the answer of a search is that of a walk over all of them.
import fc from 'fast-check'
import t from 'tap'
import { addressKey, keyAddress } from '../../server/model/address/address-key.ts'
import { canonicalAddress } from '../../server/model/service/grammar.ts'
import { AddressIndex } from '../../server/registry/catalog/address-index.ts'
import { AddressOrder } from '../../server/registry/catalog/address-order.ts'

const octet = fc.integer({ min: 0, max: 3 })
const address = fc.oneof(
  fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.')),
  fc.tuple(octet, octet).map(([a, b]) => `fd00:${a}::${b + 1}`)
)

t.test('a key is read back to its address', async (t) => {
  for (const [text, key] of [['10.0.0.7', '40a000007'], ['255.255.255.255', '4ffffffff'], ['fd00::1', `6fd${'0'.repeat(29)}1`], ['::', `6${'0'.repeat(32)}`]] as const) {
    t.equal(addressKey(text), key)
    t.equal(keyAddress(key), text)
  }
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
    const address = canonicalAddress(text)
    return keyAddress(addressKey(address)) === address
  }))
})

t.test('whether an address is in a network is as a walk finds it, after any sequence of changes', async () => {
  const changes = fc.array(fc.record({ address, isAdded: fc.boolean() }), { maxLength: 60 })
  const questions = fc.array(fc.tuple(address, fc.integer({ min: 0, max: 9 })), { maxLength: 20 })
  fc.assert(fc.property(changes, questions, (steps, asked) => {
    const model = new Set<string>()
    const order = new AddressOrder((address) => model.has(address))
    for (const { address: each, isAdded } of steps) {
      if (isAdded === model.has(each)) continue
      if (isAdded) order.add(each)
      else order.remove(each)
      if (isAdded) model.add(each)
      else model.delete(each)
    }
    return asked.every(([each, length]) => {
      const prefix = addressKey(each).slice(0, length)
      return order.hasWithin(prefix) === [...model].some((known) => addressKey(known).startsWith(prefix))
    })
  }))
})

t.test('ten thousand addresses come and go in any order', async (t) => {
  const present = new Set<string>()
  const order = new AddressOrder((address) => present.has(address))
  const addresses = Array.from({ length: 10_000 }, (_, index) => (index * 7_919) % 10_000).map((index) => `10.${index >> 8}.${index & 255}.1`)
  const remove = (each: string): void => {
    present.delete(each)
    order.remove(each)
  }
  for (const each of addresses) {
    present.add(each)
    order.add(each)
  }
  t.ok(addresses.every((each) => order.hasWithin(addressKey(each))))
  for (const each of addresses.filter((_, index) => index % 2 === 0)) remove(each)
  t.ok(addresses.every((each, index) => order.hasWithin(addressKey(each)) === (index % 2 === 1)))
  for (const each of addresses.filter((_, index) => index % 2 === 1)) remove(each)
  t.notOk(order.hasWithin('4'))
})

t.test('who shares an address is told by namespace, and an address stays until the last one left', async (t) => {
  const index = new AddressIndex<{ namespace: string }>(({ namespace }) => namespace)
  const [a, b, c] = [{ namespace: 'x' }, { namespace: 'x' }, { namespace: 'y' }]
  for (const entry of [a, b, c, a]) index.add('10.0.0.1', entry)
  t.same([...index.get('10.0.0.1')], [a, b, c])
  index.remove('10.0.0.1', c)
  t.strictSame([index.has('10.0.0.1', 'x'), index.has('10.0.0.1', 'y')], [true, false])
  index.remove('10.0.0.1', a)
  index.remove('10.0.0.1', a)
  t.strictSame([[...index.get('10.0.0.1')], index.has('10.0.0.1', 'x'), index.has('10.0.0.1', 'y')], [[b], true, false])
  t.ok(index.hasWithin('40a'))
  index.remove('10.0.0.1', b)
  t.strictSame([[...index.get('10.0.0.1')], index.hasWithin('4')], [[], false])
})
