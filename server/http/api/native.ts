// The native API: the first dialect. The order of the calls is the map of the service.
import compress from '@fastify/compress'
import type { CallCounts, Core } from '../../registry/core.ts'
import type { Metrics } from '../../metrics/metrics.ts'
import type { DnsQueries, HttpContext } from '../server/context.ts'
import type { Dialect } from '../server/dialect.ts'
import { registerBodies } from '../server/json-body.ts'
import { gzipThreshold } from '../server/limits.ts'
import { clientProblem, registerProblems } from '../server/problem.ts'
import { closeInputs } from '../server/validation.ts'
import { registerWatch, watchPath } from '../watch/watch.ts'
import { type AccessQuestions, registerAccess } from './access.ts'
import { registerApply } from './apply.ts'
import { registerAutoscaling } from './autoscaling.ts'
import { registerBackup } from './backup.ts'
import { registerCertificates } from './certificates.ts'
import { registerConditions } from './conditions.ts'
import { registerDns } from './dns.ts'
import { registerDocs } from './docs.ts'
import { registerEndpoints } from './endpoints.ts'
import { registerEvents } from './events.ts'
import { registerExplain } from './explain.ts'
import { registerHealth } from './health.ts'
import { heartbeatPath, heartbeatsPath, registerHeartbeats } from './heartbeats.ts'
import { instancePath, registerInstances } from './instances.ts'
import { writeHeartbeat, writeHeartbeats, writeRegistration } from './lease-writes.ts'
import { registerLists } from './lists.ts'
import { manifestScope } from './manifest-media.ts'
import { registerLoads } from './loads.ts'
import { registerMetrics } from './metrics.ts'
import { registerNamespaces } from './namespaces.ts'
import { registerHandMade } from './hand-made.ts'
import { registerIngressObjects } from './ingress-objects.ts'
import { registerObjects } from './objects.ts'
import { registerOverrides } from './overrides.ts'
import { registerOverview } from './overview.ts'
import { registerPolicies } from './policies.ts'
import { registerPools } from './pools.ts'
import { registerPrometheusTargets } from './prometheus-targets.ts'
import { QuickWrites } from './quick-writes.ts'
import { registerRevisions } from './revisions.ts'
import { HeartbeatBatch, HeartbeatBody, Registration, components, tags } from './schemas.ts'
import { registerServices } from './services.ts'
import { registerUnreadable } from './unreadable.ts'
import { compileValidator } from './validator.ts'

export interface NativeOptions {
  readonly core: Core
  /** What the registry counts; writes through HTTP are counted there. */
  readonly counters: CallCounts
  /** Shown at `/metrics`. */
  readonly metrics: Metrics
  /** The name of this node, shown in the overview. */
  readonly node: string
  readonly version: string
  /** Whether several nodes share the store, default false: then loopback is another machine for each. */
  readonly sharedStore?: boolean
  /** What is asked of access control itself. Default: nothing, and its paths are not there. */
  readonly access?: AccessQuestions | undefined
  /** Default: DNS over HTTP is not offered. */
  readonly dns?: DnsQueries | undefined
}

export function nativeDialect ({ core, counters, metrics, node, version, sharedStore = false, dns, access }: NativeOptions): Dialect {
  return {
    name: 'native',
    prefix: '',
    upgrades: [watchPath],
    inOpenApi: { tags, components },
    isUrgent,
    clientError: clientProblem,
    plugin: async (app, parts) => {
      const context: HttpContext = {
        ...parts, http: parts.metrics, core, node, version, metrics: counters, sharedStore, isGuarded: access?.isGuarding === true, dns,
        startedAtMs: parts.clock.now()
      }
      app.setValidatorCompiler(compileValidator)
      app.setSerializerCompiler(() => (value) => JSON.stringify(value)) // what the core gives has the wire's types; see wire-check.ts
      registerProblems(app, context)
      registerBodies(app, parts, components)
      closeInputs(app)
      registerConditions(app, context)
      await app.register(compress, { encodings: ['gzip'], threshold: gzipThreshold, globalDecompression: false })

      const quick = new QuickWrites(context,
        { method: 'PUT', route: instancePath, isUrgent: false, schema: Registration, act: writeRegistration },
        { method: 'PUT', route: heartbeatPath, isUrgent: true, schema: HeartbeatBody, act: writeHeartbeat },
        { method: 'POST', route: heartbeatsPath, isUrgent: true, schema: HeartbeatBatch, act: (of, sender, _name, body) => writeHeartbeats(of, sender, body) })
      context.answerAhead(quick)
      registerInstances(app, context, quick)
      registerHeartbeats(app, context, quick)
      registerOverrides(app, context)
      registerHandMade(app, context)
      registerEndpoints(app, context)
      registerLists(app, context)
      await manifestScope(app, parts, (scope) => {
        registerServices(scope, context)
        registerNamespaces(scope, context)
        registerApply(scope, context)
        registerObjects(scope, context)
        registerPolicies(scope, context)
      })
      registerCertificates(app, context)
      registerIngressObjects(app, context)
      registerAutoscaling(app, context)
      registerLoads(app, context)
      registerExplain(app, context)
      registerPools(app, context)
      await registerDns(app, context)
      await registerWatch(app, context)
      registerRevisions(app, context)
      registerEvents(app, context)
      registerOverview(app, context)
      registerBackup(app, context)
      registerUnreadable(app, context)
      if (access !== undefined) registerAccess(app, context, access)
      registerPrometheusTargets(app, context)
      registerHealth(app, context)
      registerMetrics(app, context, metrics)
      await registerDocs(app, context)
    }
  }
}

/** Heartbeats, one or many, and the question whether the process turns. */
function isUrgent (_method: string, path: string): boolean {
  return path === '/livez' || path === '/v1/heartbeats' || path.endsWith('/heartbeat')
}
