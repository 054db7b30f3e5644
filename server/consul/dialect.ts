// Consul's HTTP API as a dialect, with a listener of its own: what Consul's clients send and read, over the registry's core. What it has not
// (keys and values, sessions, the mesh, its ACLs) is no path here, as with a Consul in which that is off.
import { isIP } from 'node:net'
import { RegistryError } from '../errors.ts'
import type { Dialect, Listener } from '../http/server/dialect.ts'
import type { CallCounts, Core } from '../registry/core.ts'
import { Agent } from './agent.ts'
import { addAgent } from './agent-routes.ts'
import { ServiceAnswers } from './answers/service-answers.ts'
import { indexOf } from './blocking.ts'
import { addCatalogWrites } from './catalog-writes.ts'
import { ConsulError, refusalOf, unknownPath } from './consul-error.ts'
import type { ConsulContext } from './context.ts'
import { Directory } from './directory.ts'
import { KeptServices } from './kept-services.ts'
import { Outputs } from './outputs.ts'
import { addReads } from './read-routes.ts'
import { Routes, textType } from './routes.ts'
import { takeTokenOutOfUrl } from './url-token.ts'

export interface ConsulOptions {
  readonly core: Core
  /** What the registry counts. */
  readonly counters: CallCounts
  /** The name of this node. */
  readonly node: string
  readonly version: string
  readonly listen: Listener
  /** What a request means that names none. Default `default`. */
  readonly namespace?: string
  /** Default `dc1`. */
  readonly datacenter?: string
  /** Spreads the ends of waits. Default `Math.random`. */
  readonly random?: () => number
}

/** The largest body: a registration of a thousand tags is a tenth of it. */
const maxBodyBytes = 512 * 1024

export function consulDialect ({ core, counters, node, version, listen, namespace = 'default', datacenter = 'dc1', random = Math.random }: ConsulOptions): Dialect {
  return {
    name: 'consul',
    prefix: '',
    isForeign: true,
    inOpenApi: false,
    listen,
    tokenOf: ({ headers: { 'x-consul-token': token } }) => (typeof token === 'string' && token !== '' ? token : undefined),
    cleanUrl: takeTokenOutOfUrl,
    isUrgent: (_method, path) => path.startsWith('/v1/agent/check/'),
    clientError: () => ({ media: textType, body: 'Bad Request' }),
    plugin: (scope, parts) => {
      const { clock, guard, log } = parts
      const outputs = new Outputs()
      const kept = new KeptServices({ core, clock, warn: (message) => log.warn({}, message) })
      const directory = new Directory({ core, clock, guard, changed: kept.changed })
      kept.start(directory)
      scope.addHook('onClose', async () => {
        kept.close()
        directory.close()
      })
      const answers = new ServiceAnswers({ directory, outputs, datacenter, index: (revision) => indexOf(core.position.epoch, revision) })
      const context: ConsulContext = {
        core, parts, clock, counters, directory, answers, agent: new Agent({ directory, outputs, counters, clock }), random,
        defaults: { namespace, datacenter },
        self: { name: node.toLowerCase(), address: ownAddress(listen), port: listen.port, version }
      }
      scope.setErrorHandler((error, request, reply) => {
        if (error instanceof ConsulError) return reply.code(error.status).type(textType).send(error.message)
        const fault = parts.faultOf(error, request)
        const { status, text } = refusalOf(fault)
        if (fault.retryAfterSeconds !== undefined) void reply.header('retry-after', fault.retryAfterSeconds)
        return reply.code(status).type(textType).send(text)
      })
      scope.setNotFoundHandler((_request, reply) => reply.code(404).type(textType).send(unknownPath))
      scope.setValidatorCompiler(() => () => true)
      parts.bodies.parse(scope, '*', (bytes, request) => {
        const encoding = request.headers['content-encoding']
        if (encoding !== undefined && encoding !== 'identity') throw new RegistryError('REG_MEDIA_TYPE', 'the body must not be encoded')
        return bytes
      })
      scope.addHook('onRoute', (route) => { route.bodyLimit = maxBodyBytes })
      const routes = new Routes(scope)
      addAgent(routes, context)
      addReads(routes, context)
      addCatalogWrites(routes, context)
      routes.register()
    }
  }
}

/** The address that stands for this node in answers. */
function ownAddress ({ host }: Listener): string {
  return isIP(host) === 0 || host === '0.0.0.0' || /^[0:]+$/.test(host) ? '127.0.0.1' : host
}
