// The store that the settings name, and what a start has to know of it.
import type { Guard } from '../guard.ts'
import type { StoreValues } from './settings.ts'
import { openToOthers, reachDirectory } from './sqlite/directory.ts'
import type { StoreLogger } from './sqlite/sqlite-store.ts'
import type { Store } from './store.ts'

export interface StoreParts {
  readonly logger: StoreLogger & { warn (details: object, message: string): void }
  readonly guard: Guard
}

/** Makes the store; nothing is touched before its `open`. Of the two kinds only this one is loaded. */
export async function createStore (values: StoreValues, parts: StoreParts): Promise<Store> {
  if (values.kind === 'redis') return (await import('./redis/redis-store.ts')).createRedisStore({ ...values, ...parts })
  return (await import('./sqlite/sqlite-store.ts')).createSqliteStore({ ...values, ...parts, now: () => Date.now() })
}

/** What must be there before the store is opened, as a step of the start; undefined = nothing. */
export function reachStep (values: StoreValues): { readonly what: string, readonly run: () => Promise<void> } | undefined {
  if (values.kind !== 'sqlite') return undefined
  const { directory } = values
  return { what: `reach the data directory ${directory}`, run: () => reachDirectory(directory) }
}

/** What is no fault of an opened store and still not meant so, as sentences. */
export function storeWarnings (values: StoreValues, { location }: Store): string[] {
  return values.kind === 'sqlite' ? openToOthers(values.directory, location) : []
}
