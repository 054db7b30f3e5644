// Questions that fast-check makes up part by part, so that it can take a failing one apart again.
import fc from 'fast-check'
import { type Query, labelsOf, nameOctets, record } from './octets.ts'
import { names, types } from './seeds.ts'

const number16 = fc.integer({ min: 0, max: 0xffff })
const octets = (maxLength: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
const rarely = <T>(arbitrary: fc.Arbitrary<T>, usual: T, weight = 6): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary })

const knownLabels = [...new Set(names.flatMap((name) => name.split('.')))].filter((text) => text !== '')
const label = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...knownLabels).map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: octets(12) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 255 }).map((length) => Buffer.alloc(length, 0x61)) } // past 63 it is a pointer or nothing
)

const isLetter = (octet: number): boolean => (octet | 0x20) >= 0x61 && (octet | 0x20) <= 0x7a
const mixedCase = (labels: readonly Buffer[], bits: number): Buffer[] =>
  labels.map((part) => Buffer.from(part.map((octet, index) => (isLetter(octet) && (bits >> (index % 30) & 1) === 1 ? octet ^ 0x20 : octet))))
const bits = fc.integer({ min: 0, max: 2 ** 30 - 1 })

const labels = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...names).map(labelsOf) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...names), bits).map(([name, cases]) => mixedCase(labelsOf(name), cases)) },
  { weight: 2, arbitrary: fc.tuple(fc.array(label, { maxLength: 8 }), fc.constantFrom(...names)).map(([front, name]) => [...front, ...labelsOf(name)]) },
  { weight: 1, arbitrary: fc.array(label, { maxLength: 130 }) }
)

const option = fc.record({
  code: fc.oneof(fc.constantFrom(3, 8, 10, 11, 12, 15), number16),
  data: octets(70),
  length: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: number16 })
}).map(({ length, ...rest }) => ({ ...rest, ...(length === undefined ? {} : { length }) }))

const edns = fc.record({
  size: fc.oneof(fc.constantFrom(0, 511, 512, 513, 1_231, 1_232, 1_233, 4_096, 65_535), number16),
  version: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) }),
  flags: fc.oneof(fc.constantFrom(0, 0x8000), number16),
  extendedRcode: fc.constantFrom(0, 0, 0, 1, 0x80, 255),
  options: fc.array(option, { maxLength: 4 })
})

const owner = fc.oneof(
  fc.constant(Buffer.alloc(1)),
  fc.constant(Buffer.from([0xc0, 0x0c])),
  number16.map((value) => Buffer.from([0xc0 | (value >> 8), value & 0xff])),
  labels.map((list) => nameOctets(list))
)
const anyRecord = fc.tuple(owner, fc.oneof(fc.constantFrom(...types), number16), number16, octets(40))
  .map(([name, type, recordClass, data]) => record(name, type, recordClass, 0, data))
const fourCounts = fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), number16), { minLength: 4, maxLength: 4 })

/** The id is not a part of it: who sends it knows which are free. */
export const generatedQuery: fc.Arbitrary<Query> = fc.record({
  flags: rarely(number16, 0x0100),
  labels,
  type: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(1, 28, 33) }, { weight: 3, arbitrary: fc.constantFrom(...types) }, { weight: 1, arbitrary: number16 }),
  class: rarely(fc.oneof(fc.constantFrom(0, 3, 4, 254, 255), number16), 1),
  edns: fc.oneof(fc.constant(undefined), edns),
  answers: rarely(fc.array(anyRecord, { maxLength: 2 }), []),
  authorities: rarely(fc.array(anyRecord, { maxLength: 2 }), []),
  additionals: rarely(fc.array(anyRecord, { maxLength: 3 }), []),
  trailing: rarely(octets(20), Buffer.alloc(0)),
  counts: rarely(fourCounts, undefined, 15)
}).map(({ counts, ...rest }) => ({ ...rest, ...(counts === undefined ? {} : { counts }) }))
