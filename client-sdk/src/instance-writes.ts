// What one instance tells the registry: its body, one write at a time, and the change that has not arrived yet.
import { instance as instanceShape, nothing } from './answer-shapes.ts'
import { isRefusal, isRollcallError } from './errors.ts'
import { instancePath } from './paths.ts'
import { applied, merged } from './registration-body.ts'
import type { Transport } from './transport.ts'
import type { Instance, InstancePatch, LeaseReference, Registration as RegistrationBody } from './wire.ts'

/** How long a call may take. */
export interface Limits {
  readonly timeoutMs?: number
  readonly rounds?: number
}

export interface InstanceWritesOptions {
  readonly transport: Transport
  readonly reference: LeaseReference
  readonly body: RegistrationBody
  /** The registry accepted what it was sent and warns of something in it. */
  readonly warning: (message: string) => void
}

type Answered = Instance & { readonly warnings?: readonly string[] }

/** Different warnings that are reported. */
const maxWarnings = 100

export class InstanceWrites {
  readonly #options: InstanceWritesOptions
  readonly #path: string
  #body: RegistrationBody
  /** The change that has not reached the registry yet. */
  #pending: InstancePatch | undefined
  #instance: Instance | undefined
  #last: Promise<unknown> = Promise.resolve()
  readonly #warned = new Set<string>()

  constructor (options: InstanceWritesOptions) {
    const { namespace, service, id } = options.reference
    this.#options = options
    this.#path = instancePath(namespace, service, id)
    this.#body = options.body
  }

  /** As the instance wishes to be registered. */
  get body (): RegistrationBody {
    return this.#body
  }

  /** As the registry answered last. */
  get instance (): Instance | undefined {
    return this.#instance
  }

  get isPending (): boolean {
    return this.#pending !== undefined
  }

  /** Resolves when no write is under way. Never rejects. */
  get settled (): Promise<unknown> {
    return this.#last
  }

  /** One write at a time: the last one said is the last one heard. */
  inTurn<Result> (action: () => Promise<Result>): Promise<Result> {
    const write = this.#last.then(action)
    this.#last = write.catch(() => {})
    return write
  }

  /** @param limits `onlyNew`: not if the id is registered, by any process */
  async put (
    signal: AbortSignal, { onlyNew = false, ...limits }: Limits & { onlyNew?: boolean } = {}
  ): Promise<Instance> {
    const headers = onlyNew ? { 'if-none-match': '*' } : undefined
    const { body } = await this.#options.transport.request<Answered>(this.#path, {
      method: 'PUT', body: this.#body, headers, signal, check: instanceShape, ...limits
    })
    return this.#answered(body)
  }

  /** Sends a change, with the one that has not arrived. What is not refused is kept until it has. */
  async patch (patch: InstancePatch, signal: AbortSignal): Promise<Instance> {
    const before = this.#body
    const wish = merged(this.#pending ?? {}, patch)
    this.#body = applied(before, patch)
    try {
      const { body } = await this.#options.transport.request<Answered>(this.#path, {
        method: 'PATCH', query: { generation: this.#options.reference.generation }, body: wish, signal, check: instanceShape
      })
      return this.#answered(body)
    } catch (error) {
      if (isGone(error)) return this.put(signal) // forgotten: the whole body has the change
      if (isSuperseded(error)) throw error
      if (isRefusal(error)) this.#body = before // it would be refused with each re-registration, too
      else this.#pending = wish
      throw error
    }
  }

  /** The life that has the id now; undefined = the id is free. */
  async owner (signal: AbortSignal): Promise<string | undefined> {
    try {
      const { body } = await this.#options.transport.request<Instance>(this.#path, { signal, check: instanceShape })
      return body.generation
    } catch (error) {
      if (isGone(error)) return undefined
      throw error
    }
  }

  /** Removes the instance. One that is gone, or that another process registered anew, is fine. */
  async delete (limits: Limits): Promise<void> {
    try {
      await this.#options.transport.request(
        this.#path, { method: 'DELETE', query: { generation: this.#options.reference.generation }, check: nothing, ...limits }
      )
    } catch (error) {
      if (isGone(error)) return // expired, or removed by an earlier try
      if (!isSuperseded(error)) throw error
    }
  }

  #answered ({ warnings, ...instance }: Answered): Instance {
    this.#pending = undefined
    this.#instance = instance
    for (const message of warnings ?? []) {
      if (this.#warned.has(message) || this.#warned.size >= maxWarnings) continue // each registration says it again
      this.#warned.add(message)
      this.#options.warning(message)
    }
    return instance
  }
}

/** The registry says that there is no such thing: not a proxy that has no such page. */
function isGone (error: unknown): boolean {
  return isRollcallError(error) && error.status === 404 && error.code.startsWith('REG_')
}

/** Another process has registered the same id. */
export function isSuperseded (error: unknown): boolean {
  return isRollcallError(error) && error.code === 'REG_GENERATION_SUPERSEDED'
}
