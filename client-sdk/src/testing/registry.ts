// A registry in memory, with the rules of a real one.
import type { Clock } from '../clock.ts'
import type { RollcallOptions } from '../options.ts'
import type { WebSocketConstructor } from '../web-socket.ts'
import type { Fetch } from '../transport.ts'
import type {
  ClientFrame, Heartbeat, Instance, LeaseReference, Override, Registration, ServerFrame
} from '../wire.ts'
import { faultsOf, problem, type TestAnswer } from './answers.ts'
import { Book, keyOf } from './book.ts'
import { implicitManifest } from './declared.ts'
import { absent, beat, instanceRoute, registerInstance } from './instance-routes.ts'
import { endpointsOf } from './endpoints-route.ts'
import { serviceSummaries } from './lists.ts'
import { apply, takeBack, testAllocator } from './manifests-routes.ts'
import { pageOf } from './pages.ts'
import { TestSocket, type SocketLinks } from './socket.ts'
import { TestSubscription } from './subscription.ts'

export interface TestRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
}

export interface TestRegistryOptions {
  /** Default: the system's; only long polls and `createdAt` ask it. */
  readonly clock?: Clock
}

/** What it announces. It has no timers and sends none: a client that hears nothing asks, and is answered. */
const pingMs = 6_000
/** Requests that are remembered. */
const maxRequests = 10_000

/**
 * Makes a registry that lives in this process: the rules of a real one, no sockets, no timers. Leases end when the test says so.
 * @example
 * const registry = createTestRegistry()
 * registry.register('shop', 'payments', 'p-1', { address: '10.0.0.1', ports: [{ port: 80 }] })
 * await using rollcall = new Rollcall(registry.options)
 * (await rollcall.resolve('payments.shop')).url() // 'http://10.0.0.1:80'
 */
export function createTestRegistry (options: TestRegistryOptions = {}): TestRegistry {
  return new TestRegistry(options)
}

export class TestRegistry {
  /** What arrived, oldest first. */
  readonly requests: TestRequest[] = []
  /** Revisions that watchers acknowledged. */
  readonly acknowledged: string[] = []
  readonly #clock: Clock | undefined
  readonly #book: Book
  readonly #allocate = testAllocator()
  readonly #sockets = new Set<TestSocket>()
  readonly #polls = new Set<() => void>()
  #down = false
  #stale = false
  #warnings: readonly string[] = []
  #answers: { status: number, code: string, retryAfterSeconds: number | undefined }[] = []

  constructor (options: TestRegistryOptions = {}) {
    this.#clock = options.clock
    this.#book = new Book(() => new Date(this.#clock?.now() ?? Date.now()).toISOString(), (change) => {
      for (const socket of this.#sockets) for (const subscription of socket.subscriptions.values()) subscription.change(change)
      for (const wake of [...this.#polls]) wake()
    })
  }

  /**
   * For `new Rollcall(registry.options)`. No signal handlers, no words: a test should not change how its process ends,
   * and means its outages.
   */
  get options (): RollcallOptions {
    return {
      address: 'http://registry.test', fetch: this.fetch, WebSocket: this.WebSocket, signals: false, warn: null,
      clock: this.#clock
    }
  }

  /** The cursor of the last change. */
  get revision (): string {
    return this.#book.cursor
  }

  /** How many WebSockets are open. */
  get sockets (): number {
    return this.#sockets.size
  }

  get instances (): readonly Instance[] {
    return this.#book.instances
  }

  /** Registers as a client would. @throws Error when a rule is broken */
  register (namespace: string, service: string, id: string, body: Registration = {}): Instance {
    const faults = faultsOf(namespace, service, body)
    if (faults.length > 0) throw new Error(faults.map(({ field, rule }) => `${field} ${rule}`).join('; '))
    return registerInstance(this.#book, { namespace, service, id }, body).instance
  }

  deregister (reference: LeaseReference): void {
    this.#book.remove(keyOf(reference), 'deregistered')
  }

  /** The lease ran out: out of the answers, unless all of the service are. */
  suspect (reference: LeaseReference, suspect = true): void {
    this.#book.change(keyOf(reference), { suspect }, suspect ? 'suspect' : 'renewed')
  }

  /** The lease ran out long ago: removed; its heartbeats are unknown from now on. */
  expire (reference: LeaseReference): void {
    this.#book.remove(keyOf(reference), 'expired')
  }

  /** An operator's word; undefined takes it back. */
  override (reference: LeaseReference, override: Pick<Override, 'status' | 'weight'> | undefined): void {
    const key = keyOf(reference)
    const instance = this.#book.instance(key)
    if (instance === undefined) throw new Error(`there is no ${key}`)
    const { override: before, ...rest } = instance
    if (override === undefined) return before === undefined ? undefined : void this.#book.put(rest, 'override-removed')
    this.#book.put(
      { ...rest, override: { ...override, author: 'test', reason: 'test', createdAt: this.#book.time() } }, 'override'
    )
  }

  /** An outage: every request fails as if no node listened, open sockets break. `false` ends it. */
  down (down = true): void {
    this.#down = down
    if (down) this.dropSockets()
  }

  /**
   * It loses its store: it says so with each read and to all watchers, and does not store heartbeats. `false` ends it.
   */
  stale (stale = true): void {
    if (stale === this.#stale) return
    this.#stale = stale
    this.broadcast(stale ? { type: 'stale', reason: 'as the test wished' } : { type: 'current' })
  }

  /** The next registrations and changes of instances are answered with these warnings. */
  warn (...warnings: readonly string[]): void {
    this.#warnings = warnings
  }

  /** The next requests are answered with this problem. */
  refuse (status: number, code: string, { times = 1, retryAfterSeconds }: { times?: number, retryAfterSeconds?: number } = {}): void {
    for (let n = 0; n < times; n++) this.#answers.push({ status, code, retryAfterSeconds })
  }

  dropSockets (): void {
    for (const socket of [...this.#sockets]) socket.drop()
  }

  /** Restarts empty: a new epoch, all leases unknown, all cursors reset. */
  restart (): void {
    this.#book.clear()
    this.dropSockets()
  }

  /** Forgets the log: cursors up to now are reset when they come back. */
  trim (): void {
    this.#book.forgetLog()
  }

  /** Tells all watchers that nothing else happened up to now. */
  bookmark (): void {
    for (const socket of this.#sockets) for (const subscription of socket.subscriptions.values()) subscription.bookmark()
  }

  /** Sends a frame to all sockets, also one that no registry would send. */
  broadcast (frame: ServerFrame | string): void {
    for (const socket of this.#sockets) socket.deliver(frame)
  }

  /** As the global `fetch`, to this registry only. */
  readonly fetch: Fetch = async (url, { method, headers, body: text, signal }) => {
    if (signal.aborted) throw signal.reason
    const { pathname, search, searchParams } = new URL(url)
    if (this.#down) throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED (the test registry is down)') })
    const body: unknown = text === undefined || headers['content-type'] !== 'application/json' ? text : JSON.parse(text)
    this.requests.push({ method, path: `${pathname}${search}`, body, headers })
    if (this.requests.length > maxRequests) this.requests.shift()
    const planned = this.#answers.shift()
    const answer = planned === undefined
      ? await this.#route(
        method, pathname.split('/').slice(2).map(decodeURIComponent), searchParams, body, headers, signal
      )
      : problem(planned.status, planned.code, 'as the test wished')
    if (signal.aborted) throw signal.reason
    const answerHeaders = new Headers({ 'rollcall-revision': this.revision, 'content-type': 'application/json' })
    if (this.#stale) answerHeaders.set('rollcall-stale', '1')
    if (planned?.retryAfterSeconds !== undefined) answerHeaders.set('retry-after', String(planned.retryAfterSeconds))
    return { status: answer.status, headers: answerHeaders, text: async () => (answer.body === undefined ? '' : JSON.stringify(answer.body)) }
  }

  /** As the global `WebSocket`, to this registry only. */
  get WebSocket (): WebSocketConstructor {
    const links: SocketLinks = {
      isDown: () => this.#down,
      opened: (socket) => {
        this.#sockets.add(socket)
        socket.deliver({ type: 'hello', pingMs, stale: this.#stale })
      },
      closed: (socket) => this.#sockets.delete(socket),
      frame: (socket, frame) => this.#frame(socket, frame)
    }
    return class extends TestSocket {
      constructor (_url: string) {
        super(links)
      }
    }
  }

  async #route (
    method: string, parts: readonly string[], query: URLSearchParams, body: unknown, headers: Readonly<Record<string, string>>, signal: AbortSignal
  ): Promise<TestAnswer> {
    const book = this.#book
    const [kind, namespace = '', second, service = '', third, id = '', last] = parts
    if (parts.length === 0) return { status: 200, body: { status: 'ok', checks: [] } } // /readyz
    // the SDK wrote it
    if (kind === 'heartbeats' && method === 'POST') return {
      status: 200, body: beat(book, (body as { leases: readonly Heartbeat[] }).leases, !this.#stale)
    }
    if (kind === 'apply' && method === 'POST') return apply(book, this.#allocate, body, query)
    if (parts.length === 1 && method === 'GET') return pageOf(book, kind ?? '', query)
    if (kind !== 'namespaces' || second !== 'services' || last !== undefined) return problem(404, 'REG_ROUTE_NOT_FOUND', `the registry of tests has nothing at ${method} /v1/${parts.join('/')}`)
    const reference = { namespace, service, id }
    if (third === 'instances') return this.#warned(instanceRoute(book, reference, {
      method, query, body, onlyNew: headers['if-none-match'] === '*'
    }), method)
    if (third === undefined && method === 'DELETE') return takeBack(book, namespace, service, query)
    if (method !== 'GET') return problem(405, 'REG_METHOD_NOT_ALLOWED', method)
    if (third === 'endpoints') return this.#endpoints(namespace, service, query, signal)
    const summary = serviceSummaries(book, namespace).find((each) => each.name === service)
    if (summary === undefined) return absent(book, reference)
    return {
      status: 200,
      body: query.get('view') === 'manifest' ? summary.manifest ?? implicitManifest(namespace, service) : summary
    }
  }

  #warned (answer: TestAnswer, method: string): TestAnswer {
    if (this.#warnings.length === 0 || answer.status >= 300 || method === 'GET' || method === 'DELETE') return answer
    const warnings = this.#warnings
    this.#warnings = []
    // an answer to a registration or a change is one
    return { ...answer, body: { ...answer.body as Instance, warnings } }
  }

  async #endpoints (namespace: string, service: string, query: URLSearchParams, signal: AbortSignal): Promise<TestAnswer> {
    const book = this.#book
    const after = query.get('after')
    if (after !== null && book.endpoints(namespace, service) !== undefined &&
      book.cursorOfService(namespace, service) === after) {
      await this.#nextChange(
        signal, Number.parseInt(query.get('wait') ?? '0', 10) * 1_000,
        () => book.cursorOfService(namespace, service) !== after
      )
    }
    return endpointsOf(book, namespace, service, query)
  }

  #nextChange (signal: AbortSignal, waitMs: number, hasCome: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (action: () => void) => (): void => {
        this.#polls.delete(wake)
        this.#clock?.clearTimeout(timer)
        action()
      }
      const stop = end(resolve)
      const wake = (): void => { if (hasCome()) stop() }
      const timer = this.#clock?.setTimeout(stop, waitMs, true)
      this.#polls.add(wake)
      signal.addEventListener('abort', end(() => reject(signal.reason as Error)), { once: true }) // the SDK aborts with errors
    })
  }

  #frame (socket: TestSocket, frame: ClientFrame): void {
    switch (frame.type) {
      case 'ack':
        this.acknowledged.push(frame.revision)
        return
      case 'unsubscribe':
        socket.subscriptions.delete(frame.id)
        return
      case 'heartbeat':
        return socket.deliver(
          {
            type: 'heartbeat', ...(frame.id === undefined ? {} : { id: frame.id }),
            ...beat(this.#book, frame.leases, !this.#stale)
          }
        )
      case 'subscribe':
        return this.#subscribe(socket, frame)
    }
  }

  #subscribe (
    socket: TestSocket, { id, since, type: _type, ...scope }: Extract<ClientFrame, { type: 'subscribe' }>
  ): void {
    const subscription = new TestSubscription(this.#book, id, scope, (frame) => socket.deliver(frame))
    socket.subscriptions.set(id, subscription)
    subscription.begin(since)
  }
}
