// A registry in memory, with the rules of a real one.
import { endpointOf } from '../balancer.ts'
import { callable } from '../rules.ts'
import type { Clock } from '../clock.ts'
import type { RollcallOptions } from '../options.ts'
import type { WebSocketConstructor } from '../socket.ts'
import type { Fetch } from '../transport.ts'
import type {
  InstanceChangeFrame, ClientFrame, EndpointsAnswer, Heartbeat, HeartbeatAnswer, Instance, InstancePatch, LeaseReference, NamespaceSummary,
  Override, Reason, Registration, ServerFrame, ServiceSummary, Status
} from '../wire.ts'
import { faultsOf, problem, type TestAnswer } from './answers.ts'
import { keyOf, TestSocket, within, type SocketLinks } from './socket.ts'

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

/** Changes that a resumed watch can get; older cursors are reset. */
const maxLog = 1_000
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
  readonly #instances = new Map<string, Instance>()
  readonly #sockets = new Set<TestSocket>()
  readonly #polls = new Set<() => void>()
  #log: Omit<InstanceChangeFrame, 'id'>[] = []
  #epoch = 1
  #revision = 0
  #trimmed = 0
  #down = false
  #answers: { status: number, code: string, retryAfterSeconds: number | undefined }[] = []

  constructor (options: TestRegistryOptions = {}) {
    this.#clock = options.clock
  }

  /** For `new Rollcall(registry.options)`. No signal handlers: a test should not change how its process ends. */
  get options (): RollcallOptions {
    return { address: 'http://registry.test', fetch: this.fetch, WebSocket: this.WebSocket, signals: false, clock: this.#clock }
  }

  /** The cursor of the last change. */
  get revision (): string {
    return `e${this.#epoch}.${this.#revision}`
  }

  /** How many WebSockets are open. */
  get sockets (): number {
    return this.#sockets.size
  }

  get instances (): readonly Instance[] {
    return [...this.#instances.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  }

  /** Registers as a client would. @throws Error when a rule is broken */
  register (namespace: string, service: string, id: string, body: Registration = {}): Instance {
    const faults = faultsOf(namespace, service, body)
    if (faults.length > 0) throw new Error(faults.map(({ field, rule }) => `${field} ${rule}`).join('; '))
    return this.#register({ namespace, service, id }, body).instance
  }

  deregister (reference: LeaseReference): void {
    this.#remove(keyOf(reference), 'deregistered')
  }

  /** The lease ran out: out of the answers, unless all of the service are. */
  suspect (reference: LeaseReference, suspect = true): void {
    this.#change(keyOf(reference), { suspect }, suspect ? 'suspect' : 'renewed')
  }

  /** The lease ran out long ago: removed; its heartbeats are unknown from now on. */
  expire (reference: LeaseReference): void {
    this.#remove(keyOf(reference), 'expired')
  }

  /** An operator's word; undefined takes it back. */
  override (reference: LeaseReference, override: Pick<Override, 'status' | 'weight'> | undefined): void {
    const key = keyOf(reference)
    const instance = this.#instances.get(key)
    if (instance === undefined) throw new Error(`there is no ${key}`)
    const { override: before, ...rest } = instance
    if (override === undefined) return before === undefined ? undefined : void this.#put(rest, 'override-removed')
    this.#put({ ...rest, override: { ...override, author: 'test', reason: 'test', createdAt: this.#time() } }, 'override')
  }

  /** An outage: every request fails as if nobody listened, open sockets break. `false` ends it. */
  down (down = true): void {
    this.#down = down
    if (down) this.dropSockets()
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
    this.#epoch++
    this.#revision = 0
    this.#trimmed = 0
    this.#log = []
    this.#instances.clear()
    this.dropSockets()
  }

  /** Forgets the log: cursors up to now are reset when they come back. */
  trim (): void {
    this.#log = []
    this.#trimmed = this.#revision
  }

  /** Tells all watchers that nothing else happened up to now. */
  bookmark (): void {
    for (const socket of this.#sockets) socket.bookmark(this.revision)
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
      ? await this.#route(method, pathname.split('/').slice(2).map(decodeURIComponent), searchParams, body, signal)
      : problem(planned.status, planned.code, 'as the test wished')
    if (signal.aborted) throw signal.reason
    const answerHeaders = new Headers({ 'rollcall-revision': this.revision, 'content-type': 'application/json' })
    if (planned?.retryAfterSeconds !== undefined) answerHeaders.set('retry-after', String(planned.retryAfterSeconds))
    return { status: answer.status, headers: answerHeaders, text: async () => (answer.body === undefined ? '' : JSON.stringify(answer.body)) }
  }

  /** As the global `WebSocket`, to this registry only. */
  get WebSocket (): WebSocketConstructor {
    const links: SocketLinks = {
      isDown: () => this.#down,
      opened: (socket) => this.#sockets.add(socket),
      closed: (socket) => this.#sockets.delete(socket),
      frame: (socket, frame) => this.#frame(socket, frame)
    }
    return class extends TestSocket {
      constructor (_url: string) {
        super(links)
      }
    }
  }

  async #route (method: string, parts: readonly string[], query: URLSearchParams, body: unknown, signal: AbortSignal): Promise<TestAnswer> {
    const [kind, namespace = '', second, service = '', third, id = '', last] = parts
    const ofDeclared = ['apply', 'delete', 'pools'].includes(kind ?? '') || (parts.length === 4 && (method === 'PUT' || method === 'DELETE' || query.has('view'))) || last === 'explain'
    if (ofDeclared) return problem(501, 'REG_ROUTE_NOT_FOUND', `the registry of tests has no declared services, so no ${method} /v1/${parts.join('/')}`)
    if (kind === 'heartbeats' && method === 'POST') return { status: 200, body: this.#beat((body as { leases: readonly Heartbeat[] }).leases) } // the SDK wrote it
    if (parts.length === 1 && method === 'GET') return this.#page(kind ?? '', query)
    if (kind !== 'namespaces' || second !== 'services') return problem(404, 'REG_ROUTE_NOT_FOUND', `nothing at ${parts.join('/')}`)
    const reference = { namespace, service, id }
    if (third === 'instances' && last === undefined) return this.#instanceRoute(method, reference, query, body)
    if (method !== 'GET') return problem(405, 'REG_METHOD_NOT_ALLOWED', method)
    if (third === 'endpoints') return this.#endpoints(namespace, service, query, signal)
    const summary = this.#services().find((each) => each.namespace === namespace && each.name === service)
    return summary === undefined ? this.#absent(reference) : { status: 200, body: summary }
  }

  #instanceRoute (method: string, reference: LeaseReference, query: URLSearchParams, body: unknown): TestAnswer {
    const known = this.#instances.get(keyOf(reference))
    if (method === 'PUT') {
      const registration = (body ?? {}) as Registration // its rules are checked next, as far as a fake does
      const faults = faultsOf(reference.namespace, reference.service, registration)
      if (faults.length > 0) return problem(400, 'REG_INVALID', faults.map(({ field, rule }) => `${field} ${rule}`).join('; '), faults)
      const { created, instance } = this.#register(reference, registration)
      return { status: created ? 201 : 200, body: instance }
    }
    if (known === undefined) return this.#absent(reference)
    const generation = query.get('generation')
    if (method !== 'GET' && generation !== null && generation !== known.generation) {
      return problem(409, 'REG_GENERATION_SUPERSEDED', `${keyOf(reference)} lives as ${known.generation}`)
    }
    if (method === 'GET') return { status: 200, body: known }
    if (method === 'DELETE') {
      this.#remove(keyOf(reference), 'deregistered')
      return { status: 204, body: undefined }
    }
    if (method !== 'PATCH') return problem(405, 'REG_METHOD_NOT_ALLOWED', method)
    const { labels, metadata, ...rest } = body as InstancePatch // the SDK wrote it
    return { status: 200, body: this.#put({ ...known, ...rest, labels: patched(known.labels, labels), metadata: patched(known.metadata, metadata) }, 'updated') }
  }

  #register (reference: LeaseReference, body: Registration): { created: boolean, instance: Instance } {
    const key = keyOf(reference)
    const known = this.#instances.get(key)
    const generation = body.generation ?? known?.generation ?? crypto.randomUUID()
    const now = this.#time()
    const { address = '127.0.0.1', ports = [], labels = {}, metadata = {}, weight = 100, priority = 0, status = 'up', lease, ...rest } = body
    const replaced = known !== undefined && known.generation !== generation
    const instance = this.#put({
      ...rest,
      namespace: reference.namespace,
      service: reference.service,
      id: reference.id,
      generation,
      address,
      ports: ports.map((port) => ({ name: port.name ?? '', port: port.port, protocol: port.protocol ?? 'TCP' })),
      labels,
      metadata,
      weight,
      priority,
      status,
      suspect: false,
      lease: { ttlMs: lease?.ttlMs ?? 15_000 },
      ...(known?.override === undefined ? {} : { override: known.override }),
      createdAt: replaced ? now : known?.createdAt ?? now
    }, known === undefined ? 'registered' : replaced ? 'replaced' : 'updated')
    return { created: known === undefined || replaced, instance }
  }

  #beat (leases: readonly Heartbeat[]): HeartbeatAnswer {
    const unknown: LeaseReference[] = []
    const superseded: LeaseReference[] = []
    for (const { status, ...reference } of leases) {
      const key = keyOf(reference)
      const known = this.#instances.get(key)
      if (known === undefined) unknown.push(reference)
      else if (reference.generation !== undefined && reference.generation !== known.generation) superseded.push(reference)
      else if (known.suspect || (status !== undefined && status !== known.status)) this.#change(key, { suspect: false, status: status ?? known.status }, 'renewed')
    }
    return { renewed: leases.length - unknown.length - superseded.length, unknown, superseded, stored: true }
  }

  async #endpoints (namespace: string, service: string, query: URLSearchParams, signal: AbortSignal): Promise<TestAnswer> {
    const after = query.get('after')
    const moved = (): string | undefined => this.#serviceRevision(namespace, service)
    if (after !== null && moved() === after) await this.#nextChange(signal, Number.parseInt(query.get('wait') ?? '0', 10) * 1_000)
    const revision = moved()
    if (revision === undefined) return this.#absent({ namespace, service, id: '' })
    const port = query.get('port')
    const all = this.#select(query, { namespace, service }).map(endpointOf)
      .filter((endpoint) => port === null || endpoint.ports.some((each) => each.name === port || String(each.port) === port))
      .filter((endpoint) => query.get('zone') === null || endpoint.zone === query.get('zone'))
    const answered = callable(all)
    const ready = query.get('ready') ?? 'true'
    const endpoints = ready === 'any' ? all : ready === 'true' ? answered : all.filter((endpoint) => !answered.includes(endpoint))
    const failOpen = answered.length > 0 && answered.every(({ suspect, conditions }) => suspect && !conditions.ready)
    return { status: 200, body: { namespace, service, revision, failOpen, endpoints } satisfies EndpointsAnswer }
  }

  #nextChange (signal: AbortSignal, waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (action: () => void) => (): void => {
        this.#polls.delete(wake)
        this.#clock?.clearTimeout(timer)
        action()
      }
      const wake = end(resolve)
      const timer = this.#clock?.setTimeout(wake, waitMs, true)
      this.#polls.add(wake)
      signal.addEventListener('abort', end(() => reject(signal.reason as Error)), { once: true }) // the SDK aborts with errors
    })
  }

  #page (kind: string, query: URLSearchParams): TestAnswer {
    const lists: Readonly<Record<string, () => readonly object[]>> = {
      instances: () => this.#select(query),
      services: () => this.#services(query.get('namespace')),
      namespaces: () => this.#namespaces()
    }
    const all = lists[kind]?.()
    if (all === undefined) return problem(404, 'REG_ROUTE_NOT_FOUND', kind)
    const limit = Number(query.get('limit') ?? 100)
    const start = Number(query.get('cursor') ?? 0)
    const next = start + limit < all.length ? { next: String(start + limit) } : {}
    return { status: 200, body: { revision: this.revision, items: all.slice(start, start + limit), ...next } }
  }

  #select (query: URLSearchParams, exact: { namespace?: string, service?: string } = {}): Instance[] {
    const namespace = exact.namespace ?? query.get('namespace') ?? undefined
    const service = exact.service ?? query.get('service') ?? undefined
    return this.instances.filter((instance) => within(instance, { namespace, service, selector: query.get('selector') ?? undefined }) &&
      (query.get('status') === null || instance.effectiveStatus === query.get('status')))
  }

  #services (namespace: string | null = null): ServiceSummary[] {
    const groups = Map.groupBy(this.instances, (instance) => `${instance.namespace}/${instance.service}`)
    return [...groups.values()].flatMap((instances) => {
      const [first] = instances
      if (first === undefined || (namespace !== null && first.namespace !== namespace)) return []
      const counts: Record<Status, number> = { starting: 0, up: 0, warning: 0, draining: 0, down: 0 }
      for (const { effectiveStatus } of instances) counts[effectiveStatus]++
      const ready = instances.filter(({ conditions }) => conditions.ready).length
      const suspect = instances.filter((instance) => instance.suspect).length
      const revision = instances.reduce((highest, instance) => Math.max(highest, instance.revision), 0)
      const createdAt = instances.reduce((oldest, instance) => (instance.createdAt < oldest ? instance.createdAt : oldest), first.createdAt)
      return [{
        namespace: first.namespace, name: first.service, implicit: true, instances: { total: instances.length, ready, suspect, ...counts },
        endpoints: { total: instances.length, ready }, createdAt, revision
      }]
    })
  }

  #namespaces (): NamespaceSummary[] {
    const groups = Map.groupBy(this.#services(), ({ namespace }) => namespace)
    return [...groups].map(([name, services]) => {
      return { name, services: services.length, instances: services.reduce((sum, { instances }) => sum + instances.total, 0) }
    })
  }

  /** Of its last change, also of the one that removed its last instance; undefined when nobody has heard of it. */
  #serviceRevision (namespace: string, service: string): string | undefined {
    const alive = this.instances.filter((instance) => instance.namespace === namespace && instance.service === service)
    if (alive.length === 0) return undefined
    const logged = this.#log.findLast(({ instance }) => instance.namespace === namespace && instance.service === service)
    return logged?.revision ?? `e${this.#epoch}.${Math.max(...alive.map(({ revision }) => revision))}`
  }

  #absent ({ namespace, service, id }: LeaseReference): TestAnswer {
    const inNamespace = this.instances.filter((instance) => instance.namespace === namespace)
    if (inNamespace.length === 0) return problem(404, 'REG_NAMESPACE_NOT_FOUND', `there is no namespace ${namespace}`)
    if (!inNamespace.some((instance) => instance.service === service)) return problem(404, 'REG_SERVICE_NOT_FOUND', `there is no service ${service}.${namespace}`)
    return problem(404, 'REG_INSTANCE_NOT_FOUND', `there is no instance ${namespace}/${service}/${id}`)
  }

  #change (key: string, change: Partial<Instance>, reason: Reason): void {
    const instance = this.#instances.get(key)
    if (instance === undefined) throw new Error(`there is no ${key}`)
    this.#put({ ...instance, ...change }, reason)
  }

  /** The one way in: derives what is derived, and makes no change of the same content. */
  #put (given: Omit<Instance, 'effectiveStatus' | 'conditions' | 'updatedAt' | 'revision'>, reason: Reason): Instance {
    const key = keyOf(given)
    const known = this.#instances.get(key)
    const effectiveStatus = given.override?.status ?? given.status
    const serving = !given.suspect && (effectiveStatus === 'up' || effectiveStatus === 'warning' || effectiveStatus === 'draining')
    const terminating = effectiveStatus === 'draining'
    const instance: Instance = {
      ...given,
      effectiveStatus,
      conditions: { ready: serving && !terminating, serving, terminating },
      updatedAt: known?.updatedAt ?? '',
      revision: known?.revision ?? 0
    }
    if (known !== undefined && canonical(known) === canonical(instance)) return known
    const changed: Instance = { ...instance, updatedAt: this.#time(), revision: ++this.#revision }
    this.#instances.set(key, changed)
    this.#publish('put', reason, changed)
    return changed
  }

  #remove (key: string, reason: Reason): void {
    const instance = this.#instances.get(key)
    if (instance === undefined) throw new Error(`there is no ${key}`)
    this.#instances.delete(key)
    this.#revision++
    this.#publish('delete', reason, instance)
  }

  #publish (event: 'put' | 'delete', reason: Reason, instance: Instance): void {
    const change = { type: 'change', revision: this.revision, kind: 'instance', event, reason, at: this.#time(), instance } as const
    this.#log.push(change)
    if (this.#log.length > maxLog) this.#trimmed = Number(this.#log.shift()?.revision.split('.')[1])
    for (const socket of this.#sockets) socket.change(change)
    for (const wake of [...this.#polls]) wake()
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
        return socket.deliver({ type: 'heartbeat', ...(frame.id === undefined ? {} : { id: frame.id }), ...this.#beat(frame.leases) })
      case 'subscribe':
        return this.#subscribe(socket, frame)
    }
  }

  #subscribe (socket: TestSocket, frame: Extract<ClientFrame, { type: 'subscribe' }>): void {
    const { id, since, namespace, service, selector } = frame
    const scope = { namespace, service, selector }
    const [epoch, number] = since?.split('.') ?? []
    const resumable = epoch === `e${this.#epoch}` && Number(number) >= this.#trimmed && Number(number) <= this.#revision
    socket.subscriptions.set(id, { scope, seen: new Set() })
    if (since !== undefined && !resumable) socket.deliver({ type: 'reset', id, revision: this.revision, reason: `the cursor ${since} is of another epoch, or too old` })
    if (since === undefined || !resumable) {
      const instances = this.instances.filter((instance) => within(instance, scope))
      for (const instance of instances) socket.subscriptions.get(id)?.seen.add(keyOf(instance))
      return socket.deliver({ type: 'snapshot', id, revision: this.revision, instances })
    }
    // What it had seen at its cursor is not known here: a put that does not match any more is told as a delete.
    for (const instance of this.instances) socket.subscriptions.get(id)?.seen.add(keyOf(instance))
    for (const change of this.#log) if (Number(change.revision.split('.')[1]) > Number(number)) socket.change(change, id)
    socket.deliver({ type: 'bookmark', id, revision: this.revision })
  }

  #time (): string {
    return new Date(this.#clock === undefined ? Date.now() : this.#clock.now()).toISOString()
  }
}

function canonical (instance: Instance): string {
  return JSON.stringify(Object.entries(instance).filter(([name]) => name !== 'updatedAt' && name !== 'revision').sort(([a], [b]) => (a < b ? -1 : 1)))
}

function patched (record: Readonly<Record<string, string>>, patch: Readonly<Record<string, string | null>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries({ ...record, ...patch }).filter((entry): entry is [string, string] => entry[1] !== null))
}
