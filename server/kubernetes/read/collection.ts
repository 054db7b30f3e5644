// A collection: listed, or watched.
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import { RegistryError } from '../../errors.ts'
import { streamed } from '../../http/server/streamed.ts'
import type { Entry } from '../shelf/entry.ts'
import { clientKey } from '../../shares.ts'
import type { Selector } from '../../model/instance/selector.ts'
import { serviceLabel } from '../../../client-sdk/src/wire.ts'
import type { Asked, KubernetesContext } from '../context.ts'
import { shelfOf } from '../context.ts'
import { expired, tooLargeResourceVersion } from '../answers/status.ts'
import { type ListOptions, readListOptions } from '../request/list-options.ts'
import { selectsObject } from '../request/selectors.ts'
import { refusedWatch, WatchStream } from '../watch/watch-stream.ts'
import { listText, pageOf } from './list.ts'
import { loadsOf } from './loads.ts'

/** How long a client waits that has seen more than this node; Kubernetes waits as long. */
const catchUpMs = 3_000
/** Watches that name no end get one, as from Kubernetes: clients come back by themselves, to whichever node. */
const watchSeconds = { least: 1_800, spread: 1_800 }
/** Kubernetes takes any number; a day is for ever to a connection. */
const maxWatchSeconds = 86_400
/** After so long without a word the system asks whether the client is still there. */
const keepAliveMs = 30_000

/** Matches no instance: what is told of a watch of it is only that what may be seen has changed. */
const nothing: Selector = { text: '', requirements: [{ key: serviceLabel, operator: 'in', values: new Set() }] }

export async function collection (context: KubernetesContext, asked: Asked, reply: FastifyReply): Promise<FastifyReply> {
  const { access, kind, query, path: { namespace } } = asked
  const options = readListOptions(kind, query)
  if (kind.kind === 'Policy') access.permit('admin')
  else access.permitWatch(namespace === undefined ? {} : { namespace })
  if (kind.group === 'metrics.k8s.io') return loads(context, asked, options, reply)
  await reach(context, asked, options)
  return options.watch ? watch(context, asked, options, reply) : list(context, asked, options, reply)
}

/** A client that comes from another node may have seen more than this one has: that is worth a moment. */
async function reach ({ core }: KubernetesContext, { access }: Asked, { resourceVersion = 0, watch: isWatch }: ListOptions): Promise<void> {
  core.position.requireLoaded()
  if (resourceVersion <= core.position.revision) return
  await access.waitFor({ epoch: undefined, revision: resourceVersion }, catchUpMs).catch((error: unknown) => {
    if (!(error instanceof RegistryError)) throw error
    if (!isWatch) throw tooLargeResourceVersion(resourceVersion, core.position.revision)
    // A watch learns it by an event: it lists anew.
  })
}

async function list (context: KubernetesContext, asked: Asked, options: ListOptions, reply: FastifyReply): Promise<FastifyReply> {
  const { access, kind, wanted, path: { namespace } } = asked
  const shelf = await shelfOf(context, kind)
  const page = pageOf(shelf, { namespace, options, sight: access.sight })
  const text = streamed(listText({ kind, options, wanted }, page, context.parts.clock.now()))
  context.metrics.answered('list', kind.resource, 200)
  return reply.type('application/json').send(text)
}

async function loads (context: KubernetesContext, asked: Asked, options: ListOptions, reply: FastifyReply): Promise<FastifyReply> {
  const { access, kind, wanted, path: { namespace } } = asked
  const objects = (await loadsOf(context, access, kind, namespace)).filter((object) => selectsObject(options.selector, object))
  const entries = objects.map((object): Entry => ({
    namespace: '', name: object.metadata.name, uid: '', revision: 0, isOwn: true, mark: object, isSeen: () => true, object: () => object
  }))
  context.metrics.answered('list', kind.resource, 200)
  const page = { revision: context.core.position.revision, entries, next: undefined, remaining: undefined }
  return reply.type('application/json').send([...listText({ kind, options, wanted }, page, context.parts.clock.now())].join(''))
}

async function watch (context: KubernetesContext, asked: Asked, options: ListOptions, reply: FastifyReply): Promise<FastifyReply> {
  const { parts, texts, streams, core } = context
  const { access, kind, request, wanted, path: { namespace } } = asked
  if (parts.closing.begun) throw parts.closing.refuse()
  const shelf = await shelfOf(context, kind)
  const { resourceVersion = 0, sendInitialEvents } = options
  const begins = sendInitialEvents ?? resourceVersion === 0
  if (!begins) await shelf.reach(resourceVersion, context.resume)
  const from = begins || resourceVersion === 0 ? shelf.revision : resourceVersion
  const place = from > shelf.revision ? undefined : from === shelf.revision && begins ? shelf.ring.end : shelf.ring.after(from)
  const client = clientKey(parts.peerOf(request).address)
  const opened: { stream?: WatchStream } = {}
  const share = parts.commons.subscriptions.take(client, 1, () => opened.stream?.end())
  if (share === undefined) throw new RegistryError('REG_NODE_FULL', 'this node serves as many watches as it can: ask another one', undefined, { retryAfterSeconds: 1 })
  const wake = (): void => { if (opened.stream !== undefined) streams.wake(opened.stream) }
  let permission: ReturnType<typeof access.watch>
  try {
    const since = { epoch: undefined, revision: place === undefined ? core.position.revision : from }
    permission = access.watch({ ...(namespace === undefined ? {} : { namespace }), selector: nothing }, since, wake)
  } catch (error) {
    share.release()
    throw error
  }
  const { sight } = access
  request.waited = true
  void reply.hijack()
  parts.count(request, reply)
  context.metrics.answered('watch', kind.resource, 200)
  liveLong(request.raw.socket)
  reply.raw.writeHead(200, { ...reply.getHeaders() as Record<string, string>, 'content-type': 'application/json', 'cache-control': 'no-store' })
  reply.raw.flushHeaders()
  if (place === undefined) {
    permission.close()
    share.release()
    reply.raw.end(refusedWatch(expired(`too old resource version: ${resourceVersion} (${shelf.ring.oldest})`)))
    return reply
  }
  opened.stream = new WatchStream(reply.raw, {
    kind, shelf, namespace, selector: options.selector, form: { ...wanted, includeObject: options.includeObject }, sight, permission,
    initial: begins ? pageOf(shelf, { namespace, options: { ...options, limit: 0, continue: '', match: undefined, resourceVersion: undefined }, sight }).entries : undefined,
    place, revision: from, bookmarks: options.allowBookmarks,
    tellsInitialEnd: sendInitialEvents === true && options.allowBookmarks,
    endsAtMs: parts.clock.now() + secondsOf(options) * 1_000, now: () => parts.clock.now(), guard: parts.guard, texts, streams,
    ended: () => share.release()
  })
  return reply
}

/** A watch may be silent for long, and one whose client is dead ends by TCP. */
function liveLong (socket: Socket): void {
  const limit = socket.setTimeout.bind(socket)
  limit(0)
  socket.setKeepAlive(true, keepAliveMs)
}

function secondsOf ({ timeoutSeconds = 0 }: ListOptions): number {
  return timeoutSeconds > 0 ? Math.min(timeoutSeconds, maxWatchSeconds) : watchSeconds.least + Math.random() * watchSeconds.spread
}
