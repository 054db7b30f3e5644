// Bodies: JSON as RFC 8259 says, and no more. Refused besides broken text: a key twice (which one counts differs from
// reader to reader), `__proto__` (it changes objects in JavaScript instead of naming a field), and nesting without end.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RegistryError, invalid, shown } from '../../errors.ts'
import { type Shape, scan, shapeOf } from './json-scan.ts'
import { maxStrangeEntries } from './limits.ts'
import { resolvedSchema } from './validation.ts'

/** Makes the app read JSON and nothing else. An empty body is none, whatever its type says. */
export function registerBodies (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(['application/json', 'application/merge-patch+json'], { parseAs: 'string' }, (request, text, done) => {
    try {
      const fault = refuseEncoding(request)
      if (fault !== undefined) return done(fault)
      if (text.length === 0) return done(null, undefined)
      const value = parseJson(String(text), { shape: shapeFor(request) })
      if (value === null) throw invalid([{ field: 'body', value, rule: 'must be an object' }]) // no body at all is another thing
      done(null, value)
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

const shapes = new WeakMap<object, Shape>() // one for each schema of a route

/** The lists and maps that the body of a route may have. */
function shapeFor (request: FastifyRequest): Shape | undefined {
  const schema = (request.routeOptions.schema as { readonly body?: object } | undefined)?.body // as the route was given it
  if (schema === undefined) return undefined
  let shape = shapes.get(schema)
  if (shape === undefined) {
    shape = shapeOf(resolvedSchema(schema))
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
