// The UDP side: one socket, one reused message, no packet that can stop it.
import { type RemoteInfo, type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type Guard, standaloneGuard } from '../../guard.ts'
import type { Clock } from '../../clock.ts'
import type { Response, Transport } from '../protect/client.ts'
import type { DnsCounters } from '../counters.ts'
import type { Responder } from '../responder.ts'
import { MessageWriter } from '../wire/message-writer.ts'
import { closeGraceMs } from './tcp-limits.ts'
import { ednsUdpLimit } from '../wire/wire.ts'

/** A burst of questions waits here while the process does something else; past it the kernel drops. Linux caps it silently. */
const receiveBufferBytes = 4 * 1024 * 1024
/** Answers that the kernel does not take at once. More would be memory for clients that have given up by then. */
const maxQueuedSends = 256

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Memory for answers. None is written anew before the kernel's queue was looked at twice. */
const writerCount = 16
const lookEach = 8

export interface ListenerOptions {
  readonly address: string
  readonly family: 4 | 6
  readonly port: number
  readonly reusePort?: boolean
  readonly responder: Responder
  readonly counters: DnsCounters
  readonly clock: Clock
  /** Default: one that writes to stderr. */
  readonly guard?: Guard
  /** An error of the socket itself, for the log. */
  readonly report: (message: string) => void
}

export class UdpListener {
  readonly port: number
  readonly #socket: Socket
  readonly #options: ListenerOptions
  /** Answers are written into one after the other, so that the kernel's queue need not be asked for after each. */
  #writers = writers()
  #next = 0
  /** Who asks now. One object for all: it is read while the question is looked at. */
  readonly #client: { readonly transport: Transport, address: string } = { transport: 'udp', address: '' }
  #deferred = 0
  /** Answers that the kernel had not taken when it was last asked. */
  #queued = 0
  /** Messages of this turn of the loop. */
  #received = 0
  #closed: Promise<void> | undefined
  /** Set while it closes: called when an answer that was waited for has left. */
  #left: (() => void) | undefined
  #isSocketClosed = false

  /** Binds. @throws the error of the system, like EADDRINUSE */
  static async listen (options: ListenerOptions): Promise<UdpListener> {
    const socket = createSocket({
      type: options.family === 4 ? 'udp4' : 'udp6',
      reusePort: options.reusePort ?? false,
      recvBufferSize: receiveBufferBytes,
      // A reply goes to the address that the packet came from: there is no name to look up, and no turn of the loop to lose.
      lookup: (address, _options, callback) => callback(null, address, options.family)
    })
    const listening = once(socket, 'listening')
    try {
      socket.bind({ address: options.address, port: options.port })
      await listening
    } catch (error) {
      socket.close()
      throw error
    }
    return new UdpListener(socket, options)
  }

  constructor (socket: Socket, options: ListenerOptions) {
    this.#socket = socket
    this.#options = options
    this.port = socket.address().port
    const { guard = standaloneGuard } = options
    socket.on('error', guard.around('dns-udp', (error) => options.report(`DNS over UDP: ${error.message}`)))
    socket.on('message', guard.around('dns-udp', (message, peer) => this.#answer(message, peer)))
  }

  /** Answers what has arrived and lets those answers leave that others are asked for, two seconds at most; then closes. */
  close (): Promise<void> {
    return this.#closed ??= this.#close()
  }

  async #close (): Promise<void> {
    const isLate = { now: false }
    const { promise: late, resolve: giveUp } = Promise.withResolvers<void>()
    const cancel = this.#options.clock.after(closeGraceMs, () => {
      isLate.now = true
      giveUp()
    })
    // A whole turn of the loop that brings nothing has found the socket empty. This turn may have looked at it before.
    await nextTurn()
    do {
      this.#received = 0
      await nextTurn()
    } while (this.#received > 0 && !isLate.now)
    this.#socket.removeAllListeners('message')
    while (!isLate.now && (this.#deferred > 0 || this.#socket.getSendQueueCount() > 0)) {
      await Promise.race([late, this.#deferred > 0 ? new Promise<void>((resolve) => { this.#left = resolve }) : nextTurn()])
    }
    cancel()
    this.#isSocketClosed = true
    await new Promise<void>((resolve) => this.#socket.close(resolve))
  }

  #answer (message: Buffer, peer: RemoteInfo): void {
    const { responder, counters } = this.#options
    this.#received++
    if (peer.port === 0) return counters.drop('port-zero') // spoofed: no answer can be sent there, and send throws
    if (this.#queued > 0) this.#queued = this.#socket.getSendQueueCount()
    if (this.#queued >= maxQueuedSends) return counters.drop('send-queue-full')
    this.#client.address = peer.address
    const writer = this.#writers[this.#next] ?? new MessageWriter(ednsUdpLimit) // there is one in each place
    const response = responder.respond(message, this.#client, writer)
    if (typeof response !== 'number') return void this.#later(response, peer) // never rejects
    if (response === 0) return
    try {
      // Without a callback, which would cost each answer a tick: what the system refuses (no route, a forged broadcast address) is lost
      // as a datagram may be, and is not told.
      this.#socket.send(writer.bytes, 0, response, peer.port, peer.address)
      this.#next = (this.#next + 1) % writerCount
      if (this.#queued > 0) writer.renew() // the kernel is full: its queue may still read these octets
      else if (this.#next % lookEach === 0) this.#look()
    } catch {
      counters.drop('send-failed')
    }
  }

  /**
   * Asks whether the kernel accepts answers at once. If not, all since the last check may be waiting: their buffers are
   * not used again.
   */
  #look (): void {
    this.#queued = this.#socket.getSendQueueCount()
    if (this.#queued > 0) this.#writers = writers()
  }

  async #later (answers: Exclude<Response, number>, peer: RemoteInfo): Promise<void> {
    const { counters } = this.#options
    counters.waiting++
    this.#deferred++ // as many as the forwarder lets wait
    try {
      for await (const message of answers) {
        if (!this.#isSocketClosed) this.#socket.send(message, peer.port, peer.address)
        break // over UDP there is one
      }
    } catch {
      counters.drop('send-failed')
    } finally {
      this.#deferred--
      counters.waiting--
      this.#left?.()
    }
  }
}

function writers (): MessageWriter[] {
  return Array.from({ length: writerCount }, () => new MessageWriter(ednsUdpLimit))
}
