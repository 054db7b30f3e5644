// Values that fit a schema, and the same with parts broken: for property tests of everything that is checked by a
// schema.
import fc from 'fast-check'
import {
  generationPattern, idPattern, labelKeyPattern, labelPattern, labelValuePattern, portNamePattern, subdomainPattern
} from '../../server/model/names.ts'

/** The keywords that our schemas use. */
export interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
}

type Path = readonly (string | number)[]

/** One part of a value that does not fit: what stands at the path, or that nothing does. */
export interface Broken {
  readonly path: Path
  readonly says: string
  readonly put: { readonly value: unknown } | undefined
}

const anyKeyPattern = '^[\\s\\S]*$'
const samples = new Map<string, readonly string[]>([
  [labelPattern, ['shop', 'a', 'orders-2', '0']],
  [idPattern, ['orders-1', 'a.b:c', '!', '...']],
  [generationPattern, ['k3Jd9a', '7', 'a/b']],
  [labelKeyPattern, ['app', 'example.com/tier', 'constructor', 'toString']],
  [labelValuePattern, ['v1', 'a_b.c', 'X']],
  [subdomainPattern, ['rack-7.example', 'a']],
  [portNamePattern, ['http', 'x1', 'a-b']],
  [anyKeyPattern, ['a', 'commit', 'two\nlines', 'constructor', '']],
  ['^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$', ['webui', 'webui-1.x']]
])

function samplesOf (pattern: string): readonly string[] {
  const found = samples.get(pattern)
  if (found === undefined) throw new Error(`say in schema-values.ts what fits ${pattern}`)
  return found
}

/** Values that fit. */
export function fitting (schema: Schema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(fitting))
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if ('const' in schema) return fc.constant(schema.const)
  switch (schema.type) {
    case 'object': return object(schema)
    case 'array': return fc.array(fitting(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 3, 3) })
    case 'string': return schema.pattern === undefined
      ? fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 12, 12) })
      : fc.constantFrom(...samplesOf(schema.pattern))
    case 'integer': return fc.integer({ min: schema.minimum ?? -1_000, max: schema.maximum ?? 1_000 })
    case 'number': return fc.integer({ min: schema.minimum ?? (schema.exclusiveMinimum ?? -1_000) + 1, max: schema.maximum ?? 1_000 })
    case 'boolean': return fc.boolean()
    case 'null': return fc.constant(null)
    default: return fc.constantFrom<unknown>(null, 1, 'x', [], {})
  }
}

function object (schema: Schema): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], patternProperties = {}, minProperties = 0 } = schema
  const fields = fc.record(Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, fitting(member)])), {
    requiredKeys: minProperties > 0 ? Object.keys(properties) : [...required]
  })
  const maps = Object.entries(patternProperties).map(([pattern, member]) =>
    fc.dictionary(fc.constantFrom(...samplesOf(pattern)), fitting(member), { maxKeys: 3, noNullPrototype: true }))
  return fc.tuple(fields, ...maps).map((parts) => Object.assign({}, ...parts) as unknown)
}

/** Every way to break one part of a value that fits. */
export function breakages (schema: Schema, value: unknown, path: Path = []): Broken[] {
  const found: Broken[] = []
  const put = (says: string, broken: unknown): void => { found.push({ path, says, put: { value: broken } }) }
  const others: readonly unknown[] = [null, true, 7.5, -7, 'no such\nvalue', [[]], { toString: 1 }, { 'no such\nkey': { constructor: 1 } }, [{ toString: 1 }]]
  for (const other of others) if (!mayFit(schema, other)) put(`${JSON.stringify(other)} instead`, other)
  if (schema.anyOf !== undefined) return found
  const { minimum, maximum, pattern, maxLength, minLength = 0 } = schema
  if (minimum !== undefined) put('too small', minimum - 1)
  if (maximum !== undefined) put('too large', maximum + 1)
  if (maxLength !== undefined) put('too long', 'x'.repeat(maxLength + 1))
  if (minLength > 0) put('empty', '')
  if (pattern !== undefined) {
    const wrong = ['x\n', 'x y', 'x'.repeat(10_000), '\u0000', '/'].filter((text) => !new RegExp(pattern, 'u').test(text))
    for (const text of wrong) put(`${JSON.stringify(text.slice(0, 10))} as a text`, text)
  }
  if (schema.enum !== undefined) for (const text of ['toString', '__proto__', '']) put(`${text} as a choice`, text)
  if (schema.type === 'array' && Array.isArray(value)) arrayBreakages(schema, value, path, found)
  if (schema.type === 'object' && typeof value === 'object' && value !== null) objectBreakages(schema, value as Record<string, unknown>, path, found)
  return found
}

function arrayBreakages (schema: Schema, value: readonly unknown[], path: Path, found: Broken[]): void {
  const { items = {}, minItems = 0, maxItems } = schema
  if (minItems > 0) found.push({ path, says: 'no items', put: { value: [] } })
  if (maxItems !== undefined && value.length > 0) found.push({ path, says: 'too many items', put: { value: Array<unknown>(maxItems + 1).fill(value[0]) } })
  for (const [index, item] of value.entries()) found.push(...breakages(items, item, [...path, index]))
}

function objectBreakages (schema: Schema, value: Record<string, unknown>, path: Path, found: Broken[]): void {
  const { properties = {}, required = [], patternProperties = {}, additionalProperties, maxProperties } = schema
  for (const name of required) found.push({ path: [...path, name], says: 'is missing', put: undefined })
  for (const [name, member] of Object.entries(properties)) if (Object.hasOwn(value, name)) found.push(...breakages(member, value[name], [...path, name]))
  for (const [pattern, member] of Object.entries(patternProperties)) {
    for (const name of Object.keys(value)) if (!Object.hasOwn(properties, name) && new RegExp(pattern, 'u').test(name)) found.push(...breakages(member, value[name], [...path, name]))
    // A key with a line end once let anything pass.
    for (const broken of breakages(member, undefined)) if (broken.put !== undefined && broken.path.length === 0) found.push({ ...broken, path: [...path, 'a\nb'] })
    if (maxProperties !== undefined) {
      const [first] = Object.values(value)
      if (first !== undefined) found.push({ path, says: 'too many entries', put: { value: Object.fromEntries(Array.from({ length: maxProperties + 1 }, (_, index) => [`k${index}`, first])) } })
    }
  }
  if (additionalProperties !== false) return
  for (const name of ['surplus', 'toString', 'constructor', '__proto__']) {
    const isKey = Object.keys(patternProperties).some((pattern) => new RegExp(pattern, 'u').test(name))
    if (!isKey && !Object.hasOwn(properties, name)) found.push({ path: [...path, name], says: 'is unknown', put: { value: 1 } })
  }
}

/** Whether a value may fit, roughly: only what surely does not is called broken. */
function mayFit (schema: Schema, value: unknown): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((member) => mayFit(member, value))
  if (schema.enum !== undefined) return schema.enum.includes(value)
  if ('const' in schema) return schema.const === value
  switch (schema.type) {
    case 'object': return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'array': return Array.isArray(value)
    case 'string': return typeof value === 'string' && (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value))
    case 'integer': return Number.isInteger(value) && (value as number) >= (schema.minimum ?? -Infinity)
    case 'number': return typeof value === 'number' && value > (schema.exclusiveMinimum ?? -Infinity)
    case 'boolean': return typeof value === 'boolean'
    case 'null': return value === null
    default: return true
  }
}

/** A copy with parts broken. */
export function broken (value: unknown, parts: readonly Broken[]): unknown {
  let copy = structuredClone(value)
  for (const { path, put } of parts) {
    if (path.length === 0) {
      copy = structuredClone(put?.value)
      continue
    }
    let around: unknown = copy
    for (const key of path.slice(0, -1)) around = isContainer(around) && Object.hasOwn(around, key) ? around[key] : undefined
    const last = path.at(-1) ?? ''
    if (!isContainer(around)) continue // what was around it is broken itself
    if (put === undefined) delete around[last]
    else define(around, String(last), structuredClone(put.value))
  }
  return copy
}

function isContainer (value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null
}

/** As JSON does: `__proto__` is a key like any other. */
export function define (target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

/** A value that fits, with one to three parts broken, and 0 to 50 unknown keys beside them. */
export function brokenOnes (
  schema: Schema, { unknown }: { readonly unknown: { readonly min: number, readonly max: number } }
): fc.Arbitrary<{ readonly value: unknown, readonly says: string }> {
  return fitting(schema).chain((value) => {
    const all = breakages(schema, value)
    return fc.tuple(fc.subarray(all, { minLength: 1, maxLength: Math.min(3, all.length) }), fc.integer(unknown)).map(([parts, count]) => {
      const made = broken(value, parts)
      const nameOf = (index: number): string => (index === 7 ? 'toString' : index === 8 ? '__proto__' : `x${index}`)
      if (isContainer(made) && !Array.isArray(made)) for (let index = 1; index <= count; index++) define(made, nameOf(index), index)
      return { value: made, says: parts.map(({ path, says }) => `${path.join('.')}: ${says}`).join('; ') }
    })
  })
}
