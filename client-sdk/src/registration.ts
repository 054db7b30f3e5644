// One registered copy of a service: kept alive, brought back when the registry forgot it, silent while another life has
// its id.
import { anySignal, reasonOf, sleep, type Clock } from './clock.ts'
import { comeBack } from './comeback.ts'
import { asError, isPassing, isRefusal, RollcallError } from './errors.ts'
import type { NodeEvent, Warn } from './events.ts'
import { registerFirst } from './first-registration.ts'
import { Health } from './health.ts'
import type { Beating, Heartbeats } from './heartbeats.ts'
import { InstanceWrites, isSuperseded, type Limits } from './instance-writes.ts'
import { LeaseLife } from './lease-life.ts'
import { checkOptions } from './option-shapes.ts'
import { bodyOf, defaultId, loadNow, type RegisterOptions } from './registration-body.ts'
import { checkedName } from './request-path.ts'
import type { Transport } from './transport.ts'
import { waitForTurn } from './turn.ts'
import type { Instance, InstancePatch, LeaseReference, Status } from './wire.ts'

export type RegistrationState = 'registering' | 'registered' | 'superseded' | 'deregistered'

export interface RegistrationContext {
  readonly transport: Transport
  readonly heartbeats: Heartbeats
  readonly clock: Clock
  readonly random: () => number
  /** Of one call with its retries. */
  readonly timeoutMs: number
  readonly emit: (event: NodeEvent | RegistrationEvent) => void
  readonly warn: Warn
  readonly closed: AbortSignal
  /** Whether it needs its session has changed. */
  readonly kept: () => void
  readonly ended: (registration: Registration) => void
}

/** What the SDK tells of registrations. */
export type RegistrationEvent =
  /** `again`: the registry had forgotten the lease. */
  | { readonly type: 'registered', readonly registration: Registration, readonly again: boolean }
  /** The WebSocket is its lease from now on: also after each time that it was broken. */
  | { readonly type: 'session', readonly registration: Registration }
  /** Another process registered the same id: this one has stopped its heartbeats, and with `onSuperseded: 'wait'` waits for its turn. */
  | { readonly type: 'superseded', readonly registration: Registration }
  /** The registry took what it was given and has something to say about it. */
  | { readonly type: 'warning', readonly message: string, readonly registration?: Registration }
  | { readonly type: 'deregistered', readonly registration: Registration }

const defaultTtlMs = 15_000
/** For a goodbye to a registry that has just not answered. */
const hurriedMs = 1_000

/** Made by `Rollcall.register`. */
export class Registration {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly generation: string
  readonly drainMs: number
  readonly #context: RegistrationContext
  readonly #lease: Beating
  readonly #life: LeaseLife
  readonly #health: Health | undefined
  readonly #waits: boolean
  readonly #end = new AbortController()
  readonly #writes: InstanceWrites
  #state: RegistrationState = 'registering'
  #returning: Promise<void> | undefined
  #farewell: Promise<void> | undefined
  #turn: Promise<void> | undefined

  /** @internal */
  constructor (context: RegistrationContext, options: RegisterOptions & { namespace: string }) {
    this.#context = context
    this.namespace = checkedName('namespace', options.namespace)
    this.service = checkedName('service', options.service)
    this.id = checkedName('id', options.id ?? defaultId(context.random))
    this.generation = options.generation ?? crypto.randomUUID()
    this.drainMs = options.drainMs ?? 0
    this.#waits = options.onSuperseded !== 'stop'
    this.#writes = new InstanceWrites({
      transport: context.transport,
      reference: this.reference,
      body: bodyOf(options, this.generation),
      warning: (message) => context.emit({ type: 'warning', message, registration: this })
    })
    this.#health = options.health === undefined ? undefined : new Health({
      ask: options.health, name: this.#name, apply: (status) => this.#apply(status), report: (error) => this.#report(error), warn: context.warn
    })
    this.#lease = {
      reference: this.reference,
      ttlMs: options.ttlMs ?? defaultTtlMs,
      session: options.session ?? false,
      load: () => loadNow(options.load, (error) => this.#report(error)),
      renewed: (bound, sentAtMs) => this.#renewed(bound, sentAtMs),
      unbound: () => this.#life.unbound(),
      unknown: () => this.#return(),
      superseded: () => this.#superseded()
    }
    this.#life = new LeaseLife(context.clock, this.#lease.ttlMs)
  }

  get state (): RegistrationState {
    return this.#state
  }

  /** Is its lease bound to the WebSocket? */
  get session (): boolean {
    return this.#lease.session
  }

  /**
   * When the newest heartbeat was sent (or the registration, if it is newer) that the registry has stored, in milliseconds of the
   * client's clock (`performance.now()`): the lease is good at least until `ttlMs` after it. -Infinity before the first.
   */
  get renewedAtMs (): number {
    return this.#life.renewedAtMs
  }

  /**
   * How often its lease was interrupted, or may have been: the WebSocket broke that was its session, the registry had forgotten it, or an
   * answer was so late that it may have run out before.
   */
  get interruptions (): number {
    return this.#life.interruptions
  }

  /** As the registry answered last. */
  get instance (): Instance {
    const { instance } = this.#writes
    if (instance === undefined) throw new RollcallError('REGISTRY_CLOSED', `${this.#name} is not registered`)
    return instance
  }

  /** The status that this process wishes; an operator's override is in `instance.effectiveStatus`. */
  get status (): Status {
    return this.#writes.body.status ?? 'up'
  }

  get reference (): LeaseReference {
    return { namespace: this.namespace, service: this.service, id: this.id, generation: this.generation }
  }

  /**
   * Registers, however long the registry is away: until `signal` is aborted or `waitMs` is over.
   * @internal
   */
  async start (options: { signal?: AbortSignal | undefined, waitMs?: number | undefined }): Promise<void> {
    const { clock, random, timeoutMs, heartbeats, emit } = this.#context
    const signal = anySignal(this.#context.closed, options.signal)
    try {
      const register = (limits: Limits): Promise<Instance> => this.#life.granted(() => this.#writes.put(signal, limits))
      await registerFirst({ clock, random, timeoutMs, waitMs: options.waitMs, signal, register })
    } catch (error) {
      this.#state = 'deregistered'
      // It may have arrived although the answer was lost: don't leave an instance behind that sends no heartbeats.
      if (!isRefusal(error)) this.#writes.delete({ timeoutMs: 1_000, rounds: 1 }).catch(() => {})
      throw error
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
  async update (patch: InstancePatch, options: { signal?: AbortSignal | undefined } = {}): Promise<Instance> {
    checkOptions('patch', patch)
    checkOptions('call', options)
    return this.#writes.inTurn(() => this.#patch(patch, options.signal))
  }

  /**
   * Turns `draining`, so that callers go elsewhere, and resolves when they had time to notice.
   * @param ms default: the `drainMs` of the registration
   */
  async drain (ms: number = this.drainMs, options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#drain(ms, options)
  }

  /** @returns false if the registry could not be reached */
  async #drain (ms: number, options: { signal?: AbortSignal | undefined }): Promise<boolean> {
    if (this.#state === 'superseded' || this.#state === 'deregistered') return true
    let isTold = true
    try {
      await this.setStatus('draining', options)
    } catch (error) {
      if (!isPassing(error)) throw error
      isTold = false
    }
    await sleep(this.#context.clock, ms, anySignal(this.#context.closed, options.signal))
    return isTold
  }

  /** Ends the registration. Done already, expired or superseded is fine; an unreachable registry rejects, and can be asked again. */
  deregister (): Promise<void> {
    return this.#deregister({})
  }

  /** Deregisters; if the registry can't be reached its lease runs out, and the client's `onEvent` gets the error. */
  async [Symbol.asyncDispose] (): Promise<void> {
    await this.leave(false)
  }

  /**
   * Drains if asked to, and deregisters. A registry that never answers costs the time limit once: who could not say
   * that he drains has a second left to say goodbye. Never rejects.
   * @internal
   */
  async leave (drain: boolean): Promise<void> {
    const { emit } = this.#context
    let isTold = true
    try {
      if (drain && this.drainMs > 0) isTold = await this.#drain(this.drainMs, {})
    } catch (error) {
      emit({ type: 'error', error: asError(error) })
    }
    await this.#deregister(isTold ? {} : { timeoutMs: hurriedMs, rounds: 1 }).catch((error: unknown) => emit({ type: 'error', error: asError(error) }))
  }

  #deregister (limits: Limits): Promise<void> {
    this.#farewell ??= this.#goodbye(limits).catch((error: unknown) => {
      this.#farewell = undefined
      throw error
    })
    return this.#farewell
  }

  get #name (): string {
    return `${this.namespace}/${this.service}/${this.id}`
  }

  async #patch (patch: InstancePatch, signal: AbortSignal | undefined): Promise<Instance> {
    this.#assertAlive()
    try {
      return await this.#writes.patch(patch, anySignal(this.#end.signal, signal))
    } catch (error) {
      if (isSuperseded(error)) this.#superseded()
      throw error
    }
  }

  #assertAlive (): void {
    if (this.#state === 'superseded') throw new RollcallError('REG_GENERATION_SUPERSEDED', `${this.#name} has been registered by another process`)
    if (this.#state === 'deregistered') throw new RollcallError('REGISTRY_CLOSED', `${this.#name} is deregistered`)
  }

  #renewed (bound: boolean, sentAtMs: number | undefined): void {
    if (this.#life.renewed(bound, sentAtMs)) this.#context.emit({ type: 'session', registration: this })
    if (this.#writes.isPending) this.update({}).catch((error: unknown) => this.#report(error))
    if (this.#health !== undefined && this.status !== 'draining') void this.#health.ask()
  }

  /** Never rejects. */
  async #apply (status: Status): Promise<void> {
    if (status === this.status || this.status === 'draining' || this.#state !== 'registered') return
    await this.setStatus(status).catch((error: unknown) => this.#report(error))
  }

  /** The registry does not know the lease: it restarted empty, or this process slept too long. */
  #return (): void {
    if (this.#state !== 'registered' || this.#returning !== undefined) return
    this.#state = 'registering'
    this.#life.forgotten()
    this.#returning = this.#registerAgain().finally(() => { this.#returning = undefined })
  }

  /** Never rejects. */
  async #registerAgain (): Promise<void> {
    const { signal } = this.#end
    const register = (): Promise<Instance> => this.#writes.inTurn(() => this.#life.granted(() => this.#writes.put(signal)))
    this.#returned(await comeBack({ ...this.#wayBack, register }))
  }

  /** The other one stays while it lives: registering again would take the id back, and so on for ever. */
  #superseded (): void {
    if (this.#state === 'superseded' || this.#state === 'deregistered') return
    const { heartbeats, ended, kept, emit } = this.#context
    this.#state = 'superseded'
    heartbeats.delete(this.#lease)
    if (this.#waits) {
      kept()
      this.#turn ??= this.#waitForTurn().finally(() => { this.#turn = undefined })
    } else {
      this.#finish()
      ended(this)
    }
    emit({ type: 'superseded', registration: this })
  }

  /** Registers again when the newer life has ended: deregistered or expired. Never rejects. */
  async #waitForTurn (): Promise<void> {
    const { signal } = this.#end
    const isBack = await waitForTurn({
      ...this.#wayBack,
      generation: this.generation,
      owner: () => this.#writes.owner(signal),
      register: (onlyNew) => this.#writes.inTurn(() => this.#life.granted(() => this.#writes.put(signal, { onlyNew })))
    })
    if (this.#returned(isBack)) this.#context.kept()
  }

  /** What every way back needs. */
  get #wayBack () {
    const { clock, random } = this.#context
    return { clock, random, ttlMs: this.#lease.ttlMs, report: (error: unknown) => this.#report(error), signal: this.#end.signal }
  }

  /** @returns whether it is registered again */
  #returned (isBack: boolean): boolean {
    if (!isBack || this.#end.signal.aborted) return false
    this.#state = 'registered'
    this.#context.heartbeats.add(this.#lease)
    this.#context.emit({ type: 'registered', registration: this, again: true })
    return true
  }

  async #goodbye (limits: Limits): Promise<void> {
    const wasSuperseded = this.#state === 'superseded'
    if (wasSuperseded && !this.#waits) return
    this.#state = 'deregistered'
    this.#finish()
    // aborted; a write must not arrive after the farewell
    await Promise.all([this.#returning, this.#turn, this.#writes.settled])
    try {
      if (!wasSuperseded) await this.#writes.delete(limits)
    } finally {
      this.#context.ended(this)
    }
    if (!wasSuperseded) this.#context.emit({ type: 'deregistered', registration: this })
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
