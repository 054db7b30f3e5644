// Bodies: JSON as RFC 8259 says, and no more. Refused besides broken text: a key twice (which one counts differs from
// reader to reader), `__proto__` (it changes objects in JavaScript instead of naming a field), nesting without end, and numbers that
// JavaScript would round: a generation of 1732700000000000001 would become another one.
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { RegistryError, invalid, shown } from '../../errors.ts'
import type { DialectParts } from './dialect.ts'
import { type Shape, scan, shapeOf } from './json-scan.ts'
import { maxStrangeEntries } from './limits.ts'
import { resolvedSchema } from './validation.ts'

/** Makes the app read JSON and nothing else. An empty body is none, whatever its type says. @param components the schemas that routes name */
export function registerBodies (app: FastifyInstance, { bodies }: Pick<DialectParts, 'bodies'>, components: ReadonlyMap<string, TSchema>): void {
  bodies.parse(app, ['application/json', 'application/merge-patch+json'], (bytes, request) => {
    const value = parseJson(textOf(bytes, request), { shape: shapeFor(request, components) })
    if (value === null) throw invalid([{ field: 'body', value, rule: 'must be an object' }]) // no body at all is another thing
    return value
  })
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

const shapes = new WeakMap<object, Shape>() // one for each schema of a route

/** The lists and maps that the body of a route may have. */
function shapeFor (request: FastifyRequest, components: ReadonlyMap<string, TSchema>): Shape | undefined {
  const schema = (request.routeOptions.schema as { readonly body?: object } | undefined)?.body // as the route was given it
  if (schema === undefined) return undefined
  let shape = shapes.get(schema)
  if (shape === undefined) {
    shape = shapeOf(resolvedSchema(schema, components))
    shapes.set(schema, shape)
  }
  return shape
}

export interface JsonOptions {
  /** What the text is called in a fault, default `body`. */
  readonly subject?: string
  /** Its lists and maps, and how long they may be. */
  readonly shape?: Shape | undefined
  /** How much of it may be what the shape does not know, default `maxStrangeEntries`. */
  readonly maxStrange?: number
}

/**
 * Reads JSON, and looks at its limits before anything is made of it.
 * @throws RegistryError REG_BODY_SYNTAX, saying where if that is known; REG_INVALID naming a field that must not be
 */
export function parseJson (text: string, { subject = 'body', shape, maxStrange = maxStrangeEntries }: JsonOptions = {}): unknown {
  const { limit, fault } = scan(text, subject, shape, maxStrange)
  if (limit !== undefined) throw invalid([limit])
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw syntaxError(text, subject)
  }
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
