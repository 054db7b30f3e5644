// The agent as the registry knows it: an instance of `proxy` in `rollcall-system`, whose lease is the agent's own connection. It says
// which addresses its machine has and what it carries there, so that the registry can answer who is reached how.
import type { Registration, Rollcall } from '../../client-sdk/src/index.ts'
import { type AddressRange, parseIp } from '../model/address/ranges.ts'
import { agentNamespace, agentService } from '../model/agent-name.ts'
import { agentKeys, maxAgentAddresses, revisionLoad } from '../model/traffic-agent.ts'
import { announcingMetadata, type Said } from './announce/agent-metadata.ts'
import { carryProblem, type Machine } from './machine.ts'

/**
 * How long an agent that is silent (its machine is off, or unplugged) counts as alive. A process that ends is known at once, by its
 * connection.
 */
export const agentTtlMs = 5_000

/** What an agent carries now. */
export interface Carrying {
  readonly machine: Machine
  /** Userspace without rights has none. */
  readonly clusterIps: boolean
}

export interface AgentRegistrationOptions {
  readonly client: Pick<Rollcall, 'register'>
  readonly mode: string
  readonly labels?: Readonly<Record<string, string>>
  /** Networks whose packets to cluster IPs come to this machine. */
  readonly covers: readonly AddressRange[]
  /** `epoch.revision` of what is in force, '' before the first. */
  readonly revision: () => string
  /** What it may announce, before it announces anything; absent: it announces nothing, ever. */
  readonly announcing?: Said
  readonly log: { warn (fields: object, message: string): void }
}

export class AgentRegistration {
  readonly #options: AgentRegistrationOptions
  #registration: Registration | undefined
  #carrying: Carrying | undefined
  #announcing: Said | undefined
  #told = ''
  #isEnded = false
  #work: Promise<void> = Promise.resolve()

  constructor (options: AgentRegistrationOptions) {
    this.#options = options
    this.#announcing = options.announcing
  }

  /** When the heartbeat was sent that the registry has stored last, of `performance.now()`; -Infinity before the first. */
  get confirmedAtMs (): number {
    return this.#registration?.renewedAtMs ?? -Infinity
  }

  /** How often the registry may have taken this agent for lost. */
  get interruptions (): number {
    return this.#registration?.interruptions ?? 0
  }

  /** Tells what it announces, when it is registered. Never rejects. */
  announce (said: Said): Promise<void> {
    this.#announcing = said
    return this.#carrying === undefined ? Promise.resolve() : this.tell(this.#carrying)
  }

  /**
   * Registers, or tells what has changed since. Not before something is in force: whoever is told of an agent counts on it.
   * Waits for the registry as long as that takes. Never rejects.
   */
  tell (carrying: Carrying): Promise<void> {
    this.#carrying = carrying
    const metadata = { ...metadataOf(carrying, this.#options.covers), ...(this.#announcing === undefined ? {} : announcingMetadata(this.#announcing)) }
    const facts = JSON.stringify(metadata)
    if (this.#isEnded || facts === this.#told) return this.#work
    this.#told = facts
    this.#work = this.#work.then(() => (this.#registration === undefined ? this.#begin(carrying.machine, metadata) : this.#update(metadata)))
      .catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'the agent could not say what it carries: the registry does not count on it (rollcall get proxies)')
      })
    return this.#work
  }

  /** Deregisters. Never rejects. */
  async end (): Promise<void> {
    this.#isEnded = true
    await this.#work
    await this.#registration?.[Symbol.asyncDispose]()
  }

  async #begin ({ node, zone, nodeAddresses: [address] }: Machine, metadata: Readonly<Record<string, string>>): Promise<void> {
    const { client, mode, labels, revision } = this.#options
    this.#registration = await client.register({
      namespace: agentNamespace, service: agentService, id: node, node, labels: { ...labels, mode }, metadata, session: true, ttlMs: agentTtlMs,
      ...(address === undefined ? {} : { address }), ...(zone === undefined ? {} : { zone }),
      load: () => {
        const number = Number(revision().split('.')[1])
        return Number.isSafeInteger(number) ? { [revisionLoad]: { value: number } } : {} // in a heartbeat: a revision for each revision would have no end
      }
    })
  }

  async #update (metadata: Readonly<Record<string, string>>): Promise<void> {
    const gone = Object.keys(this.#registration?.instance.metadata ?? {}).filter((key) => !(key in metadata))
    await this.#registration?.update({ metadata: { ...metadata, ...Object.fromEntries(gone.map((key) => [key, null])) } })
  }
}

function metadataOf ({ machine, clusterIps }: Carrying, covers: readonly AddressRange[]): Record<string, string> {
  const ranges = (list: readonly AddressRange[]): string => list.map(({ text }) => text).join(',')
  return {
    [agentKeys.addresses]: askedFrom(machine).slice(0, maxAgentAddresses).join(','),
    [agentKeys.clusterIps]: clusterIps ? 'yes' : 'no',
    ...(covers.length === 0 ? {} : { [agentKeys.covers]: ranges(covers) }),
    ...(machine.externalRanges.length === 0 ? {} : { [agentKeys.externalIps]: ranges(machine.externalRanges) })
  }
}

/** From where its programs ask others: every address that others can answer to. */
function askedFrom ({ addresses, nodeAddresses }: Machine): string[] {
  const reachable = [...addresses].filter((text) => {
    const ip = parseIp(text)
    return !('problem' in ip) && carryProblem(ip) === undefined
  })
  return [...new Set([...nodeAddresses, ...reachable.sort()])]
}
