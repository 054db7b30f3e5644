// `rollcall proxy`: what it does on a machine is put together here, as serve.ts does for a node.
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Invocation } from './cli/command.ts'
import { CommandError, exitCodes } from './cli/errors.ts'
import { stayAlive } from './cli/terminal.ts'
import { guardedClock, systemClock } from './clock.ts'
import { type Guard, loggingGuard } from './guard.ts'
import { type Logger, openNodeLog } from './log/node-log.ts'
import { removeAddresses } from './proxy/announce/addresses.ts'
import { readInterfaces } from './proxy/announce/interfaces.ts'
import { reportLines, surroundings } from './proxy/check.ts'
import { type HealthOptions, serveHealth } from './proxy/health.ts'
import { removeTables } from './proxy/kernel/kernel-back-end.ts'
import { removeRoutes } from './proxy/kernel/routes.ts'
import { agentStatus, MachineLock } from './proxy/machine-lock.ts'
import { programRunner, type Run } from './proxy/program.ts'
import type { Carrier } from './proxy-carrier.ts'
import { type ProxySettings, readSettings } from './proxy-settings.ts'
import { isOverWithin } from './time-limit.ts'

/** So long the registry may take to hear that this agent goes: its lease ends by itself. */
const goodbyeMs = 1_000

type Action = 'run' | 'check' | 'status' | 'clean'

/** Runs one action; gives the exit code. @throws CommandError with a sentence */
export async function runProxy (action: Action, call: Invocation): Promise<number | void> {
  const settings = readSettings(call)
  const { log } = openNodeLog({ level: settings.logLevel, node: settings.readMachine().node })
  const guard = loggingGuard(log, () => undefined)
  const run = programRunner(guard)
  switch (action) {
    case 'run': return await runAgent(call, settings, run, guard, log)
    case 'check': {
      const running = await agentStatus(guard) as { readonly nodeAddresses?: readonly string[] } | undefined
      const machine = settings.readMachine()
      // A running agent knows which of them it only announces.
      const found = await surroundings(run, { ...machine, nodeAddresses: running?.nodeAddresses ?? machine.nodeAddresses }, settings.mode === 'kernel')
      call.terminal.out(reportLines(found))
      return found.some(({ isFatal }) => isFatal) ? exitCodes.failure : exitCodes.ok
    }
    case 'status': {
      const status = await agentStatus(guard)
      if (status === undefined) throw new CommandError('no agent runs on this machine', exitCodes.failure)
      call.terminal.out(JSON.stringify(status, null, 2).split('\n'))
      return
    }
    case 'clean':
      if (await agentStatus(guard) !== undefined) throw new CommandError('an agent runs on this machine: end it first', exitCodes.failure)
      await failing(() => removeTables(run))
      await removeRoutes({ run, clusterRanges: settings.readMachine().serviceRanges, sources: {} })
      for (const at of await readInterfaces(run) ?? []) await removeAddresses(run, at.lent.map((address) => ({ address, at })))
      call.terminal.out('tables, routes and announced addresses are removed')
  }
}

async function failing (act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error), exitCodes.failure)
  }
}

async function runAgent (call: Invocation, settings: ProxySettings, run: Run, guard: Guard, log: Logger): Promise<void> {
  const clock = guardedClock(systemClock, guard, 'proxy-timer')
  const api = await call.api()
  const parts = { client: api.client, clock, guard, log, run }
  // Each is loaded where it is asked for: 20 MB of the one are not in the other's process.
  const traffic = settings.mode === 'off' ? undefined : await (await import('./proxy-traffic.ts')).openTraffic(settings, parts)
  const ingress = settings.ingress === undefined ? undefined : await (await import('./proxy-ingress.ts')).openIngress(settings, settings.ingress, parts)
  const carriers: readonly Carrier[] = [traffic, ingress].filter((carrier) => carrier !== undefined)
  const status = (): object => ({
    ...traffic?.status() ?? { pid: process.pid, mode: settings.mode, node: settings.readMachine().node },
    ...(ingress === undefined ? {} : { ingress: ingress.status() })
  })
  const lock = await MachineLock.take(status, guard)
  // Several may serve ingresses on one machine, at ports of their own or the next beside the one before; `status` is of the first.
  if (lock === undefined && traffic !== undefined) {
    const other = await agentStatus(guard) as { readonly pid?: unknown } | undefined
    throw new CommandError(`another agent runs on this machine${typeof other?.pid === 'number' ? ` (process ${other.pid})` : ''}`, exitCodes.failure)
  }
  const alive = stayAlive()
  const { signal } = call.terminal
  try {
    await traffic?.begin()
    await ingress?.begin()
    const isHealthy = (): boolean => carriers.every((carrier) => carrier.isHealthy())
    const metrics = async (): Promise<string> => (await Promise.all(carriers.map((carrier) => carrier.metrics()))).join('')
    const health = await openHealth(settings, log, { guard, status, isHealthy, metrics })
    await using client = api.client
    const following = (async () => {
      const watch = client.watch({ view: 'endpoints', namespace: '*' })
      signal.addEventListener('abort', guard.around('proxy-end', () => watch.return()))
      for await (const event of watch) await Promise.all(carriers.map((carrier) => carrier.take(event)))
    })()
    if (ingress !== undefined) process.on('SIGUSR2', guard.around('proxy-renew', () => Promise.all(carriers.map(async (carrier) => await carrier.renew?.()))))
    if (!signal.aborted) await Promise.race([once(signal, 'abort'), endOfParent(guard), following, ...carriers.map((carrier) => carrier.follow?.(signal) ?? following)])
    health?.close()
    // First, so that nobody is sent here who comes too late.
    await isOverWithin(goodbyeMs, Promise.all(carriers.map((carrier) => carrier.sayGoodbye())).then(() => undefined))
    await Promise.all(carriers.map((carrier) => carrier.stop()))
  } catch (error) {
    if (!signal.aborted) throw api.explain(error)
  } finally {
    await lock?.release()
    alive.end()
  }
}

/** @throws the system's error if it cannot listen where it was told to */
async function openHealth ({ health, mode }: ProxySettings, log: Logger, options: HealthOptions): Promise<Server | undefined> {
  if (health === undefined) return undefined
  try {
    return await serveHealth(health.host, health.port, options)
  } catch (error) {
    if (mode !== 'off' || !health.isDefault || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    log.warn({}, `/livez, /healthz and /metrics are not answered: ${health.host}:${health.port} is taken (--health says where else)`)
    return undefined
  }
}

/** Resolves when the registry that started this process (`rollcall serve --proxy`) is no more; never without one. */
function endOfParent (guard: Guard): Promise<void> {
  return new Promise((resolve) => {
    if (process.channel === undefined) return
    process.once('disconnect', guard.around('proxy-end', () => resolve()))
    process.channel.unref()
  })
}
