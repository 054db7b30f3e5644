// `rollcall proxy`: its settings, and the parts of the agent put together, as serve.ts does for a node.
import { once } from 'node:events'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Invocation } from './cli/command.ts'
import { CommandError, exitCodes, UsageError } from './cli/errors.ts'
import { pairs } from './cli/register.ts'
import { stayAlive } from './cli/terminal.ts'
import { type Clock, guardedClock, systemClock } from './clock.ts'
import { RegistryError } from './errors.ts'
import { type Guard, loggingGuard } from './guard.ts'
import { openNodeLog } from './log/node-log.ts'
import { type AddressRange, contains, defaultServiceCidr, parseIp, readNetworks, readServiceCidrs } from './model/address/ranges.ts'
import { isLabel } from './model/names.ts'
import { maxAgentNetworks } from './model/traffic-agent.ts'
import { Agent } from './proxy/agent.ts'
import { removeAddresses } from './proxy/announce/addresses.ts'
import { Announcer } from './proxy/announce/announcer.ts'
import { type Announceable, readInterfaces } from './proxy/announce/interfaces.ts'
import { readAnnounceable } from './proxy/announce/setting.ts'
import { reportLines, surroundings } from './proxy/check.ts'
import { HealthCheckPorts } from './proxy/health-check-ports.ts'
import { serveHealth } from './proxy/health.ts'
import { hasSctp, KernelBackEnd, kernelProblem, removeTables } from './proxy/kernel/kernel-back-end.ts'
import { removeRoutes } from './proxy/kernel/routes.ts'
import { watchTables } from './proxy/kernel/table-watch.ts'
import { defaultNode, defaultNodeAddresses, type Machine, machineAddresses } from './proxy/machine.ts'
import { type BackEnd } from './proxy/back-end.ts'
import { agentStatus, MachineLock } from './proxy/machine-lock.ts'
import { metricsText } from './proxy/metrics.ts'
import { programRunner, type Run } from './proxy/program.ts'
import { AgentRegistration, agentTtlMs } from './proxy/registration.ts'
import { readState } from './proxy/state-file.ts'
import { isOverWithin } from './time-limit.ts'
import { UserspaceBackEnd } from './proxy/userspace/userspace-back-end.ts'

const defaultHealth = '127.0.0.1:10256' // as kube-proxy's healthz
/** So long the registry may take to hear that this agent goes: its lease ends by itself. */
const goodbyeMs = 1_000
const defaultMarkBit = 0x8000 // 0x4000 is kube-proxy's, 0x40000 and 0x80000 are Tailscale's
const modes = ['auto', 'kernel', 'userspace'] as const
const takeovers = ['safe', 'fast'] as const
const logLevels = ['error', 'warn', 'info', 'debug'] as const

type Action = 'run' | 'check' | 'status' | 'clean'

interface ProxySettings {
  readonly mode: (typeof modes)[number]
  /** @param without addresses that are on its interfaces and are not its own */
  readonly readMachine: (without?: ReadonlySet<string>) => Machine
  readonly markBit: number
  readonly stateFile: string | undefined
  readonly health: { readonly host: string, readonly port: number } | undefined
  readonly logLevel: string
  /** Networks whose packets to cluster IPs come to this machine. */
  readonly covers: readonly AddressRange[]
  /** On which interfaces it announces load-balancer addresses; undefined: on none. */
  readonly announce: Announceable | undefined
  readonly takeover: (typeof takeovers)[number]
  readonly labels: Readonly<Record<string, string>>
}

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

async function runAgent (call: Invocation, settings: ProxySettings, run: Run, guard: Guard, log: ReturnType<typeof openNodeLog>['log']): Promise<void> {
  const clock = guardedClock(systemClock, guard, 'proxy-timer')
  const announcer: Announcer | undefined = settings.announce === undefined ? undefined : new Announcer({
    node: settings.readMachine().node, run, clock, now: () => performance.now(), allowed: settings.announce, isFast: settings.takeover === 'fast', log,
    confirmedAtMs: () => registration.confirmedAtMs, interruptions: () => registration.interruptions, ttlMs: agentTtlMs,
    publish: (said) => registration.announce(said), onChange: () => void agent.check()
  })
  await announcer?.start()
  const readMachine = (): Machine => settings.readMachine(announcer?.lent)
  const machine = readMachine()
  const { backEnd, reason } = await chosenBackEnd({ ...settings, readMachine }, { run, guard, clock, machine })
  const api = await call.api()
  const registration: AgentRegistration = new AgentRegistration({
    client: api.client, mode: backEnd.name, labels: settings.labels, covers: settings.covers, revision: () => agent.revision, log,
    ...(announcer === undefined ? {} : { announcing: announcer.said })
  })
  const agent: Agent = new Agent({
    machine, backEnd, clock, log, readMachine, ...(announcer === undefined ? {} : { announcer }),
    inForce: (carrier) => void registration.tell({ machine: carrier, clusterIps: backEnd.carriesClusterIps }),
    healthChecks: new HealthCheckPorts({ guard, isHealthy: () => agent.isHealthy }),
    ...(settings.stateFile === undefined ? {} : { stateFile: settings.stateFile })
  })
  const lock = await MachineLock.take(() => agent.status, guard)
  if (lock === undefined) {
    const other = await agentStatus(guard) as { readonly pid?: unknown } | undefined
    throw new CommandError(`another agent runs on this machine${typeof other?.pid === 'number' ? ` (process ${other.pid})` : ''}`, exitCodes.failure)
  }
  const alive = stayAlive()
  const { signal } = call.terminal
  try {
    log.info({ mode: backEnd.name, machine: machine.node, nodeAddresses: machine.nodeAddresses }, `rollcall proxy: ${reason}`)
    if (settings.stateFile !== undefined) await resume(agent, settings.stateFile, log, announcer)
    const endWatch = backEnd.name === 'kernel' ? watchTables({ guard, clock, onDeleted: () => void agent.check() }) : () => undefined
    const health = settings.health === undefined ? undefined : await serveHealth(settings.health.host, settings.health.port, {
      guard, status: () => agent.status, isHealthy: () => agent.isHealthy,
      metrics: async () => metricsText(agent.status, agent.isHealthy, await backEnd.counts())
    })
    await using client = api.client
    const following = (async () => {
      const watch = client.watch({ view: 'endpoints', namespace: '*' })
      signal.addEventListener('abort', guard.around('proxy-end', () => watch.return()))
      for await (const event of watch) {
        announcer?.take(event)
        await agent.take(event)
      }
    })()
    if (!signal.aborted) await Promise.race([once(signal, 'abort'), endOfParent(guard), following])
    endWatch()
    health?.close()
    // First, so that nobody is sent here who comes too late.
    await isOverWithin(goodbyeMs, (async () => {
      await announcer?.stop()
      await registration.end()
    })())
    await agent.stop()
    log.info(backEnd.name === 'kernel' ? 'stopped: the kernel goes on with the last state' : 'stopped')
  } catch (error) {
    if (!signal.aborted) throw api.explain(error)
  } finally {
    await lock.release()
    alive.end()
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

interface BackEndParts {
  readonly run: Run
  readonly guard: Guard
  readonly clock: Clock
  readonly machine: Machine
}

/** The back end that a mode means here, and why it is that one. @throws CommandError if the one asked for cannot be had */
async function chosenBackEnd (
  { mode, markBit, readMachine }: ProxySettings, { run, guard, clock, machine }: BackEndParts
): Promise<{ readonly backEnd: BackEnd, readonly reason: string }> {
  const problem = mode === 'userspace' ? undefined : await kernelProblem(run)
  if (problem !== undefined && mode === 'kernel') throw new CommandError(`the kernel cannot carry the traffic of this machine: ${problem}`, exitCodes.failure)
  if (mode !== 'userspace' && problem === undefined) {
    const four = sourceOf(machine, 4)
    const six = sourceOf(machine, 6)
    const sources = { ...(four === undefined ? {} : { 4: four }), ...(six === undefined ? {} : { 6: six }) }
    const backEnd = new KernelBackEnd({ run, clock, clusterRanges: machine.serviceRanges, markBit, hasSctp: await hasSctp(run), sources })
    return { backEnd, reason: 'nftables carries the traffic of this machine' }
  }
  const backEnd = new UserspaceBackEnd({
    guard, clock, run, clusterRanges: machine.serviceRanges, readMachine, now: () => performance.now(), random: () => Math.random()
  })
  return { backEnd, reason: `this process carries the traffic of this machine${problem === undefined ? '' : `; not the kernel: ${problem}`}` }
}

/** Where systemd says (`StateDirectory=`), or where the user may write. */
function defaultState (env: Invocation['terminal']['env'], isRoot = process.getuid?.() === 0): string {
  const given = env['STATE_DIRECTORY'] // several are separated by colons
  if (given !== undefined && given !== '') return join(given.split(':')[0] ?? '', 'state')
  return isRoot ? '/var/lib/rollcall-proxy/state' : join(env['XDG_STATE_HOME'] || join(homedir(), '.local/state'), 'rollcall-proxy/state')
}

/** A damaged file is said, and not used: the registry tells the state again. */
async function resume (
  agent: Agent, stateFile: string, log: { warn (fields: object, message: string): void }, announcer: Announcer | undefined
): Promise<void> {
  try {
    const kept = readState(stateFile)
    if (kept === undefined) return
    announcer?.resume(kept.services)
    await agent.resume(kept)
  } catch (error) {
    log.warn({}, `the kept state is not used: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function sourceOf ({ nodeAddresses }: Machine, family: 4 | 6): string | undefined {
  return nodeAddresses.find((address) => address.includes(':') === (family === 6))
}

function readSettings (call: Invocation): ProxySettings {
  const list = (name: string): string[] => (call.text(name) ?? '').split(',').map((text) => text.trim()).filter((text) => text !== '')
  const node = call.text('node') ?? defaultNode()
  const zone = call.read('zone', (text) => {
    if (!isLabel(text)) throw new Error('must be a DNS label')
    return text
  }) ?? (call.terminal.env['ROLLCALL_ZONE'] || undefined)
  const serviceRanges = call.read('service-cidr', (text) => ranged(() => readServiceCidrs(text.split(',')))) ?? readServiceCidrs([defaultServiceCidr])
  const externalRanges = call.read('allow-external-ips', (text) => ranged(() => readNetworks(text.split(','), 'allow-external-ips'))) ?? []
  const covers = call.read('covers', (text) => ranged(() => readNetworks(text.split(','), 'covers'))) ?? []
  if (covers.length > maxAgentNetworks) throw new UsageError(`--covers must not have more than ${maxAgentNetworks} networks`)
  const given = call.read('node-addresses', () => list('node-addresses').map((text) => {
    const ip = parseIp(text)
    if ('problem' in ip) throw new Error(`${JSON.stringify(text)} ${ip.problem}`)
    return ip.text
  }))
  const markBit = call.read('mark-bit', (text) => {
    const bit = Number(text)
    if (!Number.isInteger(bit) || bit < 1 || bit > 0x80000000 || (bit & (bit - 1)) !== 0) throw new Error('must be one bit, like 0x8000')
    return bit
  }) ?? defaultMarkBit
  const health = call.read('health', readHealth) ?? readHealth(defaultHealth)
  const state = call.text('state') ?? defaultState(call.terminal.env)
  return {
    mode: call.choice('mode', modes) ?? 'auto',
    covers,
    announce: call.read('announce', readAnnounceable) ?? readAnnounceable('auto'),
    takeover: call.choice('announce-takeover', takeovers) ?? 'safe',
    labels: pairs('--label', call.texts('label')),
    markBit,
    stateFile: state === 'off' ? undefined : state,
    health: health === 'off' ? undefined : health,
    logLevel: call.choice('log-level', logLevels) ?? 'info',
    readMachine: (without) => {
      // Cluster IPs and load-balancer addresses that were bound here are of services, not of the machine.
      const addresses = machineAddresses().filter((address) => without?.has(address.text) !== true && !serviceRanges.some((range) => contains(range, address)))
      return {
        node, ...(zone === undefined ? {} : { zone }), addresses: new Set(addresses.map(({ text }) => text)),
        nodeAddresses: given ?? defaultNodeAddresses(addresses), serviceRanges, externalRanges
      }
    }
  }
}

/** A reader's faults as one rule, for a usage error. */
function ranged<Value> (read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    throw new Error(error.errors?.[0]?.rule ?? error.message)
  }
}

function readHealth (text: string): { readonly host: string, readonly port: number } | 'off' {
  if (text === 'off') return 'off'
  const match = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw new Error('must be HOST:PORT or off')
  return { host: match[1] ?? match[2] ?? '', port }
}
