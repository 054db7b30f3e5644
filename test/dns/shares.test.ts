// Who holds most of what there is only so much of.
import t from 'tap'
import fc from 'fast-check'
import { Shares } from '../../server/dns/protect/shares.ts'

t.test('the holder of most is known, with what it has in the order of its coming', async (t) => {
  const shares = new Shares<string>()
  t.strictSame([...shares.ofMost()], [])
  for (const [holder, item] of [['a', '1'], ['b', '2'], ['b', '3'], ['a', '4'], ['b', '5']] as const) shares.add(holder, item)
  t.strictSame([...shares.ofMost()], ['2', '3', '5'])
  shares.remove('b', '3')
  shares.remove('b', '2')
  t.strictSame([...shares.ofMost()], ['1', '4'])
  shares.remove('a', 'nothing')
  shares.remove('nobody', '1')
  t.strictSame([shares.size, shares.count('a'), shares.count('b'), shares.count('nobody')], [3, 2, 1, 0])
})

t.test('whatever comes and goes, the counts are those of plain lists', async (t) => {
  const step = fc.record({ adds: fc.boolean(), holder: fc.constantFrom('a', 'b', 'c'), item: fc.integer({ min: 0, max: 5 }) })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const shares = new Shares<number>()
    const plain = new Map<string, number[]>()
    for (const { adds, holder, item } of steps) {
      const own = plain.get(holder) ?? []
      if (adds) shares.add(holder, item)
      else shares.remove(holder, item)
      plain.set(holder, adds ? (own.includes(item) ? own : [...own, item]) : own.filter((each) => each !== item))
    }
    const most = Math.max(0, ...Array.from(plain.values(), ({ length }) => length))
    const all = [...plain.values()]
    const ofMost = [...shares.ofMost()].join()
    const isOne = most === 0 ? ofMost === '' : all.some((own) => own.length === most && own.join() === ofMost)
    return shares.size === all.flat().length && isOne
  }))
  t.pass('for every run')
})
