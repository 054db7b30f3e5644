// From the options of a client to its parts, each connected with the others.
import { addressesOf } from './addresses.ts'
import { heartbeatAnswer } from './answer-shapes.ts'
import { guarded, systemClock, type Clock } from './clock.ts'
import { environment, globalWebSocket, setsHeaders } from './environment.ts'
import { asError, isPassing, RollcallError } from './errors.ts'
import { safeEmit, warnOnce, type Warn } from './events.ts'
import { Heartbeats } from './heartbeats.ts'
import { Nodes } from './nodes.ts'
import { checkOptions } from './option-shapes.ts'
import type { RollcallEvent, RollcallOptions } from './options.ts'
import { heartbeatsPath } from './paths.ts'
import { Resolver } from './resolver.ts'
import { Socket } from './socket.ts'
import { tokenOfEnvironment } from './token.ts'
import { Transport, type RequestOptions } from './transport.ts'
import { hasTls } from './tls-material.ts'
import { type TlsNetwork, tlsNetwork } from './tls-network.ts'
import type { Heartbeat, HeartbeatAnswer } from './wire.ts'

const defaultAddress = 'http://127.0.0.1:7500'
const defaultTimeoutMs = 5_000
const defaultConnectTimeoutMs = 5_000
/** 64 MiB: the largest page of a large registry is a third of it. */
const defaultMaxAnswerBytes = 64 * 1024 * 1024
/** 256 MiB: half a million instances. */
const defaultMaxSnapshotBytes = 256 * 1024 * 1024

export class Wiring {
  readonly nodes: Nodes
  readonly transport: Transport
  readonly heartbeats: Heartbeats
  readonly socket: Socket
  readonly resolver: Resolver
  readonly clock: Clock
  readonly random: () => number
  readonly emit: (event: RollcallEvent) => void
  readonly warn: Warn
  /** Of one call with its retries. */
  readonly timeoutMs: number
  #wasReached = false

  /**
   * @param closed aborted when nothing goes on any more
   * @throws RollcallError REGISTRY_INVALID_ARGUMENT
   */
  constructor (options: RollcallOptions, closed: AbortSignal) {
    this.warn = warnOnce(options.warn)
    const tell = safeEmit(options.onEvent)
    const emit = this.emit = (event) => {
      this.#sayFirst(event)
      tell(event)
    }
    const clock = this.clock = guarded(
      options.clock ?? systemClock, (error) => emit({ type: 'error', error: asError(error) })
    )
    const random = this.random = options.random ?? Math.random
    const timeoutMs = this.timeoutMs = options.timeoutMs ?? defaultTimeoutMs
    const connectTimeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs
    const maxAnswerBytes = options.maxAnswerBytes ?? defaultMaxAnswerBytes
    const token = options.token ?? tokenOfEnvironment()
    checkOptions('Rollcall', { token })
    const addresses = addressesOf(options.address ?? environment('ROLLCALL_ADDRESS') ?? defaultAddress)
    const nodes = this.nodes = new Nodes({
      addresses, prefer: options.prefer ?? 'any', clock, random, emit, probe: (index) => this.transport.probe(index)
    })
    const network = networkOf(options, addresses, maxAnswerBytes)
    this.transport = new Transport({
      nodes, token, timeoutMs, maxAnswerBytes, clock, random, emit, closed, fetch: options.fetch ?? network?.fetch ?? (
        (url, init) => fetch(url, init)
      )
    })
    this.heartbeats = new Heartbeats({
      clock,
      random,
      // Its turn is short, a connection may be new: its answer counts also when the next beat has set out.
      post: (leases, patienceMs) => this.beat(
        leases, { timeoutMs: connectTimeoutMs + timeoutMs, patienceMs, rounds: 1 }
      ),
      overSocket: (leases) => this.socket.beat(leases),
      isSocketOpen: () => this.socket.isOpen,
      // outages have events of their own
      failed: (error) => { if (!closed.aborted && !isPassing(error)) emit({ type: 'error', error }) },
      unstored: () => nodes.saw(nodes.current, 'stale')
    })
    this.socket = new Socket({
      nodes,
      token,
      ticket: token !== undefined && (options.tickets ?? !setsHeaders()) ? (index) => this.transport.ticket(index) : undefined,
      WebSocket: options.WebSocket === null ? undefined : options.WebSocket ?? network?.WebSocket ?? globalWebSocket(),
      connectTimeoutMs,
      timeoutMs,
      maxFrameLength: maxAnswerBytes,
      maxSnapshotLength: options.maxSnapshotBytes ?? defaultMaxSnapshotBytes,
      clock,
      random,
      emit,
      opened: () => this.heartbeats.beatSessions(),
      closed: () => this.heartbeats.unbind(),
      troubled: () => this.resolver.troubled()
    })
    this.resolver = new Resolver({
      nodes,
      transport: this.transport,
      socket: this.socket,
      clock,
      random,
      emit,
      closed,
      balance: options.balance ?? 'round-robin',
      zone: options.zone
    })
    nodes.onMove(() => this.heartbeats.moved())
  }

  /** Renews leases by a call of its own. */
  async beat (leases: readonly Heartbeat[], options: RequestOptions): Promise<HeartbeatAnswer> {
    return (
      await this.transport.request<HeartbeatAnswer>(
        heartbeatsPath, { ...options, method: 'POST', body: { leases }, check: heartbeatAnswer }
      )
    ).body
  }

  close (): void {
    this.heartbeats.close()
    this.resolver.close()
    this.socket.close()
    this.nodes.close()
  }

  /** A developer whose program waits for a registry that was never there should learn why. */
  #sayFirst (event: RollcallEvent): void {
    if (event.type === 'reachable' || event.type === 'registered') this.#wasReached = true
    if (event.type !== 'unreachable' || this.#wasReached) return
    this.warn(`no registry answers at ${this.nodes.addresses.join(', ')} (${event.error.message}); trying on. ROLLCALL_ADDRESS or the option address names it`)
  }
}

/**
 * With a CA or a certificate of one's own there is a `fetch` and a `WebSocket` of one's own; undefined = the global ones do. What the
 * environment says is for whoever needs it; what is given as an option must have an effect.
 */
function networkOf (
  { ca, cert, key, fetch: given, WebSocket }: RollcallOptions, addresses: readonly string[], maxFrameBytes: number
): Partial<TlsNetwork> | undefined {
  const isGiven = ca !== undefined || cert !== undefined || key !== undefined
  const bad = (message: string): RollcallError => new RollcallError('REGISTRY_INVALID_ARGUMENT', `new Rollcall: ${message}`)
  const isSecure = addresses.some((address) => address.startsWith('https:'))
  if (isGiven && !isSecure) throw bad('ca, cert and key are for https addresses, and there is none')
  if (isGiven && (given !== undefined || (WebSocket !== undefined && WebSocket !== null))) throw bad('ca, cert and key have no effect beside fetch or WebSocket: those that are given decide')
  const files = isGiven ? { ca, cert, key } : { ca: environment('ROLLCALL_CA'), cert: environment('ROLLCALL_CERT'), key: environment('ROLLCALL_KEY') }
  if (!isSecure || given !== undefined) return undefined
  if (Object.values(files).some((file) => file !== undefined)) return tlsNetwork(files, maxFrameBytes)
  // The global WebSocket does not say why TLS failed.
  return hasTls() ? { WebSocket: tlsNetwork({}, maxFrameBytes).WebSocket } : undefined
}
