// The client: the calls of the API, on the parts that wiring.ts connects.
import {
  endpointsAnswer, explanations, instance, namespaceSummary, nothing, pools, serviceSummary
} from './answer-shapes.ts'
import { anySignal } from './clock.ts'
import { environment } from './environment.ts'
import { RollcallError } from './errors.ts'
import { checkOptions } from './option-shapes.ts'
import type {
  CallOptions, CallWithRetries, EndpointsOptions, InstanceReference, ListOptions, ReadOptions, RollcallOptions
} from './options.ts'
import { endpointsPath, poolsPath, servicePath } from './paths.ts'
import { pagesOf } from './pages.ts'
import { Registration } from './registration.ts'
import type { RegisterOptions } from './registration-body.ts'
import { Registrations } from './registrations.ts'
import type { ResolvedEndpoint } from './resolved-endpoint.ts'
import type { ResolveOptions, Target } from './resolver.ts'
import { withRetries, type Use } from './retries.ts'
import { servicesOf, type Services } from './services.ts'
import type { Check } from './shape.ts'
import { isWorkerThread } from './signals.ts'
import { Targets } from './targets.ts'
import type { Answer, RequestOptions } from './transport.ts'
import {
  defaultBufferSize, type EndpointsEvent, type EndpointsWatchOptions, type ObjectsEvent, type ObjectsWatchOptions, Watch, type WatchEvent, type WatchOptions
} from './watch.ts'
import { Wiring } from './wiring.ts'
import type {
  EndpointsAnswer, HeartbeatAnswer, Instance, NamespaceSummary, Pool, ServiceExplanation, ServiceSummary, Status
} from './wire.ts'

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
  readonly #targets: Targets
  readonly #wiring: Wiring
  readonly #registrations: Registrations
  readonly #zone: string | undefined
  readonly #signals: boolean
  /** Nothing new begins. */
  readonly #closing = new AbortController()
  /** Nothing goes on. */
  readonly #closed = new AbortController()
  #end: Promise<void> | undefined

  constructor (options: RollcallOptions = {}) {
    checkOptions('Rollcall', options)
    this.#wiring = new Wiring(options, this.#closed.signal)
    this.#targets = new Targets(options.namespace ?? environment('ROLLCALL_NAMESPACE') ?? 'default')
    this.namespace = this.#targets.namespace
    this.services = servicesOf({
      namespace: this.namespace,
      request: (path, call) => this.request(path, call),
      summaries: (list) => this.#pages<ServiceSummary>('services', serviceSummary, list),
      place: (target) => this.#targets.service(target),
      warn: (message) => this.#wiring.emit({ type: 'warning', message })
    })
    this.#zone = options.zone
    this.#signals = options.signals ?? true
    this.#registrations = new Registrations(this.#wiring.socket, this.#signals)
  }

  /** The address of the node that answered last. */
  get address (): string {
    return this.#wiring.nodes.address()
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
    const { transport, heartbeats, socket, clock, random, timeoutMs, emit, warn } = this.#wiring
    const inWorker = this.#signals && socket.available && isWorkerThread()
    const registration = new Registration({
      transport,
      heartbeats,
      clock,
      random,
      timeoutMs,
      emit,
      warn,
      closed: this.#closing.signal,
      kept: () => this.#registrations.keepSessions(),
      ended: (ended) => this.#registrations.delete(ended)
    }, { ...options, session: options.session ?? inWorker, namespace: options.namespace ?? this.namespace, zone: options.zone ?? this.#zone })
    await this.#registrations.add(registration, registration.start(call))
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
    const { service, namespace } = this.#targets.service(target)
    return this.#wiring.resolver.pick(service, namespace, options)
  }

  /** All endpoints that may be called; may be empty. */
  async resolveAll (target: Target, options: ResolveOptions = {}): Promise<readonly ResolvedEndpoint[]> {
    this.#assertOpen()
    checkOptions('resolve', options)
    const { service, namespace } = this.#targets.service(target)
    return this.#wiring.resolver.all(service, namespace, options)
  }

  /**
   * Calls a service; if `use` rejects, again on another instance. Only for what may happen twice, or with `retries: 0`.
   * @throws what `use` threw last, or RollcallError REGISTRY_NO_ENDPOINT
   * @example await rollcall.call('payments', (endpoint, { signal }) => fetch(endpoint.url(), { signal }))
   */
  async call<Result> (target: Target, use: Use<Result>, options: CallWithRetries = {}): Promise<Result> {
    this.#assertOpen()
    checkOptions('retries', options)
    const { service, namespace } = this.#targets.service(target)
    return withRetries(
      (tried) => this.#wiring.resolver.pick(service, namespace, options, tried), use, anySignal(this.#closing.signal, options.signal), options
    )
  }

  /**
   * Follows the instances of a service, a namespace or everything. The loop ends when it is left, `signal` is aborted, or the client closed.
   * @example for await (const event of rollcall.watch({ service: 'orders' })) console.log(event.type, event.revision)
   */
  watch (options: EndpointsWatchOptions, call?: CallOptions): Watch<EndpointsEvent>
  watch (options?: WatchOptions, call?: CallOptions): Watch
  watch (options: ObjectsWatchOptions, call?: CallOptions): Watch<ObjectsEvent>
  watch (
    options: WatchOptions | EndpointsWatchOptions | ObjectsWatchOptions = {}, { signal }: CallOptions = {}
  ): Watch | Watch<EndpointsEvent> | Watch<ObjectsEvent> {
    this.#assertOpen()
    checkOptions('watch', options)
    checkOptions('call', signal === undefined ? {} : { signal })
    const { view, service, selector, since } = options as WatchOptions | EndpointsWatchOptions // of objects without the two
    const namespace = this.#targets.scope(options.namespace)
    const query = {
      ...(view === undefined ? {} : { view }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(service === undefined ? {} : { service }),
      ...(selector === undefined ? {} : { selector })
    }
    const bufferSize = options.bufferSize ?? defaultBufferSize
    const end = anySignal(this.#closing.signal, signal)
    const begin = <Told extends WatchEvent | EndpointsEvent | ObjectsEvent>(): Watch<Told> => new Watch<Told>(
      this.#wiring.socket, query, since, bufferSize, end, this.#wiring.emit
    )
    if (options.view === 'endpoints') return begin<EndpointsEvent>()
    return options.view === undefined || options.view === 'instances' ? begin<WatchEvent>() : begin<ObjectsEvent>()
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
    const { service, namespace } = this.#targets.service(target)
    const { selector, zone, port, ready, minRevision, signal } = options
    const { body } = await this.request<EndpointsAnswer>(endpointsPath(namespace, service), {
      query: { selector, zone, port, ready, minRevision }, signal, check: endpointsAnswer
    })
    return body
  }

  async instance (reference: InstanceReference, options: ReadOptions = {}): Promise<Instance> {
    return (await this.#read<Instance>(this.#targets.path(reference), instance, options)).body
  }

  async service (target: Target, options: ReadOptions = {}): Promise<ServiceSummary> {
    const { service, namespace } = this.#targets.service(target)
    return (await this.#read<ServiceSummary>(servicePath(namespace, service), serviceSummary, options)).body
  }

  /** Why an instance is, or is not, an endpoint of each service of its namespace; those that have it first. */
  async explain (reference: InstanceReference, options: ReadOptions = {}): Promise<readonly ServiceExplanation[]> {
    return (
      await this.#read<readonly ServiceExplanation[]>(`${this.#targets.path(reference)}/explain`, explanations, options)
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
      this.#targets.path(reference),
      { method: 'DELETE', query: { generation: reference.generation }, signal: options.signal, check: nothing }
    )
  }

  /** Renews leases once; those of `register` are renewed by themselves. */
  async heartbeat (
    leases: readonly (InstanceReference & { readonly status?: Status })[], options: CallOptions = {}
  ): Promise<HeartbeatAnswer> {
    checkOptions('call', options)
    return this.#wiring.beat(leases.map((lease) => {
      this.#targets.path(lease) // a reference that names nothing is refused before anything is sent
      return { ...lease, namespace: lease.namespace ?? this.namespace }
    }), { signal: options.signal })
  }

  /** Any other call of the API, with the fail-over, retries and errors of all calls. It must be one that may be repeated. */
  async request<Body> (path: string, options: RequestOptions = {}): Promise<Answer<Body>> {
    this.#assertOpen()
    return this.#wiring.transport.request<Body>(path, options)
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
    await this.#registrations.close()
    this.#wiring.close()
    this.#closed.abort(reason)
  }

  async #read<Body> (path: string, check: Check, options: ReadOptions): Promise<Answer<Body>> {
    checkOptions('read', options)
    return this.request<Body>(path, { query: { minRevision: options.minRevision }, signal: options.signal, check })
  }

  #pages<Item> (kind: string, item: Check, options: ListOptions): AsyncGenerator<Item, void, undefined> {
    checkOptions('list', options)
    const { service, selector, status, minRevision, signal } = options
    const query = { namespace: this.#targets.scope(options.namespace), service, selector, status, minRevision, limit: options.pageSize }
    return pagesOf<Item>(kind, item, { request: (path, call) => this.request(path, call), query, signal })
  }

  #assertOpen (): void {
    if (this.#closing.signal.aborted) throw new RollcallError('REGISTRY_CLOSED', 'the client is closed')
  }
}
