import t from 'tap'
import { RegistryError, invalid } from '../server/errors.ts'
import { maxToldFaults, maxToldValue, shown } from '../server/refusal.ts'

t.test('an error tells the first faults, how many more there are, and a bounded part of each', (t) => {
  const huge = 'x'.repeat(1_000_000)
  const faults = Array.from({ length: 1_000 }, (_, index) => ({ field: `${index}${huge}`, value: [huge, { [huge]: huge }], rule: huge }))
  const error = invalid(faults)
  t.equal(error.errors?.length, maxToldFaults)
  t.equal(error.moreErrors, 1_000 - maxToldFaults)
  t.ok(JSON.stringify(error.errors).length < 64 * 1024)
  t.ok(error.message.length <= 4_096 + 3)
  t.end()
})

t.test('a value that is small enough is told as it is', (t) => {
  const values = [null, 0, -1.5, true, '', 'x'.repeat(maxToldValue), [], {}, [1, { a: [null] }]]
  t.strictSame(invalid(values.map((value) => ({ field: 'a', value, rule: 'b' }))).errors?.map(({ value }) => value), values)
  t.end()
})

t.test('a message says what it leaves out', (t) => {
  t.match(invalid(Array(25).fill({ field: 'a', rule: 'must be b' })).message, /^a must be b; .*; and 5 more$/)
  t.equal(new RegistryError('REG_INVALID', 'no list').errors, undefined)
  t.equal(new RegistryError('REG_INVALID', 'more elsewhere', [{ field: 'a', rule: 'b' }], { moreErrors: 7 }).moreErrors, 7)
  t.end()
})

t.test('a value in a sentence is JSON, cut', (t) => {
  for (const value of [1, null, 'a"b', [1, [2], { a: 'b', c: [null, true] }], { '': { 'a b': -0.5 } }]) t.equal(shown(value), JSON.stringify(value))
  t.equal(shown(undefined), 'undefined')
  t.match(shown('x'.repeat(500)), /^"x{79}\.\.\. \(500 characters\)$/)
  t.match(shown(Array(1_000_000).fill({ a: 1 })), /^\[\{"a":1\},.*\.\.\.$/)
  t.match(shown(JSON.parse('['.repeat(5_000) + ']'.repeat(5_000))), /^\[{81}\.\.\.|^\[{80}\.\.\.$/)
  t.end()
})
