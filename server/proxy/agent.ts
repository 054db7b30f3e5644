// The agent of one machine: follows the endpoints of all services, and keeps what carries traffic at that state. It goes
// on with the last state while the registry is away, after its own restart, and after it has ended (in the kernel).
import type { Clock } from '../clock.ts'
import type { AgentStatus } from './agent-status.ts'
import type { BackEnd } from './back-end.ts'
import { type Condition, type FrontEnd, frontEndKey } from './front-end.ts'
import type { HealthCheckPorts } from './health-check-ports.ts'
import type { Machine } from './machine.ts'
import { type KeptState, writeState } from './state-file.ts'
import { TrafficState } from './traffic-state.ts'
import type { EndpointsEvent } from '../../client-sdk/src/index.ts'

/** Changes of this time go to the back end together: a deployment becomes a few transactions. */
const gatherMs = 8
/** The state is written at most this often. */
const keepMs = 1_000
/** What is in force is compared with the state this often, and when somebody touched it. */
const checkMs = 30_000
const retryMs = { first: 1_000, most: 30_000 }

export interface AgentOptions {
  readonly healthChecks: HealthCheckPorts
  /** What announces addresses, if it does. */
  readonly announcer?: {
    readonly announces: readonly string[], readonly repairs: number, readonly taken: number, readonly conditions: () => readonly Condition[]
  }
  readonly machine: Machine
  readonly backEnd: BackEnd
  readonly clock: Clock
  readonly log: { info (fields: object, message: string): void, warn (fields: object, message: string): void }
  /** Where the state is kept; absent: nowhere. */
  readonly stateFile?: string
  /** The machine as it is now: read again at each check. */
  readonly readMachine: () => Machine
  /** Called when something is in force, and after each check: what is carried may be another. */
  readonly inForce?: (machine: Machine) => void
}

/** How many conditions a status shows. */
const maxConditions = 200

export class Agent {
  readonly #options: AgentOptions
  readonly #state: TrafficState
  #machine: Machine
  #isStarted = false
  #isEnded = false
  /** Of the newest event that was taken, and of what is in force. */
  #taken = ''
  #inForce = ''
  #fault: string | undefined
  #heardAtMs: number | undefined
  #appliedInMs = 0
  #repairs = 0
  #retryMs = retryMs.first
  #gathering: (() => void) | undefined
  #keeping: (() => void) | undefined
  #keptAtMs = 0
  /** Why the state could not be kept the last time; '' if it was. */
  #keepFault = ''
  #checking: (() => void) | undefined
  /** Work of the back end, one after the other. */
  #work: Promise<void> = Promise.resolve()
  /** All front ends have to be written: the last attempt failed. */
  #isBehind = false

  constructor (options: AgentOptions) {
    this.#options = options
    this.#machine = options.machine
    this.#state = new TrafficState(options.machine)
  }

  get status (): AgentStatus {
    const { backEnd, announcer } = this.#options
    const { node, zone, nodeAddresses } = this.#machine
    return {
      pid: process.pid, mode: backEnd.name, node, ...(zone === undefined ? {} : { zone }), nodeAddresses, revision: this.#inForce,
      services: this.#state.services().length, frontEnds: this.#state.frontEnds, ...(this.#fault === undefined ? {} : { fault: this.#fault }),
      appliedInMs: this.#appliedInMs, repairs: this.#repairs + (announcer?.repairs ?? 0), announces: announcer?.announces ?? [],
      conditions: [
        ...this.#state.conditions(), ...backEnd.conditions(), ...this.#options.healthChecks.conditions(), ...this.#options.announcer?.conditions() ?? []
      ].slice(0, maxConditions),
      ...(this.#heardAtMs === undefined ? {} : { heardMsAgo: Math.round(performance.now() - this.#heardAtMs) }),
      endpoints: this.#state.endpointCounts(), addressesTaken: announcer?.taken ?? 0
    }
  }

  /** The newest that is in force; '' before the first. */
  get revision (): string {
    return this.#inForce
  }

  /** Whether what it was told last is in force. */
  get isHealthy (): boolean {
    return this.#isStarted && this.#fault === undefined
  }

  /** Begins with what was kept: before the registry has answered. */
  resume ({ revision, services, draining = [] }: KeptState): Promise<void> {
    this.#options.backEnd.resume?.(draining)
    this.#state.replace(services)
    this.#taken = revision
    return this.#applySoon()
  }

  /** Takes what the registry tells. Resolves when it is in force, or has failed: `status` says which. */
  take (event: EndpointsEvent): Promise<void> {
    this.#heardAtMs = performance.now()
    switch (event.type) {
      case 'endpoints-snapshot':
        this.#state.replace(event.services)
        this.#taken = event.revision
        return this.#applySoon()
      case 'endpoints':
        this.#state.put(event.endpoints)
        this.#taken = event.revision
        return this.#applySoon()
      case 'endpoints-gone':
        this.#state.remove(`${event.namespace}/${event.service}`)
        this.#taken = event.revision
        return this.#applySoon()
      case 'bookmark':
      case 'reset': // a snapshot follows; until then the last state stands
        return this.#work
    }
  }

  /** Compares what is in force with the state, now. */
  check (): Promise<void> {
    this.#checking?.()
    return this.#queue(async () => {
      const machine = this.#options.readMachine()
      if (!isSame(machine, this.#machine)) {
        this.#machine = machine
        this.#state.move(machine)
        await this.#apply()
      }
      const wrong = await this.#options.backEnd.check()
      if (wrong === undefined) return
      this.#repairs++
      this.#options.log.warn({ found: wrong }, `repaired what somebody else had changed: ${wrong}`)
    }).finally(() => {
      this.#tellInForce()
      this.#checkLater()
    })
  }

  /** Ends the agent. What the kernel does by itself goes on. */
  async stop (): Promise<void> {
    this.#isEnded = true
    for (const cancel of [this.#gathering, this.#keeping, this.#checking]) cancel?.()
    await this.#work
    await this.#keep()
    this.#options.healthChecks.close()
    await this.#options.backEnd.stop()
  }

  #applySoon (): Promise<void> {
    if (this.#gathering === undefined && !this.#isEnded) {
      this.#gathering = this.#options.clock.after(gatherMs, () => {
        this.#gathering = undefined
        void this.#queue(() => this.#apply())
      })
    }
    return this.#work
  }

  /** Never rejects. */
  #queue (act: () => Promise<void>): Promise<void> {
    const done = this.#work.then(act).then(() => {
      if (this.#fault !== undefined) this.#options.log.info({}, 'what the registry told is in force again')
      this.#fault = undefined
      this.#retryMs = retryMs.first
    }, (error: unknown) => this.#failed(error))
    this.#work = done
    return done
  }

  async #apply (): Promise<void> {
    const { backEnd, log } = this.#options
    const revision = this.#taken
    const beganAt = performance.now()
    const changes = this.#state.takeChanges()
    if (!this.#isStarted || this.#isBehind) {
      const first = !this.#isStarted
      this.#isBehind = true // until it has been done
      await (first ? backEnd.start(this.#all()) : backEnd.apply(new Map([...this.#all(), ...changes])))
      this.#isBehind = false
      this.#isStarted = true
      if (first) {
        log.info({ revision, frontEnds: this.#state.frontEnds }, `carrying ${this.#state.frontEnds} addresses and ports (${backEnd.name})`)
        this.#checkLater()
      }
    } else if (changes.size > 0) {
      this.#isBehind = true
      await backEnd.apply(changes)
      this.#isBehind = false
    }
    await this.#options.healthChecks.set(this.#state.healthChecks())
    this.#inForce = revision
    this.#appliedInMs = Math.round((performance.now() - beganAt) * 10) / 10
    this.#tellInForce()
    this.#keepLater()
  }

  #tellInForce (): void {
    if (this.#isStarted && !this.#isEnded) this.#options.inForce?.(this.#machine)
  }

  #all (): Map<string, FrontEnd> {
    return new Map(Array.from(this.#state.all(), (frontEnd) => [frontEndKey(frontEnd), frontEnd] as const))
  }

  #failed (error: unknown): void {
    const { log, clock } = this.#options
    const fault = error instanceof Error ? error.message : String(error)
    if (fault !== this.#fault) log.warn({ fault }, `what the registry told is not in force: ${fault}`)
    this.#fault = fault
    if (this.#isEnded) return
    this.#gathering ??= clock.after(this.#retryMs, () => {
      this.#gathering = undefined
      void this.#queue(() => this.#apply())
    })
    this.#retryMs = Math.min(this.#retryMs * 2, retryMs.most)
  }

  #checkLater (): void {
    if (this.#isEnded) return
    this.#checking?.()
    this.#checking = this.#options.clock.after(checkMs, () => this.check())
  }

  /** At once, or a while after the last time. */
  #keepLater (): void {
    const { stateFile, clock } = this.#options
    if (this.#isEnded || this.#keeping !== undefined || stateFile === undefined) return
    this.#keeping = clock.after(Math.max(0, this.#keptAtMs + keepMs - clock.now()), () => this.#keep())
  }

  async #keep (): Promise<void> {
    this.#keeping = undefined
    this.#keptAtMs = this.#options.clock.now()
    const { stateFile, log, backEnd } = this.#options
    if (stateFile === undefined || this.#inForce === '') return
    try {
      const { draining = [] } = backEnd
      await writeState(stateFile, { revision: this.#taken, services: this.#state.services(), ...(draining.length === 0 ? {} : { draining }) })
      this.#keepFault = ''
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error)
      if (fault !== this.#keepFault) log.warn({ fault }, `the state cannot be kept (${fault}): after a restart this agent carries nothing until the registry answers`)
      this.#keepFault = fault
    }
  }
}

function isSame (one: Machine, other: Machine): boolean {
  const facts = ({ addresses, nodeAddresses }: Machine): string => [...addresses].sort().join() + [...nodeAddresses].join()
  return facts(one) === facts(other)
}
