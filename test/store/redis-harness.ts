// The Redis store on a server of its own test file: each harness has a prefix of its own, and time is real.
import { createRedisStore, type RedisStoreOptions } from '../../server/store/redis/redis-store.ts'
import type { Store } from '../../server/store/store.ts'
import type { RedisServer } from '../support/redis-server.ts'
import type { StoreHarness } from './keyspace.ts'

/** Longer than the hiccups of a busy machine, short enough to wait for some of them. */
const unitMs = 120

let prefixes = 0

export function openRedisHarness (server: RedisServer, options: Partial<RedisStoreOptions> = {}): StoreHarness & { node (): Store, readonly prefix: string } {
  prefixes += 1
  const prefix = `test${prefixes}`
  return {
    unitMs,
    prefix,
    node: () => createRedisStore({ url: server.url, prefix, ...options }),
    now: () => server.now(),
    advance: async (ms, sweep) => {
      const end = await server.now() + ms
      for (;;) {
        const left = end - await server.now()
        await sweep()
        if (left <= 0) return
        // The store's clock is Redis' own: it cannot be moved, only waited for, and Redis itself says when it has come that far.
        await server.admin.blpop(`${prefix}:nothing-comes-here`, Math.max(1, Math.min(left, unitMs / 5)) / 1_000)
      }
    },
    restart: async () => {
      await server.kill('SIGKILL')
      await server.start()
    },
    dispose: async () => {
      const keys = await server.admin.keys(`${prefix}:*`)
      if (keys.length > 0) await server.admin.del(...keys)
    }
  }
}
