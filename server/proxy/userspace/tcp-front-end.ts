// One address and port of a service over TCP: accepts, connects to an endpoint, and copies both ways with back-pressure.
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import type { FrontEnd, Target } from '../front-end.ts'
import type { GrowingCounts } from '../traffic-counts.ts'
import type { Picker } from './picker.ts'

/** How long each endpoint may take to accept, one after the other. */
const connectMs = [250, 500, 1_000, 2_000] as const
/** Connections of one front end: one more is closed, and counted as refused. */
const maxConnections = 4_096
/**
 * How long nothing may move on a connection, as the kernel's tracking of connections has it (nf_conntrack_tcp_timeout_established, and
 * fin_wait where one side has ended). A peer that is gone is found before, by keep-alive.
 */
const idleMs = { open: 432_000_000, halfClosed: 120_000 } as const
const sweepMs = 30_000
const backlog = 4_096
/** Changes after which connections are waited for; those that one more leaves behind go on. */
const maxLimits = 1_000

export interface TcpOptions {
  readonly guard: Guard
  readonly clock: Clock
  /** Whether an address is of this machine. */
  readonly isInside: (address: string) => boolean
  readonly isAllowed: (address: string, sources: readonly string[]) => boolean
  /** Of all front ends; bytes of connections that are open are added when they end. */
  readonly counts: GrowingCounts
  /** Of one front end; default 4,096. */
  readonly maxConnections?: number
}

/** A client that was accepted. */
interface Pair {
  /** Where it was taken to; undefined = nowhere yet. */
  target: Target | undefined
  /** That have passed both ways, when it was looked at last. */
  bytes: number
  quietSinceMs: number
}

export class TcpFrontEnd {
  readonly #options: TcpOptions
  readonly #server: Server
  readonly #pairs = new Map<Socket, Pair>()
  #sweep: (() => void) | undefined
  frontEnd: FrontEnd
  picker: Picker
  connections = 0
  #limits = 0
  isOpen = true

  private constructor (frontEnd: FrontEnd, picker: Picker, options: TcpOptions) {
    this.frontEnd = frontEnd
    this.picker = picker
    this.#options = options
    // Half-open: a client that has said all it has to say still gets its answer.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, options.guard.around('proxy-tcp', (client) => this.#accept(client)))
    this.#server.maxConnections = options.maxConnections ?? maxConnections
    this.#server.on('drop', options.guard.around('proxy-tcp', () => { options.counts.refused++ }))
    this.#sweepLater()
  }

  /** @throws the system's error if the address cannot be listened on */
  static open (frontEnd: FrontEnd, picker: Picker, options: TcpOptions): Promise<TcpFrontEnd> {
    const made = new TcpFrontEnd(frontEnd, picker, options)
    return new Promise((resolve, reject) => {
      made.#server.once('error', options.guard.around('proxy-tcp', reject))
      made.#server.listen({ host: frontEnd.address, port: frontEnd.port, backlog }, options.guard.around('proxy-tcp', () => resolve(made)))
    })
  }

  /** Where it listens. */
  get port (): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : this.frontEnd.port
  }

  /** Connections that are open. */
  get open (): number {
    return this.#pairs.size
  }

  /** It has as many connections as it may have: one more is closed. */
  get isFull (): boolean {
    return this.#pairs.size >= this.#server.maxConnections
  }

  /** Takes no new connections: clients are refused by the kernel. Those that are there go on. */
  close (): Promise<void> {
    this.isOpen = false
    if (this.#pairs.size === 0) this.#sweep?.()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    return this.#pairs.size === 0 ? closed : Promise.resolve()
  }

  /** Bytes of the connections that are open, both ways. */
  get openBytes (): { readonly in: number, readonly out: number } {
    const open = { in: 0, out: 0 }
    for (const { bytesRead, bytesWritten } of this.#pairs.keys()) {
      open.in += bytesRead
      open.out += bytesWritten
    }
    return open
  }

  /** Ends all connections, too. */
  cut (): void {
    for (const socket of this.#pairs.keys()) socket.destroy()
  }

  /** Targets have gone: what is still there when their time is over is cut. */
  limit (gone: readonly Target[], limitMs: number): void {
    if (gone.length === 0 || this.#limits >= maxLimits) return
    this.#limits++
    const has = (targets: readonly Target[], { address, port }: Target): boolean => targets.some((each) => each.address === address && each.port === port)
    this.#options.clock.after(limitMs, () => {
      this.#limits--
      const { outside, inside } = this.frontEnd
      for (const [client, { target }] of this.#pairs) {
        const isBack = target !== undefined && this.isOpen && (has(outside.targets, target) || has(inside.targets, target))
        if (target !== undefined && has(gone, target) && !isBack) client.resetAndDestroy()
      }
    })
  }

  #accept (client: Socket): void {
    const { guard, isInside, isAllowed, counts } = this.#options
    const address = (client.remoteAddress ?? '').replace(/^::ffff:/, '')
    client.on('error', guard.around('proxy-tcp', () => client.destroy()))
    const { sources } = this.frontEnd
    if (sources !== undefined && !isInside(address) && !isAllowed(address, sources)) {
      counts.refused++
      client.resetAndDestroy()
      return
    }
    this.connections++
    this.#pairs.set(client, { target: undefined, bytes: 0, quietSinceMs: this.#options.clock.now() })
    client.once('close', guard.around('proxy-tcp', () => {
      this.#pairs.delete(client)
      counts.bytesIn += client.bytesRead
      counts.bytesOut += client.bytesWritten
    }))
    const picker = this.picker
    this.#connect(client, address, picker, picker.order(address, isInside(address)), 0)
  }

  #connect (client: Socket, address: string, picker: Picker, targets: readonly Target[], tried: number): void {
    const { guard, clock, counts } = this.#options
    const target = targets[tried]
    if (target === undefined || client.destroyed) {
      if (target === undefined) counts.refused++
      client.resetAndDestroy()
      return
    }
    const server = connect({ host: target.address, port: target.port, allowHalfOpen: true, noDelay: true })
    const next = (): void => {
      cancel()
      server.removeAllListeners()
      server.on('error', guard.around('proxy-tcp', () => undefined))
      server.destroy()
      this.#connect(client, address, picker, targets, tried + 1)
    }
    const cancel = clock.after(connectMs[tried] ?? connectMs[0], next)
    server.once('error', guard.around('proxy-tcp', next))
    server.once('connect', guard.around('proxy-tcp', () => {
      cancel()
      counts.connections++
      server.removeAllListeners('error')
      picker.reached(address, target)
      const pair = this.#pairs.get(client)
      if (pair !== undefined) pair.target = target
      this.#join(client, server)
    }))
  }

  /** Cuts connections on which nothing has moved for too long. Goes on after `close`, while there are connections. */
  #sweepLater (): void {
    const { clock } = this.#options
    this.#sweep = clock.after(sweepMs, () => {
      const nowMs = clock.now()
      for (const [client, pair] of this.#pairs) {
        const bytes = client.bytesRead + client.bytesWritten
        const isHalf = client.readableEnded || client.writableEnded
        if (bytes !== pair.bytes) Object.assign(pair, { bytes, quietSinceMs: nowMs })
        else if (nowMs - pair.quietSinceMs > (isHalf ? idleMs.halfClosed : idleMs.open)) client.resetAndDestroy()
      }
      if (this.isOpen || this.#pairs.size > 0) this.#sweepLater()
    })
  }

  #join (client: Socket, server: Socket): void {
    const { guard } = this.#options
    for (const [one, other] of [[client, server], [server, client]] as const) {
      one.setKeepAlive(true, 60_000)
      // A side that breaks breaks the other: a cut answer must not look like a whole one.
      one.on('error', guard.around('proxy-tcp', () => other.resetAndDestroy()))
      one.once('close', guard.around('proxy-tcp', () => { if (!other.writableEnded) other.destroy() }))
      one.pipe(other)
    }
    if (client.destroyed) server.destroy()
    client.resume()
  }
}
