// "Who serves this?": the hot path. The answer is kept ready as text for as long as the service does not change, and what is asked for
// again in the same words is answered before routing (ready-endpoints.ts).
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import type { EndpointsAnswer } from '../../../client-sdk/src/wire.ts'
import { beside } from '../../beside.ts'
import { type ErrorCode, RegistryError } from '../../errors.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import { Topology } from '../../model/instance/instance.ts'
import { parseSelector } from '../../model/instance/selector.ts'
import { cursorText, parseCursor, queryEndpoints } from '../../registry/core.ts'
import { begun } from '../../slice.ts'
import { isKnown, jsonType, setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf, lifeOf } from '../server/context.ts'
import { defaultWaitMs, gzipThreshold, maxEndpointVariants, maxJoinedBytes, maxWaitMs } from '../server/limits.ts'
import { ReadyEndpoints } from './ready-endpoints.ts'
import { EndpointsAnswer as EndpointsSchema, PortText, ServiceParams, answerOf, emptyAnswer, errorResponses, exampleEndpoints, readErrors } from './schemas.ts'
import { Duration } from '../server/validation.ts'

const Query = Type.Object({
  selector: Type.Optional(Type.String({ description: 'A Kubernetes label selector, as in version in (v1,v2),!canary' })),
  zone: Type.Optional({ ...Topology, description: 'Only endpoints of this zone' }),
  port: Type.Optional({ ...PortText, description: 'Name or number of a port that an endpoint must have' }),
  ready: Type.Optional(Type.Enum(['true', 'false', 'any'], { description: 'true (default): what callers may call; false: the others; any: all' })),
  after: Type.Optional(Type.String({ description: 'Long poll: answer as soon as the service changed after this revision' })),
  wait: Type.Optional(Duration(maxWaitMs)),
  minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
}, { additionalProperties: false })

type QueryOf = Static<typeof Query>
type EndpointsRequest = FastifyRequest<{ Params: Static<typeof ServiceParams>, Querystring: QueryOf }>

/** One form of a service's endpoints, ready to be sent. */
interface Ready {
  /** Of a large service its octets, of a very large one in pieces: those of its parts, which a change elsewhere leaves as they are. */
  readonly text: string | Buffer | readonly Buffer[]
  readonly bytes: number
  readonly etag: string
  gzipped: Promise<Buffer> | undefined
}

const notFound: readonly ErrorCode[] = ['REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND']
const compressed = promisify(gzip)

const endpointsPath = '/v1/namespaces/:namespace/services/:service/endpoints'

export function registerEndpoints (app: FastifyInstance, context: HttpContext): void {
  const { core: { position }, closing } = context
  const forms = beside<EndpointSet, Map<string, Ready>>()
  const ready = new ReadyEndpoints(context, context.http.of('GET', endpointsPath))
  context.answerAhead(ready)

  app.get<{ Params: Static<typeof ServiceParams>, Querystring: QueryOf }>(endpointsPath, {
    compress: false, // done here, once per change and not once per answer
    schema: {
      tags: ['services'],
      operationId: 'getEndpoints',
      summary: 'Who serves this?',
      description: 'If no endpoint is ready, those that drain are answered: they still serve. If there are none, those that are out only because they are suspect, and failOpen is true.',
      params: ServiceParams,
      querystring: Query,
      response: {
        200: answerOf('The endpoints, ordered by id', EndpointsSchema, exampleEndpoints),
        304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...readErrors, 'REG_SELECTOR_INVALID', 'REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND', 'REG_LIMIT_REACHED')
      }
    }
  }, (request, reply) => {
    const settled = settle(context, request, request.query.minRevision)
    if (settled === undefined && request.query.after === undefined && request.query.wait === undefined) return send(request, reply)
    return wait(request, reply, settled)
  })

  async function wait (request: EndpointsRequest, reply: FastifyReply, settled: Promise<void> | undefined): Promise<FastifyReply> {
    await settled
    const { params: { namespace, service }, query } = request
    if (query.after === undefined && query.wait === undefined) return send(request, reply)
    const access = accessOf(context, request)
    const after = query.after === undefined ? { epoch: undefined, revision: access.service(namespace, service).revision } : parseCursor(query.after, 'after')
    if (closing.begun) throw closing.refuse()
    // What was before another epoch is no change to wait for: everything is new.
    if (after.epoch === undefined || after.epoch === position.epoch) {
      request.waited = true
      const life = lifeOf(request, context)
      try {
        await access.waitForChange(namespace, service, after.revision, query.wait ?? defaultWaitMs, life.signal)
      } finally {
        life.release()
      }
    }
    try {
      return await send(request, reply)
    } catch (error) {
      const isBehind = position.revision < after.revision && (after.epoch === undefined || after.epoch === position.epoch)
      if (!isBehind || !(error instanceof RegistryError) || !notFound.includes(error.code)) throw error
      // What this node lacks may be what it has not heard of yet.
      throw new RegistryError('REG_REVISION_TIMEOUT', `revision ${after.revision} did not arrive in time, this node is at ${position.revision}: until then it cannot say whether the service is there`)
    }
  }

  function send (request: EndpointsRequest, reply: FastifyReply): FastifyReply | Promise<FastifyReply> {
    const { params: { namespace, service }, query } = request
    const { endpoints, manifest } = accessOf(context, request).service(namespace, service)
    const isDeclared = manifest !== undefined
    // Of a large service in slices: what is sent is the set of this moment.
    const written = isInParts(endpoints, query) ? begun(endpoints.written()) : undefined
    const answer = (): FastifyReply | Promise<FastifyReply> => sendForm(request, reply, endpoints, isDeclared)
    return written === undefined ? answer() : written.then(answer)
  }

  function sendForm (request: EndpointsRequest, reply: FastifyReply, endpoints: EndpointSet, isDeclared: boolean): FastifyReply | Promise<FastifyReply> {
    const { params: { namespace, service }, query } = request
    const made = formOf(endpoints, isDeclared, query)
    const { text, bytes, etag } = made
    if (!isPieces(text) && query.after === undefined && query.wait === undefined && query.minRevision === undefined) {
      ready.keep(request.raw.url ?? '', { namespace, service, set: endpoints, isDeclared, text, bytes, etag })
    }
    setRevision(reply, context.core)
    void reply.header('etag', etag)
    if (bytes >= gzipThreshold) void reply.header('vary', 'accept-encoding')
    if (isKnown(request, etag)) return reply.code(304).send()
    void reply.header('content-type', jsonType)
    if (bytes >= gzipThreshold && acceptsGzip(request.headers['accept-encoding'])) return sendGzipped(reply, made)
    if (!isPieces(text)) return reply.send(text)
    // Not joined: a copy of some megabytes for each answer makes the garbage collector walk the whole heap again and again.
    context.answers.hold(request, reply, bytes)
    return reply.header('content-length', String(bytes)).send(Readable.from(text, { objectMode: false, highWaterMark: maxJoinedBytes }))
  }

  function formOf (set: EndpointSet, isDeclared: boolean, query: QueryOf): Ready {
    let variants = forms.get(set)
    if (variants === undefined) {
      variants = new Map()
      forms.set(set, variants)
    }
    const { selector = '', zone = '', port = '', ready = 'true' } = query
    const key = selector === '' && zone === '' && port === '' ? ready : JSON.stringify([selector, zone, port, ready])
    const known = variants.get(key)
    if (known !== undefined) return known
    const made = make(set, isDeclared, query)
    if (variants.size >= maxEndpointVariants) variants.clear()
    variants.set(key, made)
    return made
  }

  function make (set: EndpointSet, isDeclared: boolean, query: QueryOf): Ready {
    const { selector, zone, port, ready } = query
    const revision = cursorText(position.epoch, set.revision)
    const head: Omit<EndpointsAnswer, 'endpoints'> = {
      namespace: set.namespace,
      service: set.service,
      revision,
      failOpen: set.failOpen,
      ...(isDeclared ? { declared: true } : {})
    }
    const etag = `W/"${revision}"`
    if (isInParts(set, query)) {
      const pieces = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"endpoints":[`), ...set.json(ready === 'any' ? 'all' : 'answered'), Buffer.from(']}')]
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
      return { text: bytes <= maxJoinedBytes ? Buffer.concat(pieces, bytes) : pieces, bytes, etag, gzipped: undefined }
    }
    const text = JSON.stringify({
      ...head,
      endpoints: queryEndpoints(set, {
        ...(selector === undefined ? {} : { selector: parseSelector(selector) }),
        ...(zone === undefined ? {} : { zone }),
        ...(port === undefined ? {} : { port }),
        ...(ready === undefined ? {} : { ready })
      })
    } satisfies EndpointsAnswer)
    return { text, bytes: Buffer.byteLength(text), etag, gzipped: undefined }
  }
}

/** Its answer is put together from the JSON of its parts. */
function isInParts (set: EndpointSet, { selector, zone, port, ready }: QueryOf): boolean {
  return selector === undefined && zone === undefined && port === undefined && ready !== 'false' && set.parts.length > 1
}

function isPieces (text: Ready['text']): text is readonly Buffer[] {
  return Array.isArray(text)
}

async function sendGzipped (reply: FastifyReply, ready: Ready): Promise<FastifyReply> {
  const body = await (ready.gzipped ??= compressed(isPieces(ready.text) ? Buffer.concat(ready.text, ready.bytes) : ready.text))
  return reply.header('content-encoding', 'gzip').send(body)
}

/** `gzip` or `*` is there and not refused by `q=0`. */
function acceptsGzip (header: string | undefined): boolean {
  return header !== undefined && /(?:^|,)\s*(?:gzip|x-gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+\s*)?(?:,|$)/i.test(header)
}
