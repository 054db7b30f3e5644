// Conditions of writes (RFC 9110 13): `If-Match` and `If-None-Match` wherever the path has an ETag of its own, decided when this node has
// taken in all that was stored before. Elsewhere a condition is refused: one that is passed over is a write that should not have been.
//
// Our tags are weak, since a representation may be written differently for the same state; what follows the revision ("-manifest",
// "-yaml", a load) is of the representation, too. A condition is about the state: it compares the revision, whatever the form that was read.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RegistryError, invalid, shown } from '../../errors.ts'
import { type Access, type CorePosition, cursorText } from '../../registry/core.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { instancePath } from './instances.ts'
import { namespacePath } from './namespaces.ts'
import { servicePath } from './services.ts'

const conditions = ['if-match', 'if-none-match', 'if-unmodified-since'] as const
const reading: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The revision that a path's ETag begins with. @throws RegistryError REG_..._NOT_FOUND if there is nothing at it */
type StateOf = (position: CorePosition, access: Access, params: Readonly<Record<string, string>>) => string | undefined

/** What stands at the paths that are read with an ETag and written; undefined where something can be read, but nothing was written. */
const states: Readonly<Record<string, StateOf>> = {
  [instancePath]: ({ epoch }, access, { namespace = '', service = '', id = '' }) => cursorText(epoch, access.instance({ namespace, service, id }).revision),
  // What is written is the declaration: an implicit service can be read, and is declared by the first PUT all the same.
  [servicePath]: ({ epoch }, access, { namespace = '', service = '' }) => {
    if (access.summary(namespace, service).implicit) return undefined
    return cursorText(epoch, access.service(namespace, service).revision)
  },
  [namespacePath]: ({ cursor }, access, { namespace = '' }) => {
    access.manifest({ kind: 'Namespace', namespace: '', name: namespace })
    return cursor
  }
}

/** Makes every write keep, or refuse, the conditions of its request. */
export function registerConditions (app: FastifyInstance, context: HttpContext): void {
  app.addHook('preHandler', async (request) => {
    const { headers } = request
    if (headers['if-match'] === undefined && headers['if-none-match'] === undefined && headers['if-unmodified-since'] === undefined) return
    if (reading.has(request.method)) {
      if (headers['if-match'] !== undefined) throw unsupported('If-Match', 'is for writes: a read takes If-None-Match')
      return // RFC 9110 13.1.3, 13.1.4: without a date of modification those by date mean nothing
    }
    const stateOf = states[request.routeOptions.url ?? '']
    if (stateOf === undefined) {
      const name = conditions.find((condition) => headers[condition] !== undefined) ?? ''
      throw unsupported(name, 'is not supported here: what this path writes has no ETag')
    }
    if (headers['if-unmodified-since'] !== undefined) throw unsupported('If-Unmodified-Since', 'is not supported: there is no date of modification, use If-Match')
    const { position } = context.core
    position.requireLoaded()
    const access = accessOf(context, request)
    await access.caughtUp()
    check(request, stateAt(() => stateOf(position, access, request.params as Readonly<Record<string, string>>))) // the router's: each is a text
  })
}

function stateAt (read: () => string | undefined): string | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return undefined
    throw error
  }
}

function check ({ headers }: FastifyRequest, state: string | undefined): void {
  const match = headers['if-match']
  const noneMatch = headers['if-none-match']
  if (match !== undefined && !names(match, state)) {
    throw failed('If-Match', match, state === undefined ? 'there is nothing' : `it is at ${state} now`)
  }
  if (noneMatch !== undefined && names(noneMatch, state)) throw failed('If-None-Match', noneMatch, `it is at ${state} now`)
}

/** Whether a list of tags, or `*`, names what there is. @throws RegistryError REG_INVALID for what is neither */
function names (list: string, state: string | undefined): boolean {
  if (list.trim() === '*') return state !== undefined
  const tags = list.split(',').map((tag) => /^\s*(?:W\/)?"([!#-~]*)"\s*$/.exec(tag)?.[1])
  if (tags.includes(undefined)) throw invalid([{ field: 'If-Match, If-None-Match', value: list.slice(0, 80), rule: 'must be * or ETags, like W/"q7Zk2.17"' }])
  return state !== undefined && tags.some((tag) => tag === state || tag?.startsWith(`${state}-`) === true)
}

function failed (header: string, value: string, why: string): RegistryError {
  return new RegistryError('REG_PRECONDITION_FAILED', `${header} ${shown(value)} does not hold: ${why}`, [{ field: header, value: value.slice(0, 80), rule: `must hold: ${why}` }])
}

function unsupported (field: string, rule: string): RegistryError {
  return invalid([{ field, rule }])
}
