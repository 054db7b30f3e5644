// The agent that carries the traffic of services (`rollcall proxy` without --mode off), put together of its parts.
import { CommandError, exitCodes } from './cli/errors.ts'
import type { Clock } from './clock.ts'
import type { Rollcall } from '../client-sdk/src/index.ts'
import type { Guard } from './guard.ts'
import type { Logger } from './log/node-log.ts'
import { Agent } from './proxy/agent.ts'
import { Announcer } from './proxy/announce/announcer.ts'
import type { BackEnd } from './proxy/back-end.ts'
import { HealthCheckPorts } from './proxy/health-check-ports.ts'
import { hasSctp, KernelBackEnd, kernelProblem } from './proxy/kernel/kernel-back-end.ts'
import { watchTables } from './proxy/kernel/table-watch.ts'
import type { Machine } from './proxy/machine.ts'
import { metricsText } from './proxy/metrics.ts'
import type { Run } from './proxy/program.ts'
import { AgentRegistration, agentTtlMs } from './proxy/registration.ts'
import { readState } from './proxy/state-file.ts'
import { UserspaceBackEnd } from './proxy/userspace/userspace-back-end.ts'
import type { Carrier } from './proxy-carrier.ts'
import type { ProxySettings } from './proxy-settings.ts'

export interface CarrierParts {
  readonly client: Rollcall
  readonly clock: Clock
  readonly guard: Guard
  readonly log: Logger
  readonly run: Run
}

export interface Traffic extends Carrier {
  /** Begins, with what was kept. */
  begin (): Promise<void>
}

/** @throws CommandError if the back end that is asked for cannot be had */
export async function openTraffic (settings: ProxySettings, { client, clock, guard, log, run }: CarrierParts): Promise<Traffic> {
  const announcer: Announcer | undefined = settings.announce === undefined ? undefined : new Announcer({
    node: settings.readMachine().node, run, clock, now: () => performance.now(), allowed: settings.announce, isFast: settings.takeover === 'fast', log,
    confirmedAtMs: () => registration.confirmedAtMs, interruptions: () => registration.interruptions, ttlMs: agentTtlMs,
    publish: (said) => registration.announce(said), onChange: () => void agent.check()
  })
  await announcer?.start()
  const readMachine = (): Machine => settings.readMachine(announcer?.lent)
  const machine = readMachine()
  const { backEnd, reason } = await chosenBackEnd({ ...settings, readMachine }, { run, guard, clock, machine })
  const registration: AgentRegistration = new AgentRegistration({
    client, mode: backEnd.name, labels: settings.labels, covers: settings.covers, revision: () => agent.revision, log,
    ...(announcer === undefined ? {} : { announcing: announcer.said })
  })
  const agent: Agent = new Agent({
    machine, backEnd, clock, log, readMachine, ...(announcer === undefined ? {} : { announcer }),
    inForce: (carrier) => void registration.tell({ machine: carrier, clusterIps: backEnd.carriesClusterIps }),
    healthChecks: new HealthCheckPorts({ guard, isHealthy: () => agent.isHealthy }),
    ...(settings.stateFile === undefined ? {} : { stateFile: settings.stateFile })
  })
  let endWatch = (): void => undefined
  return {
    begin: async () => {
      log.info({ mode: backEnd.name, machine: machine.node, nodeAddresses: machine.nodeAddresses }, `rollcall proxy: ${reason}`)
      if (settings.stateFile !== undefined) await resume(agent, settings.stateFile, log, announcer)
      if (backEnd.name === 'kernel') endWatch = watchTables({ guard, clock, onDeleted: () => void agent.check() })
    },
    status: () => agent.status,
    isHealthy: () => agent.isHealthy,
    metrics: async () => metricsText(agent.status, agent.isHealthy, await backEnd.counts()),
    take: async (event) => {
      announcer?.take(event)
      await agent.take(event)
    },
    sayGoodbye: async () => {
      endWatch()
      await announcer?.stop()
      await registration.end()
    },
    stop: async () => {
      await agent.stop()
      log.info(backEnd.name === 'kernel' ? 'stopped: the kernel goes on with the last state' : 'stopped')
    }
  }
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
