// One connection of a client, plain or TLS: messages with a two-octet length. What is known at once is answered in the order of
// arrival; what has to be waited for comes when it is there, past what waits longer (RFC 7766 6.2.1.1).
//
//   stream = *(length(2) message)      RFC 1035 4.2.2, RFC 7766
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Guard } from '../../guard.ts'
import type { Response } from '../protect/client.ts'
import { firstMessageMs, idleMs, maxDeferred, maxMessagesPerTurn, maxQueryBytes } from './tcp-limits.ts'
import { headerLength } from '../wire/wire.ts'

const lengthBytes = 2
const empty = Buffer.alloc(0)

export interface ConnectionCalls {
  nowMs (): number
  badLength (): void
  /** One more answer that comes later (1), or one fewer (-1). */
  waiting (change: 1 | -1): void
  /** The framed answer, empty for silence; or answers that come later. */
  answer (message: Buffer): Buffer | Exclude<Response, number>
}

export class StreamConnection {
  /** When it is destroyed unless a whole message arrives, or the peer reads, before. */
  deadlineMs: number
  readonly #socket: Socket
  readonly #calls: ConnectionCalls
  readonly #guard: Guard
  #draining: Promise<unknown> | undefined
  readonly #aborted = new AbortController()
  /** What was received and not yet answered: part of a message, or, while it waits, at most one chunk. */
  #input: Buffer = empty
  #deferred = 0
  /** Of its last whole message, or its beginning. */
  #lastMs: number
  #isWaiting = false
  #isEnding = false
  /** A length was wrong, so that nobody knows where the next message begins. */
  #isBroken = false

  constructor (socket: Socket, calls: ConnectionCalls, guard: Guard) {
    this.#socket = socket
    this.#calls = calls
    this.#guard = guard
    // After any failure this connection cannot be used: behind a half read message the next one is not found.
    const destroy = (): void => this.destroy()
    this.#lastMs = calls.nowMs()
    this.deadlineMs = this.#lastMs + firstMessageMs
    socket.on('error', () => undefined) // a reset by the peer; 'close' follows
    socket.on('data', guard.around('dns-stream', (chunk: Buffer) => {
      if (this.#isBroken) return
      this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk])
      this.#pump()
    }, destroy))
    socket.on('drain', guard.around('dns-stream', () => this.#continue(), destroy))
    socket.on('end', guard.around('dns-stream', () => this.finish(), destroy))
    socket.on('close', guard.around('dns-stream', () => this.#aborted.abort()))
  }

  /** Answers what has arrived, then ends. */
  finish (): void {
    this.#isEnding = true
    this.#endIfDone()
  }

  destroy (): void {
    this.#socket.destroy()
  }

  /** Since when nothing is asked over it; undefined = something is being answered. */
  get idleSinceMs (): number | undefined {
    return this.#deferred > 0 || this.#isWaiting ? undefined : this.#lastMs
  }

  /** Answers whole messages until there are no more, the peer does not read, or others should have their turn. */
  #pump (): void {
    if (this.#isWaiting || this.#isBroken || this.#socket.destroyed) return
    let at = 0
    let served = 0
    this.#socket.cork()
    while (this.#input.length - at >= lengthBytes) {
      const length = this.#input.readUInt16BE(at)
      if (length < headerLength || length > maxQueryBytes) {
        this.#calls.badLength()
        this.#isBroken = this.#isEnding = true // answers from before still leave
        break
      }
      if (this.#input.length - at - lengthBytes < length) break
      if (this.#socket.writableNeedDrain || this.#deferred >= maxDeferred) {
        this.#wait()
        break
      }
      if (served === maxMessagesPerTurn) {
        this.#wait()
        setImmediate(this.#guard.around('dns-stream', () => this.#continue(), () => this.destroy()))
        break
      }
      served++
      at += lengthBytes + length
      this.#stay()
      const answer = this.#calls.answer(this.#input.subarray(at - length, at))
      if (!Buffer.isBuffer(answer)) void this.#later(answer) // never rejects
      else if (answer.length > 0) this.#socket.write(answer)
    }
    this.#socket.uncork()
    const rest = this.#isBroken ? empty : this.#input.subarray(at)
    this.#input = rest.length === 0 ? empty : this.#isWaiting ? rest : Buffer.from(rest) // a few octets must not hold a whole chunk
    this.#endIfDone()
  }

  /** Writes answers as they come, no faster than the peer reads. */
  async #later (answers: Exclude<Response, number>): Promise<void> {
    this.#deferred++
    this.#calls.waiting(1)
    try {
      for await (const message of answers) {
        if (this.#socket.destroyed) break
        this.#stay()
        if (!this.#socket.write(framed(message, message.length))) await this.#whenDrained()
      }
    } catch {
      this.#socket.destroy() // the peer went while something was on its way to it
    } finally {
      this.#deferred--
      this.#calls.waiting(-1)
      this.#continue()
      this.#endIfDone()
    }
  }

  /** One wait for all answers that are on their way. Rejects when the peer goes. */
  #whenDrained (): Promise<unknown> {
    return this.#draining ??= once(this.#socket, 'drain', { signal: this.#aborted.signal }).finally(() => { this.#draining = undefined })
  }

  #stay (): void {
    this.#lastMs = this.#calls.nowMs()
    this.deadlineMs = this.#lastMs + idleMs
  }

  #endIfDone (): void {
    if (this.#isEnding && !this.#isWaiting && this.#deferred === 0) this.#socket.destroySoon()
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

/** A message behind its length, in memory of its own. */
export function framed (bytes: Buffer, length: number): Buffer {
  const message = Buffer.allocUnsafe(lengthBytes + length)
  message.writeUInt16BE(length, 0)
  bytes.copy(message, lengthBytes, 0, length)
  return message
}
