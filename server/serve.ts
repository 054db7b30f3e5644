// The wiring: config -> store -> registry -> adapters -> listening. The only file that knows them all.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import type { HorizontalPodAutoscaler } from '../client-sdk/src/autoscaling-manifests.ts'
import { AccessControl } from './access/access-control.ts'
import { AccessMetrics } from './access/metrics.ts'
import { Autoscaling } from './autoscaling/controller.ts'
import { observeAutoscaling } from './autoscaling/metrics.ts'
import type { Notice } from './autoscaling/reconcile.ts'
import { openWebhooks, type WebhookOutlet } from './autoscaling/webhook/outlet.ts'
import { guardedClock, systemClock } from './clock.ts'
import type { NodeValues } from './config/config.ts'
import { isReachable } from './config/kinds.ts'
import { consulDialect } from './consul/dialect.ts'
import { batchingText } from './dns/listen/batching.ts'
import { observeDns } from './dns/metrics.ts'
import { CookieSecret } from './dns/protect/cookie-secret.ts'
import { beginDnsWorkers, type DnsWorkers } from './dns/workers.ts'
import { eurekaDialect } from './eureka/dialect.ts'
import { loggingGuard } from './guard.ts'
import { nativeDialect } from './http/api/native.ts'
import { clientCertificateOf } from './http/server/client-certificate.ts'
import { HttpMetrics } from './http/server/metrics.ts'
import { buildHttp } from './http/server/server.ts'
import { kubernetesDialect } from './kubernetes/dialect.ts'
import { OwnService, removeLeft } from './kubernetes/own-service.ts'
import { lameDuck } from './lame-duck.ts'
import { delaySlots, loop } from './loop.ts'
import { heldText, watchLoop } from './loop-watch.ts'
import { hostPort, reachableAddress } from './listen-addresses.ts'
import { ChangeLines } from './log/change-lines.ts'
import { type NodeLog, openNodeLog } from './log/node-log.ts'
import { ThinnedLog } from './log/thinned-log.ts'
import { Metrics } from './metrics/metrics.ts'
import { nthAddress } from './model/address/ranges.ts'
import { refusesConnections } from './probe.ts'
import { agentArgs, AgentProcess } from './proxy/agent-process.ts'
import { dialectPlaces, dnsPlaces, httpPlaces } from './ready-places.ts'
import { registryActor } from './registry/core.ts'
import { RegistryMetrics } from './registry/metrics.ts'
import { Registry } from './registry/registry.ts'
import { giveBackSpareMemory } from './spare-memory.ts'
import { startStep } from './start-step.ts'
import { storeMetrics } from './store/metrics.ts'
import { createStore, reachStep, storeWarnings } from './store/open-store.ts'
import { isOverWithin } from './time-limit.ts'
import type { CertificateFiles } from './tls/certificate.ts'
import { KeptCertificate } from './tls/kept-certificate.ts'
import { observeCertificates } from './tls/metrics.ts'

/** A registry node that listens. */
export interface Running extends AsyncDisposable {
  /** `http://host:port` as it really is, also when port 0 was asked for; of `https` if there is only that. */
  readonly http: string
  /** `host:port` of DNS, UDP and TCP; undefined = this node answers none. */
  readonly dns: string | undefined
  /** `https://host:port` or `http://host:port` of the API of Kubernetes; undefined = it is not open. */
  readonly kubernetes: string | undefined
  /** `http://host:port` of Consul's API, or of `https`; undefined = this node does not speak it. */
  readonly consul: string | undefined
  /**
   * Ends in order: says that this node is going, answers those who still ask (`lame-duck.ts`), then closes. Takes
   * `graceMs` and less than a second. Gives the names of what had to be cut.
   */
  leave (graceMs: number): Promise<readonly string[]>
  /**
   * Takes what may change while a node runs: the log level, and the files of certificates, which are read again.
   * @throws RegistryError REG_INVALID naming the file that is no use; nothing has changed then
   */
  reload (values: NodeValues): void
  /** Says goodbye to watchers, ends what runs, closes the store. Closing twice is fine. */
  close (): Promise<void>
}

export interface ServeOptions {
  /** Default: a log on standard output. */
  readonly nodeLog?: NodeLog
  /** Gives the start up when it aborts. */
  readonly signal?: AbortSignal
  /** Gets the function that takes uncaught errors: they are counted and logged like the caught ones. */
  readonly guarded?: (failed: (error: unknown) => void) => void
}

/** How long the listeners may take to close when no request is under way any more. */
const listenersMs = 200
/** So long the agent of `--proxy` may take to end when the grace is over. */
const agentMs = 500
/** So long the store may: what was acknowledged is stored, and nothing else is waited for. */
const storeMs = 400

const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version

/**
 * Starts a node: HTTP and DNS listen first and say "not ready" until the store is loaded. Resolves, and writes the ready line, when
 * it is.
 * @throws RegistryError for what only a person can cure (a locked file, a wrong password), and for a step that takes longer than
 *   `start-timeout`; the system's error if a port is taken; StartGivenUp
 */
export async function serve (values: NodeValues, options: ServeOptions = {}): Promise<Running> {
  const { node, startTimeoutMs: limitMs } = values.process
  const nodeLog = options.nodeLog ?? openNodeLog({ level: values.log.level, node })
  const { log } = nodeLog
  const metrics = new Metrics({ version })
  const counters = new RegistryMetrics(metrics.register)
  const guard = loggingGuard(log, metrics.unexpected)
  options.guarded?.((error) => guard.failed('process', error))
  const clock = guardedClock(systemClock, guard, 'timer')
  const thinned = new ThinnedLog(log, { clock }) // for what a stranger, or each refused write, can cause
  const warn = (message: string): void => thinned.warn({}, message)
  const step = <Result>(what: string, run: () => Promise<Result>, why?: () => string): Promise<Result> => startStep({
    what, limitMs, clock, ...(why === undefined ? {} : { why }), ...(options.signal === undefined ? {} : { signal: options.signal })
  }, run)

  const store = await createStore(values.store, { logger: thinned, guard })
  const changeLines = new ChangeLines({ log, clock })
  metrics.droppedLogLines = () => nodeLog.output.dropped
  const registry = new Registry({
    ...values.registry,
    node,
    store,
    storeTimer: storeMetrics(metrics.register),
    refuses: (address, port) => refusesConnections(address, port, values.registry.sessionBlipMs, guard),
    log: { info: (message) => thinned.info({}, message), warn },
    swept: (sweep) => {
      counters.swept(sweep)
      changeLines.swept(sweep)
    },
    guard
  })
  counters.observe(registry)
  registry.feed.listen({ changed: changeLines.changed })
  const nodeAccess = registry.as(registryActor)
  const tell = ({ metadata: { namespace = '', name, uid } }: HorizontalPodAutoscaler, notice: Notice): void =>
    registry.notices.tell({ kind: 'HorizontalPodAutoscaler', namespace, name, uid }, notice)
  const autoscaling = new Autoscaling({
    core: { position: registry.position, access: nodeAccess }, store: registry.store, loads: registry.loads, clock, guard, warn,
    holder: `${node} ${randomBytes(8).toString('hex')}`, intervalMs: values.autoscaling.intervalMs,
    notice: tell
  })
  observeAutoscaling(metrics.register, nodeAccess, autoscaling)
  const accessMetrics = new AccessMetrics(metrics.register)
  let access: AccessControl
  let webhooks: WebhookOutlet | undefined
  try {
    webhooks = openWebhooks({
      values: values.webhooks, decisions: autoscaling, clock, register: metrics.register, version, warn, event: tell,
      autoscaler: (namespace, name) => nodeAccess.manifests('HorizontalPodAutoscaler', namespace).find(({ metadata }) => metadata.name === name)
    })
    access = new AccessControl({
      values: values.access, core: registry, feed: registry.feed, clock, guard, metrics: accessMetrics,
      certificateOf: clientCertificateOf,
      log: { info: (message) => thinned.info({}, message), warn }
    })
  } catch (error) {
    await webhooks?.close()
    await registry.close() // nothing is open yet but the store's file
    throw error
  }
  accessMetrics.observe(metrics.register, access.book, () => access.audit?.dropped ?? 0)

  const opened: (() => Promise<unknown>)[] = []
  let agent: AgentProcess | undefined
  const delays = new Float64Array(delaySlots)
  metrics.loops.set('main', delays)
  let isReady = false // a start that takes long says so by itself, and nobody else is served yet
  const unwatchLoop = watchLoop({
    counts: delays, guard, held: (held) => { if (isReady) log.info(held, heldText('the main thread', held)) }
  })
  const endSpareMemory = giveBackSpareMemory({ clock })
  const flushLines = (): void => {
    thinned.flush()
    changeLines.flush()
  }
  const closeListeners = async (): Promise<void> => {
    await Promise.allSettled(opened.splice(0).map((closeOne) => closeOne()))
  }
  const close = async (): Promise<void> => {
    await agent?.stop()
    await closeListeners() // first, so that nothing is asked of a store that is closed
    await autoscaling.close()
    await webhooks?.close()
    await registry.close()
    await access.close()
    unwatchLoop()
    endSpareMemory()
    flushLines()
  }
  const certificates: KeptCertificate[] = []
  const keep = (files: CertificateFiles): KeptCertificate => {
    const kept = new KeptCertificate({ files, clock, log: thinned })
    certificates.push(kept)
    opened.push(async () => kept.close())
    return kept
  }
  /** The same in bounded time. Each has a time of its own: listeners that hang don't keep the store open. False = the store hangs. */
  const closeSoon = async (cutRequests?: () => void): Promise<boolean> => {
    await isOverWithin(listenersMs, closeListeners())
    cutRequests?.()
    await isOverWithin(listenersMs, autoscaling.close())
    await isOverWithin(listenersMs, webhooks?.close() ?? Promise.resolve())
    const isClosed = await isOverWithin(storeMs, registry.close())
    await isOverWithin(storeMs, access.close())
    unwatchLoop()
    endSpareMemory()
    flushLines()
    return isClosed
  }
  const listenForDns = async (dnsValues: NonNullable<NodeValues['dns']>): Promise<DnsWorkers> => {
    const { tls, ...others } = dnsValues
    const certificate = tls === undefined ? undefined : keep(tls)
    const dns = await step('listen for DNS', () => beginDnsWorkers({
      ...others,
      tls: tls === undefined || certificate === undefined ? undefined : { host: tls.host, port: tls.port, ...pairOf(certificate.current) },
      feed: registry.feed,
      node,
      version: `rollcall ${version}`,
      guard,
      log: { warn, error: (message) => thinned.error({}, message), info: (facts, message) => log.info(facts, message) }
    }))
    opened.push(() => dns.close())
    await certificate?.watch((renewed) => dns.renew(pairOf(renewed)))
    observeDns(metrics.register, dns)
    log.info(batchingText(dnsValues.batch ?? 'auto'))
    for (const [thread, counts] of dns.delays) metrics.loops.set(thread, counts)
    if (dns.follower !== undefined) registry.followers.add(dns.follower)
    return dns
  }
  const handOver = async (dns: DnsWorkers): Promise<void> => {
    const secret = new CookieSecret({ position: registry.position, core: registry.as(registryActor), clock, random: randomBytes, warn })
    opened.push(async () => secret.close())
    await step('agree on the secret of DNS cookies', () => secret.start())
    await step('start the DNS threads', () => dns.started)
    await step('hand the registry to the DNS threads', () => dns.whenTaken(registry.feed.revision))
  }

  /** The service by which clients of Kubernetes find this node; undefined = it does not answer them. */
  const openOwnService = async (urls: readonly string[] | undefined): Promise<OwnService | undefined> => {
    const core = registry.as(registryActor)
    const [url] = urls ?? []
    if (url === undefined) {
      await removeLeft(core).catch(() => undefined) // another start does it
      return undefined
    }
    const { hostname, port } = new URL(url)
    const [range] = values.registry.allocation.serviceCidrs
    const host = values.kubernetes?.listen.host ?? ''
    const address = reachableAddress(host, hostname.replace(/^\[(.*)\]$/, '$1'))
    // Its certificate may be for a name.
    const named = host !== '0.0.0.0' && host !== '::' ? host : values.process.advertise === undefined ? address : new URL(values.process.advertise).hostname.replace(/^\[(.*)\]$/, '$1')
    const service = new OwnService({
      core, clock, node, warn, port: Number(port), address, url: `${url.slice(0, url.indexOf('://'))}://${hostPort({ address: named, port: Number(port) })}`,
      clusterIp: range === undefined ? undefined : nthAddress(range, 1n)
    })
    opened.push(() => service.close())
    await service.start()
    return service
  }

  try {
    const dns = values.dns === undefined ? undefined : await listenForDns(values.dns)
    const { listen, tls, ...httpValues } = values.http
    const certificate = tls === undefined ? undefined : keep(tls)
    const native = nativeDialect({
      core: access.core, counters, metrics, node, version, sharedStore: store.kind === 'redis', dns: dns?.desk, access: access.desk
    })
    const eurekaCertificate = values.eureka?.tls === undefined ? undefined : keep(values.eureka.tls)
    const eureka = values.eureka === undefined ? [] : [eurekaDialect({
      core: access.core, feed: registry.feed, counters, namespace: values.eureka.namespace, node, version,
      listen: { ...values.eureka.listen, ...(eurekaCertificate === undefined ? {} : { tls: eurekaCertificate.current }) }
    })]
    const kubernetesCertificate = values.kubernetes?.tls === undefined ? undefined : keep(values.kubernetes.tls)
    const kubernetes = values.kubernetes === undefined ? [] : [kubernetesDialect({
      core: access.core, feed: registry.feed, register: metrics.register, version, reviews: access.desk,
      listen: { ...values.kubernetes.listen, ...(kubernetesCertificate === undefined ? {} : { tls: kubernetesCertificate.current }) }
    })]
    const consulCertificate = values.consul?.tls === undefined ? undefined : keep(values.consul.tls)
    const consul = values.consul === undefined ? [] : [consulDialect({
      ...values.consul, core: access.core, counters, node, version,
      listen: { ...values.consul.listen, ...(consulCertificate === undefined ? {} : { tls: consulCertificate.current }) }
    })]
    const http = await buildHttp({
      ...httpValues,
      dialects: [native, ...kubernetes, ...eureka, ...consul],
      identities: access.credentials,
      version,
      metrics: new HttpMetrics(metrics.register),
      guard,
      log: {
        info: (fields, message) => log.info(fields, message), warn: (fields, message) => thinned.warn(fields, message),
        error: (fields, message) => thinned.error(fields, message)
      },
      logRequests: () => log.isLevelEnabled('debug')
    })
    opened.push(() => http.close())
    const secureListener = tls === undefined || certificate === undefined ? [] : [{
      host: tls.host, port: tls.port, tls: { ...certificate.current, clientCert: tls.clientCert }
    }]
    const listeners = [...listen === undefined ? [] : [listen], ...secureListener]
    const urls = (await step('listen for HTTP', () => http.listenAll(listeners))).flat()
    await certificate?.watch((renewed) => http.renew({ ...renewed, clientCert: tls?.clientCert }))
    await eurekaCertificate?.watch((renewed) => http.renew(renewed, 'eureka'))
    await kubernetesCertificate?.watch((renewed) => http.renew(renewed, 'kubernetes'))
    await consulCertificate?.watch((renewed) => http.renew(renewed, 'consul'))
    observeCertificates(metrics.register, certificates, clock)
    const plainUrls = urls.filter((each) => each.startsWith('http:'))
    const secureUrls = urls.filter((each) => each.startsWith('https:'))
    const [url = ''] = urls
    const reachable = [...secureUrls, ...plainUrls].find((each) => isReachable(new URL(each).hostname.replace(/^\[(.*)\]$/, '$1')))
    const advertised = values.process.advertise ?? reachable
    if (advertised !== undefined) registry.services.nodeRanges.advertise(advertised)
    const reach = reachStep(values.store)
    if (reach !== undefined) await step(reach.what, reach.run)
    await step(`load the registry from ${store.location}`, () => registry.open(), () => registry.feed.storeHealth.reason)
    for (const warning of [...storeWarnings(values.store, store), ...access.warnings]) log.warn(warning)
    if (dns !== undefined) await handOver(dns)
    autoscaling.start()
    const ownService = await openOwnService(http.ownUrls.get('kubernetes'))
    isReady = true
    flushCompileCache() // what this start compiled, for the next one, however this process ends; some tenths of a second, once
    log.info({
      ...httpPlaces(plainUrls, secureUrls), ...dnsPlaces(dns), ...dialectPlaces(http.ownUrls), store: store.kind, location: store.location,
      epoch: registry.feed.epoch, revision: registry.feed.revision, instances: registry.catalog.size, version
    }, 'ready')
    loop.watched() // what came before is not held against anybody

    if (values.process.proxy) {
      const token = values.access.mode === 'off' ? undefined : access.book.issue('agent-of-this-node', [{ role: 'proxy', namespaces: ['*'] }])
      agent = new AgentProcess({ args: agentArgs(url, values), token, clock, guard, log: { warn: (fields, message) => thinned.warn(fields, message) } })
    }
    const leave = async (graceMs: number): Promise<readonly string[]> => {
      const cut: string[] = []
      const agentEnded = agent?.stop() // at once, so that it can say goodbye here
      http.leaving.begin()
      void ownService?.close()
      void registry.services.nodeRanges.close() // no other node names this one from here on; never rejects
      const { ranOut } = await lameDuck({
        graceMs, clock,
        work: () => ({ asked: http.leaving.asked + (dns?.counters.asked ?? 0), isBusy: http.leaving.isBusy || (dns?.counters.waiting ?? 0) > 0 })
      })
      if (ranOut) cut.push('requests under way')
      if (agentEnded !== undefined && !await isOverWithin(agentMs, agentEnded)) cut.push('the agent')
      // Nothing is under way in a listener that takes longer.
      if (!await closeSoon(() => http.leaving.cut())) cut.push('the store')
      return cut
    }
    const reload = ({ http: httpValues, dns: dnsValues, kubernetes, eureka, consul, log: { level } }: NodeValues): void => {
      const files = [httpValues.tls, dnsValues?.tls, kubernetes?.tls, eureka?.tls, consul?.tls]
      const takes = certificates.map((kept) => kept.prepare(files.find((each) => each?.name === kept.name)))
      access.reload()
      for (const take of takes) take() // all of them are as they should be
      log.level = level
    }
    return {
      http: url, dns: dns === undefined ? undefined : hostPort(dns), kubernetes: http.ownUrls.get('kubernetes')?.[0], consul: http.ownUrls.get('consul')?.[0],
      leave, reload, close, [Symbol.asyncDispose]: close
    }
  } catch (error) {
    await closeSoon() // what hung at the start may hang again, and a DNS thread ends only when it has started
    throw error
  }
}

function pairOf ({ cert, key }: { readonly cert: string, readonly key: string }): { readonly cert: string, readonly key: string } {
  return { cert, key }
}
