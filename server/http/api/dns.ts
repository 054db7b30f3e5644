// DNS through the HTTP port: in wire form for resolvers (DNS over HTTPS, RFC 8484), and in words for people.
import { isIP } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import type { DnsAnswer as Answer } from '../../../client-sdk/src/wire.ts'
import { type ErrorCode, RegistryError, invalid } from '../../errors.ts'
import { LabelName } from '../../model/instance/instance.ts'
import { settle } from '../server/conditional.ts'
import { type DnsQueries, type HttpContext, accessOf, callerOf } from '../server/context.ts'
import { refuseEncoding, refusedMedia } from '../server/json-body.ts'
import { DnsAnswer, answerOf, errorResponses, readErrors } from './schemas.ts'

export const dnsMedia = 'application/dns-message'
/** Octets are no JSON: what stands for them in the document. */
const exampleMessage = '(octets)'
/** As over TCP: a query with every option there is stays far below. */
const maxQueryBytes = 4_096
const maxQueryText = Math.ceil(maxQueryBytes * 4 / 3)
const path = '/dns-query'
const typeSoa = 6

const AnswerQuery = Type.Object({
  name: Type.String({ maxLength: 1_024, description: 'A DNS name. With a dot at the end it is taken as it stands' }),
  type: Type.Optional(Type.String({ maxLength: 16, description: 'The type of the records, default A' })),
  namespace: Type.Optional({ ...LabelName, description: 'Completes a short name as a search path does: NAMESPACE.svc.ZONE, svc.ZONE, ZONE' }),
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
  trace: [
    { rule: 'zone', message: 'cluster.local is served here' },
    { rule: 'service', message: 'shop/orders is implicit: found by the instances that registered under it' },
    { rule: 'endpoints', message: '1 of 1 are answered' },
    { rule: 'ttl', message: '5 s, by --dns-ttl' },
    { rule: 'answer', message: '1 record' }
  ],
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
    if (request.query.client !== undefined && isIP(client) === 0) throw invalid([{ field: 'client', value: client, rule: 'must be an IP address' }])
    await settle(context, request, minRevision)
    const access = accessOf(context, request)
    access.permit('dns')
    const { sight } = access
    // Whether an agent carries another machine, and in which zone it is, is no part of a namespace.
    if (sight !== undefined && client !== callerOf(request)) throw new RegistryError('REG_FORBIDDEN', 'client may be another address only for who may "read" everything')
    const answer = await dnsOf(context).explain({ name, type, namespace, client, caller: callerOf(request), sight })
    return reply.header('cache-control', 'no-store').send({ ...answer, revision: context.core.position.cursor } satisfies Answer)
  })
  await app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers()
    context.bodies.refuse(scope, '*', refusedMedia(`a DNS message with content-type ${dnsMedia}`))
    context.bodies.parse(scope, dnsMedia, (bytes, request) => {
      refuseEncoding(request)
      return bytes
    })
    scope.setValidatorCompiler(() => () => true) // octets have no schema, and the query string may hold what is not ours (RFC 8484 4.1)
    registerWire(scope, context)
    done()
  })
}

function registerWire (scope: FastifyInstance, context: HttpContext): void {
  const schema = (operationId: string, summary: string, ...codes: readonly ErrorCode[]): object => ({
    tags: ['operations'],
    operationId,
    summary,
    description: 'RFC 8484. Browsers and most resolvers want HTTPS: put a proxy that ends TLS before it. An answer may differ from client to client: caches that are shared must not keep it.',
    response: {
      200: { description: 'The answer, in wire form', content: { [dnsMedia]: { schema: { type: 'string', format: 'binary' }, example: exampleMessage } } },
      ...errorResponses('REG_INVALID', 'REG_BODY_TOO_LARGE', 'REG_ROUTE_NOT_FOUND', 'REG_SHUTTING_DOWN', ...codes)
    }
  })
  scope.get<{ Querystring: Static<typeof WireQuery> }>(path, {
    schema: { ...schema('queryDns', 'DNS over HTTP: the message in the query, as base64url'), querystring: WireQuery }
  }, (request, reply) => {
    const { dns } = request.query
    // Without padding (RFC 8484 4.1.1). A text repeated in the query is an array, whatever the type says.
    if (typeof dns !== 'string' || !/^[\w-]+$/.test(dns) || dns.length % 4 === 1) throw invalid([{ field: 'dns', value: dns, rule: 'must be a DNS message in base64url without padding' }])
    if (dns.length > maxQueryText) throw new RegistryError('REG_BODY_TOO_LARGE', `dns must be a message of at most ${maxQueryBytes} octets`)
    return send(context, request, reply, Buffer.from(dns, 'base64url'))
  })
  scope.post<{ Body: Buffer | undefined }>(path, {
    bodyLimit: maxQueryBytes,
    schema: {
      ...schema('postDnsQuery', 'DNS over HTTP: the message in the body', 'REG_MEDIA_TYPE'),
      body: { content: { [dnsMedia]: { schema: { type: 'string', format: 'binary', examples: [exampleMessage] } } } }
    }
  }, (request, reply) => {
    if (!Buffer.isBuffer(request.body)) throw invalid([{ field: 'body', rule: `is required: a DNS message with content-type ${dnsMedia}` }])
    return send(context, request, reply, request.body)
  })
}

async function send (context: HttpContext, request: FastifyRequest, reply: FastifyReply, message: Buffer): Promise<FastifyReply> {
  const access = accessOf(context, request)
  access.permit('dns')
  const answer = await dnsOf(context).answer(message, { transport: 'https', address: callerOf(request), sight: access.sight })
  if (answer === undefined) throw invalid([{ field: 'dns', value: message.toString('hex', 0, 32), rule: 'must be a DNS query: at least a header, and no answer' }])
  return reply.header('content-type', dnsMedia).header('cache-control', `private, max-age=${lifeSeconds(answer)}`).send(answer)
}

/**
 * How long the client's HTTP cache may keep an answer: the smallest TTL in it, for "there is none" what its SOA says
 * (RFC 8484 5.1), an error not at all. The message is one of ours: its names end.
 */
function lifeSeconds (message: Buffer): number {
  const rcode = message.readUInt8(3) & 0x0f
  const answers = message.readUInt16BE(6)
  const count = answers + message.readUInt16BE(8)
  if ((rcode !== 0 && rcode !== 3) || count === 0) return 0
  let at = 12
  for (let questions = message.readUInt16BE(4); questions > 0; questions--) at = nameEnd(message, at) + 4
  let least = 0x7fff_ffff
  for (let index = 0; index < count; index++) {
    at = nameEnd(message, at)
    const end = at + 10 + message.readUInt16BE(at + 8)
    least = Math.min(least, message.readUInt32BE(at + 4))
    if (message.readUInt16BE(at) === typeSoa && index >= answers) least = Math.min(least, message.readUInt32BE(end - 4)) // RFC 2308 5
    at = end
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

function dnsOf ({ dns }: HttpContext): DnsQueries {
  if (dns === undefined) throw new RegistryError('REG_ROUTE_NOT_FOUND', 'this node answers no DNS: it was started with --dns off')
  return dns
}
