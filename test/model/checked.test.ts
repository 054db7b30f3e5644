// A failed check is a refusal, whatever can be said about why: for each schema that something from outside is checked
// with.
import fc from 'fast-check'
import t from 'tap'
import type { TSchema } from 'typebox'
import { Type } from 'typebox'
import { clientFrames, components, DeletedNames } from '../../server/http/api/schemas.ts'
import { explain } from '../../server/model/explain.ts'
import { manifestShapes } from '../../server/model/service/schema.ts'
import { checker, mapOf } from '../../server/model/validate.ts'
import { maxToldFaults } from '../../server/refusal.ts'
import { brokenOnes, fitting, type Schema } from './schema-values.ts'

const bodies = ['Registration', 'InstancePatch', 'OverrideBody', 'HeartbeatBatch', 'HeartbeatBody']
const schemas: readonly (readonly [name: string, schema: TSchema])[] = [
  ...bodies.map((name) => [name, components.get(name) ?? Type.Never()] as const),
  ['DeletedNames', DeletedNames],
  ...Object.entries(clientFrames).map(([type, schema]) => [`frame ${type}`, schema] as const),
  ...Object.entries(manifestShapes).map(([kind, schema]) => [`manifest ${kind}`, schema] as const)
]
const maxToldOctets = 64 * 1024
const runs = { numRuns: 300 }

for (const [name, schema] of schemas) {
  const check = checker(schema)
  const shape = schema as Schema
  const isRefused = ({ value, says }: { readonly value: unknown, readonly says: string }): void => {
    const refusal = check(value)
    if (refusal === undefined) throw new Error(`passed: ${says}: ${JSON.stringify(value).slice(0, 300)}`)
    const { faults, more } = refusal
    if (faults.length > maxToldFaults || more < 0) throw new Error(`${faults.length} faults and ${more} more`)
    if (more > 0 && faults.length < maxToldFaults) throw new Error('more faults are told of than there was no room for')
    if (faults[0].rule === 'must fit its schema') throw new Error(`not explained: ${says}: ${JSON.stringify(value).slice(0, 300)}`)
    const octets = Buffer.byteLength(JSON.stringify(faults))
    if (octets > maxToldOctets) throw new Error(`${octets} octets of faults`)
  }

  t.test(`${name}: values that fit the schema pass`, async () => {
    fc.assert(fc.property(fitting(shape), (value) => {
      const refusal = check(value)
      if (refusal !== undefined) throw new Error(JSON.stringify(refusal))
      if (!explain(schema, value).isEmpty) throw new Error('the walk finds a fault in what passes')
    }), runs)
  })
  t.test(`${name}: a broken part is refused`, async () => {
    fc.assert(fc.property(brokenOnes(shape, { unknown: { min: 0, max: 0 } }), isRefused), runs)
  })
  t.test(`${name}: a broken part is refused together with 1 to 50 unknown keys`, async () => {
    fc.assert(fc.property(brokenOnes(shape, { unknown: { min: 1, max: 50 } }), isRefused), runs)
  })
  t.test(`${name}: 1 to 200 unknown keys alone are refused`, async () => {
    fc.assert(fc.property(fitting(shape), fc.integer({ min: 1, max: 200 }), (value, count) => {
      const surplus = Object.fromEntries(Array.from({ length: count }, (_, index) => [`x${index}`, 1]))
      isRefused({ value: { ...value as object, ...surplus }, says: `${count} unknown keys` })
    }), runs)
  })
}

t.test('a refusal has the first twenty faults, the number of others, and values cut to what a person reads', async (t) => {
  const check = checker(Type.Object({ list: Type.Array(Type.Integer()) }, { additionalProperties: false }))
  const refusal = check({ list: Array(70).fill('x'.repeat(100_000)), ['k'.repeat(100_000)]: [{ a: 'y'.repeat(100_000) }] })
  t.equal(refusal?.faults.length, 20)
  t.equal(refusal?.more, 51)
  t.ok(JSON.stringify(refusal).length < 20 * 700)
})

t.test('a list or a map that is too long has this one fault', async (t) => {
  const check = checker(Type.Object({ list: Type.Array(Type.Integer(), { maxItems: 2 }), map: mapOf(Type.Integer(), { maxProperties: 2 }) }))
  t.strictSame(check({ list: ['a', 'b', 'c'], map: { a: 'a', b: 'b', c: 'c' } }), {
    faults: [
      { field: 'list', value: 3, rule: 'must not have more than 2 items' },
      { field: 'map', value: 3, rule: 'must not have more than 2 entries' }
    ],
    more: 0
  })
})

t.test('a schema that would let something pass unseen, or unexplained, is none', async (t) => {
  t.throws(() => checker(Type.Record(Type.String(), Type.String())), /mapOf/)
  t.throws(() => checker(Type.Object({ map: Type.Record(Type.String(), Type.String()) })), /mapOf/)
  t.throws(() => checker(Type.Union([Type.Null(), Type.String()])), /must have a rule/)
  t.throws(() => checker(Type.Array(Type.String(), { uniqueItems: true })), /uniqueItems/)
})
