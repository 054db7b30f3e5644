import fc from 'fast-check'
import t from 'tap'
import { Type } from 'typebox'
import { scan, shapeOf } from '../../server/http/server/json-scan.ts'
import { mapOf } from '../../server/model/validate.ts'

const shape = shapeOf(Type.Object({
  list: Type.Array(Type.Object({ map: mapOf(Type.Array(Type.Integer(), { maxItems: 2 }), { maxProperties: 3 }) }), { maxItems: 4, rule: 'must not be longer than four' })
}))
const most = 5
const strange = /must not have more than 5 entries that are not in its schema/

/** Whole numbers beyond 2^53 that are written with all their digits. */
function holdsRounded (value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?(?:\d+|\d\.\d{15,}e.*)$/.test(JSON.stringify(value))
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsRounded)
}

t.test('a text within its limits passes, whatever it holds', async () => {
  fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1), (value, space) => {
    const text = JSON.stringify(value, undefined, space)
    if (text.includes('"__proto__":')) return
    const { limit, fault } = scan(text, 'body', undefined, 1_000_000)
    if (limit !== undefined || (fault !== undefined) !== holdsRounded(value)) throw new Error(JSON.stringify({ limit, fault }))
  }), { numRuns: 1_000 })
})

t.test('a text that is no JSON ends the scan in good order', async () => {
  const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', 'a', '"list"', '"map"', '1', ' ', '\\u00', '__proto__')
  fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => { scan(pieces.join(''), 'body', shape, most) }), { numRuns: 2_000 })
})

t.test('a text beyond a limit is refused with its place', async (t) => {
  const rows: readonly (readonly [text: string, field: string, rule: RegExp])[] = [
    ['{"list":[{},{},{},{},{}]}', 'list', /longer than four/],
    ['{"list":[{"map":{"a":[],"b":[],"c":[],"d":[]}}]}', 'list[0].map', /more than 3 entries/],
    ['{"list":[{},{"map":{"a b":[1,2,3]}}]}', 'list[1].map["a b"]', /more than 2 items/],
    ['{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}', 'body', strange],
    ['{"a":[1,2,3,4,5,6,7]}', 'body', strange],
    ['[[],[],[],[],[],[]]', 'body', strange],
    ['{"list":{"a":{},"b":{},"c":{}}}', 'body', strange],
    ['['.repeat(70), 'body', strange]
  ]
  for (const [text, field, rule] of rows) t.match(scan(text, 'body', shape, most).limit, { field, rule }, text)
  t.match(scan('['.repeat(70), 'body', undefined, 1_000).limit, { field: 'body', rule: /deeper than 64/ })
  for (const text of ['{"list":[{},{},{},{}]}', '{"list":[{"map":{"a":[],"b":[1,2],"c":[]}}]}', '{"a":1,"b":[1,2]}', '[{},[]]']) {
    t.strictSame(scan(text, 'body', shape, most), {}, text)
  }
})

t.test('a key twice and __proto__ are found however they are written, and by their place', async (t) => {
  const many = Array.from({ length: 40 }, (_, index) => `"k${index}":0`).join(',')
  const rows: readonly (readonly [text: string, field: string, rule: RegExp])[] = [
    ['{"a":1,"a":2}', 'a', /twice/],
    ['{"a":1,"\\u0061":2}', 'a', /twice/],
    [`{${many},"k3":1}`, 'k3', /twice/],
    [`[{"a":1},{"a":{"b":1,"c":[{"x":1,"x":1}]}}]`, '[1].a.c[0].x', /twice/],
    ['{"a":{"__proto__":1}}', 'a.__proto__', /not a name/],
    ['{"a":{"\\u005f_proto__":1}}', 'a.__proto__', /not a name/]
  ]
  for (const [text, field, rule] of rows) t.match(scan(text, 'body', undefined, 1_000).fault, { field, rule }, text)
  for (const text of [`{${many}}`, '[{"a":1},{"a":1}]', '{"a":{"a":{"a":1}}}', '{"a":"\\"a\\":1,\\"a\\""}', '"__proto__"', '["__proto__"]', '{"a":"__proto__"}']) {
    t.strictSame(scan(text, 'body', undefined, 1_000), {}, text)
  }
})

t.test('frames of several schemas share one shape: the larger limit holds, the field of each is known', async (t) => {
  const [one, two] = [1, 2].map((maxItems) => Type.Array(Type.Integer(), { maxItems }))
  const both = shapeOf(Type.Object({ a: one ?? Type.Null() }), Type.Object({ a: two ?? Type.Null(), b: Type.Integer() }))
  t.strictSame(scan('{"a":[1,2],"b":1}', 'frame', both, 0), {})
  t.match(scan('{"a":[1,2,3]}', 'frame', both, 0).limit, { field: 'a' })
  t.match(scan('{"c":1}', 'frame', both, 0).limit, { field: 'frame' })
})
