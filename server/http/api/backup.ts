// A whole copy of what the store holds, streamed: SQLite's file, or an export of Redis.
import { finished } from 'node:stream/promises'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { RegistryError } from '../../errors.ts'
import { setRevision } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { errorResponses, writeErrors } from './schemas.ts'

/** Resolves when a stream is over, however it ended: its reader gets errors from the stream itself. */
function settled (stream: Parameters<typeof finished>[0]): Promise<void> {
  return finished(stream, { cleanup: true }).catch(() => undefined)
}

export function registerBackup (app: FastifyInstance, context: HttpContext): void {
  const { core } = context
  let isRunning = false

  app.post('/v1/backup', {
    compress: false,
    schema: {
      tags: ['operations'],
      operationId: 'backup',
      summary: 'A whole copy of the registry, for rollcall restore',
      description: 'SQLite: the file, copied while it is in use. Redis: an export, one JSON value a line. It holds every secret of the registry. One at a time.',
      response: {
        200: {
          description: 'The copy',
          content: {
            'application/vnd.sqlite3': { schema: Type.String({ contentMediaType: 'application/vnd.sqlite3' }), example: 'SQLite format 3...' },
            'application/x-ndjson': { schema: Type.String(), example: '{"rollcall":"export","version":1,...}\n{"object":{...}}\n{"end":{...}}\n' }
          }
        },
        ...errorResponses(...writeErrors)
      }
    }
  }, async (request, reply) => {
    core.position.requireLoaded()
    if (isRunning) throw new RegistryError('REG_OVERLOADED', 'another backup is being made', undefined, { retryAfterSeconds: 5 })
    isRunning = true
    try {
      const { media, extension, bytes, content } = await accessOf(context, request).backup()
      void settled(content).then(() => { isRunning = false })
      void settled(reply.raw).then(() => { content.destroy() }) // also of a reader that went away in the middle
      setRevision(reply, core)
      void reply.header('content-type', media).header('content-disposition', `attachment; filename="rollcall.${extension}"`)
      if (bytes !== undefined) void reply.header('content-length', String(bytes))
      return await reply.send(content)
    } catch (error) {
      isRunning = false
      throw error
    }
  })
}
