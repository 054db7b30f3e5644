// What is wrong with a value that a schema refused: field, value and rule of each fault. Linear in the value, and of a
// list or a map that is too long only the length is reported: its content is not checked.
import type { TSchema } from 'typebox'
import { FaultList } from '../refusal.ts'

/** The keywords of JSON Schema that our schemas use, and the annotations that say a rule in words. */
interface Node {
  readonly type?: string
  readonly rule?: string
  readonly keyRule?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Node[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly items?: Node
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly '~refine'?: readonly { readonly check: (value: unknown) => boolean }[]
}

/** What would make a validator say no for a reason that the walk does not know. */
const unknownKeywords = [
  '$ref', 'allOf', 'oneOf', 'not', 'if', 'contains', 'dependencies', 'dependentRequired', 'dependentSchemas', 'exclusiveMaximum', 'format', 'multipleOf',
  'prefixItems', 'propertyNames', 'unevaluatedItems', 'unevaluatedProperties', 'uniqueItems'
]
const kinds = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean', 'null'])

/** `.` does not match a line end: a map with this pattern accepts a key with one, and any text behind it. */
const leakyPattern = '^.*$'

/** @throws Error naming what a schema has that is not explained or not looked at */
export function requireExplainable (schema: TSchema): void {
  const node = schema as Node
  for (const keyword of unknownKeywords) if (keyword in schema) throw new Error(`a schema that is checked must not have the keyword ${keyword}`)
  if (node.type !== undefined && !kinds.has(node.type)) throw new Error(`a schema that is checked must not have the type ${node.type}`)
  if (node.anyOf !== undefined && node.rule === undefined) throw new Error('a union that is checked must have a rule: its members fail one by one')
  if (typeof (node.additionalProperties ?? true) !== 'boolean') throw new Error('a map that is checked must be made with mapOf')
  for (const [pattern, member] of Object.entries(node.patternProperties ?? {})) {
    if (pattern === leakyPattern) throw new Error('a map that is checked must look at all keys: make it with mapOf')
    requireExplainable(member)
  }
  const members = [...Object.values(node.properties ?? {}), ...node.anyOf ?? [], ...(node.items === undefined ? [] : [node.items])]
  for (const member of members) requireExplainable(member)
}

/** The faults of a value. Empty for one that fits. */
export function explain (schema: TSchema, value: unknown): FaultList {
  const list = new FaultList()
  walk(schema, value, undefined, list)
  return list
}

/** A place in the value: created for each field that is checked, turned into text only for a fault that is reported. */
interface Place {
  readonly around: Place | undefined
  readonly key: string | number
}

function walk (node: Node, value: unknown, place: Place | undefined, list: FaultList): void {
  const say = (rule: string): void => list.add(() => ({ field: place === undefined ? 'body' : pathOf(place), value, rule: node.rule ?? rule }))
  if (node.anyOf !== undefined) {
    if (!node.anyOf.some((member) => fits(member, value))) say('must be one of several forms')
    return
  }
  if (node.enum !== undefined && !node.enum.includes(value)) return say(`must be one of ${node.enum.map((item) => JSON.stringify(item)).join(', ')}`)
  if ('const' in node && node.const !== value) return say(`must be ${JSON.stringify(node.const)}`)
  switch (node.type) {
    case 'object': return isObject(value) ? object(node, value, place, list, say) : say('must be an object')
    case 'array': return Array.isArray(value) ? array(node, value, place, list, say) : say('must be a list')
    case 'string': return typeof value === 'string' ? text(node, value, say) : say('must be a text')
    case 'integer': return Number.isInteger(value) ? number(node, value as number, say) : say('must be a whole number')
    case 'number': return Number.isFinite(value) ? number(node, value as number, say) : say('must be a number')
    case 'boolean': return typeof value === 'boolean' ? undefined : say('must be true or false')
    case 'null': return value === null ? undefined : say('must be null')
    default: // anything
  }
}

function fits (node: Node, value: unknown): boolean {
  const list = new FaultList()
  walk(node, value, undefined, list)
  return list.isEmpty
}

function object (node: Node, value: Readonly<Record<string, unknown>>, place: Place | undefined, list: FaultList, say: (rule: string) => void): void {
  const { properties = {}, required = [], patternProperties, additionalProperties, minProperties = 0, maxProperties = Infinity } = node
  const keys = Object.getOwnPropertyNames(value)
  if (keys.length > maxProperties) {
    return list.add(() => ({ field: place === undefined ? 'body' : pathOf(place), value: keys.length, rule: `must not have more than ${maxProperties} entries` }))
  }
  if (keys.length < minProperties) say(`must not have fewer than ${minProperties} entries`)
  for (const name of required) if (!Object.hasOwn(value, name)) list.add(() => ({ field: pathOf({ around: place, key: name }), rule: 'is required' }))
  const patterns = patternProperties === undefined ? [] : Object.entries(patternProperties)
  for (const key of keys) {
    const inner = { around: place, key }
    const member = value[key]
    const matching = patterns.filter(([pattern]) => expression(pattern).test(key))
    const known = Object.hasOwn(properties, key) ? properties[key] : undefined
    if (known !== undefined && member !== undefined) walk(known, member, inner, list)
    for (const [, schema] of matching) walk(schema, member, inner, list)
    if (known !== undefined || matching.length > 0 || additionalProperties !== false) continue
    list.add(() => (node.keyRule === undefined
      ? { field: pathOf(inner), value: member, rule: 'is not a known field' }
      : { field: `${place === undefined ? '' : pathOf(place)}[${quoted(key)}]`, value: key, rule: node.keyRule }))
  }
}

function array (node: Node, value: readonly unknown[], place: Place | undefined, list: FaultList, say: (rule: string) => void): void {
  const { items, minItems = 0, maxItems = Infinity } = node
  if (value.length > maxItems) {
    return list.add(() => ({ field: place === undefined ? 'body' : pathOf(place), value: value.length, rule: node.rule ?? `must not have more than ${maxItems} items` }))
  }
  if (value.length < minItems) say(`must not have fewer than ${minItems} items`)
  if (items === undefined) return
  for (let index = 0; index < value.length; index++) walk(items, value[index], { around: place, key: index }, list)
}

function text (node: Node, value: string, say: (rule: string) => void): void {
  const { minLength = 0, maxLength = Infinity, pattern } = node
  const length = maxLength === Infinity && minLength <= 1 ? value.length : value.length > 2 * maxLength ? value.length : Array.from(value).length
  if (length > maxLength) say(`must not have more than ${maxLength} characters`)
  else if (length < minLength) say(`must not have fewer than ${minLength} characters`)
  else if (pattern !== undefined && !expression(pattern).test(value)) say(`must match ${pattern}`)
  else if (node['~refine']?.some(({ check }) => !check(value)) === true) say('must fit its rule')
}

function number ({ minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity }: Node, value: number, say: (rule: string) => void): void {
  if (value < minimum) say(`must be at least ${minimum}`)
  else if (value > maximum) say(`must be at most ${maximum}`)
  else if (value <= exclusiveMinimum) say(`must be above ${exclusiveMinimum}`)
}

function isObject (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const expressions = new Map<string, RegExp>() // as many as our schemas have patterns

function expression (pattern: string): RegExp {
  let found = expressions.get(pattern)
  if (found === undefined) {
    found = new RegExp(pattern, 'u')
    expressions.set(pattern, found)
  }
  return found
}

/** `ports[0].port`; a key that is no identifier is quoted: `labels["a/b"]`. */
function pathOf (place: Place): string {
  const keys: (string | number)[] = []
  for (let at: Place | undefined = place; at !== undefined; at = at.around) keys.unshift(at.key)
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return path === '' ? key : `${path}.${key}`
    return `${path}[${quoted(key)}]`
  }, '')
}

function quoted (key: string): string {
  return JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}...` : key)
}
