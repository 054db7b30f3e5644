// Requests against their schemas: faults name field, value and rule. Query texts become what the schema says first.
import { Type, type TSchema, type TUnsafe } from 'typebox'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { invalid } from '../../errors.ts'
import { type Checker, checker } from '../../model/validate.ts'

/** A duration in a query: `500ms`, `30s`, `1m`. Its value is milliseconds. */
export function Duration (maxMs: number): TUnsafe<number> {
  const rule = `must be a duration of at most ${maxMs / 1_000}s, as in 500ms, 30s or 1m`
  return Type.Unsafe<number>({ type: 'string', pattern: durationPattern, rule, description: `A duration: ${rule}`, maxMs })
}

const durationPattern = '^\\d{1,9}(ms|s|m)$'
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 }

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
  const resolved = resolve(schema as TSchema, components) // routes give TypeBox schemas, or references to named ones
  const check = checker(resolved)
  if (httpPart === 'querystring') return queryValidator(resolved, check)
  const isOptional = 'optionalBody' in resolved
  return (value) => {
    if (httpPart === 'body' && value === null) {
      return isOptional ? { value: undefined } : { error: invalid([{ field: 'body', rule: 'is required: JSON with content-type application/json' }]) }
    }
    const faults = check(value)
    return faults.length === 0 ? true : { error: invalid(faults) }
  }
}

function resolve (schema: TSchema, components: ReadonlyMap<string, TSchema>): TSchema {
  const reference = '$ref' in schema ? String(schema.$ref).replace(/#$/, '') : undefined
  const found = reference === undefined ? schema : components.get(reference)
  if (found === undefined) throw new Error(`no schema is named ${reference}`)
  return found
}

const empty = Object.freeze({})

function queryValidator (schema: TSchema, check: Checker): Validator {
  const properties = ('properties' in schema ? schema.properties : {}) as Readonly<Record<string, PropertySchema>> // an object schema's
  const durations = Object.entries(properties).flatMap(([name, { maxMs, rule = '' }]) => (maxMs === undefined ? [] : [{ name, maxMs, rule }]))
  const missing = check({})
  return (value) => {
    const query = value as Readonly<Record<string, string | string[]>> // what Fastify's parser makes of a query
    let isEmpty = true
    const faults: FieldError[] = []
    const converted: Record<string, unknown> = {}
    for (const name in query) {
      isEmpty = false
      const text = query[name]
      if (Array.isArray(text)) faults.push({ field: name, value: text, rule: 'must be given once' })
      else converted[name] = convert(text ?? '', properties[name]?.type)
    }
    if (isEmpty) return missing.length === 0 ? { value: empty } : { error: invalid(missing) }
    faults.push(...check(converted).map((fault) => (fault.rule === 'is not a known field' ? { ...fault, rule: 'is not a known parameter' } : fault)))
    for (const { name, maxMs, rule } of durations) {
      const text = converted[name]
      if (typeof text !== 'string' || faults.some(({ field }) => field === name)) continue
      const ms = milliseconds(text)
      if (ms > maxMs) faults.push({ field: name, value: text, rule })
      converted[name] = ms
    }
    return faults.length === 0 ? { value: converted } : { error: invalid(faults) }
  }
}

/** A text that is no number or boolean stays one, for the schema to refuse. */
function convert (text: string, type: string | undefined): unknown {
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === '')) return true
  if (type === 'boolean' && text === 'false') return false
  return text
}

function milliseconds (text: string): number {
  const unit = /[a-z]+$/.exec(text)?.[0] ?? ''
  return Number.parseInt(text) * (unitMs[unit] ?? 1)
}
