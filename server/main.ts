// The process: arguments -> command; signals; exit codes. What `serve` does is in serve.ts, what the others do in cli/.
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import closeWithGrace from 'close-with-grace'
import { run, serveSummary } from './cli/run.ts'
import { processTerminal } from './cli/terminal.ts'
import type { Config, LoadedConfig } from './config/config.ts'

const exitCodes = { ok: 0, failure: 1, usage: 2 } as const

/** Sets the exit code, or stays until a signal. */
async function serveCommand (args: readonly string[]): Promise<void> {
  const [{ loadConfig, serveFlags }, { printConfig, settingsHelp }, { parseFlags }] = await Promise.all([
    import('./config/config.ts'), import('./config/text.ts'), import('./config/flags.ts')
  ])
  const asked = parseFlags(args, serveFlags()).values
  if (asked.get('help')?.[0] === 'true') {
    process.stdout.write(`${serveHelp(settingsHelp())}\n`)
    return
  }
  let loaded: LoadedConfig
  try {
    loaded = loadConfig({ argv: args, env: process.env, readFile: (path) => readFileSync(path, 'utf8') })
  } catch (error) {
    // No restart mends a wrong setting: a code of its own tells the supervisor (RestartPreventExitStatus=2).
    process.stderr.write(`rollcall: ${messageOf(error)}\nSee: rollcall serve --help\n`)
    process.exitCode = exitCodes.usage
    return
  }
  if (asked.get('print-config')?.[0] === 'true') process.stdout.write(printConfig(loaded))
  else await serveUntilSignal(loaded)
}

interface Closable {
  close (): Promise<void>
}

/** The process ends by itself this long after `shutdown-grace`: the store is closed in between. */
const closingMarginMs = 2_000
/** npm passes Ctrl-C on to a process that has it from the terminal already: a second signal this soon is the same one. */
const echoMs = 1_000
const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/**
 * How much the heap may grow, in percent of what lives in it, before V8 collects. By default it waits until two to four times as much
 * is there, and a registry of a hundred thousand instances takes twice the memory that it needs; the collector has another thread.
 */
const heapGrowingPercent = 30

async function serveUntilSignal ({ config, warnings }: LoadedConfig): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`)
  let running: Closable | undefined
  // It has its own idea of a second signal, so that signals are handled below.
  const { close } = closeWithGrace({
    delay: config.shutdownGraceMs + closingMarginMs,
    logger: false,
    skip: ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV', 'SIGUSR2', 'SIGTERM'],
    onTimeout: (delay) => { log(config, 'warn', `not everything ended within ${delay} ms of shutdown-grace and closing: it is cut off`) },
    onSecondError: (error) => { log(config, 'fatal', `a second error, while closing: ${messageOf(error)}`) }
  }, async ({ err }) => {
    if (err !== undefined) log(config, 'fatal', `an error that nobody caught ends this process: ${messageOf(err)}`, { stack: err.stack })
    await running?.close()
  })
  let firstAtMs: number | undefined
  for (const signal of endingSignals) {
    process.on(signal, () => {
      const nowMs = performance.now()
      if (firstAtMs === undefined) {
        firstAtMs = nowMs
        close()
      } else if (nowMs - firstAtMs > echoMs) {
        process.exit(exitCodes.failure) // somebody is in a hurry
      }
    })
  }
  ignoreClosedPipes()
  for (const warning of warnings) log(config, 'warn', warning)
  try {
    const { serve } = await import('./serve.ts')
    running = await serve(config)
  } catch (error) {
    process.stderr.write(`rollcall: cannot start: ${startFailure(error)}\n`)
    if (isVerbose(config) && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
    process.exit(exitCodes.failure)
  }
}

/** A log reader that went away must not take the registry with it. */
function ignoreClosedPipes (): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => { if (error.code !== 'EPIPE') throw error })
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

const levels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: Infinity } as const

/** One line of JSON in the form of the server's own log, for what happens outside of it. */
function log (config: Config, level: 'warn' | 'fatal', msg: string, more: object = {}): void {
  if (levels[level] < levels[config.logLevel]) return
  const line = { level: levels[level], time: Date.now(), pid: process.pid, hostname: hostname(), node: config.node, ...more, msg }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function isVerbose (config: Config): boolean {
  return levels[config.logLevel] <= levels.debug
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
  rollcall serve --http 127.0.0.1:0 --dns off           any free port; the ready line names it
  rollcall serve --config rollcall.yaml --print-config  what would be in force

Exit codes: 0 ended by SIGTERM or SIGINT, 1 could not start or failed, 2 a setting is wrong.`
}

const argv = process.argv.slice(2)
const [command, ...rest] = argv[0] === 'help' && argv[1] === 'serve' ? ['serve', '--help'] : argv

if (command === 'serve') await serveCommand(rest)
else process.exitCode = await run(argv, processTerminal())
