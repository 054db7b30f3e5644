// The client: options to parts, and the calls of the API that need no more than a line.
import { addressesOf } from './addresses.ts'
import {
  endpointsAnswer, explanations, heartbeatAnswer, instance, namespaceSummary, nothing, pageOf, pools, serviceSummary
} from './answer-shapes.ts'
import { endpointKey } from './balancer.ts'
import { abortable, anySignal, guarded, systemClock, type Clock } from './clock.ts'
import { asError, isPassing, RollcallError } from './errors.ts'
import { safeEmit, warnOnce, type Warn } from './events.ts'
import { Heartbeats } from './heartbeats.ts'
import { Nodes } from './nodes.ts'
import { checkOptions } from './option-shapes.ts'
import type {
  CallOptions, CallWithRetries, EndpointsOptions, InstanceReference, ListOptions, ReadOptions, RollcallOptions, RollcallEvent
} from './options.ts'
import { endpointsPath, heartbeatsPath, instancePath, pathOf, poolsPath, servicePath } from './paths.ts'
import { Registration } from './registration.ts'
import type { RegisterOptions } from './registration-body.ts'
import type { ResolvedEndpoint } from './resolved-endpoint.ts'
import { Resolver, type ResolveOptions, type Target } from './resolver.ts'
import { checkedName } from './request-path.ts'
import { servicesOf, type Services } from './services.ts'
import { isObject, shown, type Check } from './shape.ts'
import { beforeEnd, isWorkerThread } from './signals.ts'
import { Socket, type WebSocketConstructor } from './socket.ts'
import { Transport, type Answer, type RequestOptions } from './transport.ts'
import { defaultBufferSize, type EndpointsEvent, type EndpointsWatchOptions, Watch, type WatchEvent, type WatchOptions } from './watch.ts'
import type {
  EndpointsAnswer, Heartbeat, HeartbeatAnswer, Instance, NamespaceSummary, Page, Pool, ServiceExplanation, ServiceSummary, Status
} from './wire.ts'

const defaultAddress = 'http://127.0.0.1:7500'
const defaultTimeoutMs = 5_000
const defaultConnectTimeoutMs = 5_000
/** 64 MiB: the largest page of a large registry is a third of it. */
const defaultMaxAnswerBytes = 64 * 1024 * 1024
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
  readonly #nodes: Nodes
  readonly #transport: Transport
  readonly #heartbeats: Heartbeats
  readonly #socket: Socket
  readonly #resolver: Resolver
  readonly #clock: Clock
  readonly #random: () => number
  readonly #emit: (event: RollcallEvent) => void
  readonly #warn: Warn
  readonly #timeoutMs: number
  readonly #zone: string | undefined
  readonly #signals: boolean
  readonly #registrations = new Set<Registration>()
  readonly #starting = new Set<Promise<unknown>>()
  /** Nothing new begins. */
  readonly #closing = new AbortController()
  /** Nothing goes on. */
  readonly #closed = new AbortController()
  #wasReached = false
  #forget: (() => void) | undefined
  #end: Promise<void> | undefined

  constructor (options: RollcallOptions = {}) {
    checkOptions('Rollcall', options)
    this.#warn = warnOnce(options.warn)
    const tell = safeEmit(options.onEvent)
    const emit = this.#emit = (event) => {
      this.#sayFirst(event)
      tell(event)
    }
    const clock = this.#clock = guarded(
      options.clock ?? systemClock, (error) => emit({ type: 'error', error: asError(error) })
    )
    const random = this.#random = options.random ?? Math.random
    const timeoutMs = this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs
    const connectTimeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs
    const maxAnswerBytes = options.maxAnswerBytes ?? defaultMaxAnswerBytes
    const token = options.token ?? environment('ROLLCALL_TOKEN')
    checkOptions('Rollcall', { token })
    const addresses = addressesOf(options.address ?? environment('ROLLCALL_ADDRESS') ?? defaultAddress)
    const closed = this.#closed.signal
    this.namespace = checkedName('namespace', options.namespace ?? environment('ROLLCALL_NAMESPACE') ?? 'default')
    this.services = servicesOf({
      namespace: this.namespace,
      request: (path, call) => this.request(path, call),
      summaries: (list) => this.#pages<ServiceSummary>('services', serviceSummary, list),
      place: (target) => this.#target(target),
      warn: (message) => emit({ type: 'warning', message })
    })
    this.#zone = options.zone
    this.#signals = options.signals ?? true
    const nodes = this.#nodes = new Nodes({
      addresses, prefer: options.prefer ?? 'any', clock, random, emit, probe: (index) => this.#transport.probe(index)
    })
    this.#transport = new Transport({
      nodes, token, timeoutMs, maxAnswerBytes, clock, random, emit, closed, fetch: options.fetch ?? (
        (url, init) => fetch(url, init)
      )
    })
    this.#heartbeats = new Heartbeats({
      clock,
      random,
      // Its turn is short, a connection may be new: its answer counts also when the next beat has set out.
      post: (leases, patienceMs) => this.#beat(
        leases, { timeoutMs: connectTimeoutMs + timeoutMs, patienceMs, rounds: 1 }
      ),
      overSocket: (leases) => this.#socket.beat(leases),
      isSocketOpen: () => this.#socket.isOpen,
      // outages have events of their own
      failed: (error) => { if (!closed.aborted && !isPassing(error)) emit({ type: 'error', error }) },
      unstored: () => nodes.saw(nodes.current, 'stale')
    })
    this.#socket = new Socket({
      nodes,
      token,
      WebSocket: options.WebSocket === null ? undefined : options.WebSocket ?? globalWebSocket(),
      connectTimeoutMs,
      timeoutMs,
      maxFrameLength: maxAnswerBytes,
      clock,
      random,
      emit,
      opened: () => this.#heartbeats.beatSessions(),
      closed: () => this.#heartbeats.unbind(),
      troubled: () => this.#resolver.troubled()
    })
    this.#resolver = new Resolver({
      nodes, transport: this.#transport, socket: this.#socket, clock, random, emit, closed, balance: options.balance ?? 'round-robin', zone: options.zone
    })
    nodes.onMove(() => this.#heartbeats.moved())
  }

  /** The address of the node that answered last. */
  get address (): string {
    return this.#nodes.address()
  }

  /**
   * Registers an instance and keeps it registered until it is disposed of, the client is closed, or the process is told to end.
   * While no registry can be reached it keeps trying: until `signal` is aborted, or `waitMs` is over. A refusal (4xx) rejects at once.
   * @throws RollcallError
   */
  async register (options: RegisterOptions, call: CallOptions & { readonly waitMs?: number | undefined } = {}): Promise<Registration> {
    this.#assertOpen()
    checkOptions('register', options, ['service'])
    checkOptions('waiting', call)
    const inWorker = this.#signals && this.#socket.available && isWorkerThread()
    const registration = new Registration({
      transport: this.#transport,
      heartbeats: this.#heartbeats,
      clock: this.#clock,
      random: this.#random,
      timeoutMs: this.#timeoutMs,
      emit: this.#emit,
      warn: this.#warn,
      closed: this.#closing.signal,
      kept: () => this.#keepSessions(),
      ended: (ended) => this.#ended(ended)
    }, { ...options, session: options.session ?? inWorker, namespace: options.namespace ?? this.namespace, zone: options.zone ?? this.#zone })
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
   * @throws RollcallError REGISTRY_NO_ENDPOINT when no endpoint can be called
   */
  async resolve (target: Target, options: ResolveOptions = {}): Promise<ResolvedEndpoint> {
    this.#assertOpen()
    checkOptions('resolve', options)
    const { service, namespace } = this.#target(target)
    return this.#resolver.pick(service, namespace, options)
  }

  /** All endpoints that may be called; may be empty. */
  async resolveAll (target: Target, options: ResolveOptions = {}): Promise<readonly ResolvedEndpoint[]> {
    this.#assertOpen()
    checkOptions('resolve', options)
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
    checkOptions('retries', options)
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
    checkOptions('watch', options)
    checkOptions('call', signal === undefined ? {} : { signal })
    const { view, service, selector, since } = options
    const namespace = this.#scope(options.namespace)
    const query = {
      ...(view === undefined ? {} : { view }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(service === undefined ? {} : { service }),
      ...(selector === undefined ? {} : { selector })
    }
    const bufferSize = options.bufferSize ?? defaultBufferSize
    const end = anySignal(this.#closing.signal, signal)
    const begin = <Told extends WatchEvent | EndpointsEvent>(): Watch<Told> => new Watch<Told>(
      this.#socket, query, since, bufferSize, end, this.#emit
    )
    return view === 'endpoints' ? begin<EndpointsEvent>() : begin<WatchEvent>()
  }

  /** Reads all instances that match, page by page. */
  instances (options: ListOptions = {}): AsyncGenerator<Instance, void, undefined> {
    return this.#pages<Instance>('instances', instance, options)
  }

  namespaces (options: ReadOptions & { readonly pageSize?: number | undefined } = {}): AsyncGenerator<NamespaceSummary, void, undefined> {
    checkOptions('pages', options)
    return this.#pages<NamespaceSummary>('namespaces', namespaceSummary, { ...options, namespace: '*' })
  }

  /** The endpoints of a service as the registry has them now. To call one, use `resolve`. */
  async endpoints (target: Target, options: EndpointsOptions = {}): Promise<EndpointsAnswer> {
    checkOptions('endpoints', options)
    const { service, namespace } = this.#target(target)
    const { selector, zone, port, ready, minRevision, signal } = options
    const { body } = await this.request<EndpointsAnswer>(endpointsPath(namespace, service), {
      query: { selector, zone, port, ready, minRevision }, signal, check: endpointsAnswer
    })
    return body
  }

  async instance (reference: InstanceReference, options: ReadOptions = {}): Promise<Instance> {
    return (await this.#read<Instance>(this.#path(reference), instance, options)).body
  }

  async service (target: Target, options: ReadOptions = {}): Promise<ServiceSummary> {
    const { service, namespace } = this.#target(target)
    return (await this.#read<ServiceSummary>(servicePath(namespace, service), serviceSummary, options)).body
  }

  /** Why an instance is, or is not, an endpoint of each service of its namespace; those that have it first. */
  async explain (reference: InstanceReference, options: ReadOptions = {}): Promise<readonly ServiceExplanation[]> {
    return (
      await this.#read<readonly ServiceExplanation[]>(`${this.#path(reference)}/explain`, explanations, options)
    ).body
  }

  /** The ranges that addresses and node ports are given from, and how full they are. */
  async pools (options: ReadOptions = {}): Promise<readonly Pool[]> {
    return (await this.#read<readonly Pool[]>(poolsPath, pools, options)).body
  }

  /**
   * Ends the registration of any instance; for one of `register`, use its own `deregister`. @throws RollcallError
   * REG_INSTANCE_NOT_FOUND
   */
  async deregister (reference: InstanceReference, options: CallOptions = {}): Promise<void> {
    checkOptions('call', options)
    await this.request(
      this.#path(reference),
      { method: 'DELETE', query: { generation: reference.generation }, signal: options.signal, check: nothing }
    )
  }

  /** Renews leases once; those of `register` are renewed by themselves. */
  async heartbeat (
    leases: readonly (InstanceReference & { readonly status?: Status })[], options: CallOptions = {}
  ): Promise<HeartbeatAnswer> {
    checkOptions('call', options)
    return this.#beat(leases.map((lease) => {
      this.#path(lease) // a reference that names nothing is refused before anything is sent
      return { ...lease, namespace: lease.namespace ?? this.namespace }
    }), { signal: options.signal })
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
    this.#nodes.close()
    this.#closed.abort(reason)
  }

  async #leave (drain: boolean): Promise<void> {
    await Promise.all([...this.#registrations].map((registration) => registration.leave(drain)))
  }

  #ended (registration: Registration): void {
    this.#registrations.delete(registration)
    this.#keepSessions()
    if (this.#registrations.size > 0) return
    this.#forget?.()
    this.#forget = undefined
  }

  #keepSessions (): void {
    this.#socket.keep(
      [...this.#registrations].filter(
        (registration) => registration.session && registration.state !== 'superseded'
      ).length
    )
  }

  /** A developer whose program waits for a registry that was never there should learn why. */
  #sayFirst (event: RollcallEvent): void {
    if (event.type === 'reachable' || event.type === 'registered') this.#wasReached = true
    if (event.type !== 'unreachable' || this.#wasReached) return
    this.#warn(`no registry answers at ${this.#nodes.addresses.join(', ')} (${event.error.message}); trying on. ROLLCALL_ADDRESS or the option address names it`)
  }

  async #read<Body> (path: string, check: Check, options: ReadOptions): Promise<Answer<Body>> {
    checkOptions('read', options)
    return this.request<Body>(path, { query: { minRevision: options.minRevision }, signal: options.signal, check })
  }

  async #beat (leases: readonly Heartbeat[], options: RequestOptions): Promise<HeartbeatAnswer> {
    return (
      await this.#transport.request<HeartbeatAnswer>(
        heartbeatsPath, { ...options, method: 'POST', body: { leases }, check: heartbeatAnswer }
      )
    ).body
  }

  #pages<Item> (kind: string, item: Check, options: ListOptions): AsyncGenerator<Item, void, undefined> {
    checkOptions('list', options)
    return this.#pagesOf<Item>(kind, item, options)
  }

  async * #pagesOf<Item> (kind: string, item: Check, options: ListOptions): AsyncGenerator<Item, void, undefined> {
    const { service, selector, status, minRevision, signal } = options
    const query = { namespace: this.#scope(options.namespace), service, selector, status, minRevision, limit: options.pageSize }
    let cursor: string | undefined
    for (let page = 0; page < maxPages; page++) {
      const { body }: Answer<Page<Item>> = await this.request<Page<Item>>(
        pathOf(kind), { query: { ...query, cursor }, signal, check: pageOf(item) }
      )
      yield * body.items
      if (body.next === undefined) return
      if (body.next === cursor) throw new RollcallError('REGISTRY_BAD_ANSWER', `the list of ${kind} goes on at ${cursor} for ever`)
      cursor = body.next
    }
  }

  #scope (namespace: string | undefined): string | undefined {
    return namespace === '*' ? undefined : namespace ?? this.namespace
  }

  #target (target: Target): { service: string, namespace: string } {
    if (typeof target === 'object' && target !== null) return this.#place(target.service, target.namespace)
    const [service, namespace, ...rest] = typeof target === 'string' ? target.split('.') : []
    if (service === undefined || service === '' || namespace === '' || rest.length > 0) {
      throw new RollcallError(
        'REGISTRY_INVALID_ARGUMENT', `a name must be "service" or "service.namespace", got ${shown(target)}`
      )
    }
    return this.#place(service, namespace)
  }

  #place (service: string, namespace: string = this.namespace): { service: string, namespace: string } {
    return { service: checkedName('service', service), namespace: checkedName('namespace', namespace) }
  }

  #path (reference: InstanceReference): string {
    if (!isObject(reference)) throw new RollcallError('REGISTRY_INVALID_ARGUMENT', `an instance is named by { service, id }, got ${shown(reference)}`)
    const { service, namespace } = this.#place(reference.service, reference.namespace)
    return instancePath(namespace, service, checkedName('id', reference.id))
  }

  #assertOpen (): void {
    if (this.#closing.signal.aborted) throw new RollcallError('REGISTRY_CLOSED', 'the client is closed')
  }
}

function environment (name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } } // absent in browsers and edge runtimes
  const value = process?.env?.[name]
  return value === '' ? undefined : value
}

function globalWebSocket (): WebSocketConstructor | undefined {
  return (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket // typed by each runtime in its own way; the used part is the same
}
