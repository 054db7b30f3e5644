// Checks a value against a schema and says field, value and rule of what is wrong.
import type { TSchema, Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { FieldError } from '../../client-sdk/src/wire.ts'
import { invalid } from '../errors.ts'

/** Gives the faults of a value: an empty list when it fits. */
export type Checker = (value: unknown) => readonly FieldError[]

interface SchemaError {
  readonly keyword: string
  readonly schemaPath: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message: string
}

/**
 * Compiles a schema once. A `rule` annotation in the schema replaces the generic text of a failed keyword there;
 * `keyRule` does so for the keys of a record.
 */
export function checker (schema: TSchema): Checker {
  const compiled = Compile(schema)
  return (value) => {
    if (compiled.Check(value)) return []
    const found = new Map<string, FieldError>()
    for (const error of compiled.Errors(value) as SchemaError[]) {
      for (const fault of faultsOf(schema, value, error)) {
        if (!found.has(fault.field)) found.set(fault.field, fault)
      }
    }
    return [...found.values()]
  }
}

/** Throws REG_INVALID unless the value fits the schema; gives it back with its type. */
export function checked<S extends TSchema> (check: Checker, value: unknown): Static<S> {
  const faults = check(value)
  if (faults.length > 0) throw invalid(faults)
  return value as Static<S> // the schema has just said so
}

function faultsOf (schema: TSchema, value: unknown, error: SchemaError): FieldError[] {
  const { keyword, params } = error
  const field = fieldPath(error.instancePath)
  const parent = at(schema, error.schemaPath) as { rule?: string, keyRule?: string } | undefined
  if (keyword === 'boolean') return [] // its parent reports additionalProperties, with the names
  if (keyword === 'additionalProperties') {
    const names = params['additionalProperties'] as string[]
    return names.map((name) => ({
      field: joinField(field, name, parent?.keyRule !== undefined),
      value: parent?.keyRule === undefined ? at(value, `${error.instancePath}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`) : name,
      rule: parent?.keyRule ?? 'is not a known field'
    }))
  }
  if (keyword === 'required') {
    const names = params['requiredProperties'] as string[]
    return names.map((name) => ({ field: joinField(field, name, false), rule: 'is required' }))
  }
  const subject = field === '' ? 'body' : field
  const rule = ruleOfUnion(schema, error.schemaPath) ?? parent?.rule ?? genericRule(parent, error)
  return [{ field: subject, value: at(value, error.instancePath), rule }]
}

/** The members of a union fail one by one; what the reader wants is the rule of the union. */
function ruleOfUnion (schema: TSchema, schemaPath: string): string | undefined {
  const union = schemaPath.lastIndexOf('/anyOf')
  return union === -1 ? undefined : (at(schema, schemaPath.slice(0, union)) as { rule?: string } | undefined)?.rule
}

function genericRule (parent: object | undefined, error: SchemaError): string {
  if (error.keyword === 'enum' && parent !== undefined && 'enum' in parent) {
    return `must be one of ${(parent.enum as unknown[]).map((item) => JSON.stringify(item)).join(', ')}`
  }
  return error.message
}

/** `/ports/0/port` -> `ports[0].port`; a key that is no identifier is quoted: `labels["a/b"]`. */
function fieldPath (pointer: string): string {
  return segments(pointer).reduce((path, segment) => joinField(path, segment, false), '')
}

function joinField (path: string, segment: string, quoted: boolean): string {
  if (/^\d+$/.test(segment) && !quoted && path !== '') return `${path}[${segment}]`
  if (!quoted && /^[A-Za-z_][A-Za-z0-9_]*$/.test(segment)) return path === '' ? segment : `${path}.${segment}`
  const shown = segment.length > 80 ? `${segment.slice(0, 80)}...` : segment
  return `${path}[${JSON.stringify(shown)}]`
}

function segments (pointer: string): string[] {
  return pointer.split('/').slice(1).map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function at (root: unknown, pointer: string): unknown {
  let value = root
  for (const segment of segments(pointer.replace(/^#/, ''))) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<string, unknown>)[segment]
  }
  return value
}
