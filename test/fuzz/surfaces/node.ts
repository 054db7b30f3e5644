// One registry node: HTTP and DNS on real sockets, on a store and a clock that the world gives it.
import { loggingGuard } from '../../../server/guard.ts'
import { nativeDialect } from '../../../server/http/api/native.ts'
import { HttpMetrics } from '../../../server/http/server/metrics.ts'
import { buildHttp } from '../../../server/http/server/server.ts'
import { Metrics } from '../../../server/metrics/metrics.ts'
import { RegistryMetrics } from '../../../server/registry/metrics.ts'
import { type DnsServer, startDns } from '../../../server/dns/server.ts'
import { Registry } from '../../../server/registry/registry.ts'
import type { Store } from '../../../server/store/store.ts'
import { parseTransferRule } from '../../../server/dns/transfer/peers.ts'
import type { HandClock } from '../../support/hand-clock.ts'
import { allocation } from '../../support/declared.ts'
import { graceMs } from './model.ts'

export const cidrs = { services: ['10.96.0.0/24', 'fd00:96::/112'], instances: ['10.0.0.0/8', 'fd00::/32'] } as const

export interface FuzzNode {
  readonly registry: Registry
  readonly dns: DnsServer
  readonly url: string
  readonly httpPort: number
  close (): Promise<void>
}

export interface NodeOptions {
  readonly store: Store
  readonly clock: HandClock
  readonly httpPort?: number
  /** Of suspects; the world's own. */
  readonly sessionGraceMs?: number
}

const brakesOff = {
  registryBrakeRatio: 1, serviceBrakeRatio: 1, registryBrakeMaxMs: 0, serviceBrakeMaxMs: 0, holdMs: 0, graceMs
}

export async function startNode (
  { store, clock, httpPort = 0, sessionGraceMs = graceMs }: NodeOptions
): Promise<FuzzNode> {
  const registry = new Registry({
    store, clock, random: () => 0.5, protection: brakesOff, sessionGraceMs, sessionBlipMs: 0, ...allocation(
      ['default=192.0.2.0/26'], '30000-30100', [...cidrs.services]
    )
  })
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const metrics = new Metrics({ version: '0.0.0-fuzz', processMetrics: false })
  const counters = new RegistryMetrics(metrics.register)
  const version = '0.0.0-fuzz'
  const http = await buildHttp({
    dialects: [nativeDialect({ core: registry, counters, metrics, node: 'fuzz', version })], version, clock,
    metrics: new HttpMetrics(metrics.register), log: silent, guard: loggingGuard(silent, metrics.unexpected)
  })
  await registry.open()
  const [url = ''] = await http.listen({ host: '127.0.0.1', port: httpPort })
  const rule = parseTransferRule('127.0.0.0/8')
  if ('problem' in rule) throw new Error(rule.problem)
  const dns = await startDns({
    source: registry.feed, host: '127.0.0.1', port: 0, clock, random: () => 0, reverse: [
      ...cidrs.services, ...cidrs.instances
    ], node: 'fuzz',
    transfer: { keys: [], transferTo: [rule] }
  })
  return {
    registry, dns, url, httpPort: Number(new URL(url).port),
    close: async () => {
      await Promise.all([http.close(), dns.close()])
      await registry.close()
    }
  }
}
