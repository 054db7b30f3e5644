// The client: options to parts, and the calls of the API that need no more than a line.
import { endpointKey } from './balancer.ts'
import { abortable, anySignal, systemClock, type Clock } from './clock.ts'
import { asError, isPassing, RollcallError } from './errors.ts'
import { safeEmit, type Emit } from './events.ts'
import { Heartbeats } from './heartbeats.ts'
import type {
  CallOptions, CallWithRetries, EndpointsOptions, InstanceReference, ListOptions, ReadOptions, RollcallOptions
} from './options.ts'
import { Registration } from './registration.ts'
import type { RegisterOptions } from './registration-body.ts'
import type { ResolvedEndpoint } from './resolved-endpoint.ts'
import { Resolver, type ResolveOptions, type Target } from './resolver.ts'
import { servicesOf, type Services } from './services.ts'
import { beforeEnd } from './signals.ts'
import { Socket, type WebSocketConstructor } from './socket.ts'
import { addressesOf, pathOf, Transport, type Answer, type RequestOptions } from './transport.ts'
import { defaultBufferSize, type EndpointsEvent, type EndpointsWatchOptions, Watch, type WatchEvent, type WatchOptions } from './watch.ts'
import type {
  EndpointsAnswer, Heartbeat, HeartbeatAnswer, Instance, NamespaceSummary, Page, Pool, ServiceExplanation, ServiceSummary, Status
} from './wire.ts'

const defaultAddress = 'http://127.0.0.1:7500'
const defaultTimeoutMs = 5_000
const defaultRetries = 2
/** Pages of one list; a registry that never ends would be followed for ever. */
const maxPages = 100_000

/**
 * A client of the registry. One per process is enough: its registrations beat together, its watches share a WebSocket.
 * @example
 * await using rollcall = new Rollcall()
 * await rollcall.register({ service: 'orders', port: 8080 })
 */
export class Rollcall implements AsyncDisposable {
  readonly namespace: string
  /** Declares, reads and removes services; called as a function it lists them. */
  readonly services: Services
  readonly #transport: Transport
  readonly #heartbeats: Heartbeats
  readonly #socket: Socket
  readonly #resolver: Resolver
  readonly #clock: Clock
  readonly #random: () => number
  readonly #emit: Emit
  readonly #zone: string | undefined
  readonly #signals: boolean
  readonly #registrations = new Set<Registration>()
  readonly #starting = new Set<Promise<unknown>>()
  /** Nothing new begins. */
  readonly #closing = new AbortController()
  /** Nothing goes on. */
  readonly #closed = new AbortController()
  #forget: (() => void) | undefined
  #end: Promise<void> | undefined

  constructor (options: RollcallOptions = {}) {
    const clock = this.#clock = options.clock ?? systemClock
    const random = this.#random = options.random ?? Math.random
    const emit = this.#emit = safeEmit(options.onEvent)
    const timeoutMs = positive('timeoutMs', options.timeoutMs ?? defaultTimeoutMs)
    const token = options.token ?? environment('ROLLCALL_TOKEN')
    const addresses = addressesOf(options.address ?? environment('ROLLCALL_ADDRESS') ?? defaultAddress)
    const closed = this.#closed.signal
    this.namespace = options.namespace ?? environment('ROLLCALL_NAMESPACE') ?? 'default'
    this.services = servicesOf({
      namespace: this.namespace,
      request: (path, call) => this.request(path, call),
      summaries: (list) => this.#pages<ServiceSummary>('services', list),
      place: (target) => this.#target(target)
    })
    this.#zone = options.zone
    this.#signals = options.signals ?? true
    this.#transport = new Transport({
      addresses, token, timeoutMs, clock, random, emit, closed, fetch: options.fetch ?? ((url, init) => fetch(url, init))
    })
    this.#heartbeats = new Heartbeats({
      clock,
      random,
      post: (leases, limitMs) => this.#beat(leases, { timeoutMs: Math.min(timeoutMs, limitMs), rounds: 1 }),
      overSocket: (leases, limitMs) => this.#socket.beat(leases, Math.min(timeoutMs, limitMs)),
      isSocketOpen: () => this.#socket.isOpen,
      failed: (error) => { if (!closed.aborted && !isPassing(error)) emit({ type: 'error', error }) } // outages have events of their own
    })
    this.#socket = new Socket({
      addresses,
      first: () => this.#transport.current,
      token,
      WebSocket: options.WebSocket === null ? undefined : options.WebSocket ?? globalWebSocket(),
      timeoutMs,
      clock,
      random,
      emit,
      opened: () => this.#heartbeats.beatSessions(),
      troubled: () => this.#resolver.troubled()
    })
    this.#resolver = new Resolver({
      transport: this.#transport, socket: this.#socket, clock, random, emit, closed, balance: options.balance ?? 'round-robin', zone: options.zone
    })
  }

  /** The address of the node that answered last. */
  get address (): string {
    return this.#transport.addresses[this.#transport.current] ?? defaultAddress
  }

  /**
   * Registers an instance and keeps it registered until it is disposed of, the client is closed, or the process is told to end.
   * While no registry can be reached it keeps trying: until `signal` is aborted, or `waitMs` is over. A refusal (4xx) rejects at once.
   * @throws RollcallError
   */
  async register (options: RegisterOptions, call: CallOptions & { readonly waitMs?: number | undefined } = {}): Promise<Registration> {
    this.#assertOpen()
    const registration = new Registration({
      transport: this.#transport,
      heartbeats: this.#heartbeats,
      clock: this.#clock,
      random: this.#random,
      emit: this.#emit,
      closed: this.#closing.signal,
      ended: (ended) => this.#ended(ended)
    }, { ...options, namespace: options.namespace ?? this.namespace, zone: options.zone ?? this.#zone })
    const start = registration.start(call)
    this.#starting.add(start)
    try {
      await start
    } finally {
      this.#starting.delete(start)
    }
    this.#registrations.add(registration)
    this.#keepSessions()
    if (this.#signals) this.#forget ??= beforeEnd((drain) => this.#leave(drain))
    return registration
  }

  /**
   * Picks one endpoint, each in its turn: `payments` or `payments.shop`. The list comes from the registry once and is then kept
   * fresh in the background; through an outage of the registry the last known one serves.
   * @throws RollcallError REGISTRY_NO_ENDPOINT when nobody can be called
   */
  async resolve (target: Target, options: ResolveOptions = {}): Promise<ResolvedEndpoint> {
    this.#assertOpen()
    const { service, namespace } = this.#target(target)
    return this.#resolver.pick(service, namespace, options)
  }

  /** All endpoints that may be called; empty when there are none. */
  async resolveAll (target: Target, options: ResolveOptions = {}): Promise<readonly ResolvedEndpoint[]> {
    this.#assertOpen()
    const { service, namespace } = this.#target(target)
    return this.#resolver.all(service, namespace, options)
  }

  /**
   * Calls a service; if `use` rejects, again on another instance. Only for what may happen twice, or with `retries: 0`.
   * @throws what `use` threw last, or RollcallError REGISTRY_NO_ENDPOINT
   * @example await rollcall.call('payments', (endpoint, { signal }) => fetch(endpoint.url(), { signal }))
   */
  async call<Result> (
    target: Target, use: (endpoint: ResolvedEndpoint, context: { signal: AbortSignal, attempt: number }) => Promise<Result>, options: CallWithRetries = {}
  ): Promise<Result> {
    this.#assertOpen()
    const { service, namespace } = this.#target(target)
    const signal = anySignal(this.#closing.signal, options.signal)
    const tried = new Set<string>()
    for (let attempt = 0, failure: unknown; ; attempt++) {
      let endpoint: ResolvedEndpoint
      try {
        endpoint = await this.#resolver.pick(service, namespace, options, tried)
      } catch (error) {
        throw attempt === 0 ? error : failure // no other instance: what went wrong with the last one says more
      }
      try {
        return await abortable(use(endpoint, { signal, attempt }), signal)
      } catch (error) {
        if (signal.aborted || attempt >= (options.retries ?? defaultRetries) || options.retryIf?.(error) === false) throw error
        failure = error
        tried.add(endpointKey(endpoint.instance))
      } finally {
        endpoint.release()
      }
    }
  }

  /**
   * Follows the instances of a service, a namespace or everything. The loop ends when it is left, `signal` is aborted, or the client closed.
   * @example for await (const event of rollcall.watch({ service: 'orders' })) console.log(event.type, event.revision)
   */
  watch (options: EndpointsWatchOptions, call?: CallOptions): Watch<EndpointsEvent>
  watch (options?: WatchOptions, call?: CallOptions): Watch
  watch (options: WatchOptions | EndpointsWatchOptions = {}, { signal }: CallOptions = {}): Watch | Watch<EndpointsEvent> {
    this.#assertOpen()
    const { view, service, selector, since } = options
    const namespace = this.#scope(options.namespace)
    const query = {
      ...(view === undefined ? {} : { view }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(service === undefined ? {} : { service }),
      ...(selector === undefined ? {} : { selector })
    }
    const bufferSize = positive('bufferSize', options.bufferSize ?? defaultBufferSize)
    const end = anySignal(this.#closing.signal, signal)
    const begin = <Told extends WatchEvent | EndpointsEvent>(): Watch<Told> => new Watch<Told>(this.#socket, query, since, bufferSize, end)
    return view === 'endpoints' ? begin<EndpointsEvent>() : begin<WatchEvent>()
  }

  /** Reads all instances that match, page by page. */
  instances (options: ListOptions = {}): AsyncGenerator<Instance, void, undefined> {
    return this.#pages<Instance>('instances', options)
  }

  namespaces (options: ReadOptions & { readonly pageSize?: number | undefined } = {}): AsyncGenerator<NamespaceSummary, void, undefined> {
    return this.#pages<NamespaceSummary>('namespaces', { ...options, namespace: '*' })
  }

  /** The registry's answer to "who serves this?", read now. To call somebody, use `resolve`. */
  async endpoints (target: Target, options: EndpointsOptions = {}): Promise<EndpointsAnswer> {
    const { service, namespace } = this.#target(target)
    const { selector, zone, port, ready, minRevision, signal } = options
    const { body } = await this.request<EndpointsAnswer>(pathOf('namespaces', namespace, 'services', service, 'endpoints'), {
      query: { selector, zone, port, ready, minRevision }, signal
    })
    return body
  }

  async instance (reference: InstanceReference, { minRevision, signal }: ReadOptions = {}): Promise<Instance> {
    return (await this.request<Instance>(this.#path(reference), { query: { minRevision }, signal })).body
  }

  async service (target: Target, { minRevision, signal }: ReadOptions = {}): Promise<ServiceSummary> {
    const { service, namespace } = this.#target(target)
    return (await this.request<ServiceSummary>(pathOf('namespaces', namespace, 'services', service), { query: { minRevision }, signal })).body
  }

  /** Why an instance is, or is not, an endpoint of each service of its namespace; those that have it first. */
  async explain (reference: InstanceReference, { minRevision, signal }: ReadOptions = {}): Promise<readonly ServiceExplanation[]> {
    return (await this.request<readonly ServiceExplanation[]>(`${this.#path(reference)}/explain`, { query: { minRevision }, signal })).body
  }

  /** The ranges that addresses and node ports are given from, and how full they are. */
  async pools ({ minRevision, signal }: ReadOptions = {}): Promise<readonly Pool[]> {
    return (await this.request<readonly Pool[]>('/v1/pools', { query: { minRevision }, signal })).body
  }

  /** Ends somebody's registration; for one of `register`, use its own `deregister`. @throws RollcallError REG_INSTANCE_NOT_FOUND */
  async deregister (reference: InstanceReference, { signal }: CallOptions = {}): Promise<void> {
    await this.request(this.#path(reference), { method: 'DELETE', query: { generation: reference.generation }, signal })
  }

  /** Renews leases once; those of `register` are renewed by themselves. */
  async heartbeat (leases: readonly (InstanceReference & { readonly status?: Status })[], { signal }: CallOptions = {}): Promise<HeartbeatAnswer> {
    return this.#beat(leases.map((lease) => ({ ...lease, namespace: lease.namespace ?? this.namespace })), { signal })
  }

  /** Any other call of the API, with the fail-over, retries and errors of all calls. It must be one that may be repeated. */
  async request<Body> (path: string, options: RequestOptions = {}): Promise<Answer<Body>> {
    this.#assertOpen()
    return this.#transport.request<Body>(path, options)
  }

  /** Deregisters all that this client registered, ends its watches and forgets its lists. Never rejects; twice is fine. */
  close (): Promise<void> {
    this.#end ??= this.#close()
    return this.#end
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #close (): Promise<void> {
    const reason = new RollcallError('REGISTRY_CLOSED', 'the client is closed')
    this.#closing.abort(reason)
    await Promise.allSettled(this.#starting)
    await this.#leave(false)
    this.#forget?.()
    this.#heartbeats.close()
    this.#resolver.close()
    this.#socket.close()
    this.#closed.abort(reason)
  }

  async #leave (drain: boolean): Promise<void> {
    await Promise.all([...this.#registrations].map(async (registration) => {
      try {
        if (drain && registration.drainMs > 0) await registration.drain()
      } catch (error) {
        this.#emit({ type: 'error', error: asError(error) })
      }
      await registration[Symbol.asyncDispose]()
    }))
  }

  #ended (registration: Registration): void {
    this.#registrations.delete(registration)
    this.#keepSessions()
    if (this.#registrations.size > 0) return
    this.#forget?.()
    this.#forget = undefined
  }

  #keepSessions (): void {
    this.#socket.keep([...this.#registrations].filter((registration) => registration.session).length)
  }

  async #beat (leases: readonly Heartbeat[], options: RequestOptions): Promise<HeartbeatAnswer> {
    return (await this.#transport.request<HeartbeatAnswer>('/v1/heartbeats', { ...options, method: 'POST', body: { leases } })).body
  }

  async * #pages<Item> (kind: string, options: ListOptions): AsyncGenerator<Item, void, undefined> {
    const { service, selector, status, minRevision, signal } = options
    const query = { namespace: this.#scope(options.namespace), service, selector, status, minRevision, limit: options.pageSize }
    let cursor: string | undefined
    for (let page = 0; page < maxPages; page++) {
      const { body }: Answer<Page<Item>> = await this.request<Page<Item>>(pathOf(kind), { query: { ...query, cursor }, signal })
      yield * body.items
      cursor = body.next
      if (cursor === undefined) return
    }
  }

  #scope (namespace: string | undefined): string | undefined {
    return namespace === '*' ? undefined : namespace ?? this.namespace
  }

  #target (target: Target): { service: string, namespace: string } {
    if (typeof target !== 'string') return { service: target.service, namespace: target.namespace ?? this.namespace }
    const [service = '', namespace = this.namespace, ...rest] = target.split('.')
    if (service === '' || namespace === '' || rest.length > 0) {
      throw new RollcallError('REGISTRY_INVALID_ARGUMENT', `a name must be "service" or "service.namespace", got ${JSON.stringify(target)}`)
    }
    return { service, namespace }
  }

  #path ({ namespace = this.namespace, service, id }: InstanceReference): string {
    return pathOf('namespaces', namespace, 'services', service, 'instances', id)
  }

  #assertOpen (): void {
    if (this.#closing.signal.aborted) throw new RollcallError('REGISTRY_CLOSED', 'the client is closed')
  }
}

function positive (name: string, value: number): number {
  if (value > 0) return value
  throw new RollcallError('REGISTRY_INVALID_ARGUMENT', `${name} must be above 0, got ${value}`)
}

function environment (name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } } // absent in browsers and edge runtimes
  const value = process?.env?.[name]
  return value === '' ? undefined : value
}

function globalWebSocket (): WebSocketConstructor | undefined {
  return (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket // typed by each runtime in its own way; the used part is the same
}
