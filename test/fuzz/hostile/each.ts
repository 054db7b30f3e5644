// The attacks one by one, each on a node of its own: what it costs in memory, and how long it holds the loop.
import { RedisServer } from '../../support/redis-server.ts'
import { attacksNamed } from './attacks.ts'
import { startResolver } from './resolver.ts'
import { isFine } from './report.ts'
import { type SessionReport, session } from './session.ts'

export interface EachOptions {
  /** Of each attack. */
  readonly seconds: number
  readonly store: 'sqlite' | 'redis'
  readonly seed: number
  readonly clients: number
  readonly lanes: number
  readonly size: number
  readonly only: string
  readonly told: (line: string) => void
}

const calmMs = 8_000
const head = '| sent | strikes | failed of honest | slowest honest wait, ms | longest turn, ms of a core (other threads) | held by | MiB before, at most, after, after gc() | heap of the main thread: objects/taken+external, before, attacked, after, after gc() |'

/** @returns whether all went well */
export async function runEach ({ seconds, store, told, only, ...options }: EachOptions): Promise<boolean> {
  const resolver = await startResolver()
  let isWell = true
  told(`${head}\n|---|---|---|---|---|---|---|---|`)
  try {
    for (const { name } of attacksNamed(only)) {
      const redis = store === 'redis' ? await RedisServer.start({ config: ['appendonly yes', 'appendfsync everysec'] }) : undefined
      try {
        const report = await session({
          ...options, store, redis, resolver: resolver.port, only: name, pauseMs: 1_000, count: undefined, calmMs, end: AbortSignal.timeout(seconds * 1_000)
        })
        told(rowText(name, report))
        isWell &&= isFine(report)
        if (!isFine(report)) told([...report.honest.failures, ...report.attacks.errors, ...report.lines.slice(-20)].join('\n'))
      } finally {
        await redis?.dispose()
      }
    }
  } finally {
    resolver.close()
  }
  return isWell
}

function rowText (name: string, { honest, attacks, memoryMib: { start, peak, end }, looks, exit }: SessionReport): string {
  const { before, attacked, calm, collected } = looks
  const lines = Object.entries(honest.lines).filter(([kind]) => kind !== 'news')
  const made = lines.reduce((sum, [, line]) => sum + line.made, 0)
  const failed = lines.reduce((sum, [, line]) => sum + line.failed, 0)
  const waits = lines.map(([kind, { slowestMs }]) => `${kind} ${slowestMs}`).join(', ')
  const strikes = Object.values(attacks.attacks).reduce((sum, count) => sum + count, 0)
  const heaps = [before, attacked, calm, collected].map((look) => (look === undefined ? '-' : `${look.heapUsed}/${look.heapTotal}+${look.external}`)).join(' ')
  return `| ${[
    name, strikes, `${failed} of ${made}`, waits, exit === undefined ? `${Math.round(attacked?.turnMs ?? 0)} (${Math.round(attacked?.otherTurnMs ?? 0)})` : `ENDED ${exit}`,
    attacked?.longest.join('; '), `${start}, ${peak}, ${end}, ${collected?.rss ?? '-'}`, heaps
  ].join(' | ')} |`
}
