// The registrations of one client: how they begin, what they need of the client, and how they end with the process.
import type { Registration } from './registration.ts'
import { beforeEnd } from './signals.ts'
import type { Socket } from './socket.ts'

export class Registrations {
  readonly #socket: Socket
  /** Whether registrations end when the process is told to. */
  readonly #signals: boolean
  readonly #alive = new Set<Registration>()
  readonly #starting = new Set<Promise<unknown>>()
  #forget: (() => void) | undefined

  constructor (socket: Socket, signals: boolean) {
    this.#socket = socket
    this.#signals = signals
  }

  /** @throws what the start of the registration throws */
  async add (registration: Registration, start: Promise<void>): Promise<void> {
    this.#starting.add(start)
    try {
      await start
    } finally {
      this.#starting.delete(start)
    }
    this.#alive.add(registration)
    this.keepSessions()
    if (this.#signals) this.#forget ??= beforeEnd((drain) => this.#leave(drain))
  }

  delete (registration: Registration): void {
    this.#alive.delete(registration)
    this.keepSessions()
    if (this.#alive.size === 0) this.#forgetEnd()
  }

  /** The socket stays open for the registrations whose session it is. */
  keepSessions (): void {
    this.#socket.keep([...this.#alive].filter(({ session, state }) => session && state !== 'superseded').length)
  }

  /** Waits for those that are just beginning, then ends all. Never rejects. */
  async close (): Promise<void> {
    await Promise.allSettled(this.#starting)
    await this.#leave(false)
    this.#forgetEnd()
  }

  async #leave (drain: boolean): Promise<void> {
    await Promise.all([...this.#alive].map((registration) => registration.leave(drain)))
  }

  #forgetEnd (): void {
    this.#forget?.()
    this.#forget = undefined
  }
}
