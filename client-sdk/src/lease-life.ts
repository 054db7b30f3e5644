// What is known of the lease of one registration: how long it is good at least, whether it went through without a gap, and whether the
// WebSocket is it.
import type { Clock } from './clock.ts'

export class LeaseLife {
  readonly #clock: Clock
  readonly #ttlMs: number
  #renewedAtMs = -Infinity
  #interruptions = 0
  #isBound = false

  constructor (clock: Clock, ttlMs: number) {
    this.#clock = clock
    this.#ttlMs = ttlMs
  }

  /** See `Registration.renewedAtMs`. */
  get renewedAtMs (): number {
    return this.#renewedAtMs
  }

  /** See `Registration.interruptions`. */
  get interruptions (): number {
    return this.#interruptions
  }

  /** A registration that is answered grants a lease, from some time after it was sent. */
  async granted<Answer> (register: () => Promise<Answer>): Promise<Answer> {
    const sentAtMs = this.#clock.now()
    const answer = await register()
    this.#renewedAtMs = sentAtMs
    return answer
  }

  /** A heartbeat is stored. @param sentAtMs undefined = nobody knows @returns whether the WebSocket is the lease from now on, and was not before */
  renewed (isBound: boolean, sentAtMs: number | undefined): boolean {
    // An answer so late tells nothing of the time before: the lease may have run out, and been renewed after that.
    if (this.#clock.now() - this.#renewedAtMs >= this.#ttlMs) this.#interruptions++
    this.#renewedAtMs = sentAtMs ?? this.#renewedAtMs
    const isNew = isBound && !this.#isBound
    this.#isBound ||= isBound // a beat by request beside a slow socket leaves its session as it is
    return isNew
  }

  /** The WebSocket broke. */
  unbound (): void {
    if (this.#isBound) this.#interruptions++
    this.#isBound = false
  }

  /** The registry does not know it any more. */
  forgotten (): void {
    this.#interruptions++
  }
}
