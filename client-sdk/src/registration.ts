// One registered copy of a service: kept alive, brought back when the registry forgot it, silent when another life took its id.
import { fullJitter } from './backoff.ts'
import { anySignal, reasonOf, sleep, type Clock } from './clock.ts'
import { asError, isPassing, isRefusal, isRollcallError, RollcallError } from './errors.ts'
import type { Emit } from './events.ts'
import { beatsPerTtl, type Beating, type Heartbeats } from './heartbeats.ts'
import { applied, bodyOf, checkedLoad, defaultId, merged, type RegisterOptions } from './registration-body.ts'
import { pathOf, retryAfter, type Transport } from './transport.ts'
import type { Heartbeat, Instance, InstancePatch, LeaseReference, Registration as RegistrationBody, Status } from './wire.ts'

export type RegistrationState = 'registering' | 'registered' | 'superseded' | 'deregistered'

export interface RegistrationContext {
  readonly transport: Transport
  readonly heartbeats: Heartbeats
  readonly clock: Clock
  readonly random: () => number
  readonly emit: Emit
  readonly closed: AbortSignal
  readonly ended: (registration: Registration) => void
}

/** After an `unknown` the copies of a service come back spread over so long at most, not as a herd. */
const maxReturnDelayMs = 5_000
/** A registration in the background that is refused (a token, a limit): somebody must act, so it is asked seldom. */
const refusedPauseMs = 30_000
const defaultTtlMs = 15_000

/** Made by `Rollcall.register`. */
export class Registration {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly generation: string
  readonly drainMs: number
  readonly #context: RegistrationContext
  readonly #lease: Beating
  readonly #health: RegisterOptions['health']
  readonly #load: RegisterOptions['load']
  readonly #end = new AbortController()
  #body: RegistrationBody
  /** What the registry could not be told yet. */
  #pending: InstancePatch | undefined
  #instance: Instance | undefined
  #state: RegistrationState = 'registering'
  #writes: Promise<unknown> = Promise.resolve()
  #returning: Promise<void> | undefined
  #farewell: Promise<void> | undefined
  #asking = false
  #bound = false

  /** @internal */
  constructor (context: RegistrationContext, options: RegisterOptions & { namespace: string }) {
    this.#context = context
    this.namespace = options.namespace
    this.service = options.service
    this.id = options.id ?? defaultId(context.random)
    this.generation = options.generation ?? crypto.randomUUID()
    this.drainMs = options.drainMs ?? 0
    this.#health = options.health
    this.#load = options.load
    this.#body = bodyOf(options, this.generation)
    this.#lease = {
      reference: this.reference,
      ttlMs: options.ttlMs ?? defaultTtlMs,
      session: options.session ?? false,
      load: () => this.#loadNow(),
      renewed: (bound) => this.#renewed(bound),
      unknown: () => this.#return(),
      superseded: () => this.#superseded()
    }
  }

  get state (): RegistrationState {
    return this.#state
  }

  /** Is its lease bound to the WebSocket? */
  get session (): boolean {
    return this.#lease.session
  }

  /** As the registry answered last. */
  get instance (): Instance {
    if (this.#instance === undefined) throw new RollcallError('REGISTRY_CLOSED', `${this.#name} is not registered`)
    return this.#instance
  }

  /** The status that this process wishes; an operator's override is in `instance.effectiveStatus`. */
  get status (): Status {
    return this.#body.status ?? 'up'
  }

  get reference (): LeaseReference {
    return { namespace: this.namespace, service: this.service, id: this.id, generation: this.generation }
  }

  /**
   * Registers, however long the registry is away: until `signal` is aborted or `waitMs` is over.
   * @internal
   */
  async start (options: { signal?: AbortSignal | undefined, waitMs?: number | undefined }): Promise<void> {
    const { clock, random, heartbeats, emit } = this.#context
    const signal = anySignal(this.#context.closed, options.signal)
    const deadline = clock.now() + (options.waitMs ?? Infinity)
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#put(signal)
        break
      } catch (error) {
        const pause = Math.max(fullJitter(attempt, random), retryAfter(error))
        if (signal.aborted || !isPassing(error) || clock.now() + pause > deadline) {
          this.#state = 'deregistered'
          // It may have arrived although nobody heard the answer: don't leave a copy behind that never beats.
          if (!isRefusal(error)) this.#delete({ timeoutMs: 1_000, rounds: 1 }).catch(() => {})
          throw error
        }
        await sleep(clock, pause, signal)
      }
    }
    this.#state = 'registered'
    heartbeats.add(this.#lease)
    emit({ type: 'registered', registration: this, again: false })
  }

  /** Tells the registry a new status. See `update` for what happens while it is away. */
  setStatus (status: Status, options: { signal?: AbortSignal | undefined } = {}): Promise<Instance> {
    return this.update({ status }, options)
  }

  /**
   * Changes status, labels, metadata (`null` removes an entry) or weight. Rejects when the registry can't be reached; the change
   * is kept all the same, and sent with the next heartbeat that arrives.
   * @throws RollcallError; `REG_GENERATION_SUPERSEDED` when another life has this id
   */
  update (patch: InstancePatch, options: { signal?: AbortSignal | undefined } = {}): Promise<Instance> {
    return this.#serial(() => this.#patch(patch, options.signal))
  }

  /**
   * Turns `draining`, so that callers go elsewhere, and resolves when they had time to notice.
   * @param ms default: the `drainMs` of the registration
   */
  async drain (ms: number = this.drainMs, options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#state === 'superseded' || this.#state === 'deregistered') return
    try {
      await this.setStatus('draining', options)
    } catch (error) {
      if (!isPassing(error)) throw error
    }
    await sleep(this.#context.clock, ms, anySignal(this.#context.closed, options.signal))
  }

  /**
   * Ends the registration. Done already, expired or superseded is fine; an unreachable registry rejects, and can be asked again.
   */
  deregister (): Promise<void> {
    this.#farewell ??= this.#leave().catch((error: unknown) => {
      this.#farewell = undefined
      throw error
    })
    return this.#farewell
  }

  /** Deregisters; if the registry can't be reached its lease runs out, and the client's `onEvent` is told. */
  async [Symbol.asyncDispose] (): Promise<void> {
    try {
      await this.deregister()
    } catch (error) {
      this.#context.emit({ type: 'error', error: asError(error) })
    }
  }

  /** One write at a time: the last one said is the last one heard. */
  #serial<Result> (action: () => Promise<Result>): Promise<Result> {
    const write = this.#writes.then(action)
    this.#writes = write.catch(() => {})
    return write
  }

  get #path (): string {
    return pathOf('namespaces', this.namespace, 'services', this.service, 'instances', this.id)
  }

  get #name (): string {
    return `${this.namespace}/${this.service}/${this.id}`
  }

  async #put (signal: AbortSignal): Promise<Instance> {
    const { body } = await this.#context.transport.request<Instance>(this.#path, { method: 'PUT', body: this.#body, signal })
    this.#pending = undefined
    this.#instance = body
    return body
  }

  async #patch (patch: InstancePatch, signal: AbortSignal | undefined): Promise<Instance> {
    this.#assertAlive()
    const before = this.#body
    const wish = merged(this.#pending ?? {}, patch)
    this.#body = applied(before, patch)
    const signals = anySignal(this.#end.signal, signal)
    try {
      const { body } = await this.#context.transport.request<Instance>(this.#path, {
        method: 'PATCH', query: { generation: this.generation }, body: wish, signal: signals
      })
      this.#pending = undefined
      this.#instance = body
      return body
    } catch (error) {
      if (isRollcallError(error) && error.status === 404) return this.#put(signals) // forgotten: the whole body has the change
      if (isSuperseded(error)) this.#superseded()
      else if (isRefusal(error)) this.#body = before // it would be refused with each re-registration, too
      else this.#pending = wish
      throw error
    }
  }

  #assertAlive (): void {
    if (this.#state === 'superseded') throw new RollcallError('REG_GENERATION_SUPERSEDED', `${this.#name} has been registered by another process`)
    if (this.#state === 'deregistered') throw new RollcallError('REGISTRY_CLOSED', `${this.#name} is deregistered`)
  }

  #renewed (bound: boolean): void {
    if (bound && !this.#bound) this.#context.emit({ type: 'session', registration: this })
    this.#bound = bound
    if (this.#pending !== undefined) this.update({}).catch((error: unknown) => this.#report(error))
    if (this.#health !== undefined && this.status !== 'draining') void this.#askHealth(this.#health)
  }

  /** Never throws: a heartbeat matters more than what goes along with it. */
  #loadNow (): Heartbeat['load'] {
    try {
      return this.#load === undefined ? undefined : checkedLoad(this.#load())
    } catch (error) {
      this.#report(error)
      return undefined
    }
  }

  /** Never rejects. */
  async #askHealth (health: NonNullable<RegisterOptions['health']>): Promise<void> {
    if (this.#asking) return this.#apply('down') // still busy since the last heartbeat
    this.#asking = true
    try {
      await this.#apply(await health())
    } catch (error) {
      this.#report(error)
      await this.#apply('down')
    } finally {
      this.#asking = false
    }
  }

  async #apply (status: Status): Promise<void> {
    if (status === this.status || this.status === 'draining' || this.#state !== 'registered') return
    await this.setStatus(status).catch((error: unknown) => this.#report(error))
  }

  /** The registry does not know the lease: it restarted empty, or this process slept too long. */
  #return (): void {
    if (this.#state !== 'registered' || this.#returning !== undefined) return
    this.#state = 'registering'
    this.#returning = this.#registerAgain().finally(() => { this.#returning = undefined })
  }

  /** Never rejects. */
  async #registerAgain (): Promise<void> {
    const { clock, random, heartbeats, emit } = this.#context
    const { signal } = this.#end
    try {
      await sleep(clock, random() * Math.min(this.#lease.ttlMs / beatsPerTtl, maxReturnDelayMs), signal, true)
      for (let attempt = 0; ; attempt++) {
        try {
          await this.#serial(() => this.#put(signal))
          break
        } catch (error) {
          if (signal.aborted) return
          this.#report(error)
          const pause = isPassing(error) ? Math.max(fullJitter(attempt, random), retryAfter(error)) : refusedPauseMs
          await sleep(clock, pause, signal, true)
        }
      }
    } catch {
      return // deregistered meanwhile
    }
    this.#state = 'registered'
    heartbeats.add(this.#lease)
    emit({ type: 'registered', registration: this, again: true })
  }

  /** The other one stays: registering again would take the id back, and so on for ever. */
  #superseded (): void {
    if (this.#state === 'superseded' || this.#state === 'deregistered') return
    this.#state = 'superseded'
    this.#finish()
    this.#context.ended(this)
    this.#context.emit({ type: 'superseded', registration: this })
  }

  async #leave (): Promise<void> {
    if (this.#state === 'superseded') return
    this.#state = 'deregistered'
    this.#finish()
    await Promise.all([this.#returning, this.#writes]) // aborted; a write must not arrive after the farewell
    try {
      await this.#delete({})
    } finally {
      this.#context.ended(this)
    }
    this.#context.emit({ type: 'deregistered', registration: this })
  }

  async #delete (limits: { timeoutMs?: number, rounds?: number }): Promise<void> {
    try {
      await this.#context.transport.request(this.#path, { method: 'DELETE', query: { generation: this.generation }, ...limits })
    } catch (error) {
      if (isRollcallError(error) && error.status === 404) return // expired, or removed by an earlier try
      if (!isSuperseded(error)) throw error
    }
  }

  #finish (): void {
    this.#context.heartbeats.delete(this.#lease)
    this.#end.abort(new RollcallError('REGISTRY_CLOSED', `${this.#name} is ${this.#state}`))
  }

  #report (error: unknown): void {
    const { signal } = this.#end
    if (signal.aborted && error === reasonOf(signal)) return // that is how it ends
    this.#context.emit({ type: 'error', error: asError(error) })
  }
}

function isSuperseded (error: unknown): boolean {
  return isRollcallError(error) && error.code === 'REG_GENERATION_SUPERSEDED'
}
