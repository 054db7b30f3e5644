// Bodies as Go's decoder reads them: keys in any case, with or without `_`, whatever the Content-Type says. A key that comes twice in two
// spellings is refused: which of them counts would be anybody's guess.
import { isUtf8 } from 'node:buffer'
import { undecoded } from '../consul-error.ts'
import { parseGoDuration } from './go-duration.ts'

/** An object of a body, by keys in lower case without `_`. */
export type Fields = ReadonlyMap<string, unknown>

/** Levels of a body: a registration has five. */
const maxDepth = 32

/** The value of a body. @throws ConsulError 400 */
export function parseBody (bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw undecoded('the body must be valid UTF-8')
  const text = bytes.toString()
  if (depthOf(text) > maxDepth) throw undecoded(`must not be nested deeper than ${maxDepth} levels`)
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    // The position is told, never the text: it may hold a secret.
    const at = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1]
    throw undecoded(`the body must be JSON${at === undefined ? '' : `: invalid character at offset ${at}`}`)
  }
}

/** How deep brackets stand in a text, texts in quotes left out. */
function depthOf (text: string): number {
  let depth = 0
  let deepest = 0
  let inText = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (inText) {
      if (code === 0x5c) at++
      else if (code === 0x22) inText = false
    } else if (code === 0x22) inText = true
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x7d || code === 0x5d) depth--
  }
  return deepest
}

/** @throws ConsulError 400 for what is no object, and for a key twice */
export function fieldsOf (value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw undecoded(`${where} must be an object`)
  const fields = new Map<string, unknown>()
  const spelled = new Map<string, string>()
  for (const [key, each] of Object.entries(value)) {
    const folded = foldedKey(key)
    const other = spelled.get(folded)
    if (other !== undefined) throw undecoded(`${where} has the same key twice: ${shown(other)} and ${shown(key)}`)
    spelled.set(folded, key)
    fields.set(folded, each)
  }
  return fields
}

function foldedKey (key: string): string {
  return key.toLowerCase().replaceAll('_', '')
}

function shown (text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text)
}

/** Absent, and null, is undefined to all of these. Each throws a ConsulError 400 that names the field. */
export function textField (fields: Fields, name: string): string | undefined {
  const value = fields.get(foldedKey(name)) ?? undefined
  if (value === undefined || typeof value === 'string') return value
  throw undecoded(`${name} must be a string, got ${typeof value}`)
}

export function intField (fields: Fields, name: string, min: number, max: number): number | undefined {
  const value = fields.get(foldedKey(name)) ?? undefined
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) throw undecoded(`${name} must be a whole number, got ${typeof value}`)
  if (value < min || value > max) throw undecoded(`${name} must be ${min}-${max}, got ${value}`)
  return value
}

export function boolField (fields: Fields, name: string): boolean | undefined {
  const value = fields.get(foldedKey(name)) ?? undefined
  if (value === undefined || typeof value === 'boolean') return value
  throw undecoded(`${name} must be true or false, got ${typeof value}`)
}

/** Milliseconds of a Go duration, or of a number of nanoseconds. */
export function durationField (fields: Fields, name: string): number | undefined {
  const value = fields.get(foldedKey(name)) ?? undefined
  if (value === undefined || value === '') return undefined
  if (typeof value === 'number') return value / 1e6
  const ms = typeof value === 'string' ? parseGoDuration(value) : undefined
  if (ms === undefined) throw undecoded(`${name} must be a duration like "10s", got ${typeof value === 'string' ? shown(value) : typeof value}`)
  return ms
}

export function textsField (fields: Fields, name: string): readonly string[] | undefined {
  const value = fields.get(foldedKey(name)) ?? undefined
  if (value === undefined) return undefined
  if (!Array.isArray(value) || !value.every((each): each is string => typeof each === 'string')) throw undecoded(`${name} must be a list of strings`)
  return value
}

/** A map of texts, its keys as they were written. */
export function mapField (fields: Fields, name: string): Readonly<Record<string, string>> | undefined {
  const value = fields.get(foldedKey(name)) ?? undefined
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw undecoded(`${name} must be an object of strings`)
  const entries = Object.entries(value)
  if (!entries.every((pair): pair is [string, string] => typeof pair[1] === 'string')) throw undecoded(`${name} must be an object of strings`)
  return Object.fromEntries(entries)
}

export function objectField (fields: Fields, name: string): Fields | undefined {
  const value = fields.get(foldedKey(name)) ?? undefined
  return value === undefined ? undefined : fieldsOf(value, name)
}

export function listField (fields: Fields, name: string): readonly unknown[] | undefined {
  const value = fields.get(foldedKey(name)) ?? undefined
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw undecoded(`${name} must be a list`)
  return value as unknown[]
}
