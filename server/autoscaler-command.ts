// `rollcall autoscaler`: its settings, and the parts of the agent put together, as proxy-command.ts does for that one.
import { once } from 'node:events'
import { isRollcallError } from '../client-sdk/src/index.ts'
import { Autoscaler, type Told } from './autoscaling/exec/autoscaler.ts'
import { thisMachine } from './autoscaling/exec/commands-file.ts'
import { readDesired } from './autoscaling/exec/desired-answer.ts'
import { KeptFile } from './autoscaling/exec/kept-file.ts'
import { metricsText } from './autoscaling/exec/metrics.ts'
import type { Api } from './cli/api.ts'
import type { Invocation } from './cli/command.ts'
import { CommandError, exitCodes, UsageError } from './cli/errors.ts'
import { path } from './cli/paths.ts'
import { stayAlive } from './cli/terminal.ts'
import { guardedClock, systemClock } from './clock.ts'
import { isLoopback, type Listener, readListener } from './config/kinds.ts'
import { RegistryError } from './errors.ts'
import { loggingGuard } from './guard.ts'
import { openNodeLog } from './log/node-log.ts'
import { serveHealth } from './proxy/health.ts'

const logLevels = ['error', 'warn', 'info', 'debug'] as const
/** An agent that has not heard from the registry for so long is not well. */
const silentMs = 60_000

/** Runs until a signal. @throws CommandError with a sentence */
export async function runAutoscaler (call: Invocation): Promise<number | void> {
  const { terminal } = call
  const config = call.text('config')
  if (config === undefined || config === '') throw new UsageError('--config is missing')
  const health = call.read('health', (text) => (text === 'off' ? undefined : readListener(text)))
  const logLevel = call.choice('log-level', logLevels) ?? 'info'
  const file = readFile(config, terminal.env['PATH'] ?? '')
  if (call.flag('check')) {
    const { commands } = file.first
    terminal.out(commands.map(({ namespace, name, run }) => `${namespace}/${name}: ${JSON.stringify(run)}`))
    return exitCodes.ok
  }
  const { log } = openNodeLog({ level: logLevel, node: terminal.hostname })
  const guard = loggingGuard(log, () => undefined)
  const clock = guardedClock(systemClock, guard, 'autoscaler-timer')
  const api = await call.api()
  const autoscaler = new Autoscaler({
    file: file.first, clock, guard, log, readAgain: () => file.readAgain(),
    environment: { ...terminal.env, ROLLCALL_TOKEN: undefined, ROLLCALL_ADDRESS: call.addresses.join(',') },
    ask: (namespace, name, signal) => ask(api, namespace, name, signal)
  })
  const isHealthy = (): boolean => file.fault === undefined &&
    autoscaler.status.every(({ fault, heardMsAgo = Infinity }) => fault === undefined && heardMsAgo < silentMs)
  const server = health === undefined ? undefined : await listen(health, () => serveHealth(health.host, health.port, {
    guard, isHealthy, metrics: async () => metricsText(autoscaler.status, file.fault === undefined),
    status: () => ({
      pid: process.pid, ...(file.fault === undefined ? {} : { fault: file.fault }), commands: autoscaler.status
    })
  }))
  if (health !== undefined && !isLoopback(health.host)) {
    log.warn(`--health: whoever reaches ${health.host} sees what is run here`)
  }
  const alive = stayAlive()
  try {
    autoscaler.start()
    const where = server === undefined ? {} : { health: server.address() }
    log.info({ autoscalers: file.first.commands.length, ...where }, 'following autoscalers')
    if (!terminal.signal.aborted) await once(terminal.signal, 'abort')
    await autoscaler.stop()
    log.info('stopped: what was started stays')
  } finally {
    server?.close()
    await api.close()
    alive.end()
  }
}

function readFile (config: string, searched: string): KeptFile {
  try {
    return new KeptFile(config, thisMachine(searched))
  } catch (error) {
    // No restart mends a wrong file: a code of its own tells the supervisor, as with settings.
    throw error instanceof RegistryError ? new CommandError(`${config}: ${error.message}`, exitCodes.usage) : error
  }
}

async function listen<Server> ({ host, port }: Listener, open: () => Promise<Server>): Promise<Server> {
  try {
    return await open()
  } catch (error) {
    throw new CommandError(`--health: cannot listen on ${host} port ${port}: ${messageOf(error)}`, exitCodes.failure)
  }
}

/** Never rejects. */
async function ask (api: Api, namespace: string, name: string, signal: AbortSignal): Promise<Told> {
  try {
    const at = path('namespaces', namespace, 'horizontalpodautoscalers', name, 'desired')
    return readDesired((await api.client.request<unknown>(at, { signal })).body)
  } catch (error) {
    return { kind: isRollcallError(error) && error.status === 404 ? 'none' : 'away', why: messageOf(error) }
  }
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
