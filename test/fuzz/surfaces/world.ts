// The nodes that a run asks, on one of the stores, and what can happen to them: time, restarts, a new term.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRedisStore } from '../../../server/store/redis/redis-store.ts'
import { createSqliteStore } from '../../../server/store/sqlite/sqlite-store.ts'
import type { Store } from '../../../server/store/store.ts'
import { HandClock } from '../../support/hand-clock.ts'
import { RedisServer } from '../../support/redis-server.ts'
import { type FuzzNode, startNode } from './node.ts'
import type { StoreKind } from './generate.ts'
import { sweepMs } from './model.ts'

/** On Redis time is real: nothing may fall due in a run. */
const longMs = 3_600_000

export interface World {
  readonly kind: StoreKind
  readonly clock: HandClock
  readonly nodes: readonly FuzzNode[]
  node (index: number): FuzzNode
  /** Lets time pass, sweeping; only with a clock of ours. */
  pass (ms: number): Promise<void>
  /** Closes a node and opens it again, on the same port. */
  restart (index: number): Promise<void>
  newTerm (): Promise<void>
  /** A further node on the same store; on SQLite, which takes one, the node again. */
  fresh (): Promise<FuzzNode>
  /** All nodes know what any of them has written. */
  settle (): Promise<void>
  close (): Promise<void>
}

interface Kind {
  readonly count: number
  readonly store: (clock: HandClock) => Store
  readonly newTerm: () => Promise<void>
  readonly dispose: () => Promise<void>
  readonly sessionGraceMs?: number
}

let prefixes = 0

export async function openWorld (kind: StoreKind, redis?: RedisServer): Promise<World> {
  const how = kind === 'sqlite' ? await onSqlite() : onRedis(redis)
  const clock = new HandClock().letMomentsPass()
  const options = { clock, ...(how.sessionGraceMs === undefined ? {} : { sessionGraceMs: how.sessionGraceMs }) }
  const nodes: FuzzNode[] = []
  for (let index = 0; index < how.count; index++) nodes.push(await startNode({ ...options, store: how.store(clock) }))
  const extra: FuzzNode[] = []
  const at = (index: number): FuzzNode => {
    const found = nodes[index % nodes.length]
    if (found === undefined) throw new RangeError('a world has a node')
    return found
  }
  const world: World = {
    kind, clock, nodes,
    node: at,
    pass: async (ms) => {
      for (const end = clock.now() + ms; clock.now() < end;) {
        clock.advance(sweepMs)
        for (const { registry } of nodes) await registry.sweep()
      }
    },
    restart: async (index) => {
      const place = index % nodes.length
      const { httpPort } = at(place)
      await at(place).close()
      nodes[place] = await startNode({ ...options, store: how.store(clock), httpPort })
      if (kind === 'sqlite') await at(place).registry.sweep()
    },
    newTerm: async () => {
      // Each node loses Redis, finds it again, and has loaded by then.
      const back = nodes.map(({ registry: { feed } }) => new Promise<void>((resolve) => {
        let wasAway = false
        const stop = feed.listen({
          health: ({ available }) => {
            if (!available) wasAway = true
            else if (wasAway) {
              stop()
              resolve()
            }
          }
        })
      }))
      await how.newTerm()
      await Promise.all(back)
      await world.settle()
    },
    fresh: async () => {
      if (kind === 'sqlite') {
        await world.restart(0)
        return at(0)
      }
      const node = await startNode({ ...options, store: how.store(clock) })
      extra.push(node)
      await node.registry.store.sync()
      return node
    },
    settle: async () => { for (const { registry } of nodes) await registry.store.sync() },
    close: async () => {
      for (const node of [...nodes, ...extra]) await node.close()
      await how.dispose()
    }
  }
  return world
}

async function onSqlite (): Promise<Kind> {
  const directory = await mkdtemp(join(tmpdir(), 'rollcall-surfaces-'))
  return {
    count: 1,
    store: (clock) => createSqliteStore({ directory, now: () => clock.now(), holdMs: 0 }),
    newTerm: async () => { throw new Error('SQLite has a term for each start') },
    dispose: () => rm(directory, { recursive: true, force: true })
  }
}

function onRedis (redis: RedisServer | undefined): Kind {
  if (redis === undefined) throw new Error('a world on Redis needs a server')
  const prefix = `surfaces${++prefixes}`
  return {
    count: 2,
    store: () => createRedisStore({ url: redis.url, prefix, timeouts: { commandMs: 30_000 } }),
    newTerm: async () => {
      await redis.kill('SIGKILL')
      await redis.start()
    },
    dispose: async () => {
      const keys = await redis.admin.keys(`*${prefix}:*`)
      if (keys.length > 0) await redis.admin.del(...keys)
    },
    sessionGraceMs: longMs
  }
}

export function startRedis (): Promise<RedisServer> {
  return RedisServer.start({ config: ['appendonly yes', 'appendfsync always'] })
}
