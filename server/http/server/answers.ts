// Answers that a client does not read wait in its connection. What waits so is bounded over all clients.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Guard } from '../../guard.ts'
import { clientKey, type Share } from '../../shares.ts'
import type { Commons } from './commons.ts'
import { smallAnswerBytes } from './limits.ts'

export class Answers {
  readonly #commons: Commons
  readonly #guard: Guard
  readonly #addressOf: (request: FastifyRequest) => string

  constructor (commons: Commons, guard: Guard, addressOf: (request: FastifyRequest) => string) {
    this.#commons = commons
    this.#guard = guard
    this.#addressOf = addressOf
  }

  /** Counts an answer of so many bytes until it has left. Those that the system's own buffers take are not worth counting. */
  hold (request: FastifyRequest, reply: FastifyReply, bytes: number): void {
    if (bytes < smallAnswerBytes) return
    const { raw } = reply
    const { socket } = request.raw
    const cut = (): void => { socket.destroy() }
    const share: Share | undefined = this.#commons.unread.take(clientKey(this.#addressOf(request)), bytes, cut)
    if (share === undefined) return cut()
    raw.once('close', this.#guard.around('http-answer', () => share.release()))
    // All of it is handed to the socket: what the system has not taken is what waits.
    raw.once('prefinish', this.#guard.around('http-answer', () => share.resize(Math.min(bytes, socket.writableLength))))
  }
}
