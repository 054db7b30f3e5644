// The UDP side: one socket at one address, one reused message, no packet that can stop it. Where many datagrams wait, they are taken and
// answered by batches (message-batch.ts); `dgram` waits for them, and answers those that come alone.
import { type RemoteInfo, type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type Guard, standaloneGuard } from '../../guard.ts'
import type { Clock } from '../../clock.ts'
import type { Response, Transport } from '../protect/client.ts'
import type { DnsCounters } from '../counters.ts'
import type { Responder } from '../responder.ts'
import { MessageWriter } from '../wire/message-writer.ts'
import type { Batching } from './batching.ts'
import { OpenedSocket } from './opened-socket.ts'
import { closeGraceMs } from './tcp-limits.ts'
import { ednsUdpLimit } from '../wire/wire.ts'

/** A burst of questions waits here while the process does something else; past it the kernel drops. Linux caps it silently. */
export const receiveBufferBytes = 4 * 1024 * 1024
/** Answers that the kernel does not take at once. More would be memory for clients that have given up by then. */
const maxQueuedSends = 256
/** Batches of one turn of the loop, so that nothing else waits for long. */
const maxBatches = 4

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
  /** Many datagrams by one call; undefined = one by one. */
  readonly batching?: Batching | undefined
  /** Default: one that writes to stderr. */
  readonly guard?: Guard
  /** An error of the socket itself, for the log. */
  readonly report: (message: string) => void
}

export class UdpListener {
  readonly address: string
  readonly port: number
  readonly #socket: Socket
  readonly #options: ListenerOptions
  readonly #guard: Guard
  /** Of the socket, if it is read by batches. */
  readonly #fd: number | undefined
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
  /** Batches that may still be taken in this turn of the loop. */
  #batchesLeft = maxBatches
  #closed: Promise<void> | undefined
  /** Set while it closes: called when an answer that was waited for has left. */
  #left: (() => void) | undefined
  #isSocketClosed = false

  /**
   * Binds.
   * @param besideAll a socket of ours on all addresses, which has the port too
   * @throws the error of the system, like EADDRINUSE
   */
  static async listen (options: ListenerOptions, besideAll?: OpenedSocket): Promise<UdpListener> {
    const { address, family, port, batching, reusePort = false } = options
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      reusePort: reusePort && batching === undefined,
      recvBufferSize: receiveBufferBytes,
      // A reply goes to the address that the packet came from: there is no name to look up, and no turn of the loop to lose.
      lookup: (host, _options, callback) => callback(null, host, family)
    })
    const listening = once(socket, 'listening')
    try {
      const opened = batching === undefined ? undefined : OpenedSocket.open(batching.libc, { address, family, port, reusePort, besideAll })
      socket.bind(opened === undefined ? { address, port } : { fd: opened.fd })
      opened?.shareAddress(false) // libuv lets others share what it is given
      await listening
      return new UdpListener(socket, options, opened?.fd)
    } catch (error) {
      socket.close()
      throw error
    }
  }

  /** @param fd of the socket, if it is read by batches */
  constructor (socket: Socket, options: ListenerOptions, fd?: number) {
    this.#socket = socket
    this.#options = options
    this.#fd = options.batching === undefined ? undefined : fd
    this.address = options.address
    this.port = socket.address().port
    const { counters, guard = standaloneGuard } = options
    this.#guard = guard
    counters[this.#fd === undefined ? 'singleSockets' : 'batchSockets']++
    socket.on('error', guard.around('dns-udp', (error) => options.report(`DNS over UDP: ${error.message}`)))
    socket.on('message', guard.around('dns-udp', this.#fd === undefined
      ? (message, peer) => this.#answer(message, peer)
      : (message, peer) => this.#answerAll(message, peer)))
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
    this.#options.counters[this.#fd === undefined ? 'singleSockets' : 'batchSockets']--
    await new Promise<void>((resolve) => this.#socket.close(resolve))
  }

  /** Answers the message that `dgram` has read, and takes what waits behind it. */
  #answerAll (message: Buffer, peer: RemoteInfo): void {
    const failed = (error: unknown): void => this.#guard.failed('dns-udp', error)
    try {
      this.#answer(message, peer)
    } catch (error) {
      failed(error)
    }
    const { batching, responder } = this.#options
    if (batching === undefined || this.#fd === undefined) return
    while (this.#batchesLeft > 0) {
      const count = batching.batch.receive(this.#fd)
      if (count === 0) return
      if (this.#batchesLeft-- === maxBatches) setImmediate(this.#guard.around('dns-udp', () => { this.#batchesLeft = maxBatches }))
      this.#received += count
      const sent = batching.answer(count, this.#fd, {
        responder, failed, client: this.#client, later: (answers, address, port) => void this.later(answers, { address, port })
      })
      // The kernel is full: `dgram` waits until it has room.
      for (const { message: answer, address, port } of sent.unsent) this.#queue(answer, port, address)
    }
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
    if (typeof response !== 'number') return void this.later(response, peer) // never rejects
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

  /** Lets an answer wait until the kernel has room. */
  #queue (answer: Buffer, port: number, address: string): void {
    const { counters } = this.#options
    this.#queued = this.#socket.getSendQueueCount()
    if (this.#queued >= maxQueuedSends) return counters.drop('send-queue-full')
    try {
      this.#socket.send(answer, port, address)
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

  /** Sends an answer when it comes, from the address of this socket. Never rejects. */
  async later (answers: Exclude<Response, number>, peer: Pick<RemoteInfo, 'address' | 'port'>): Promise<void> {
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
