// DNS through the HTTP port: in wire form for resolvers (DNS over HTTPS, RFC 8484), and in words for people.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import type { DnsAnswer as Answer } from '../../client-sdk/src/wire.ts'
import { RegistryError, invalid } from '../errors.ts'
import { settle } from './conditional.ts'
import { type DnsDoor, type HttpContext, callerOf } from './context.ts'
import { refuseEncoding, refuseMedia } from './json-body.ts'
import { DnsAnswer, answerOf, errorResponses, readErrors } from './schemas.ts'

export const dnsMedia = 'application/dns-message'
/** As over TCP: a query with every option there is stays far below. */
const maxQueryOctets = 4_096
const maxQueryText = Math.ceil(maxQueryOctets / 3) * 4
const path = '/dns-query'

const AnswerQuery = Type.Object({
  name: Type.String({ maxLength: 1_024, description: 'A DNS name. With a dot at the end it is taken as it stands' }),
  type: Type.Optional(Type.String({ maxLength: 16, description: 'The type of the records, default A' })),
  namespace: Type.Optional(Type.String({ maxLength: 63, description: 'Completes a short name as a search path does: NAMESPACE.svc.ZONE, svc.ZONE, ZONE' })),
  client: Type.Optional(Type.String({ maxLength: 45, description: 'The address whose question it is, default the caller\'s: answers may prefer its zone' })),
  minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
}, { additionalProperties: false })
const WireQuery = Type.Object({ dns: Type.Optional(Type.String({ maxLength: maxQueryText })) })

const example: Answer = {
  question: { name: 'orders.shop.svc.cluster.local.', type: 'A' },
  rcode: 'NOERROR',
  flags: ['qr', 'aa', 'rd'],
  answer: [{ name: 'orders.shop.svc.cluster.local.', ttl: 5, type: 'A', data: '10.0.0.7' }],
  authority: [],
  additional: [],
  octets: 74,
  trace: [{ rule: 'implicit service', message: 'shop/orders is headless: its addresses are those of its endpoints' }],
  revision: 'a6571eed5cfa.5'
}

export async function registerDns (app: FastifyInstance, context: HttpContext): Promise<void> {
  app.get<{ Querystring: Static<typeof AnswerQuery> }>('/v1/dns/answer', {
    schema: {
      tags: ['operations'],
      operationId: 'explainDnsAnswer',
      summary: 'What DNS answers to a question, and the rules that decided',
      querystring: AnswerQuery,
      response: { 200: answerOf('The answer', DnsAnswer, example), ...errorResponses(...readErrors, 'REG_ROUTE_NOT_FOUND') }
    }
  }, async (request, reply) => {
    const { name, type = 'A', namespace, client = callerOf(request), minRevision } = request.query
    await settle(context, request, minRevision)
    const answer = await dnsOf(context).explain({ name, type, namespace, client })
    return reply.header('cache-control', 'no-store').send({ ...answer, revision: context.registry.cursor } satisfies Answer)
  })
  await app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', refuseMedia(`a DNS message with content-type ${dnsMedia}`))
    scope.addContentTypeParser(dnsMedia, { parseAs: 'buffer' }, (request, body, parsed) => {
      const fault = refuseEncoding(request)
      if (fault !== undefined) parsed(fault)
      else parsed(null, body)
    })
    scope.setValidatorCompiler(() => () => true) // octets have no schema, and the query string may hold what is not ours (RFC 8484 4.1)
    registerWire(scope, context)
    done()
  })
}

function registerWire (scope: FastifyInstance, context: HttpContext): void {
  const description = 'RFC 8484. A browser and most resolvers want HTTPS and HTTP/2: put a proxy that ends TLS before it.'
  const content = { content: { [dnsMedia]: { schema: { type: 'string', format: 'binary' } } } }
  const schema = (operationId: string, summary: string): object => ({ tags: ['operations'], operationId, summary, description, response: { 200: { description: 'The answer', ...content } } })
  scope.get<{ Querystring: Static<typeof WireQuery> }>(path, { schema: { ...schema('queryDns', 'DNS over HTTP: the message in the query, as base64url'), querystring: WireQuery } }, (request, reply) => {
    const { dns } = request.query
    // Without padding (RFC 8484 4.1.1). A text repeated in the query is an array, whatever the type says.
    if (typeof dns !== 'string' || !/^[\w-]+$/.test(dns) || dns.length % 4 === 1) throw invalid([{ field: 'dns', value: dns, rule: 'must be a DNS message in base64url without padding' }])
    if (dns.length > maxQueryText) throw new RegistryError('REG_BODY_TOO_LARGE', `dns must be a message of at most ${maxQueryOctets} octets`)
    return send(context, request, reply, Buffer.from(dns, 'base64url'))
  })
  scope.post<{ Body: Buffer | undefined }>(path, { bodyLimit: maxQueryOctets, schema: schema('postDnsQuery', 'DNS over HTTP: the message in the body') }, (request, reply) => {
    if (!Buffer.isBuffer(request.body)) throw invalid([{ field: 'body', rule: `is required: a DNS message with content-type ${dnsMedia}` }])
    return send(context, request, reply, request.body)
  })
}

async function send (context: HttpContext, request: FastifyRequest, reply: FastifyReply, message: Buffer): Promise<FastifyReply> {
  const answer = await dnsOf(context).answer(message, { transport: 'https', address: callerOf(request) })
  if (answer === undefined) throw invalid([{ field: 'dns', value: message.toString('hex', 0, 32), rule: 'must be a DNS query: at least a header, and no answer' }])
  return reply.header('content-type', dnsMedia).header('cache-control', `max-age=${lifeSeconds(answer)}`).send(answer)
}

/**
 * How long an HTTP cache may keep an answer: the smallest TTL in it (RFC 8484 5.1), an error not at all. The message is one of
 * ours, or was read before by the forwarder: its names end.
 */
function lifeSeconds (message: Buffer): number {
  const rcode = message.readUInt8(3) & 0x0f
  const count = message.readUInt16BE(6) + message.readUInt16BE(8)
  if ((rcode !== 0 && rcode !== 3) || count === 0) return 0
  let at = 12
  for (let questions = message.readUInt16BE(4); questions > 0; questions--) at = nameEnd(message, at) + 4
  let least = 0x7fff_ffff
  for (let index = 0; index < count; index++) {
    at = nameEnd(message, at)
    least = Math.min(least, message.readUInt32BE(at + 4))
    at += 10 + message.readUInt16BE(at + 8)
  }
  return least
}

function nameEnd (message: Buffer, start: number): number {
  let at = start
  for (let length = message.readUInt8(at); length !== 0; length = message.readUInt8(at)) {
    if (length >= 0xc0) return at + 2
    at += 1 + length
  }
  return at + 1
}

function dnsOf ({ dns }: HttpContext): DnsDoor {
  if (dns === undefined) throw new RegistryError('REG_ROUTE_NOT_FOUND', 'this node answers no DNS: it was started with --dns off')
  return dns
}
