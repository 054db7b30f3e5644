// Notices that Redis says nothing for longer than its answers take: the view of this node may be old from then on, and clients are told
// before the connection is given up. When Redis speaks again, they are told too.
import type { Guard } from '../../guard.ts'
import type { Patience } from './patience.ts'

/** A timer that comes so late says that this process stood still, not Redis: the answer may lie in the socket. */
const stallMs = 100
/** It is read within some turns of the loop, however long the process stood still. */
const lastChanceMs = 200

export interface SilenceOptions {
  readonly patience: Patience
  /** One round of the reader, in which a quiet Redis says nothing. */
  readonly roundMs: number
  readonly guard: Guard
  /** @param quietMs how long nothing was heard; 0 = Redis speaks again */
  readonly tell: (quietMs: number) => void
}

export class Silence {
  readonly #options: SilenceOptions
  #timer: NodeJS.Timeout | undefined
  #isSilent = false

  constructor (options: SilenceOptions) {
    this.#options = options
  }

  /** Redis has spoken, or is listened to from now on. */
  heard (): void {
    const heardAt = performance.now()
    this.#wait(this.#options.roundMs + this.#options.patience.silenceMs, heardAt, true)
    if (!this.#isSilent) return
    this.#isSilent = false
    this.#options.tell(0)
  }

  /** Nobody listens any more: what is told next is the link's own. */
  end (): void {
    clearTimeout(this.#timer)
    this.#isSilent = false
  }

  #wait (ms: number, heardAt: number, isFirst: boolean): void {
    clearTimeout(this.#timer)
    const due = performance.now() + ms
    this.#timer = setTimeout(this.#options.guard.around('store', () => {
      if (isFirst && performance.now() - due > stallMs) return this.#wait(lastChanceMs, heardAt, false)
      this.#isSilent = true
      this.#options.tell(performance.now() - heardAt)
    }), ms)
  }
}
