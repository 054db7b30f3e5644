// The embedded store in a directory of its own, on a clock that only tests move.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSqliteStore, type SqliteStoreOptions } from '../../server/store/sqlite/sqlite-store.ts'
import type { StoreHarness } from './keyspace.ts'

export interface SqliteHarness extends StoreHarness {
  readonly directory: string
  /** Sets the clock, also backwards. */
  step (ms: number): void
}

const startMs = Date.UTC(2026, 0, 1)
const stepMs = 250

export function openSqliteHarness (options: Partial<SqliteStoreOptions> = {}): SqliteHarness {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-store-'))
  let nowMs = startMs
  return {
    directory,
    unitMs: 1_000,
    node: () => createSqliteStore({ directory, now: () => nowMs, ...options }),
    now: async () => nowMs,
    advance: async (ms, sweep) => {
      const endMs = nowMs + ms
      while (nowMs < endMs) {
        nowMs = Math.min(nowMs + stepMs, endMs)
        await sweep()
      }
    },
    // The file is opened anew: there is no more to restart.
    restart: async () => {},
    step: (ms) => { nowMs += ms },
    dispose: async () => rmSync(directory, { recursive: true, force: true })
  }
}
