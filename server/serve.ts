// The wiring: config -> store -> registry -> adapters -> listening. The only file that knows them all.
import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import type { Config } from './config.ts'
import { type DnsServer, startDns } from './dns/dns-server.ts'
import { buildHttp } from './http/app.ts'
import { createMetrics } from './http/metrics.ts'
import { Registry } from './registry/registry.ts'
import { timedStore } from './registry/timed-store.ts'
import { createRedisStore } from './store/redis/redis-store.ts'
import { createSqliteStore } from './store/sqlite/sqlite-store.ts'
import type { Store } from './store/store.ts'

/** A registry node that listens. */
export interface Running extends AsyncDisposable {
  /** `http://host:port` as it really is, also when port 0 was asked for. */
  readonly http: string
  /** `host:port` of DNS, UDP and TCP; undefined = this node answers none. */
  readonly dns: string | undefined
  readonly store: { readonly kind: Store['kind'], readonly location: string }
  /** Says goodbye to watchers, ends what runs, closes the store. Closing twice is fine. */
  close (): Promise<void>
}

export type Logger = pino.Logger
