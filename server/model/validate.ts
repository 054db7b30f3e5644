// Checks a value against a schema. Whether it passes is the compiled validator's own yes or no; what is wrong with it
// is found by a walk of our own (explain.ts), which explains a no and decides nothing.
import { type TSchema, type Static, type TObjectOptions, type TUnsafe, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { refused } from '../errors.ts'
import type { Refusal } from '../refusal.ts'
import { explain, requireExplainable } from './explain.ts'

/** Why a value is refused; undefined = it fits. A refusal always has a reason. */
export type Checker = (value: unknown) => Refusal | undefined

/**
 * Compiles a schema once. A `rule` annotation in the schema replaces the generic text of a failed keyword there;
 * `keyRule` does so for the keys of a record.
 * @throws Error for a schema with a keyword that could not be explained, or with a map whose keys it does not look at
 */
export function checker (schema: TSchema): Checker {
  requireExplainable(schema)
  const compiled = Compile(schema)
  return (value) => (compiled.Check(value) ? undefined : explain(schema, value).refusal({ field: 'body', rule: 'must fit its schema' }))
}

/** Throws REG_INVALID unless the value fits the schema; gives it back with its type. */
export function checked<S extends TSchema> (check: Checker, value: unknown): Static<S> {
  const refusal = check(value)
  if (refusal !== undefined) throw refused(refusal)
  return value as Static<S> // the schema has just said so
}

/**
 * The schema of a map from any text: `Type.Record(Type.String(), ...)` accepts any value behind a key with a line
 * end.
 */
export function mapOf<Value extends TSchema> (value: Value, options: TObjectOptions = {}): TUnsafe<Record<string, Static<Value>>> {
  return Type.Unsafe<Record<string, Static<Value>>>(Type.Record(Type.String({ pattern: '^[\\s\\S]*$' }), value, options))
}
