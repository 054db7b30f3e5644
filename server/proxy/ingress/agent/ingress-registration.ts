// The ingress of a machine as the registry knows it: an instance of `ingress` in `rollcall-system`, whose lease is the agent's own
// connection. The registry takes the addresses of ingresses from it.
import type { Registration, Rollcall } from '../../../../client-sdk/src/index.ts'
import { agentNamespace } from '../../../model/agent-name.ts'
import { ingressAgentKeys, ingressAgentService, type IngressProblem, maxIngressAddresses, problemsText } from '../../../model/ingress/agent.ts'
import type { Machine } from '../../machine.ts'
import { agentTtlMs } from '../../registration.ts'

export interface IngressRegistrationOptions {
  readonly client: Pick<Rollcall, 'register'>
  readonly machine: Pick<Machine, 'node' | 'zone'>
  readonly addresses: readonly string[]
  readonly ports: readonly { readonly name: 'http' | 'https', readonly port: number }[]
  readonly classes: readonly string[]
  readonly service: string | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly log: { warn (fields: object, message: string): void }
}

export class IngressRegistration {
  readonly #options: IngressRegistrationOptions
  #registration: Registration | undefined
  /** The problems that were told last; undefined before the first. */
  #told: string | undefined
  #isEnded = false
  #work: Promise<void> = Promise.resolve()

  constructor (options: IngressRegistrationOptions) {
    this.#options = options
  }

  /** Registers, or tells what is not served as it says, if that has changed. Waits for the registry as long as that takes. Never rejects. */
  tell (problems: readonly IngressProblem[]): Promise<void> {
    const text = problemsText(problems)
    if (this.#isEnded || this.#told === (text ?? '')) return this.#work
    this.#told = text ?? ''
    this.#work = this.#work.then(() => (this.#registration === undefined ? this.#begin(text) : this.#update(text))).catch((error: unknown) => {
      this.#told = undefined // the next word is tried again
      this.#options.log.warn({ err: error }, 'the ingress could not say where it answers: the registry shows no address of it at ingresses')
    })
    return this.#work
  }

  /** Deregisters. Never rejects. */
  async end (): Promise<void> {
    this.#isEnded = true
    await this.#work
    await this.#registration?.[Symbol.asyncDispose]()
  }

  async #begin (problems: string | undefined): Promise<void> {
    if (this.#isEnded) return
    const { client, machine: { node, zone }, addresses, ports, classes, service, labels } = this.#options
    const [address] = addresses
    this.#registration = await client.register({
      // One machine may run several, at ports of their own; a successor at the same port is the same one.
      namespace: agentNamespace, service: ingressAgentService, id: `${node}-${ports[0]?.port ?? 0}`, node, labels, session: true, ttlMs: agentTtlMs,
      ports, ...(address === undefined ? {} : { address }), ...(zone === undefined ? {} : { zone }),
      metadata: {
        [ingressAgentKeys.addresses]: addresses.slice(0, maxIngressAddresses).join(','),
        ...(classes.length === 0 ? {} : { [ingressAgentKeys.classes]: classes.join(',') }),
        ...(service === undefined ? {} : { [ingressAgentKeys.service]: service }),
        ...(problems === undefined ? {} : { [ingressAgentKeys.problems]: problems })
      }
    })
  }

  async #update (problems: string | undefined): Promise<void> {
    await this.#registration?.update({ metadata: { [ingressAgentKeys.problems]: problems ?? null } })
  }
}
