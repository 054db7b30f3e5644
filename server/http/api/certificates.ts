// The certificates and keys of ingresses, for the agents that serve them.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { settle, setRevision } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { requirePrivate } from './private-answer.ts'
import { IngressCertificates, answerOf, errorResponses, readErrors } from './schemas.ts'

const Query = Type.Object({ minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' })) }, { additionalProperties: false })
const example = { revision: 'q7Zk2.17', items: [{ namespace: 'shop', name: 'shop-tls', revision: 17, certificate: '-----BEGIN CERTIFICATE-----...', key: '-----BEGIN PRIVATE KEY-----...' }] }

export function registerCertificates (app: FastifyInstance, context: HttpContext): void {
  const { core } = context
  app.get<{ Querystring: Static<typeof Query> }>('/v1/ingress/certificates', {
    schema: {
      tags: ['ingress'], operationId: 'getIngressCertificates', summary: 'The certificates and keys of the ingresses that agents of this registry serve',
      description: 'Of Secrets that such an ingress names. For the role proxy and administrators; without access control only over TLS or on the same machine.',
      querystring: Query,
      response: { 200: answerOf('All of them', IngressCertificates, example), ...errorResponses(...readErrors) }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    requirePrivate(context, request, 'the key of a certificate')
    const items = accessOf(context, request).certificates()
    setRevision(reply, core)
    void reply.header('cache-control', 'no-store')
    return { revision: core.position.cursor, items }
  })
}
