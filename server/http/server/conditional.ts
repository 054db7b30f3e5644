// What stands around an answer: the revision that it shows, how stale it may be, ETag and 304, and `minRevision`.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RegistryError, invalid } from '../../errors.ts'
import { type Core, type CorePosition, type Cursor, cursorText, parseCursor } from '../../registry/core.ts'
import { type HttpContext, accessOf, lifeOf } from './context.ts'
import { minRevisionWaitMs } from './limits.ts'

/** The media type of JSON answers. */
export const jsonType = 'application/json; charset=utf-8'

/** Says where this node is in the history, and for how long it has not heard from its store. */
export function setRevision (reply: FastifyReply, { position }: Pick<Core, 'position'>, revision = position.revision): void {
  const headers = revisionHeaders(position, revision)
  for (let at = 0; at < headers.length; at += 2) void reply.header(headers[at] ?? '', headers[at + 1])
}

/** The same as names and values in turn. */
export function revisionHeaders (position: CorePosition, revision = position.revision): string[] {
  if (!position.loaded) return []
  const headers = ['rollcall-revision', cursorText(position.epoch, revision)]
  const { staleSeconds } = position
  if (staleSeconds > 0) headers.push('rollcall-stale', String(staleSeconds))
  return headers
}

/**
 * What every read does first: the registry must be loaded, and at `minRevision` if the query names one. Gives undefined
 * if nothing has to be waited for, so that the common read needs no promise.
 * @throws RegistryError REG_NOT_LOADED, REG_CURSOR_INVALID, REG_REVISION_TIMEOUT, REG_SHUTTING_DOWN
 */
export function settle (context: HttpContext, request: FastifyRequest, minRevision: string | undefined): Promise<void> | undefined {
  context.core.position.requireLoaded()
  return minRevision === undefined ? undefined : reach(context, request, parseCursor(minRevision, 'minRevision'))
}

/**
 * Waits for a revision that a request brings along: this node may be one that has not heard of it yet. undefined = it is here.
 * @throws RegistryError REG_CURSOR_INVALID, REG_REVISION_TIMEOUT, REG_SHUTTING_DOWN
 */
export function reach (context: HttpContext, request: FastifyRequest, cursor: Cursor): Promise<void> | undefined {
  const { position } = context.core
  if (position.revision >= cursor.revision && (cursor.epoch === undefined || cursor.epoch === position.epoch)) return undefined
  return waitFor(context, request, cursor)
}

async function waitFor (context: HttpContext, request: FastifyRequest, cursor: Cursor): Promise<void> {
  request.waited = true
  const life = lifeOf(request, context)
  try {
    await accessOf(context, request).waitFor(cursor, minRevisionWaitMs, life.signal)
  } catch (error) {
    if (context.closing.begun) throw new RegistryError('REG_SHUTTING_DOWN', 'this node is shutting down, ask another one')
    throw error
  } finally {
    life.release()
  }
}

/** RFC 9110 8.8.3, one tag of a list. */
const entityTag = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/

/**
 * Whether a client has this form already (RFC 9110 13.1.2: weak comparison).
 * @throws RegistryError REG_INVALID for a header that is no list of entity tags
 */
export function isKnown (request: FastifyRequest, etag: string): boolean {
  const header = request.headers['if-none-match']
  if (header === undefined) return false
  if (header === etag || header.trim() === '*') return true
  const opaque = etag.slice(2) // ours are weak: W/"..."
  const tags = header.match(/(?:"[^"]*"|[^,"])+/g)?.map((text) => text.trim()).filter((text) => text !== '') ?? []
  if (tags.length === 0 || !tags.every((tag) => entityTag.test(tag))) {
    throw invalid([{ field: 'If-None-Match', value: header, rule: 'must be *, or entity tags by comma, as in W/"abc" (RFC 9110)' }])
  }
  return tags.some((tag) => tag.replace(/^W\//, '') === opaque)
}

/** How an answer is written. */
export interface Form {
  readonly media: string
  readonly write: (value: unknown) => string
}

const json: Form = { media: 'application/json', write: (value) => JSON.stringify(value) }

/**
 * Answers a read: the value, or 304 if the client has it. The value is computed only if it is needed.
 * @param revision what the answer shows at least, default what the node shows
 */
export function answer (
  context: HttpContext, request: FastifyRequest, reply: FastifyReply, tag: string | undefined, make: () => unknown, form = json,
  revision = context.core.position.revision
): FastifyReply {
  setRevision(reply, context.core, revision)
  const sight = tag === undefined ? undefined : accessOf(context, request).sight
  const own = tag === undefined || sight === undefined ? tag : `${tag}-${sight.name}` // others see something else at the same revision
  if (own !== undefined) {
    const etag = `W/"${own}"`
    void reply.header('etag', etag)
    if (isKnown(request, etag)) return reply.code(304).send()
  }
  const text = own === undefined ? form.write(make()) : context.commons.texts.get(`${form.media} ${own} ${request.url}`, () => form.write(make()))
  return reply.header('content-type', `${form.media}; charset=utf-8`).send(text)
}
