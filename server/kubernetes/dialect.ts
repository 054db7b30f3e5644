// The API of Kubernetes as a dialect of HTTP, at a listener of its own: kubectl, client-go and @kubernetes/client-node
// as they are.
import type { Registry } from 'prom-client'
import type { Dialect, Listener } from '../http/server/dialect.ts'
import { RegistryError } from '../errors.ts'
import { speaking } from '../http/server/identities.ts'
import { type Core, type Feed, registryActor } from '../registry/core.ts'
import { statusOf } from './answers/faults.ts'
import { StatusError, noSuchPath } from './answers/status.ts'
import type { KubernetesContext, ReviewQuestions } from './context.ts'
import { registerOpenapi } from './discovery/openapi.ts'
import { versionOf } from './discovery/version.ts'
import { KubernetesMetrics } from './metrics.ts'
import { route } from './routes.ts'
import { Shelves } from './shelf/shelves.ts'
import { NodeSource } from './sources/instances.ts'
import { PodIndex } from './sources/pod-index.ts'
import { sourcesOf } from './sources/sources.ts'
import { EventTexts } from './watch/event-text.ts'
import { WatchStreams } from './watch/watch-streams.ts'

/** What the API server takes of an object in JSON. */
export const maxBodyBytes = 3 * 1024 * 1024

/** So long a request waits for a node that has just started: an informer that is refused lists everything anew. */
const loadMs = 5_000

export interface KubernetesOptions {
  /** Behind access control. */
  readonly core: Core
  readonly feed: Feed
  readonly listen: Listener
  readonly register: Registry
  /** Default: there is no access control. */
  readonly reviews?: ReviewQuestions | undefined
  readonly version: string
}

export function kubernetesDialect ({ core, feed, listen, register, reviews, version }: KubernetesOptions): Dialect {
  const metrics = new KubernetesMetrics(register)
  return {
    name: 'kubernetes',
    prefix: '',
    inOpenApi: false,
    listen,
    isUrgent: (_method, path) => path === '/livez' || path === '/healthz',
    clientError: (code) => ({ media: 'application/json', body: JSON.stringify(statusOf(new RegistryError(code, code)).status) }),
    plugin: (scope, given) => {
      const parts = { ...given, identities: speaking(given.identities, 'kubernetes') }
      const everything = core.as(registryActor)
      const pods = new PodIndex(everything)
      const nodes = new NodeSource(everything)
      const streams = new WatchStreams(parts.clock, parts.guard)
      const stopPods = feed.listen({ name: 'kubernetes', changed: (change) => pods.changed(change), reset: () => pods.reset() })
      const { clock, guard } = parts
      const shelves = new Shelves({ feed, clock, guard, sources: sourcesOf(everything, pods, nodes), told: (shelf) => streams.told(shelf) })
      metrics.observe(shelves, streams)
      const resume: Feed['resume'] = (cursor) => feed.resume(cursor)
      const whenLoaded = (): Promise<void> => new Promise((resolve) => {
        if (feed.loaded) return resolve()
        const cancel = clock.after(loadMs, () => {
          giveUp()
          resolve()
        })
        const giveUp = feed.whenApplied(0, () => {
          cancel()
          resolve()
        })
      })
      const context: KubernetesContext = {
        parts, core, shelves, whenLoaded, resume, streams, texts: new EventTexts(() => parts.clock.now()), metrics, nodes, reviews, version
      }
      parts.closing.onBegin(() => streams.close())
      scope.addHook('onClose', async () => {
        streams.close()
        shelves.close()
        stopPods()
      })

      scope.setValidatorCompiler(() => () => true)
      scope.setErrorHandler((error, request, reply) => {
        const { status } = error instanceof StatusError ? error : statusOf(parts.faultOf(error, request))
        if (status.details?.retryAfterSeconds !== undefined) void reply.header('retry-after', status.details.retryAfterSeconds)
        return reply.code(status.code).type('application/json').send(`${JSON.stringify(status)}\n`)
      })
      scope.setNotFoundHandler((_request, reply) => reply.code(404).type('application/json').send(`${JSON.stringify(noSuchPath().status)}\n`))
      parts.bodies.parse(scope, '*', (bytes) => bytes)

      for (const path of ['/livez', '/healthz', '/readyz']) {
        scope.get(path, (_request, reply) => {
          if (path === '/readyz') core.position.requireLoaded()
          return reply.type('text/plain').send('ok')
        })
      }
      scope.get('/version', (_request, reply) => reply.type('application/json').send(JSON.stringify(versionOf(version))))
      registerOpenapi(scope)
      for (const url of ['/api', '/api/*', '/apis', '/apis/*']) {
        scope.route({
          method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], url, exposeHeadRoute: false, bodyLimit: maxBodyBytes, handler: (request, reply) => route(context, request, reply)
        })
      }
    }
  }
}
