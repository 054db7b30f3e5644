// One address and port of a service over UDP: each client's flow has a socket of its own towards one endpoint.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { Clock } from '../../clock.ts'
import type { FrontEnd, Target } from '../front-end.ts'
import type { Picker } from './picker.ts'
import type { TcpOptions } from './tcp-front-end.ts'

/** Flows of one front end; the one that has been quiet for longest gives way. */
const maxFlows = 4_096
/** As the kernel's tracking of connections has it: before the first answer, and after it. */
const idleMs = { unanswered: 30_000, answered: 120_000 } as const
/** Messages of a flow that wait for its socket. */
const maxWaiting = 16
const sweepMs = 5_000

interface Flow {
  readonly socket: Socket
  readonly target: Target
  /** undefined = it is connected. */
  waiting: Buffer[] | undefined
  usedAtMs: number
  isAnswered: boolean
}

export class UdpFrontEnd {
  readonly #options: TcpOptions
  readonly #socket: Socket
  readonly #flows = new Map<string, Flow>()
  readonly #clock: Clock
  frontEnd: FrontEnd
  picker: Picker
  connections = 0
  #sweep: (() => void) | undefined

  private constructor (frontEnd: FrontEnd, picker: Picker, options: TcpOptions) {
    this.frontEnd = frontEnd
    this.picker = picker
    this.#options = options
    this.#clock = options.clock
    this.#socket = createSocket(frontEnd.family === 4 ? 'udp4' : 'udp6')
  }

  /** @throws the system's error if the address cannot be bound */
  static open (frontEnd: FrontEnd, picker: Picker, options: TcpOptions): Promise<UdpFrontEnd> {
    const made = new UdpFrontEnd(frontEnd, picker, options)
    const { guard } = options
    return new Promise((resolve, reject) => {
      made.#socket.once('error', guard.around('proxy-udp', reject))
      made.#socket.bind(frontEnd.port, frontEnd.address, guard.around('proxy-udp', () => {
        made.#socket.removeAllListeners('error')
        made.#socket.on('error', guard.around('proxy-udp', () => undefined)) // of one answer that could not be sent
        made.#socket.on('message', guard.around('proxy-udp', (message: Buffer, from: RemoteInfo) => made.#take(message, from)))
        made.#sweepLater()
        resolve(made)
      }))
    })
  }

  /** Flows to endpoints that are no longer among the targets end: the next message of the client makes a new one. */
  forget (frontEnd: FrontEnd): void {
    const places = new Set([...frontEnd.outside.targets, ...frontEnd.inside.targets].map(({ address, port }) => `${address} ${port}`))
    for (const [key, { target }] of this.#flows) if (!places.has(`${target.address} ${target.port}`)) this.#end(key)
  }

  close (): Promise<void> {
    this.cut()
    this.#sweep?.()
    return new Promise((resolve) => this.#socket.close(() => resolve()))
  }

  cut (): void {
    for (const key of [...this.#flows.keys()]) this.#end(key)
  }

  #take (message: Buffer, { address, port }: RemoteInfo): void {
    const { isInside, isAllowed, counts } = this.#options
    const { sources } = this.frontEnd
    if (sources !== undefined && !isInside(address) && !isAllowed(address, sources)) {
      counts.refused++
      return
    }
    const key = `${address} ${port}`
    const flow = this.#flows.get(key) ?? this.#open(key, address, port)
    if (flow === undefined) {
      counts.refused++
      return
    }
    counts.bytesIn += message.length
    flow.usedAtMs = this.#clock.now()
    if (flow.waiting === undefined) flow.socket.send(message)
    else if (flow.waiting.length < maxWaiting) flow.waiting.push(message)
  }

  #open (key: string, address: string, port: number): Flow | undefined {
    const { guard, isInside, counts } = this.#options
    const [target] = this.picker.order(address, isInside(address))
    if (target === undefined) return undefined
    const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4')
    const flow: Flow = { socket, target, waiting: [], usedAtMs: this.#clock.now(), isAnswered: false }
    this.connections++
    counts.connections++
    this.#flows.set(key, flow)
    if (this.#flows.size > maxFlows) this.#end(this.#quietest())
    // ECONNREFUSED: nobody listens there. The client's next message chooses anew.
    socket.on('error', guard.around('proxy-udp', () => { if (this.#flows.get(key) === flow) this.#end(key) }))
    socket.on('message', guard.around('proxy-udp', (answer: Buffer) => {
      flow.isAnswered = true
      counts.bytesOut += answer.length
      flow.usedAtMs = this.#clock.now()
      this.#socket.send(answer, port, address)
    }))
    socket.connect(target.port, target.address, guard.around('proxy-udp', () => {
      this.picker.reached(address, target)
      for (const message of flow.waiting ?? []) socket.send(message)
      flow.waiting = undefined
    }))
    return flow
  }

  #quietest (): string {
    let found = ''
    let atMs = Infinity
    for (const [key, { usedAtMs }] of this.#flows) if (usedAtMs < atMs) [found, atMs] = [key, usedAtMs]
    return found
  }

  #end (key: string): void {
    const flow = this.#flows.get(key)
    if (flow === undefined) return
    this.#flows.delete(key)
    flow.socket.close()
  }

  #sweepLater (): void {
    this.#sweep = this.#clock.after(sweepMs, () => {
      const nowMs = this.#clock.now()
      for (const [key, { usedAtMs, isAnswered }] of this.#flows) if (nowMs - usedAtMs > (isAnswered ? idleMs.answered : idleMs.unanswered)) this.#end(key)
      this.#sweepLater()
    })
  }
}
