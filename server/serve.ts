// The wiring: config -> store -> registry -> adapters -> listening. The only file that knows them all.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { type Logger, pino } from 'pino'
import type { Config } from './config/config.ts'
import { observeDns } from './dns/metrics.ts'
import { startDnsWorkers } from './dns/workers.ts'
import { invalid } from './errors.ts'
import { nativeDialect } from './http/api/native.ts'
import { HttpMetrics } from './http/server/metrics.ts'
import { buildHttp } from './http/server/server.ts'
import { Metrics } from './metrics/metrics.ts'
import { readClientZones } from './dns/protect/client-zone-setting.ts'
import { readDnsPeers } from './dns/transfer/peers.ts'
import { readPools, readPortRange, readServiceCidrs } from './model/address/ranges.ts'
import { CookieSecret } from './registry/cookie-secret.ts'
import { RegistryMetrics } from './registry/metrics.ts'
import { Registry } from './registry/registry.ts'
import { timedStore } from './registry/timed-store.ts'
import { systemClock } from './registry/timers.ts'
import { storeMetrics } from './store/metrics.ts'
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
  const counters = new RegistryMetrics(metrics.register)
  const registry = new Registry({
    store: timedStore(store, storeMetrics(metrics.register)),
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
    swept: counters.swept
  })
  counters.observe(registry)
  const opened: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    // The doors first, so that nothing is asked of a store that is closed.
    await Promise.allSettled(opened.splice(0).map((closeDoor) => closeDoor()))
    await registry.close()
  }
  try {
    const { notify, ...transfer } = readDnsPeers({ keys: config.dnsTsigKeys, transferTo: config.dnsTransferTo, notify: config.dnsNotify })
    const dns = config.dns === undefined ? undefined : await startDnsWorkers({
      workers: config.dnsWorkers,
      feed: registry.feed,
      host: config.dns.host,
      port: config.dns.port,
      zones: config.zones,
      reverse: [...config.serviceCidrs, ...config.instanceCidrs],
      node: config.node,
      version: `rollcall ${version}`,
      ttlSeconds: config.dnsTtlSeconds,
      clientZones: readClientZones(config.clientZones),
      transfer,
      notify,
      forward: { upstreams: config.dnsForward, clients: config.dnsForwardFrom },
      tls: readTls(config),
      rateLimit: config.dnsRateLimit === 0 ? undefined : config.dnsRateLimit,
      queryLogRatio: config.dnsQueryLog,
      log: { warn: (message) => log.warn(message), error: (message) => log.error(message), info: (facts, message) => log.info(facts, message) }
    })
    if (dns !== undefined) {
      opened.push(() => dns.close())
      observeDns(metrics.register, dns)
    }
    const native = nativeDialect({
      registry, counters, metrics, node: config.node, version, sharedStore: store.kind === 'redis', dns: dns?.desk
    })
    const http = await buildHttp({
      dialects: [native],
      version,
      metrics: new HttpMetrics(metrics.register),
      log,
      logRequests: log.isLevelEnabled('debug'),
      trustedHosts: config.trustedHosts,
      trustedProxies: config.trustedProxies,
      maxBodyBytes: config.maxBodyBytes
    })
    opened.push(() => http.close())
    const [url = '', ...otherUrls] = await http.listen(config.http)
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
      http: url, ...(otherUrls.length === 0 ? {} : { httpAlso: otherUrls }), dns: dnsAddress ?? 'off', ...(dns?.tls === undefined ? {} : { dnsTls: hostPort(dns.tls) }), store: store.kind, location: store.location, epoch: registry.feed.epoch,
      revision: registry.feed.revision, instances: registry.catalog.size, version
    }, 'ready')
    return { http: url, dns: dnsAddress, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

function hostPort ({ address, port }: { readonly address: string, readonly port: number }): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** @throws RegistryError REG_INVALID naming the setting whose file is no use */
function readTls ({ dnsTls, dnsTlsCert, dnsTlsKey }: Config): Parameters<typeof startDnsWorkers>[0]['tls'] {
  if (dnsTls === undefined || dnsTlsCert === undefined || dnsTlsKey === undefined) return undefined
  const read = (field: string, path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw invalid([{ field, value: path, rule: `must name a file that can be read (${error instanceof Error ? error.message : String(error)})` }])
    }
  }
  const tls = { ...dnsTls, cert: read('dns-tls-cert', dnsTlsCert), key: read('dns-tls-key', dnsTlsKey) }
  try {
    createSecureContext(tls)
  } catch (error) {
    throw invalid([{ field: 'dns-tls-cert, dns-tls-key', value: [dnsTlsCert, dnsTlsKey], rule: `must be a certificate and its key in PEM form (${error instanceof Error ? error.message : String(error)})` }])
  }
  return tls
}

function openStore (config: Config, log: Logger): Store {
  const { redis, data: directory, logLength: maxLogLength, holdMaxMs: holdMs } = config
  return redis === undefined
    ? createSqliteStore({ directory, now: () => Date.now(), maxLogLength, holdMs, logger: log })
    : createRedisStore({ url: redis, prefix: config.redisPrefix, maxLogLength, holdMs: Math.min(holdMs, 60_000), logger: log })
}
