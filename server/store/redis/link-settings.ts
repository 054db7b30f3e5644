// Settings of the link to Redis, and where it logs.
import type { Keys } from './keys.ts'
import type { Timeouts } from './patience.ts'

export interface StoreLogger {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

/** Settings of the link, all given; redis-store.ts has the defaults and their reasons. */
export interface LinkSettings {
  readonly maxLogLength: number
  readonly maxLogBytes: number
  readonly holdMs: number
  readonly recoveryMs: number
  readonly revisionJump: number
  readonly timeouts: Timeouts
}

/** What finding, mending and loading a keyspace needs. */
export interface KeyspaceParts {
  readonly keys: Keys
  readonly settings: LinkSettings
  readonly logger: StoreLogger
}
