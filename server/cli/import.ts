// rollcall import: takes over what another registry has, once or for as long as both serve.
import { systemClock } from '../../client-sdk/src/clock.ts'
import { readDuration } from '../config/duration-text.ts'
import { showDuration } from '../model/duration.ts'
import { connectionFlags, namespaceFlag, type Command, type Invocation } from './command.ts'
import { CommandError, exitCodes, UsageError } from './errors.ts'
import type { ImportRun, Round, Source } from './import-run.ts'
import { stayAlive } from './terminal.ts'

/** By the name of the other registry. */
const sources: Readonly<Record<string, (url: URL, fetchOf: typeof fetch) => Promise<Source>>> = {
  consul: async (url, fetchOf) => (await import('./import-consul.ts')).consulSource(url, fetchOf),
  eureka: async (url, fetchOf) => (await import('./import-eureka.ts')).eurekaSource(url, fetchOf)
}

const defaultIntervalMs = 10_000
const defaultTtlMs = 3_600_000
/** A lease lasts for so many rounds: one that failed, and a slow one, end nothing. */
const roundsOfLease = 6
/** Refused instances that are named. */
const maxNamed = 20

export const importCommand: Command = {
  name: 'import',
  summary: 'Registers what another registry has, once or as long as the command runs',
  usage: 'import --from consul|eureka URL [flags]',
  details: `With --follow it asks the other registry again and again, renews what is there, and takes away what went. While the other registry is
away, its instances stay. Whoever registers here by itself is left alone from then on, whatever the other registry says.`,
  flags: {
    ...namespaceFlag,
    from: { type: 'string', metavar: 'KIND', what: `What the other registry is: ${Object.keys(sources).join(', ')}` },
    follow: { type: 'boolean', what: 'Stays, and keeps what is imported as it is there' },
    interval: { type: 'string', metavar: 'DURATION', what: `With --follow: how often it asks, 1s-1h (default ${showDuration(defaultIntervalMs)})` },
    ttl: { type: 'string', metavar: 'DURATION', what: `Without --follow: how long what is imported stays, 1s-24h (default ${showDuration(defaultTtlMs)})` },
    ...connectionFlags
  },
  examples: [
    ['import --from eureka http://old:8761/eureka --follow', 'both registries serve while clients move'],
    ['import --from eureka http://old:8761/eureka --ttl 24h -n shop', 'once, into a namespace'],
    ['import --from consul http://old:8500 --follow', 'the same of a Consul; a token as http://:TOKEN@old:8500']
  ],
  run: async (call) => {
    const [url = ''] = call.arguments('URL')
    const kind = call.text('from')
    const sourceOf = kind !== undefined && Object.hasOwn(sources, kind) ? sources[kind] : undefined
    if (sourceOf === undefined) throw new UsageError(`--from must be one of ${Object.keys(sources).join(', ')}${kind === undefined ? '' : `, got ${JSON.stringify(kind)}`}`)
    const source = await sourceOf(readUrl(url), fetch)
    const follow = call.flag('follow')
    if (follow && call.text('ttl') !== undefined) throw new UsageError('--ttl is without --follow only: then leases are renewed')
    if (!follow && call.text('interval') !== undefined) throw new UsageError('--interval needs --follow')
    const intervalMs = call.read('interval', within(1_000, 3_600_000)) ?? defaultIntervalMs
    const ttlMs = follow ? roundsOfLease * intervalMs : call.read('ttl', within(1_000, 86_400_000)) ?? defaultTtlMs
    const { ImportRun } = await import('./import-run.ts')
    const api = await call.api()
    const run = new ImportRun({ api, namespace: call.namespace, leastTtlMs: ttlMs, say: (text) => call.terminal.err(`rollcall: ${text}`) })
    try {
      if (follow) await keepImported(call, source, run, intervalMs)
      else await importOnce(call, source, run, ttlMs)
    } finally {
      await api.close()
    }
  }
}

function readUrl (text: string): URL {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) throw new UsageError('URL must be one of http or https, like http://old:8761/eureka')
  return url
}

function within (least: number, most: number): (text: string) => number {
  return (text) => {
    const ms = readDuration(text)
    if (ms < least || ms > most) throw new Error(`must be from ${showDuration(least)} to ${showDuration(most)}`)
    return ms
  }
}

async function importOnce (call: Invocation, source: Source, run: ImportRun, ttlMs: number): Promise<void> {
  let list
  try {
    list = await source.read(call.terminal.signal)
  } catch (error) {
    if (call.terminal.signal.aborted) throw new CommandError('the import was interrupted: nothing is registered', exitCodes.failure)
    throw new CommandError(`the other registry cannot be read: ${messageOf(error)}`, exitCodes.unreachable, { cause: error })
  }
  tellRefused(call, list.refused)
  const round = await run.round(list.instances)
  call.terminal.out(`${roundText(round)}, until ${showDuration(ttlMs)} are over or they are renewed`)
}

/** Asks until the terminal's signal aborts. */
async function keepImported ({ terminal }: Invocation, source: Source, run: ImportRun, intervalMs: number): Promise<void> {
  const { signal } = terminal
  const clock = terminal.network?.clock ?? systemClock
  const alive = stayAlive()
  let instances: Parameters<ImportRun['round']>[0] = []
  let refused: readonly string[] = []
  let trouble = ''
  const say = (text: string): void => {
    if (text !== trouble && text !== '') terminal.err(`rollcall: ${text}`)
    trouble = text
  }
  try {
    while (!signal.aborted) {
      let fault = ''
      try {
        const list = await source.read(signal)
        instances = list.instances
        const news = list.refused.filter((text) => !refused.includes(text))
        refused = list.refused
        tellRefused({ terminal }, news)
      } catch (error) {
        fault = `the other registry cannot be read: ${messageOf(error)}; what it had stays`
      }
      if (signal.aborted) break
      try {
        const round = await run.round(instances)
        if (round.registered + round.removed > 0) terminal.out(roundText(round))
        if (fault === '' && trouble !== '') terminal.err('rollcall: both registries answer again')
      } catch (error) {
        fault = `the registry does not take it: ${messageOf(error)}`
      }
      say(fault)
      await pause(clock, intervalMs, signal)
    }
    terminal.err('rollcall: the import has ended: what it registered stays until its leases are over')
  } finally {
    alive.end()
  }
}

function tellRefused ({ terminal }: Pick<Invocation, 'terminal'>, refused: readonly string[]): void {
  for (const text of refused.slice(0, maxNamed)) terminal.err(`rollcall: not imported: ${text}`)
  if (refused.length > maxNamed) terminal.err(`rollcall: and ${refused.length - maxNamed} more are not imported`)
}

function roundText ({ registered, renewed, removed, moved }: Round): string {
  return `${registered} registered, ${renewed} as before, ${removed} removed, ${moved} registered here by themselves`
}

function pause (clock: typeof systemClock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = clock.setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
    function end (): void {
      clock.clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
  })
}

function messageOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
