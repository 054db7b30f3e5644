import fc from 'fast-check'
import t from 'tap'
import { type SortedNames, sortedNames, withName, withoutName } from '../../server/registry/catalog/sorted-names.ts'

const name = fc.oneof(fc.constantFrom('a', 'a-1', 'a1', 'b', 'web', 'web-2', 'web-10'), fc.string({ maxLength: 4 }))

t.test('names that come and go leave a list as if it were sorted anew, and lists of before as they were', async () => {
  fc.assert(fc.property(fc.array(name), fc.array(fc.tuple(fc.boolean(), name)), (first, steps) => {
    const known = new Set(first)
    let list: SortedNames = sortedNames(known)
    for (const [comes, each] of steps) {
      const before = list
      const copy = [...before]
      if (comes) known.add(each)
      else known.delete(each)
      list = (comes ? withName : withoutName)(list, each) ?? []
      if (JSON.stringify(list) !== JSON.stringify([...known].sort())) throw new Error(`${JSON.stringify(list)} is not ${JSON.stringify([...known].sort())}`)
      if (JSON.stringify(before) !== JSON.stringify(copy)) throw new Error('the list of before was changed')
    }
  }))
})

t.test('a list that nobody has asked for costs nothing', async (t) => {
  t.equal(withName(undefined, 'a'), undefined)
  t.equal(withoutName(undefined, 'a'), undefined)
})
