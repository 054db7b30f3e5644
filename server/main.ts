// The process: arguments -> command; signals; exit codes. What `serve` does is in serve.ts, what the others do in cli/.
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { harmless } from './cli/line.ts'
import { run, serveSummary } from './cli/run.ts'
import { guardOutput } from './cli/output-guard.ts'
import { processTerminal } from './cli/terminal.ts'
import type { LoadedConfig } from './config/config.ts'
import type { Logger } from './log/node-log.ts'
import type { Running } from './serve.ts'

const exitCodes = { ok: 0, failure: 1, usage: 2 } as const

/** What is asked of config/, which is imported when it is needed. */
interface Settings {
  /** Reads all of them again. */
  readonly load: () => LoadedConfig
  readonly takenAtNextStart: (before: LoadedConfig, after: LoadedConfig) => string[]
}

/** Sets the exit code, or stays until a signal. */
async function serveCommand (args: readonly string[]): Promise<void> {
  const letSignalsGo = holdSignals()
  const [{ loadConfig, serveFlags, takenAtNextStart }, { printConfig, settingsHelp }, { parseFlags }] = await Promise.all([
    import('./config/config.ts'), import('./config/text.ts'), import('./config/flags.ts')
  ])
  const asked = parseFlags(args, serveFlags()).values
  if (asked.get('help')?.[0] === 'true') {
    process.stdout.write(`${serveHelp(settingsHelp())}\n`)
    return
  }
  let loaded: LoadedConfig
  const load = (): LoadedConfig => loadConfig({ argv: args, env: process.env, readFile: (path) => readFileSync(path, 'utf8') })
  try {
    loaded = load()
  } catch (error) {
    // No restart mends a wrong setting: a code of its own tells the supervisor (RestartPreventExitStatus=2).
    process.stderr.write(`rollcall: ${harmless(messageOf(error))}\nSee: rollcall serve --help\n`)
    process.exitCode = exitCodes.usage
    return
  }
  if (asked.get('print-config')?.[0] === 'true') {
    for (const warning of loaded.warnings) process.stderr.write(`rollcall: ${warning}\n`)
    process.stdout.write(printConfig(loaded))
  } else await serveUntilSignal(loaded, { load, takenAtNextStart }, letSignalsGo)
}

/**
 * How much the heap may grow, in percent of what lives in it, before V8 collects. By default it waits until two to four times as much
 * is there, and a registry of a hundred thousand instances takes twice the memory that it needs; the collector has another thread. While the
 * store is loaded V8 has its way: what is loaded stays, and looking for garbage in it ten times is a tenth of the time that it takes.
 */
const heapGrowingPercent = 30

async function serveUntilSignal (loaded: LoadedConfig, settings: Settings, letSignalsGo: () => void): Promise<void> {
  const { values, warnings } = loaded
  const { node, shutdownGraceMs } = values.process
  const [{ openNodeLog }, { handleEnd, endProcess }] = await Promise.all([import('./log/node-log.ts'), import('./process-end.ts')])
  const nodeLog = openNodeLog({ level: values.log.level, node })
  const { log, output } = nodeLog
  const start = new AbortController()
  let starting: Promise<Running> | undefined
  let running: Running | undefined
  let unexpected: ((error: unknown) => void) | undefined
  const leave = async (): Promise<void> => {
    start.abort()
    // Given up, a start closes what it has opened: the store, too.
    const begun = running ?? await starting?.catch(() => undefined)
    const cut = await begun?.leave(shutdownGraceMs) ?? []
    if (cut.length > 0) log.warn({ cut }, `not everything ended within ${shutdownGraceMs} ms of shutdown-grace: ${cut.join(', ')} cut off`)
  }
  handleEnd({
    output,
    end: async (signal) => {
      log.info(`stopping (${signal})`)
      await leave()
      log.info('stopped')
    },
    reload: () => reload(settings, loaded, running, log),
    survived: (error) => {
      if (unexpected === undefined) return false
      unexpected(error)
      return true
    },
    failed: async (error) => {
      log.fatal({ err: error }, `an uncaught error ends this process: ${messageOf(error)}`)
      await running?.leave(0)
    }
  })
  letSignalsGo()
  for (const warning of warnings) log.warn(warning)
  try {
    const { serve } = await import('./serve.ts')
    starting = serve(values, { nodeLog, signal: start.signal, guarded: (take) => { unexpected = take } })
    running = await starting
    setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`)
  } catch (error) {
    if (start.signal.aborted) return // told to end while it started: handled above
    process.stderr.write(`rollcall: cannot start: ${harmless(startFailure(error))}\n`)
    if (log.isLevelEnabled('debug') && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
    await endProcess(exitCodes.failure, output)
  }
}

/** Before anything is open an end is at once, and with 0 like any other; there is nothing to read again yet. Gives what takes that back. */
function holdSignals (): () => void {
  const end = (): void => process.exit(exitCodes.ok)
  const nothing = (): void => undefined
  process.on('SIGTERM', end).on('SIGINT', end).on('SIGHUP', nothing)
  return () => void process.off('SIGTERM', end).off('SIGINT', end).off('SIGHUP', nothing)
}

/** SIGHUP: reads the settings again, and takes what may change while a node runs. A fault changes nothing. */
function reload ({ load, takenAtNextStart }: Settings, before: LoadedConfig, running: Running | undefined, log: Logger): void {
  if (running === undefined) return log.warn('SIGHUP: not while the node starts')
  try {
    const after = load()
    running.reload(after.values)
    for (const warning of after.warnings) log.warn(warning)
    const names = takenAtNextStart(before, after)
    log.info({ logLevel: after.values.log.level }, 'SIGHUP: the log level is set, certificates and tokens are read again and the audit file is opened anew')
    if (names.length > 0) log.warn({ settings: names }, `SIGHUP: these settings are taken at the next start only: ${names.join(', ')}`)
  } catch (error) {
    log.error(`SIGHUP: nothing is changed: ${messageOf(error)}`)
  }
}

function startFailure (error: unknown): string {
  const { code, address, port } = error as { code?: unknown, address?: unknown, port?: unknown } // of a system error; absent in others
  const where = `${String(address)} port ${String(port)}`
  if (code === 'EADDRINUSE') return `${where} is in use: stop what listens there, or choose another with --http or --dns`
  if (code === 'EACCES' && port !== undefined) return `${where} may not be listened on by this user: choose a port above 1023, or grant CAP_NET_BIND_SERVICE`
  if (code === 'EADDRNOTAVAIL') return `${where} is no address of this machine: choose another with --http or --dns`
  return messageOf(error)
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function serveHelp (settings: string): string {
  return `${serveSummary}: HTTP on 7500 and DNS on 7553, both on loopback, with its data in ./data.

Usage: rollcall serve [flags]

Each flag is also a variable (--log-level is ROLLCALL_LOG_LEVEL) and a key of the YAML file that --config names;
flags win over variables, variables over the file.

Flags:
${settings}
  --print-config
        Shows the effective settings and where each is from, with secrets hidden, and starts nothing.
  -h, --help
        Shows this help.

Examples:
  rollcall serve                                        one node, nothing else needed
  rollcall serve --redis redis://127.0.0.1:6379         one of several nodes on one Redis
  rollcall serve --proxy                                with the agent that carries traffic on this machine
  rollcall serve --http 127.0.0.1:0 --dns off           any free port; the ready line names it
  rollcall serve --config rollcall.yaml --print-config  what would be in force

Signals: SIGTERM and SIGINT end it in order; SIGHUP reads the log level, certificates and tokens again and opens the audit file anew.

Exit codes: 0 ended by SIGTERM or SIGINT, 1 could not start or failed, 2 a setting is wrong.`
}

guardOutput()
const argv = process.argv.slice(2)
const [command, ...rest] = argv[0] === 'help' && argv[1] === 'serve' ? ['serve', '--help'] : argv

if (command === 'serve') await serveCommand(rest)
else process.exitCode = await run(argv, processTerminal())
