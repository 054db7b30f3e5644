// `/v1/watch`: a WebSocket for programs, an event stream for everybody else, behind the same path.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import { RegistryError, invalid } from '../../errors.ts'
import { LabelName } from '../../model/instance/instance.ts'
import { parseSelector } from '../../model/instance/selector.ts'
import { parseCursor } from '../../registry/core.ts'
import { clientKey } from '../../shares.ts'
import { setRevision } from '../server/conditional.ts'
import { type HttpContext, accessOf, callerOf } from '../server/context.ts'
import { EventStream } from './event-stream.ts'
import { FrameEncoder } from './frames.ts'
import { ClientFrame, ServerFrame, WatchView, errorResponses } from '../api/schemas.ts'
import { UnfinishedFrames } from './unfinished-frames.ts'
import { WatchSocket } from './watch-socket.ts'
import { checkView, PendingWatch, Watchers } from './watchers.ts'

export const watchPath = '/v1/watch'

const Query = Type.Object({
  view: Type.Optional(WatchView),
  namespace: Type.Optional(LabelName),
  service: Type.Optional(LabelName),
  selector: Type.Optional(Type.String({ description: 'A Kubernetes label selector' })),
  ticket: Type.Optional(Type.String({ pattern: '^rt_[A-Za-z0-9_-]{43}$', rule: 'must be a ticket of POST /v1/tickets', description: 'Of a WebSocket: who asks, for a page that cannot send a header (POST /v1/tickets)' })),
  since: Type.Optional(Type.String({ description: 'Resume after this revision; the header Last-Event-ID wins over it' }))
}, { additionalProperties: false })

export async function registerWatch (app: FastifyInstance, context: HttpContext): Promise<void> {
  const { core, http } = context
  const watchers = new Watchers(context.clock, context.guard, () => core.position.otherNodes)
  const encoder = new FrameEncoder(() => core.position.epoch)
  let connections = 0
  http.connections = () => watchers.counts

  // Watchers first, then the requests under way: a watcher looks for another node at once.
  context.closing.onBegin(() => watchers.goodbye())
  let isStale = false
  const stopListening = core.position.onHealth(({ available, reason }) => {
    if (!available && isStale) return // another reason for the same: told once
    isStale = !available
    watchers.health(available ? { type: 'current' } : { type: 'stale', reason })
  })
  app.addHook('preClose', async () => {
    stopListening()
    await watchers.close()
  })

  const route = (scope: FastifyInstance): void => void scope.route<{ Querystring: Static<typeof Query> }>({
    method: 'GET',
    url: watchPath,
    exposeHeadRoute: false,
    schema: {
      tags: ['watch'],
      operationId: 'watch',
      summary: 'Changes as they happen',
      description: 'As a WebSocket: frames ClientFrame and ServerFrame, many subscriptions on one socket. With Accept: text/event-stream: one subscription, ' +
        'chosen by the query, as events snapshot, change, bookmark, reset and goodbye whose data are the frames.',
      querystring: Query,
      response: {
        101: { description: 'A WebSocket: text frames in JSON', content: { 'application/json': { schema: Type.Union([ClientFrame, ServerFrame]), example: { type: 'subscribe', id: 1, namespace: 'shop', service: 'orders' } } } },
        200: { description: 'An event stream', content: { 'text/event-stream': { schema: { type: 'string' }, example: 'id: q7Zk2.17\nevent: bookmark\ndata: {"type":"bookmark","id":1,"revision":"q7Zk2.17"}\n\n' } } },
        ...errorResponses('REG_INVALID', 'REG_SELECTOR_INVALID', 'REG_CURSOR_INVALID', 'REG_UPGRADE_REQUIRED', 'REG_NOT_LOADED', 'REG_NODE_FULL', 'REG_SHUTTING_DOWN')
      }
    },
    preValidation: (request, _reply, done) => {
      if (context.closing.begun) return done(context.closing.refuse())
      core.position.requireLoaded()
      const [parameter] = request.ws ? Object.keys(request.query).filter((name) => name !== 'ticket') : []
      if (parameter !== undefined) return done(invalid([{ field: parameter, rule: 'is for event streams: a WebSocket says what it wants in frames' }]))
      done()
    },
    wsHandler: (socket, request) => {
      request.waited = true
      const address = callerOf(request)
      const unfinished = new UnfinishedFrames(context.commons.bodies, address, context.guard, () => socket.terminate())
      unfinished.follow(request.raw.socket) // an injected upgrade has none
      socket.on('message', context.guard.around('watch', () => unfinished.finished()))
      new WatchSocket(socket, context, watchers, encoder, accessOf(context, request), { address, name: `${address}#${++connections}` })
    },
    handler: async (request, reply) => {
      if (!acceptsEvents(request.headers.accept)) {
        throw new RegistryError('REG_UPGRADE_REQUIRED', 'open this path as a WebSocket, or ask for an event stream with accept: text/event-stream')
      }
      return answerEvents(request, reply)
    }
  })
  await app.register(async (scope) => {
    await context.webSockets(scope)
    route(scope)
  })

  async function answerEvents (request: FastifyRequest<{ Querystring: Static<typeof Query> }>, reply: FastifyReply): Promise<FastifyReply> {
    const { view = 'instances', namespace, service, selector, since } = request.query
    checkView(view, { service, selector })
    const filter = { namespace, service, ...(selector === undefined ? {} : { selector: parseSelector(selector) }) }
    const last = request.headers['last-event-id']
    const cursor = typeof last === 'string' && last !== '' ? parseCursor(last, 'Last-Event-ID') : since === undefined ? undefined : parseCursor(since, 'since')
    accessOf(context, request).permitWatch(filter) // before the answer begins: a browser comes back after a goodbye, and not after a refusal
    const opened: { stream?: EventStream } = {} // no share is given up before there is one
    const watch = new PendingWatch(core.position, accessOf(context, request), 1, encoder, watchers)
    watch.join(context.commons.subscriptions, clientKey(callerOf(request)), (error) => opened.stream?.goodbye(error.message))
    request.waited = true
    setRevision(reply, core)
    void reply.hijack()
    context.count(request, reply)
    reply.raw.writeHead(200, {
      ...reply.getHeaders() as Record<string, string>, // ours, all of them texts
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no' // nginx would hold the events back
    })
    const stream = new EventStream(reply.raw, watch, watchers, encoder, {
      guard: context.guard, stale: !core.position.storeHealth.available,
      hold: (bytes, cut) => context.commons.sharedBytes.hold(bytes, callerOf(request), cut)
    })
    opened.stream = stream
    try {
      await watch.open(view, filter, cursor, () => watchers.wake(stream))
    } catch (error) {
      stream.goodbye(error instanceof RegistryError ? error.message : 'the registry failed')
      if (!(error instanceof RegistryError)) context.guard.failed('watch', error)
    }
    return reply
  }
}

function acceptsEvents (accept: string | undefined): boolean {
  return accept !== undefined && /(?:^|,)\s*text\/event-stream\s*(?:;|,|$)/i.test(accept)
}
