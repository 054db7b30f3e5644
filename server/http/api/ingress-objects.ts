// What agents serve ingresses by: all of it at once, held back until something of it changes.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { RegistryError } from '../../errors.ts'
import { cursorText, parseCursor } from '../../registry/core.ts'
import { settle, setRevision } from '../server/conditional.ts'
import { type HttpContext, accessOf, lifeOf } from '../server/context.ts'
import { defaultWaitMs, maxWaitMs } from '../server/limits.ts'
import { Duration } from '../server/validation.ts'
import { requirePrivate } from './private-answer.ts'
import { IngressObjects, answerOf, errorResponses, exampleIngressObjects, readErrors } from './schemas.ts'

const kinds = ['Ingress', 'IngressClass', 'Secret'] as const
const Query = Type.Object({
  after: Type.Optional(Type.String({ description: 'Long poll: answer as soon as something of it changed after this revision' })),
  wait: Type.Optional(Duration(maxWaitMs)),
  minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
}, { additionalProperties: false })

export function registerIngressObjects (app: FastifyInstance, context: HttpContext): void {
  const { core, closing } = context
  const { position } = core
  app.get<{ Querystring: Static<typeof Query> }>('/v1/ingress/objects', {
    schema: {
      tags: ['ingress'], operationId: 'getIngressObjects', summary: 'Ingresses, their classes and certificates with keys: what agents serve by',
      description: 'For the role proxy and administrators. Without access control the certificates are given only over TLS or on the same machine; the rest is given all the same.',
      querystring: Query,
      response: { 200: answerOf('All of them', IngressObjects, exampleIngressObjects), ...errorResponses(...readErrors) }
    }
  }, async (request, reply) => {
    const { after, wait = defaultWaitMs, minRevision } = request.query
    await settle(context, request, minRevision)
    const access = accessOf(context, request)
    access.certificates() // who may not have them is told so before anything is waited for
    if (after !== undefined) {
      const cursor = parseCursor(after, 'after')
      if (closing.begun) throw closing.refuse()
      // What was before another epoch is no change to wait for: everything is new.
      if (cursor.epoch === undefined || cursor.epoch === position.epoch) {
        request.waited = true
        const life = lifeOf(request, context)
        try {
          await access.waitForObjects(kinds, cursor.revision, wait, life.signal)
        } finally {
          life.release()
        }
      }
    }
    const withheld = withheldFrom(() => requirePrivate(context, request, 'the key of a certificate'))
    setRevision(reply, core)
    void reply.header('cache-control', 'no-store')
    return {
      revision: cursorText(position.epoch, access.objectsRevision(kinds)), ingresses: access.manifests('Ingress'), classes: access.manifests('IngressClass'),
      certificates: withheld === undefined ? access.certificates() : [], ...(withheld === undefined ? {} : { certificatesWithheld: withheld })
    }
  })
}

function withheldFrom (require: () => void): string | undefined {
  try {
    require()
    return undefined
  } catch (error) {
    if (error instanceof RegistryError) return error.message
    throw error
  }
}
