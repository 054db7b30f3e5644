// Sessions on the wanted stores at once, and meanwhile nodes that find garbage at their start.
import { RedisServer } from '../../support/redis-server.ts'
import { after, streamOf } from './pace.ts'
import { startResolver } from './resolver.ts'
import { type SessionOptions, type SessionReport, session } from './session.ts'
import { plantBetweenStarts } from './side-node.ts'

export interface HostileOptions extends Omit<SessionOptions, 'store' | 'redis' | 'resolver'> {
  readonly stores: readonly ('sqlite' | 'redis')[]
}

export interface HostileReport {
  readonly sessions: readonly SessionReport[]
  /** Starts with garbage in the store. */
  readonly starts: number
  /** What was wrong with some of them. */
  readonly startErrors: readonly string[]
}

/** The same fault again says nothing new. */
const maxStartErrors = 5
/** A start takes as much of a core as all the attacks. */
const startPauseMs = 20_000

export async function runHostile ({ stores, ...options }: HostileOptions): Promise<HostileReport> {
  const resolver = await startResolver()
  const servers = stores.includes('redis') ? [await RedisServer.start({ config: ['appendonly yes', 'appendfsync everysec'] })] : []
  const [redis] = servers
  const clients = Math.ceil(options.clients / stores.length)
  let over = false
  const startErrors: string[] = []
  let starts = 0
  const starting = async (): Promise<void> => {
    for (let turn = 0; turn < stores.length || options.count === undefined && !over; turn++) {
      if (startErrors.length === maxStartErrors) break
      if (turn > 0 && options.count === undefined) await after(startPauseMs, options.end)
      const store = stores[turn % stores.length]
      starts++
      try {
        await plantBetweenStarts(streamOf(options.seed, 99, turn), store === 'redis' ? redis : undefined, turn)
      } catch (error) {
        startErrors.push(`seed ${options.seed}, start ${turn} on ${store}: ${String(error)}`)
      }
    }
  }
  try {
    const [sessions] = await Promise.all([
      Promise.all(stores.map((store) => session({ ...options, clients, store, redis: store === 'redis' ? redis : undefined, resolver: resolver.port }))).finally(() => { over = true }),
      starting()
    ])
    return { sessions, starts, startErrors }
  } finally {
    for (const server of servers) await server.dispose()
    resolver.close()
  }
}
