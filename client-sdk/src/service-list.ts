// The endpoints of one service: read once, then kept fresh by the shared watch, or by long polls while there is none.
// An implicit service is followed by its instances, one by one; a declared one whole, since its endpoints have the
// service's ports, and some may be made by hand.
import { fullJitter } from './backoff.ts'
import { endpointsAnswer } from './answer-shapes.ts'
import { candidates, type Preference, endpointKey } from './balancer.ts'
import { anySignal, sleep, type Clock } from './clock.ts'
import { isKnown, isSmaller } from './cursor.ts'
import { type Balance, EndpointTable } from './endpoint-table.ts'
import { asError, isPassing, isRefusal, isRollcallError, RollcallError } from './errors.ts'
import type { Emit } from './events.ts'
import type { Nodes } from './nodes.ts'
import { endpointsPath } from './paths.ts'
import { ResolvedEndpoint } from './resolved-endpoint.ts'
import { endpointOf } from './rules.ts'
import type { Socket } from './socket.ts'
import type { Subscriber, SubscriptionFrame } from './subscriber.ts'
import { PartList } from './snapshot-parts.ts'
import { retryAfter, type Transport } from './transport.ts'
import type { Endpoint, EndpointsAnswer, ServiceDifference } from './wire.ts'

const movedOn = new RollcallError('REGISTRY_UNAVAILABLE', 'the client goes to another node')

export interface ServiceListOptions {
  readonly nodes: Nodes
  readonly transport: Transport
  readonly socket: Socket
  readonly clock: Clock
  readonly random: () => number
  readonly emit: Emit
  readonly closed: AbortSignal
}

/** How long the registry may hold a long poll back. */
const pollWaitMs = 30_000
/**
 * One that says nothing new sooner than this is no long poll: something between us and the registry, or a registry gone
 * wrong.
 */
const shortPollMs = 1_000

/** The endpoints of one service, or of a selection of them. */
export class ServiceList {
  usedAt = 0
  readonly loaded: Promise<void>
  readonly #options: ServiceListOptions
  readonly #service: string
  readonly #namespace: string
  readonly #selector: string | undefined
  #subscriber: Subscriber
  readonly #end = new AbortController()
  readonly #unfollow: () => void
  /** Ends the long poll that waits at a node which is not the client's any more. */
  #poll = new AbortController()
  readonly #endpoints: EndpointTable
  /** Grows with each change of the list. */
  #version = 0
  #revision: string | undefined
  /** The revision of the service that the watch of endpoints told last: what a difference must begin at. */
  #told: string | undefined
  /** The newest revision that was received, also from a list that a reset made void. */
  #newest: string | undefined
  readonly #parts = new PartList<Endpoint>()
  #stillDeclared = false
  #watching = false
  #polling = false
  /** The socket does not take the subscription. */
  #unwatched = false
  /** The answer of the registry says so. */
  #declared = false

  constructor (options: ServiceListOptions, service: string, namespace: string, selector: string | undefined) {
    this.#options = options
    this.#service = service
    this.#namespace = namespace
    this.#selector = selector
    this.#endpoints = new EndpointTable(options.random)
    this.#subscriber = this.#subscriberOf(false)
    this.#unfollow = options.nodes.onMove(() => this.#poll.abort(movedOn))
    this.loaded = this.#load()
  }

  pick (preference: Preference, balance: Balance, tried: ReadonlySet<string>): ResolvedEndpoint {
    const candidate = this.#endpoints.pick(preference, balance, tried)
    if (candidate === undefined) throw this.#none(preference.port)
    const release = balance === 'least-outstanding' ? this.#endpoints.begin(candidate.key) : undefined
    return new ResolvedEndpoint(this.#namespace, this.#service, candidate, release)
  }

  all (port: string | number | undefined): readonly ResolvedEndpoint[] {
    return candidates(this.#endpoints.values(), port).map((candidate) => new ResolvedEndpoint(this.#namespace, this.#service, candidate))
  }

  close (): void {
    this.#end.abort(new RollcallError('REGISTRY_CLOSED', 'the list is not used any more'))
    this.#watching = false
    this.#unfollow()
    this.#options.socket.unsubscribe(this.#subscriber)
  }

  /** Long polls until the socket delivers again, or for ever where there is no WebSocket. */
  poll (): void {
    if (this.#polling || this.#end.signal.aborted) return
    this.#polling = true
    void this.#pollLoop()
  }

  async #load (): Promise<void> {
    await this.#read()
    if (this.#end.signal.aborted) return
    this.#watching = true
    this.#options.socket.subscribe(this.#subscriber)
    if (this.#mustPoll) this.poll()
  }

  get #mustPoll (): boolean {
    return this.#unwatched || !this.#options.socket.healthy
  }

  async #read (after?: string): Promise<void> {
    const version = this.#version
    const signal = anySignal(
      this.#options.closed, this.#end.signal, after === undefined ? undefined : this.#poll.signal
    )
    try {
      const { body } = await this.#options.transport.request<EndpointsAnswer>(endpointsPath(
        this.#namespace, this.#service
      ), {
        query: { ready: 'any', selector: this.#selector, after, wait: after && `${pollWaitMs / 1_000}s` },
        waitMs: after === undefined ? 0 : pollWaitMs,
        signal,
        check: endpointsAnswer
      })
      // the name means something else now
      if (this.#declare(body.declared === true)) return this.#replace(body.endpoints, body.revision)
      if (body.revision === this.#revision) return
      if (isSmaller(body.revision, this.#revision) && version !== this.#version) return // the socket was faster
      this.#replace(body.endpoints, body.revision)
    } catch (error) {
      // No instance has registered yet, or none is left: an empty list, kept fresh like any other.
      if (!isRollcallError(error) || (error.code !== 'REG_SERVICE_NOT_FOUND' && error.code !== 'REG_NAMESPACE_NOT_FOUND')) throw error
      this.#declare(false)
      this.#replace([], undefined)
    }
  }

  /** Never rejects. Through an outage the last known list stays. */
  async #pollLoop (): Promise<void> {
    const { clock, random, emit, closed } = this.#options
    const signal = anySignal(closed, this.#end.signal)
    let failures = 0
    while (!signal.aborted && this.#mustPoll) {
      const begin = clock.now()
      const before = this.#revision
      if (this.#poll.signal.aborted) this.#poll = new AbortController()
      try {
        await this.#read(before)
        const isTooEarly = this.#revision === before && clock.now() < begin + shortPollMs
        failures = this.#revision === undefined || isTooEarly ? failures + 1 : 0 // an unknown service can't be waited for
      } catch (error) {
        if (signal.aborted) break
        if (error === movedOn) continue
        if (isRefusal(error) || !isPassing(error)) emit({ type: 'error', error: asError(error) })
        failures++
        await sleep(clock, retryAfter(error), signal).catch(() => {})
      }
      if (failures > 0) await sleep(clock, fullJitter(failures, random), signal).catch(() => {})
    }
    this.#polling = false
  }

  #refused (error: RollcallError): void {
    this.#options.emit({ type: 'error', error })
    this.#unwatched = true
    this.poll()
  }

  /** Goes over to the other view of the watch. @returns whether that is a change */
  #declare (declared: boolean): boolean {
    if (declared === this.#declared) return false
    const { socket } = this.#options
    socket.unsubscribe(this.#subscriber)
    this.#declared = declared
    this.#subscriber = this.#subscriberOf(declared)
    if (this.#watching && !this.#unwatched) socket.subscribe(this.#subscriber)
    return true
  }

  #subscriberOf (declared: boolean): Subscriber {
    const selector = this.#selector
    return {
      query: {
        ...(declared ? { view: 'endpoints' } : {}), namespace: this.#namespace, service: this.#service,
        ...(selector === undefined ? {} : { selector })
      },
      cursor: () => {
        this.#parts.clear() // of the connection before
        return this.#revision
      },
      receive: declared ? (frame) => this.#receiveEndpoints(frame) : (frame) => this.#receiveInstances(frame),
      fail: (error) => this.#refused(error),
      waiting: () => undefined
    }
  }

  /**
   * It has been declared since: the instances of the watch are not its endpoints any more. The list stays until they
   * are read.
   */
  #becomeDeclared (): void {
    this.#moveOn(undefined)
    this.#declare(true)
    if (this.#mustPoll) this.poll()
  }

  #receiveInstances (frame: SubscriptionFrame): void {
    switch (frame.type) {
      case 'snapshot': {
        if ('endpoints' in frame || 'objects' in frame) return // of another view
        if (frame.services !== undefined && frame.services.length > 0) {
          this.#becomeDeclared()
          break
        }
        this.#replace(frame.instances.map(endpointOf), frame.revision)
        break
      }
      case 'change':
        if (frame.kind === 'endpoints' || frame.kind === 'object' || isKnown(frame.revision, this.#revision)) return
        if (frame.kind === 'service') {
          if (frame.event === 'put') this.#becomeDeclared()
          else this.#moveOn(frame.revision) // which instances the name means did not change: that would be a reset
          break
        }
        if (frame.event === 'delete') this.#endpoints.remove(frame.instance.id) // an implicit service has ids only
        else this.#endpoints.put(endpointOf(frame.instance))
        this.#moved(frame.revision)
        break
      default:
        return this.#receiveOther(frame)
    }
    this.#options.socket.processed(frame.revision)
  }

  /** A declared service is read whole: with its own ports and hand-written endpoints. */
  #receiveEndpoints (frame: SubscriptionFrame): void {
    switch (frame.type) {
      case 'snapshot': {
        if (!('endpoints' in frame)) return // of another view
        const own = frame.endpoints.filter((each) => this.#isOwn(each))
        const endpoints = this.#parts.add(own.flatMap((each) => each.endpoints), frame.more === true)
        this.#stillDeclared ||= own.some(({ declared }) => declared === true)
        if (endpoints === undefined) return
        this.#replace(endpoints, frame.revision)
        this.#told = own.at(-1)?.revision
        if (!this.#stillDeclared) this.#declare(false)
        this.#stillDeclared = false
        break
      }
      case 'change':
        if (frame.kind !== 'endpoints' || !this.#isOwn(frame.endpoints)) return
        if (frame.event === 'difference' && frame.endpoints.from !== this.#told) return this.#missed()
        this.#told = frame.event === 'delete' ? undefined : frame.endpoints.revision // of a known one, too: the next begins there
        if (isKnown(frame.revision, this.#revision)) return
        if (frame.event === 'difference') this.#differ(frame.endpoints, frame.revision)
        else this.#replace(frame.event === 'put' ? frame.endpoints.endpoints : [], frame.revision)
        if (frame.event === 'delete' || frame.endpoints.declared !== true) this.#declare(false)
        break
      default:
        return this.#receiveOther(frame)
    }
    this.#options.socket.processed(frame.revision)
  }

  /** Costs what the difference holds. */
  #differ ({ put, removed }: ServiceDifference, revision: string): void {
    for (const endpoint of removed) this.#endpoints.remove(endpointKey(endpoint))
    for (const endpoint of put) this.#endpoints.put(endpoint)
    this.#moved(revision)
  }

  /** A difference is not from what was told last: the list stays until the snapshot comes. */
  #missed (): void {
    const { socket } = this.#options
    socket.unsubscribe(this.#subscriber)
    this.#moveOn(undefined)
    socket.subscribe(this.#subscriber)
  }

  #receiveOther (frame: Extract<SubscriptionFrame, { readonly type: 'bookmark' | 'reset' }>): void {
    if (frame.type === 'reset') {
      this.#parts.clear()
      return this.#moveOn(undefined) // the list stays until the snapshot that follows
    }
    if (!isKnown(frame.revision, this.#revision)) this.#moveOn(frame.revision)
    this.#options.socket.processed(frame.revision)
  }

  #isOwn ({ namespace, service }: { readonly namespace: string, readonly service: string }): boolean {
    return namespace === this.#namespace && service === this.#service
  }

  /**
   * What the registry tells now is what counts. One that tells less than before has lost something, and that should be
   * known.
   */
  #replace (endpoints: readonly Endpoint[], revision: string | undefined): void {
    if (revision !== undefined && isSmaller(revision, this.#newest)) {
      this.#options.emit(
        {
          type: 'regressed', namespace: this.#namespace, service: this.#service, from: this.#newest ?? '', to: revision
        }
      )
    }
    this.#endpoints.replace(endpoints)
    this.#moved(revision)
  }

  #moved (revision: string | undefined): void {
    this.#moveOn(revision)
    this.#version++
  }

  #moveOn (revision: string | undefined): void {
    this.#revision = revision
    this.#newest = revision ?? this.#newest
  }

  #none (port: string | number | undefined): RollcallError {
    const name = `${this.#service}.${this.#namespace}`
    const selection = this.#selector === undefined ? '' : ` that match ${JSON.stringify(this.#selector)}`
    const count = this.#endpoints.size
    const why = count === 0
      ? 'no instance is registered'
      : candidates(this.#endpoints.values()).length === 0
        ? `none of ${count} registered can be called`
        : port === undefined ? 'all have been tried' : `none of ${count} has the port ${JSON.stringify(port)}, or all have been tried`
    return new RollcallError('REGISTRY_NO_ENDPOINT', `${name} has no endpoints${selection}: ${why}`)
  }
}
