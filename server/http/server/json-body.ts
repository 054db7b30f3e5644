// Bodies: JSON as RFC 8259 says, and no more. Refused besides broken text: a key twice (which one counts differs from
// reader to reader), `__proto__` (it changes objects in JavaScript instead of naming a field), nesting without end, and numbers that
// JavaScript would round: a generation of 1732700000000000001 would become another one.
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { RegistryError, invalid, shown } from '../../errors.ts'
import type { Door } from './dialect.ts'
import { maxJsonDepth } from './limits.ts'

/** Makes the app read JSON and nothing else. An empty body is none, whatever its type says. */
export function registerBodies (app: FastifyInstance, { bodies }: Pick<Door, 'bodies'>): void {
  bodies.parse(app, ['application/json', 'application/merge-patch+json'], (bytes, request) => parseJson(textOf(bytes, request)))
  bodies.refuse(app, '*', refusedMedia('JSON with content-type application/json'))
}

/** Why a body of another type is refused. */
export function refusedMedia (expected: string): (request: FastifyRequest) => RegistryError {
  return ({ headers: { 'content-type': type } }) =>
    new RegistryError('REG_MEDIA_TYPE', `the body must be ${expected}, got ${type === undefined ? 'none' : shown(type)}`)
}

/**
 * The text of a body.
 * @throws RegistryError REG_MEDIA_TYPE if it is encoded, or in another charset than UTF-8; REG_BODY_SYNTAX if it is not what it says
 */
export function textOf (bytes: Buffer, request: FastifyRequest): string {
  refuseEncoding(request)
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1]?.toLowerCase()
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw new RegistryError('REG_MEDIA_TYPE', `the body must be in UTF-8, got charset ${shown(charset)}`)
  }
  if (!isUtf8(bytes)) {
    throw new RegistryError('REG_BODY_SYNTAX', 'body must be valid UTF-8', [{ field: 'body', rule: 'must be valid UTF-8 (RFC 8259 8.1)' }])
  }
  return bytes.toString()
}

/** @throws RegistryError REG_MEDIA_TYPE */
export function refuseEncoding (request: FastifyRequest): void {
  const encoding = request.headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') return
  throw new RegistryError('REG_MEDIA_TYPE', `the body must not be encoded, got content-encoding ${shown(encoding)}`)
}

/** @throws RegistryError REG_BODY_SYNTAX, saying where if that is known; REG_INVALID naming a field that must not be */
export function parseJson (text: string, subject = 'body'): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw syntaxError(text, subject)
  }
  const fault = findFault(text, subject)
  if (fault !== undefined) throw invalid([fault])
  return value
}

function syntaxError (text: string, subject: string): RegistryError {
  const at = text.length > maxLocatedText ? undefined : faultPosition(text)
  const where = at === undefined ? '' : at >= text.length ? ': it ends too early' : `: unexpected ${shown(text.slice(at, at + 16))} at character ${at + 1}`
  return new RegistryError('REG_BODY_SYNTAX', `${subject} must be valid JSON${where}`, [{ field: subject, rule: `must be valid JSON${where}` }])
}

/** Longer broken texts are refused without saying where: finding it costs more than reading it. */
const maxLocatedText = 64 * 1024

const space = /[ \t\n\r]*/y
const token = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/y

/** The first character at which a text stops being JSON. What the engine's message says of it differs from version to version. */
function faultPosition (text: string): number {
  const open: string[] = []
  let expected: 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma' | 'end' = 'value'
  for (let at = 0; ;) {
    space.lastIndex = at
    space.test(text)
    at = space.lastIndex
    token.lastIndex = at
    const found = token.exec(text)?.[0]
    if (found === undefined) return at
    const closes = (found === '}' && open.at(-1) === '{') || (found === ']' && open.at(-1) === '[')
    if (expected === 'colon') {
      if (found !== ':') return at
      expected = 'value'
    } else if (expected === 'key' || (expected === 'key or }' && !closes)) {
      if (!found.startsWith('"')) return at
      expected = 'colon'
    } else if (closes && expected !== 'value') {
      open.pop()
      expected = open.length === 0 ? 'end' : 'comma'
    } else if (expected === 'comma') {
      if (found !== ',') return at
      expected = open.at(-1) === '{' ? 'key' : 'value'
    } else if (expected === 'end' || '}],:'.includes(found)) {
      return at
    } else if (found === '{' || found === '[') {
      open.push(found)
      expected = found === '{' ? 'key or }' : 'value or ]'
    } else {
      expected = open.length === 0 ? 'end' : 'comma'
    }
    at += found.length
  }
}

interface Level {
  /** The keys so far; undefined in an array. */
  readonly keys: Set<string> | undefined
  key: string
  index: number
  expectsKey: boolean
}

const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/** Any number of so many characters is exact, unless it has an exponent. */
const maxSafeDigits = 4

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

/** One pass over text that is known to be JSON. */
function findFault (text: string, subject: string): FieldError | undefined {
  const levels: Level[] = []
  let level: Level | undefined
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at)
        if (level?.expectsKey === true) {
          const raw = text.slice(at + 1, end)
          const key = raw.includes('\\') ? JSON.parse(`"${raw}"`) as string : raw // a string of valid JSON
          level.expectsKey = false
          level.key = key
          if (key === '__proto__') return { field: pathOf(levels), rule: 'is not a name that a field may have' }
          if (level.keys?.has(key) === true) return { field: pathOf(levels), rule: 'must not be given twice' }
          level.keys?.add(key)
        }
        at = end
        break
      }
      case 0x7b: // {
      case 0x5b: // [
        if (levels.length === maxJsonDepth) return { field: subject, rule: `must not be nested deeper than ${maxJsonDepth} levels` }
        level = text.charCodeAt(at) === 0x7b ? { keys: new Set(), key: '', index: 0, expectsKey: true } : { keys: undefined, key: '', index: 0, expectsKey: false }
        levels.push(level)
        break
      case 0x7d: // }
      case 0x5d: // ]
        levels.pop()
        level = levels.at(-1)
        break
      case 0x2c: // ,
        if (level === undefined) break
        if (level.keys === undefined) level.index++
        else level.expectsKey = true
        break
      default: {
        const code = text.charCodeAt(at)
        if (code !== 0x2d && (code < 0x30 || code > 0x39)) break // neither "-" nor a digit
        number.lastIndex = at
        const digits = number.exec(text)?.[0] ?? ''
        if (digits.length > maxSafeDigits && isRounded(digits)) {
          const path = pathOf(levels)
          return { field: path === '' ? subject : path, value: digits.slice(0, 80), rule: 'must be a number that is kept exactly: whole ones from -9007199254740991 to 9007199254740991, larger ones as text' }
        }
        at += Math.max(digits.length, 1) - 1
      }
    }
  }
  return undefined
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

function pathOf (levels: readonly Level[]): string {
  let path = ''
  for (const { keys, key, index } of levels) {
    if (keys === undefined) path += `[${index}]`
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) path += path === '' ? key : `.${key}`
    else path += `[${JSON.stringify(key.slice(0, 80))}]`
  }
  return path
}
