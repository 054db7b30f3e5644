// A thread for tests: it counts its starts, and the revisions that its mirror had when it had to close.
import { runThread } from '../../server/threads/thread-program.ts'

export interface CountingSettings {
  /** Fails at its start. */
  readonly fails?: boolean
  /** Does not end when it should. */
  readonly hangs?: boolean
}

await runThread<CountingSettings>('count', async ({ settings, counters, source, log }) => {
  const [counts] = [new Float64Array(counters)]
  if (settings.fails === true) throw new Error('it fails at its start')
  counts[0] = (counts[0] ?? 0) + 1
  log.info({ loaded: source.loaded }, 'begins')
  return {
    close: async () => {
      if (settings.hangs === true) await new Promise(() => setInterval(() => undefined, 60_000))
      counts[1] = source.revision
    }
  }
})
