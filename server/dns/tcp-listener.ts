// The TCP side: messages with a two-octet length, answered in the order of arrival, under limits and deadlines.
//
//   stream = *(length(2) message)      RFC 1035 4.2.2, RFC 7766
import { once } from 'node:events'
import { type Server, type Socket, createServer } from 'node:net'
import type { Clock } from '../registry/timers.ts'
import type { ListenerOptions } from './udp-listener.ts'
import { MessageWriter, headerLength, tcpLimit } from './wire.ts'

/** A connection costs memory and a file descriptor; lookups that need TCP are few and short. */
export const maxConnections = 1_000
/** From the connection to the first whole message (RFC 7766 6.2.3: a few seconds): a client that connects has a question. */
export const firstMessageMs = 3_000
/** Between whole messages. A message that trickles in, and a client that does not read, run into it too. */
export const idleMs = 10_000
/** A query with every option there is stays far below; more would be memory for nothing. */
export const maxQueryOctets = 4_096
/** Of one connection in one turn of the loop, so that a pipelining client does not hold up the others. */
const maxMessagesPerTurn = 64
/** How often deadlines are looked at: a connection may live this much longer. One timer serves all connections. */
const sweepMs = 500
/** At shutdown: how long answers may take to leave. */
const closeGraceMs = 2_000

const lengthOctets = 2
const empty = Buffer.alloc(0)

export interface TcpListenerOptions extends ListenerOptions {
  readonly clock: Clock
  readonly maxConnections: number
}

export class TcpListener {
  readonly #server: Server
  readonly #options: TcpListenerOptions
  readonly #connections = new Set<Connection>()
  readonly #writer = new MessageWriter(tcpLimit)
  #cancelSweep: (() => void) | undefined
  #closed: Promise<void> | undefined

  /** Binds. @throws the error of the system, like EADDRINUSE */
  static async listen (options: TcpListenerOptions): Promise<TcpListener> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    const listener = new TcpListener(server, options)
    const listening = once(server, 'listening')
    server.listen({ host: options.address, port: options.port, reusePort: options.reusePort ?? false })
    await listening
    server.on('error', (error) => options.report(`DNS over TCP: ${error.message}`))
    return listener
  }

  constructor (server: Server, options: TcpListenerOptions) {
    this.#server = server
    this.#options = options
    server.maxConnections = options.maxConnections
    server.on('drop', () => options.counters.drop('too-many-connections'))
    server.on('connection', (socket) => this.#accept(socket))
  }

  /** Stops accepting, lets answers leave that were asked for, and ends. */
  close (): Promise<void> {
    return this.#closed ??= this.#close()
  }

  async #close (): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const connection of this.#connections) connection.finish()
    const cancel = this.#options.clock.after(closeGraceMs, () => {
      for (const connection of this.#connections) connection.destroy()
    })
    await closed
    cancel()
    this.#cancelSweep?.()
  }

  #accept (socket: Socket): void {
    const { clock, counters, responder } = this.#options
    const connection = new Connection(socket, {
      nowMs: () => clock.now(),
      badLength: () => counters.drop('bad-length'),
      answer: (message) => {
        const length = responder.respond(message, 'tcp', this.#writer)
        return length === 0 ? empty : framed(this.#writer.bytes, length)
      }
    })
    this.#connections.add(connection)
    counters.connections++
    socket.once('close', () => {
      this.#connections.delete(connection)
      counters.connections--
    })
    this.#cancelSweep ??= clock.after(sweepMs, this.#sweep)
    if (this.#closed !== undefined) connection.finish()
  }

  readonly #sweep = (): void => {
    const nowMs = this.#options.clock.now()
    for (const connection of this.#connections) {
      if (nowMs < connection.deadlineMs) continue
      this.#options.counters.drop('deadline')
      this.#connections.delete(connection)
      connection.destroy()
    }
    this.#cancelSweep = this.#connections.size > 0 ? this.#options.clock.after(sweepMs, this.#sweep) : undefined
  }
}

interface ConnectionCalls {
  nowMs (): number
  badLength (): void
  /** The framed answer, empty for silence. */
  answer (message: Buffer): Buffer
}

class Connection {
  /** When it is destroyed unless a whole message arrives, or the peer reads, before. */
  deadlineMs: number
  readonly #socket: Socket
  readonly #calls: ConnectionCalls
  /** What was received and not yet answered: part of a message, or, while it waits, at most one chunk. */
  #input: Buffer = empty
  #isWaiting = false
  #isEnding = false
  /** No more messages can be told apart: a length was none. */
  #isBroken = false

  constructor (socket: Socket, calls: ConnectionCalls) {
    this.#socket = socket
    this.#calls = calls
    this.deadlineMs = calls.nowMs() + firstMessageMs
    socket.on('error', () => undefined) // a reset by the peer; 'close' follows
    socket.on('data', (chunk) => {
      if (this.#isBroken) return
      this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk])
      this.#pump()
    })
    socket.on('drain', () => this.#continue())
    socket.on('end', () => this.finish())
  }

  /** Answers what has arrived, then ends. */
  finish (): void {
    this.#isEnding = true
    if (!this.#isWaiting) this.#socket.destroySoon()
  }

  destroy (): void {
    this.#socket.destroy()
  }

  /** Answers whole messages until there are no more, the peer does not read, or others should have their turn. */
  #pump (): void {
    if (this.#isWaiting || this.#isBroken || this.#socket.destroyed) return
    let at = 0
    let served = 0
    this.#socket.cork()
    while (this.#input.length - at >= lengthOctets) {
      const length = this.#input.readUInt16BE(at)
      if (length < headerLength || length > maxQueryOctets) {
        this.#calls.badLength()
        this.#isBroken = this.#isEnding = true // answers from before still leave
        break
      }
      if (this.#input.length - at - lengthOctets < length) break
      if (this.#socket.writableNeedDrain) {
        this.#wait()
        break
      }
      if (served === maxMessagesPerTurn) {
        this.#wait()
        setImmediate(() => this.#continue())
        break
      }
      served++
      at += lengthOctets + length
      this.deadlineMs = this.#calls.nowMs() + idleMs
      const answer = this.#calls.answer(this.#input.subarray(at - length, at))
      if (answer.length > 0) this.#socket.write(answer)
    }
    this.#socket.uncork()
    const rest = this.#isBroken ? empty : this.#input.subarray(at)
    this.#input = rest.length === 0 ? empty : this.#isWaiting ? rest : Buffer.from(rest) // a few octets must not hold a whole chunk
    if (this.#isEnding && !this.#isWaiting) this.#socket.destroySoon()
  }

  #wait (): void {
    this.#isWaiting = true
    this.#socket.pause()
  }

  #continue (): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#pump()
    if (!this.#isWaiting) this.#socket.resume()
  }
}

function framed (bytes: Buffer, length: number): Buffer {
  const message = Buffer.allocUnsafe(lengthOctets + length)
  message.writeUInt16BE(length, 0)
  bytes.copy(message, lengthOctets, 0, length)
  return message
}
