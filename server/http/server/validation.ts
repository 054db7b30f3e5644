// Requests against their schemas: faults name field, value and rule. Query texts become what the schema says first.
import type { FastifyInstance, preValidationHookHandler } from 'fastify'
import { Type, type TSchema, type TUnsafe } from 'typebox'
import { invalid, refused } from '../../errors.ts'
import { parseDuration } from '../../model/duration.ts'
import { type Checker, checker } from '../../model/validate.ts'
import { FaultList } from '../../refusal.ts'

/** A duration in a query: `500ms`, `30s`, `1m`. Its value is milliseconds. */
export function Duration (maxMs: number): TUnsafe<number> {
  const rule = `must be a duration of at most ${maxMs / 1_000}s, as in 500ms, 30s or 1m`
  return Type.Unsafe<number>({ type: 'string', pattern: durationPattern, rule, description: `A duration: ${rule}`, maxMs })
}

const durationPattern = '^\\d{1,9}(ms|s|m)$'

interface PropertySchema {
  readonly type?: string
  readonly rule?: string
  readonly maxMs?: number
}

type Validator = (value: unknown) => { error: Error } | { value: unknown } | true

interface ValidatedPart {
  readonly schema: unknown
  readonly httpPart?: string | undefined
}

/** Makes what Fastify's `setValidatorCompiler` takes. @param components the schemas that others may refer to by name */
export function validatorCompiler (components: ReadonlyMap<string, TSchema>): (part: ValidatedPart) => Validator {
  return (part) => compileValidator(part, components)
}

function compileValidator ({ schema, httpPart }: ValidatedPart, components: ReadonlyMap<string, TSchema>): Validator {
  const resolved = resolvedSchema(schema as object, components) // routes give TypeBox schemas, or references to named ones
  const check = checker(resolved)
  if (httpPart === 'querystring') return queryValidator(resolved, check)
  const isOptional = 'optionalBody' in resolved
  return (value) => {
    if (httpPart === 'body' && (value === null || value === undefined)) {
      return isOptional ? { value: undefined } : { error: invalid([{ field: 'body', rule: 'is required: JSON with content-type application/json' }]) }
    }
    const refusal = check(value)
    return refusal === undefined ? true : { error: refused(refusal) }
  }
}

/** A schema that a route gives: itself, or the named one that it refers to. */
export function resolvedSchema (schema: object, components: ReadonlyMap<string, TSchema>): TSchema {
  const reference = '$ref' in schema ? String(schema.$ref).replace(/#$/, '') : undefined
  const found = reference === undefined ? schema as TSchema : components.get(reference)
  if (found === undefined) throw new Error(`no schema is named ${reference}`)
  return found
}

/** Query of a route that takes none. */
const NoQuery = Type.Object({}, { additionalProperties: false })

/**
 * Closes what a route leaves open, so that nothing is accepted and ignored: a query where it has no schema for one, and
 * the body of a DELETE. Before the routes; those of the page /docs are its library's own.
 */
export function closeInputs (app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.url === '/docs' || route.url.startsWith('/docs/')) return
    const schema = route.schema ?? {}
    route.schema = { ...schema, querystring: schema.querystring ?? NoQuery }
    if (schema.body === undefined && route.method === 'DELETE') route.preValidation = [refuseBody, ...[route.preValidation ?? []].flat()]
  })
}

/** RFC 9110 9.3.5: the content of a DELETE means nothing, and here nobody shall believe that it did. */
const refuseBody: preValidationHookHandler = ({ body }, _reply, done) => {
  done(body === undefined || body === null ? undefined : invalid([{ field: 'body', rule: 'must be empty: a DELETE is said by its path and query' }]))
}

const empty = Object.freeze({})

function queryValidator (schema: TSchema, check: Checker): Validator {
  const properties = new Map(Object.entries(('properties' in schema ? schema.properties : {}) as Readonly<Record<string, PropertySchema>>)) // an object schema's
  const durations = Array.from(properties).flatMap(([name, { maxMs, rule = '' }]) => (maxMs === undefined ? [] : [{ name, maxMs, rule }]))
  const missing = check({})
  return (value) => {
    const query = value as Readonly<Record<string, string | string[]>> // what Fastify's parser makes of a query
    let isEmpty = true
    const list = new FaultList()
    // Without a prototype `__proto__` is a name like any other, and refused like any other.
    const converted = Object.create(null) as Record<string, unknown>
    for (const name in query) {
      isEmpty = false
      const text = query[name]
      if (Array.isArray(text)) list.add(() => ({ field: name, value: text, rule: 'must be given once' }))
      else converted[name] = convert(text ?? '', properties.get(name)?.type)
    }
    if (isEmpty) return missing === undefined ? { value: empty } : { error: refused(missing) }
    const refusal = check(converted)
    if (refusal !== undefined) {
      list.addAll(refusal.faults.map((fault) => (fault.rule === 'is not a known field' ? { ...fault, rule: 'is not a known parameter' } : fault)), refusal.more)
    }
    for (const { name, maxMs, rule } of durations) {
      const text = converted[name]
      if (typeof text !== 'string' || list.faults.some(({ field }) => field === name)) continue
      const ms = parseDuration(text) // whether the unit is one of the pattern, the schema has said
      if (ms === undefined || ms > maxMs) list.add(() => ({ field: name, value: text, rule }))
      converted[name] = ms
    }
    return list.isEmpty ? { value: converted } : { error: invalid(list.faults, list.more) }
  }
}

/** A text that is no number or boolean stays one, for the schema to refuse. */
function convert (text: string, type: string | undefined): unknown {
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === '')) return true
  if (type === 'boolean' && text === 'false') return false
  return text
}
