// Answers of the routes, as OpenAPI shows them.
import type { TSchema } from 'typebox'
import type { Problem as WireProblem } from '../../../../client-sdk/src/wire.ts'
import { errorCatalogue, type ErrorCode, problemType } from '../../../errors.ts'
import { yamlText } from '../../../yaml-text.ts'
import { Problem } from './problem.ts'

const revisionHeader = {
  'Rollcall-Revision': { type: 'string', description: 'epoch.revision at which the answer was made; of a write, the revision of the write' },
  'Rollcall-Stale': { type: 'string', description: 'Only while the store is away: seconds since this node heard from it' }
}

/** An answer in JSON with its example. */
export function answerOf (description: string, schema: TSchema, example: unknown): object {
  return { description, headers: revisionHeader, content: { 'application/json': { schema, example } } }
}

/** An answer that is YAML for those who prefer it. */
export function manifestAnswer (description: string, schema: TSchema, example: unknown, yamlExample: unknown): object {
  return {
    description,
    headers: revisionHeader,
    content: { 'application/json': { schema, example }, 'application/yaml': { schema: { type: 'string' }, example: yamlText(yamlExample) } }
  }
}

export function emptyAnswer (description: string): object {
  return { description, headers: revisionHeader, type: 'null' }
}

/** The problems that a route may answer with; those that every route may are added. */
export function errorResponses (...codes: readonly ErrorCode[]): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of [...codes, 'REG_UNAUTHENTICATED', 'REG_FORBIDDEN', 'REG_ORIGIN_REFUSED', 'REG_HOST_REFUSED', 'REG_INTERNAL'] as const) {
    const { status } = errorCatalogue[code]
    byStatus.set(status, [...byStatus.get(status) ?? [], code])
  }
  return Object.fromEntries(Array.from(byStatus, ([status, group]) => [status, {
    description: group.map((code) => `${code}: ${errorCatalogue[code].title}`).join('; '),
    content: { 'application/problem+json': { schema: Problem, example: exampleProblem(group[0] ?? 'REG_INTERNAL') } }
  }]))
}

/** What every read may answer with. */
export const readErrors = ['REG_INVALID', 'REG_CURSOR_INVALID', 'REG_OVERLOADED', 'REG_NOT_LOADED', 'REG_REVISION_TIMEOUT', 'REG_SHUTTING_DOWN'] as const satisfies readonly ErrorCode[]
/** What every write may answer with. */
export const writeErrors = [
  'REG_INVALID', 'REG_BODY_SYNTAX', 'REG_BODY_TOO_LARGE', 'REG_MEDIA_TYPE', 'REG_NOT_LOADED', 'REG_STORE_UNAVAILABLE', 'REG_OUTCOME_UNKNOWN', 'REG_STORE_FULL'
] as const satisfies readonly ErrorCode[]

function exampleProblem (code: ErrorCode): WireProblem {
  const { status, title } = errorCatalogue[code]
  const base = { type: `${problemType}${code}`, title, status, code, detail: title }
  return code === 'REG_INVALID'
    ? { ...base, detail: 'ports[0].port must be a whole number 1-65535, got 0', errors: [{ field: 'ports[0].port', value: 0, rule: 'must be a whole number 1-65535' }] }
    : base
}
