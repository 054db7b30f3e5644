// The body of a request on its way to an endpoint. A stream of our own between client and transport: when an endpoint fails the
// transport destroys what it was given, and the client's connection is still needed for the answer.
import { Readable } from 'node:stream'
import type { Guard } from '../../guard.ts'
import type { EngineRequest } from './ports.ts'

export interface BodyEvents {
  /** So many octets have come from the client. */
  readonly received: (octets: number) => void
  /** All of it has come. */
  readonly complete: () => void
  /** The client has gone in the middle of it. */
  readonly broken: () => void
}

const highWaterMark = 65_536

export class RequestBody extends Readable {
  readonly #request: EngineRequest
  readonly #maxBytes: number
  readonly #events: BodyEvents
  #isFlowing = false
  #isOver = false
  bytes = 0
  /** It is larger than it may be. */
  isTooLarge = false

  constructor (request: EngineRequest, maxBytes: number, guard: Guard, events: BodyEvents) {
    super({ highWaterMark })
    this.#request = request
    this.#maxBytes = maxBytes
    this.#events = events
    request.on('data', guard.around('ingress', (chunk: Buffer) => this.#take(chunk)))
    request.on('end', guard.around('ingress', () => this.#end()))
    request.on('error', guard.around('ingress', () => this.#break()))
    request.on('close', guard.around('ingress', () => this.#break()))
    request.pause()
  }

  /** Nothing was given to a transport yet: another one can have all of it. */
  get isWhole (): boolean {
    return !this.#isFlowing
  }

  get isOver (): boolean {
    return this.#isOver
  }

  /** The transport waits for octets of the client, and not the client for it. */
  get waitsForClient (): boolean {
    return !this.#isOver && !this.#request.isPaused()
  }

  override _read (): void {
    this.#isFlowing = true
    if (!this.#isOver) this.#request.resume()
  }

  #take (chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.destroyed) return // the rest of what nobody wants any more
    if (this.bytes > this.#maxBytes) {
      this.isTooLarge = true
      this.#request.pause()
    }
    this.#events.received(chunk.length)
    if (!this.isTooLarge && !this.push(chunk)) this.#request.pause()
  }

  #end (): void {
    if (this.#isOver) return
    this.#isOver = true
    if (!this.destroyed) this.push(null)
    this.#events.complete()
  }

  #break (): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#events.broken()
  }
}
