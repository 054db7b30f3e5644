// Bodies: JSON as RFC 8259 says, and no more. Refused besides broken text: a key twice (which one counts differs from
// reader to reader), `__proto__` (it changes objects in JavaScript instead of naming a field), and nesting without end.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { RegistryError, invalid, shown } from '../../errors.ts'
import { maxJsonDepth } from './limits.ts'

/** Makes the app read JSON and nothing else. An empty body is none, whatever its type says. */
export function registerBodies (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(['application/json', 'application/merge-patch+json'], { parseAs: 'string' }, (request, text, done) => {
    try {
      const fault = refuseEncoding(request)
      if (fault !== undefined) return done(fault)
      done(null, text.length === 0 ? undefined : parseJson(String(text)))
    } catch (error) {
      done(error as Error) // parseJson throws RegistryError
    }
  })
  app.addContentTypeParser('*', refuseMedia('JSON with content-type application/json'))
}

/** Takes no body but an empty one. */
export function refuseMedia (expected: string): (request: FastifyRequest, payload: unknown, done: (error: Error | null, body?: unknown) => void) => void {
  return (request, _payload, done) => {
    const { 'content-length': length, 'transfer-encoding': coding, 'content-type': type } = request.headers
    if ((length === '0' || length === undefined) && coding === undefined) return done(null, undefined)
    done(new RegistryError('REG_MEDIA_TYPE', `the body must be ${expected}, got ${type === undefined ? 'none' : shown(type)}`))
  }
}

/** What is wrong with the coding of a body. */
export function refuseEncoding (request: FastifyRequest): RegistryError | undefined {
  const encoding = request.headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') return undefined
  return new RegistryError('REG_MEDIA_TYPE', `the body must not be encoded, got content-encoding ${shown(encoding)}`)
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
