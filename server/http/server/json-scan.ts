// One pass over a body before anything is made of it: limits first. It ends at the first list, map or nesting that is
// longer than the schema of the route allows, so that five megabytes of `{},` cost the ten thousand that are looked at,
// and no more. On the way it finds what `JSON.parse` passes over: a key twice, `__proto__`, and numbers that it rounds.
import type { TSchema } from 'typebox'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { maxJsonDepth } from './limits.ts'

/** The lists and maps of a schema, and how long they may be. */
export interface Shape {
  readonly rule: string | undefined
  readonly maxItems: number
  readonly items: Shape | undefined
  readonly maxProperties: number
  /** The fields of an object: undefined for one that is neither list nor map. */
  readonly fields: ReadonlyMap<string, Shape | undefined> | undefined
  /** What stands behind the keys of a map. */
  readonly values: Shape | undefined
  readonly isMap: boolean
}

export interface Scanned {
  /** A limit is passed: the text is not worth parsing. */
  readonly limit?: FieldError
  /** What is wrong with it if it is JSON. */
  readonly fault?: FieldError
}

interface SchemaNode {
  readonly rule?: string
  readonly items?: SchemaNode
  readonly maxItems?: number
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly maxProperties?: number
}

/** What a scan has to know of schemas that one text may be of. */
export function shapeOf (...schemas: readonly TSchema[]): Shape {
  return merged(schemas)
}

function merged (nodes: readonly SchemaNode[]): Shape {
  const fields = new Map<string, SchemaNode[]>()
  for (const { properties = {} } of nodes) {
    for (const [name, node] of Object.entries(properties)) fields.set(name, [...fields.get(name) ?? [], node])
  }
  const items = nodes.flatMap((node) => (node.items === undefined ? [] : [node.items]))
  const values = nodes.flatMap((node) => Object.values(node.patternProperties ?? {}))
  const below = (members: readonly SchemaNode[]): Shape | undefined => (members.some(isContainer) ? merged(members) : undefined)
  return {
    rule: nodes.find(({ rule }) => rule !== undefined)?.rule,
    maxItems: Math.max(...nodes.map(({ maxItems = Infinity }) => maxItems)),
    items: below(items),
    maxProperties: Math.max(...nodes.map(({ maxProperties = Infinity }) => maxProperties)),
    fields: fields.size === 0 ? undefined : new Map(Array.from(fields, ([name, members]) => [name, below(members)])),
    values: below(values),
    isMap: values.length > 0
  }
}

function isContainer (node: SchemaNode): boolean {
  return node.items !== undefined || node.properties !== undefined || node.patternProperties !== undefined
}

/** One list or map that the scan is in; made once for each depth. */
interface Level {
  isMap: boolean
  shape: Shape | undefined
  /** The keys so far; the set takes over where there are many. */
  readonly keys: string[]
  set: Set<string> | undefined
  key: string
  /** Commas so far. */
  index: number
  expectsKey: boolean
}

/** Up to so many keys are compared one by one. */
const fewKeys = 8
const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/** Any number of so many characters is exact, whatever it is. */
const maxSafeDigits = 4
const exactRule = 'must be a number that is kept exactly: whole ones from -9007199254740991 to 9007199254740991, larger ones as text'
const minus = 0x2d
const digit0 = 0x30
const digit9 = 0x39

/** Whether a number is another one in JavaScript: whole and beyond 2^53, or beyond everything. Fractions are always near ones. */
function isRounded (digits: string): boolean {
  const value = Number(digits)
  if (!Number.isFinite(value)) return true
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return false
  // 1e20 is meant as such a number; 9007199254740993.0 is meant exactly, and is not.
  const significant = digits.replace(/[eE].*$/, '').replace(/\D/g, '').replace(/^0+|0+$/g, '')
  return /^-?\d+$/.test(digits) || significant.length > 15
}

const quote = 0x22
const backslash = 0x5c

/**
 * Scans a text, which need not be JSON.
 * @param subject names the whole text in a fault
 * @param maxStrange so many fields, items, lists and maps may be there for which the schema has no place
 */
export function scan (text: string, subject: string, shape: Shape | undefined, maxStrange: number): Scanned {
  const levels: Level[] = []
  let depth = 0
  let level: Level | undefined
  let strange = 0
  let fault: FieldError | undefined
  const limit = (rule: string): Scanned => ({ limit: { field: pathOf(levels, depth - 1) || subject, rule } })
  const tooStrange = (): Scanned => ({ limit: { field: subject, rule: `must not have more than ${maxStrange} entries that are not in its schema` } })
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at)
        if (level?.expectsKey === true) {
          level.expectsKey = false
          level.key = keyOf(text.slice(at + 1, end))
          if (fault === undefined && level.key === '__proto__') fault = { field: pathOf(levels, depth), rule: 'is not a name that a field may have' }
          if (fault === undefined && isKnown(level)) fault = { field: pathOf(levels, depth), rule: 'must not be given twice' }
          const most = level.shape?.maxProperties ?? Infinity
          if (level.index >= most) return limit(`must not have more than ${most} entries`)
          if (level.shape?.isMap !== true && level.shape?.fields?.has(level.key) !== true && ++strange > maxStrange) return tooStrange()
        }
        at = end
        break
      }
      case 0x7b: // {
      case 0x5b: { // [
        if (depth === maxJsonDepth) return { limit: { field: subject, rule: `must not be nested deeper than ${maxJsonDepth} levels` } }
        const inner: Shape | undefined = level === undefined ? shape : below(level)
        if (inner === undefined && ++strange > maxStrange) return tooStrange()
        level = open(levels, depth++, text.charCodeAt(at) === 0x7b, inner)
        break
      }
      case 0x7d: // }
      case 0x5d: // ]
        if (depth > 0) depth--
        level = depth === 0 ? undefined : levels[depth - 1]
        break
      case 0x2c: // ,
        if (level === undefined) break
        level.index++
        if (level.isMap) {
          level.expectsKey = true
        } else {
          const most = level.shape?.maxItems ?? Infinity
          if (level.index >= most) return limit(level.shape?.rule ?? `must not have more than ${most} items`)
          if (most === Infinity && ++strange > maxStrange) return tooStrange()
        }
        break
      default: {
        const code = text.charCodeAt(at)
        if (code !== minus && (code < digit0 || code > digit9)) break
        number.lastIndex = at
        const digits = number.exec(text)?.[0] ?? ''
        if (fault === undefined && digits.length > maxSafeDigits && isRounded(digits)) {
          fault = { field: pathOf(levels, depth) || subject, value: digits.slice(0, 80), rule: exactRule }
        }
        at += Math.max(digits.length, 1) - 1
      }
    }
  }
  return fault === undefined ? {} : { fault }
}

function below ({ isMap, shape, key }: Level): Shape | undefined {
  if (!isMap) return shape?.items
  return shape?.fields?.get(key) ?? shape?.values
}

function open (levels: Level[], depth: number, isMap: boolean, shape: Shape | undefined): Level {
  const known = levels[depth]
  if (known === undefined) {
    const made: Level = { isMap, shape, keys: [], set: undefined, key: '', index: 0, expectsKey: isMap }
    levels[depth] = made
    return made
  }
  known.isMap = isMap
  known.shape = shape
  known.keys.length = 0
  known.set = undefined
  known.key = ''
  known.index = 0
  known.expectsKey = isMap
  return known
}

/** Whether the key was there before; remembers it. */
function isKnown (level: Level): boolean {
  const { keys, key } = level
  if (level.set !== undefined) {
    if (level.set.has(key)) return true
    level.set.add(key)
    return false
  }
  if (keys.includes(key)) return true
  keys.push(key)
  if (keys.length > fewKeys) level.set = new Set(keys)
  return false
}

function keyOf (raw: string): string {
  if (!raw.includes('\\')) return raw
  try {
    return JSON.parse(`"${raw}"`) as string // a text between quotes is one
  } catch {
    return raw // of a text that is no JSON
  }
}

function endOfString (text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return text.length // not in valid JSON
}

function pathOf (levels: readonly Level[], depth: number): string {
  let path = ''
  for (const { isMap, key, index } of levels.slice(0, depth)) {
    if (!isMap) path += `[${index}]`
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) path += path === '' ? key : `.${key}`
    else path += `[${JSON.stringify(key.slice(0, 80))}]`
  }
  return path
}
