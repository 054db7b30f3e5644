// The wiring: config -> store -> registry -> adapters -> listening. The only file that knows them all.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Logger, pino } from 'pino'
import type { Config } from './config/config.ts'
import { observeDns } from './dns/metrics.ts'
import type { Place } from './dns/server.ts'
import { readDnsSettings } from './dns/settings.ts'
import { startDnsWorkers } from './dns/workers.ts'
import { hostPort } from './listen-addresses.ts'
import { Metrics, buildHttp } from './http/server/app.ts'
import { readPools, readPortRange, readServiceCidrs } from './model/address/ranges.ts'
import { CookieSecret } from './dns/protect/cookie-secret.ts'
import { Registry } from './registry/registry.ts'
import { timedStore } from './registry/timed-store.ts'
import { systemClock } from './registry/timers.ts'
import { createRedisStore } from './store/redis/redis-store.ts'
import { createSqliteStore } from './store/sqlite/sqlite-store.ts'
import type { Store } from './store/store.ts'

/** A registry node that listens. */
export interface Running extends AsyncDisposable {
  /** `http://host:port` as it really is, also when port 0 was asked for. */
  readonly http: string
  /** `host:port` of DNS, UDP and TCP; undefined = this node answers none. */
  readonly dns: string | undefined
  /** Says goodbye to watchers, ends what runs, closes the store. Closing twice is fine. */
  close (): Promise<void>
}

const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version

/**
 * Starts a node: HTTP and DNS listen first and say "not ready" until the store is loaded. Resolves, and writes the ready line, when
 * it is.
 * @throws RegistryError for what only a person can cure (a locked file, a wrong password); the system's error if a port is taken
 */
export async function serve (config: Config): Promise<Running> {
  const log = pino({ level: config.logLevel, base: { pid: process.pid, node: config.node } })
  const store = openStore(config, log)
  const metrics = new Metrics({ version })
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
    ringLimit: config.logLength,
    allocation: {
      serviceCidrs: readServiceCidrs(config.serviceCidrs),
      nodePorts: readPortRange(config.nodePortRange),
      pools: readPools(config.loadBalancerPools)
    },
    log: { info: (message) => log.info(message), warn: (message) => log.warn(message) },
    swept: metrics.swept
  })
  const opened: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    // The doors first, so that nothing is asked of a store that is closed.
    await Promise.allSettled(opened.splice(0).map((closeDoor) => closeDoor()))
    await registry.close()
  }
  try {
    const dnsValues = readDnsSettings(config)
    const dns = dnsValues === undefined ? undefined : await startDnsWorkers({
      ...dnsValues,
      feed: registry.feed,
      node: config.node,
      version: `rollcall ${version}`,
      log: { warn: (message) => log.warn(message), error: (message) => log.error(message), info: (facts, message) => log.info(facts, message) }
    })
    if (dns !== undefined) {
      opened.push(() => dns.close())
      observeDns(metrics.register, dns)
    }
    const app = await buildHttp({
      registry,
      node: config.node,
      version,
      metrics,
      dns: dns?.desk,
      log,
      logRequests: log.isLevelEnabled('debug'),
      trustedHosts: config.trustedHosts,
      maxBodyBytes: config.maxBodyBytes
    })
    opened.push(() => app.close())
    const http = await app.listen({ host: config.http.host, port: config.http.port })
    await registry.open()
    if (dns !== undefined) {
      const { store: timed, feed } = registry
      const secret = new CookieSecret({ store: timed, feed, clock: systemClock, random: randomBytes, warn: (message) => log.warn(message) })
      opened.push(async () => secret.close())
      await secret.start()
    }
    await dns?.whenTaken(registry.feed.revision)
    const dnsAddress = dns === undefined ? undefined : hostPort(dns)
    log.info({
      http, dns: dnsAddress ?? 'off', ...allPlaces('dnsAddresses', dns?.places ?? []),
      ...(dns?.tls === undefined ? {} : { dnsTls: hostPort(dns.tls) }), ...allPlaces('dnsTlsAddresses', dns?.tlsPlaces ?? []), store: store.kind, location: store.location, epoch: registry.feed.epoch,
      revision: registry.feed.revision, instances: registry.catalog.size, version
    }, 'ready')
    return { http, dns: dnsAddress, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Every place that DNS is answered at, where a name stands for several. */
function allPlaces (name: string, places: readonly Place[]): object {
  return places.length > 1 ? { [name]: places.map(hostPort) } : {}
}

function openStore (config: Config, log: Logger): Store {
  const { redis, data: directory, logLength: maxLogLength, holdMaxMs: holdMs } = config
  return redis === undefined
    ? createSqliteStore({ directory, now: () => Date.now(), maxLogLength, holdMs, logger: log })
    : createRedisStore({ url: redis, maxLogLength, holdMs: Math.min(holdMs, 60_000), logger: log })
}
