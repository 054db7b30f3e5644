// The wiring: config -> store -> registry -> adapters -> listening. The only file that knows them all.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Config } from './config/config.ts'
import { observeDns } from './dns/metrics.ts'
import type { Place } from './dns/server.ts'
import { readDnsSettings, readDnsTls } from './dns/settings.ts'
import { startDnsWorkers } from './dns/workers.ts'
import { type Guard, loggingGuard } from './guard.ts'
import { Metrics, buildHttp } from './http/server/app.ts'
import { lameDuck } from './lame-duck.ts'
import { hostPort } from './listen-addresses.ts'
import { ChangeLines } from './log/change-lines.ts'
import { type NodeLog, openNodeLog } from './log/node-log.ts'
import { type LineLog, ThinnedLog } from './log/thinned-log.ts'
import { readPools, readPortRange, readServiceCidrs } from './model/address/ranges.ts'
import { CookieSecret } from './dns/protect/cookie-secret.ts'
import { refusesConnections } from './probe.ts'
import { registryActor } from './registry/core.ts'
import { Registry } from './registry/registry.ts'
import { timedStore } from './registry/timed-store.ts'
import { guardedClock, systemClock } from './clock.ts'
import { startStep } from './start-step.ts'
import { createRedisStore } from './store/redis/redis-store.ts'
import { openToOthers } from './store/sqlite/directory.ts'
import { createSqliteStore } from './store/sqlite/sqlite-store.ts'
import type { Store } from './store/store.ts'

/** A registry node that listens. */
export interface Running extends AsyncDisposable {
  /** `http://host:port` as it really is, also when port 0 was asked for. */
  readonly http: string
  /** `host:port` of DNS, UDP and TCP; undefined = this node answers none. */
  readonly dns: string | undefined
  /**
   * Ends in order: tells that this node is going, answers whoever still asks (`lame-duck.ts`), then closes. Takes `graceMs`
   * and less than a second. Gives the names of what had to be cut.
   */
  leave (graceMs: number): Promise<readonly string[]>
  /**
   * Takes what may change while a node runs: the log level, and the files of certificates, which are read again.
   * @throws RegistryError REG_INVALID naming the file that is no use; nothing has changed then
   */
  reload (config: Config): void
  /** Says goodbye to watchers, ends what runs, closes the store. Closing twice is fine. */
  close (): Promise<void>
}

export interface ServeOptions {
  /** Default: a log on standard output. */
  readonly nodeLog?: NodeLog
  /** Gives the start up when it aborts. */
  readonly signal?: AbortSignal
  /** Given what takes an error that nobody caught: it is counted and logged like those that somebody did. */
  readonly guarded?: (failed: (error: unknown) => void) => void
}

/** So long the doors may take to close when nobody is being answered any more. */
const doorsMs = 200
/** So long the store may: what was acknowledged is stored, and nothing else is waited for. */
const storeMs = 400

const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version

/**
 * Starts a node: HTTP and DNS listen first and say "not ready" until the store is loaded. Resolves, and writes the ready line, when
 * it is.
 * @throws RegistryError for what only a person can cure (a locked file, a wrong password), and for a step that takes longer than
 *   `start-timeout`; the system's error if a port is taken; StartGivenUp
 */
export async function serve (config: Config, options: ServeOptions = {}): Promise<Running> {
  const nodeLog = options.nodeLog ?? openNodeLog({ level: config.logLevel, node: config.node })
  const { log } = nodeLog
  const metrics = new Metrics({ version })
  const guard = loggingGuard(log, metrics.unexpected)
  options.guarded?.((error) => guard.failed('process', error))
  const clock = guardedClock(systemClock, guard, 'timer')
  const thinned = new ThinnedLog(log, { clock }) // for what a stranger, or each refused write, can cause
  const step = <Result>(what: string, run: () => Promise<Result>, why?: () => string): Promise<Result> => startStep({
    what, limitMs: config.startTimeoutMs, clock, ...(why === undefined ? {} : { why }), ...(options.signal === undefined ? {} : { signal: options.signal })
  }, run)
  const store = openStore(config, thinned, guard)
  const changeLines = new ChangeLines({ log, clock })
  metrics.droppedLogLines = () => nodeLog.output.dropped
  const registry = new Registry({
    store: timedStore(store, metrics.storeOperation),
    protection: {
      graceMs: config.graceMs,
      holdMs: config.holdMaxMs,
      registryBrakeRatio: config.brakeRegistryRatio,
      registryBrakeMaxMs: config.brakeRegistryMaxMs,
      serviceBrakeRatio: config.brakeServiceRatio,
      serviceBrakeMaxMs: config.brakeServiceMaxMs
    },
    sessionGraceMs: config.sessionGraceMs,
    overrideKeepMs: config.overrideKeepMs,
    sessionBlipMs: config.sessionBlipMs,
    refuses: (address, port) => refusesConnections(address, port, config.sessionBlipMs, guard),
    ringLimit: config.logLength,
    ringBytes: config.historyBytes,
    allocation: {
      serviceCidrs: readServiceCidrs(config.serviceCidrs),
      nodePorts: readPortRange(config.nodePortRange),
      pools: readPools(config.loadBalancerPools)
    },
    log: { info: (message) => thinned.info({}, message), warn: (message) => thinned.warn({}, message) },
    swept: (sweep) => {
      metrics.swept(sweep)
      changeLines.swept(sweep)
    },
    guard
  })
  metrics.observe(registry)
  registry.feed.listen({ changed: changeLines.changed })
  const opened: (() => Promise<unknown>)[] = []
  const flushLines = (): void => {
    thinned.flush()
    changeLines.flush()
  }
  const closeDoors = async (): Promise<void> => {
    await Promise.allSettled(opened.splice(0).map((closeDoor) => closeDoor()))
  }
  const close = async (): Promise<void> => {
    await closeDoors() // first, so that nothing is asked of a store that is closed
    await registry.close()
    flushLines()
  }
  try {
    const dnsValues = readDnsSettings(config)
    const dnsOptions = dnsValues === undefined ? undefined : {
      ...dnsValues,
      feed: registry.feed,
      node: config.node,
      version: `rollcall ${version}`,
      guard,
      log: {
        warn: (message: string) => thinned.warn({}, message), error: (message: string) => thinned.error({}, message),
        info: (facts: object, message: string) => log.info(facts, message)
      }
    }
    const dns = dnsOptions === undefined ? undefined : await step('listen for DNS', () => startDnsWorkers(dnsOptions))
    if (dns !== undefined) {
      opened.push(() => dns.close())
      observeDns(metrics.register, dns)
    }
    const app = await buildHttp({
      core: registry,
      node: config.node,
      version,
      metrics,
      guard,
      dns: dns?.desk,
      log: {
        info: (fields, message) => log.info(fields, message), warn: (fields, message) => thinned.warn(fields, message),
        error: (fields, message) => thinned.error(fields, message)
      },
      logRequests: () => log.isLevelEnabled('debug'),
      trustedHosts: config.trustedHosts,
      maxBodyBytes: config.maxBodyBytes
    })
    opened.push(() => app.close())
    const http = await step('listen for HTTP', () => app.listen({ host: config.http.host, port: config.http.port }))
    if (store.kind === 'sqlite') await step(`reach the data directory ${config.data}`, () => reach(config.data))
    await step(`load the registry from ${store.location}`, () => registry.open(), () => registry.feed.storeHealth.reason)
    if (store.kind === 'sqlite') for (const warning of openToOthers(config.data, store.location)) log.warn(warning)
    if (dns !== undefined) {
      const secret = new CookieSecret({
        position: registry.position, core: registry.as(registryActor), clock, random: randomBytes, warn: (message) => thinned.warn({}, message)
      })
      opened.push(async () => secret.close())
      await step('agree on the secret of DNS cookies', () => secret.start())
    }
    if (dns !== undefined) await step('hand the registry to the DNS threads', () => dns.whenTaken(registry.feed.revision))
    const dnsAddress = dns === undefined ? undefined : hostPort(dns)
    log.info({
      http, dns: dnsAddress ?? 'off', ...allPlaces('dnsAddresses', dns?.places ?? []),
      ...(dns?.tls === undefined ? {} : { dnsTls: hostPort(dns.tls) }), ...allPlaces('dnsTlsAddresses', dns?.tlsPlaces ?? []),
      store: store.kind, location: store.location, epoch: registry.feed.epoch, revision: registry.feed.revision, instances: registry.catalog.size, version
    }, 'ready')
    const leave = async (graceMs: number): Promise<readonly string[]> => {
      const cut: string[] = []
      app.leaving.begin()
      const { ranOut } = await lameDuck({
        graceMs, clock,
        work: () => ({ asked: app.leaving.asked + (dns?.counters.asked ?? 0), isBusy: app.leaving.isBusy || (dns?.counters.waiting ?? 0) > 0 })
      })
      if (ranOut) cut.push('requests under way')
      await isOverWithin(doorsMs, closeDoors()) // nothing is under way in what takes longer
      app.leaving.cut()
      if (!await isOverWithin(storeMs, registry.close())) cut.push('the store')
      flushLines()
      return cut
    }
    const reload = (next: Config): void => {
      const tls = readDnsTls(next)
      if (tls !== undefined) dns?.renew(tls)
      log.level = next.logLevel
    }
    return { http, dns: dnsAddress, leave, reload, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await isOverWithin(storeMs, close()) // what hung at the start may hang again
    throw error
  }
}

/** True if it ended in time. */
async function isOverWithin (ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => { timer = setTimeout(resolve, ms, false) })
  try {
    return await Promise.race([work.then(() => true, () => true), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Looks at a path, or at what is above it, in another thread: a network disk that is gone must not hold this one. */
async function reach (path: string): Promise<void> {
  for (let at = resolve(path); dirname(at) !== at; at = dirname(at)) {
    try {
      await stat(at)
      return
    } catch {
      // it is made, or refused with the reason, when the store is opened
    }
  }
}

/** Every place that DNS is answered at, where a name stands for several. */
function allPlaces (name: string, places: readonly Place[]): object {
  return places.length > 1 ? { [name]: places.map(hostPort) } : {}
}

function openStore (config: Config, log: LineLog, guard: Guard): Store {
  const { redis, data: directory, logLength: maxLogLength, logBytes: maxLogBytes, holdMaxMs: holdMs, acceptMissingLog, redisTimeoutMs } = config
  return redis === undefined
    ? createSqliteStore({ directory, now: () => Date.now(), maxLogLength, maxLogBytes, acceptMissingLog, holdMs, logger: log, guard })
    : createRedisStore({
      url: redis, prefix: config.redisPrefix, maxLogLength, maxLogBytes, holdMs: Math.min(holdMs, 60_000), logger: log, guard,
      timeouts: { connectMs: redisTimeoutMs, commandMs: redisTimeoutMs }
    })
}
