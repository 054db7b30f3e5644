import t from 'tap'
import fc from 'fast-check'
import { parseCidr, parsePortRange, showIp } from '../../server/model/address/ranges.ts'
import { clusterIpBands, nodePortBands, pickBanded, staticBand } from '../../server/registry/allocation/bands.ts'
import { SlotSet, maxSlots } from '../../server/registry/allocation/slots.ts'
import { dice } from './allocation-store.ts'

function network (text: string): ReturnType<typeof clusterIpBands> & { family: 4 | 6 } {
  const range = parseCidr(text)
  if ('problem' in range) throw new Error(range.problem)
  return { ...clusterIpBands(range), family: range.family }
}

t.test('the bands of a network leave its first and its broadcast address out', async (t) => {
  // network, what can be given, static band, first, last of the static band, last of all
  const rows: readonly [string, number, number, string, string, string][] = [
    ['10.96.0.0/30', 2, 0, '10.96.0.1', '', '10.96.0.2'],
    ['10.96.0.0/28', 14, 0, '10.96.0.1', '', '10.96.0.14'],
    ['10.96.0.0/27', 30, 16, '10.96.0.1', '10.96.0.16', '10.96.0.30'],
    ['10.96.0.0/24', 254, 16, '10.96.0.1', '10.96.0.16', '10.96.0.254'],
    ['10.96.0.0/22', 1_022, 64, '10.96.0.1', '10.96.0.64', '10.96.3.254'],
    ['10.96.0.0/20', 4_094, 256, '10.96.0.1', '10.96.1.0', '10.96.15.254'],
    ['10.96.0.0/12', 1_048_574, 256, '10.96.0.1', '10.96.1.0', '10.111.255.254'],
    ['0.0.0.0/0', 2 ** 32 - 2, 256, '0.0.0.1', '0.0.1.0', '255.255.255.254'],
    ['fd00::/124', 15, 0, 'fd00::1', '', 'fd00::f'],
    ['fd00::/120', 255, 16, 'fd00::1', 'fd00::10', 'fd00::ff'],
    ['fd00::/108', 2 ** 20 - 1, 256, 'fd00::1', 'fd00::100', 'fd00::f:ffff'],
    ['fd00::/64', maxSlots, 256, 'fd00::1', 'fd00::100', 'fd00::1:0:0:0']
  ]
  for (const [text, size, staticSize, first, lastStatic, last] of rows) {
    const bands = network(text)
    t.match(bands, { size, staticSize }, text)
    t.equal(showIp(bands.family, bands.first), first, text)
    if (staticSize > 0) t.equal(showIp(bands.family, bands.first + BigInt(staticSize) - 1n), lastStatic, text)
    t.equal(showIp(bands.family, bands.first + BigInt(size) - 1n), last, text)
  }
})

t.test('the bands of node ports follow their own formula', async (t) => {
  const rows: readonly [string, number][] = [['30000-32767', 86], ['30000-30015', 0], ['30000-30016', 16], ['30000-30511', 16], ['1-65535', 128], ['30000-30000', 0]]
  for (const [text, staticSize] of rows) {
    const range = parsePortRange(text)
    if ('problem' in range) throw new Error(range.problem)
    t.match(nodePortBands(range), { staticSize, size: range.size, first: BigInt(range.first) }, text)
  }
  t.equal(staticBand(0, 16, 256), 0)
})

t.test('a value is chosen from the static band only when the dynamic one is full, until everything is taken', async (t) => {
  const bands = network('10.96.0.0/26')
  const taken = new SlotSet(bands.size)
  const random = dice(7)
  const order: number[] = []
  for (let slot = pickBanded(taken, bands, random); slot !== undefined; slot = pickBanded(taken, bands, random)) {
    t.ok(taken.add(slot), 'it was free')
    order.push(slot)
  }
  t.equal(order.length, 62)
  t.ok(order.slice(0, 46).every((slot) => slot >= 16), 'first the dynamic band')
  t.ok(order.slice(46).every((slot) => slot < 16), 'then the static one')
})

t.test('choosing costs a few looks, however large the range and however full', async (t) => {
  for (const [text, most] of [['10.96.0.0/12', 16], ['fd00::/64', 40], ['10.0.0.0/24', 8]] as const) {
    const bands = network(text)
    const sparse = new SlotSet(bands.size)
    const random = dice(3)
    for (let count = 0; count < 200; count += 1) {
      const before = sparse.looks
      const slot = pickBanded(sparse, bands, random)
      t.ok(sparse.looks - before <= most, `${text}: ${sparse.looks - before} looks`)
      if (slot !== undefined) sparse.add(slot)
    }
  }
  const bands = network('10.96.0.0/12')
  const full = new SlotSet(bands.size)
  for (let slot = 0; slot < bands.size; slot += 1) full.add(slot)
  for (const free of [256, 300_000, bands.size - 1, 0, 255]) {
    full.delete(free)
    const before = full.looks
    t.equal(pickBanded(full, bands, dice(free)), free, 'the last free one is found')
    t.ok(full.looks - before <= 32, `${full.looks - before} looks`)
    full.add(free)
  }
  t.equal(pickBanded(full, bands, dice(1)), undefined)
})

t.test('a set of slots does what a plain set does', async () => {
  const sizes = fc.constantFrom(1, 31, 32, 33, 64, 1_024, 1_025, 33_000, 2 ** 40)
  const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
  const steps = fc.array(fc.record({ add: fc.boolean(), run: fc.nat(40), at }), { maxLength: 60 })
  fc.assert(fc.property(sizes, steps, (size, list) => {
    const slots = new SlotSet(size)
    const plain = new Set<number>()
    for (const { add, run, at } of list) {
      const start = Math.floor(at * Math.min(size, 5_000))
      for (let slot = start; slot <= start + run && slot < size; slot += 1) {
        if (add ? slots.add(slot) === plain.has(slot) : slots.delete(slot) !== plain.has(slot)) return false
        if (add) plain.add(slot)
        else plain.delete(slot)
      }
      let expected: number | undefined = start
      while (plain.has(expected)) expected += 1
      if (expected >= size) expected = undefined
      if (slots.nextFree(start, size) !== expected || slots.taken !== plain.size || slots.has(start) !== plain.has(start)) return false
    }
    return true
  }))
})
