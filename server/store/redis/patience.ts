// How long this node waits for Redis. The setting is where it begins: a Redis that is far away, or slow for a while, is given more, so
// that slow is not taken for away; a dead one is still noticed.

export interface Timeouts {
  /** For TCP, TLS and the handshake, at first (patience.ts). Higher tolerates far-away servers, lower finds a dead one sooner. */
  readonly connectMs: number
  /** For each command, at first: the longest that a write waits for a Redis that answered in time until then. */
  readonly commandMs: number
  /** One round of the blocking reader; after an empty one it asks whether Redis is still the one it was. */
  readonly blockMs: number
  /** How long an acknowledged write that was not yet seen in the log waits for a reconnect before its outcome is called unknown. */
  readonly settleMs: number
}

/** No call waits longer than this for one answer, unless the setting itself is longer. */
const mostMs = 10_000
/** An answer may take so many times as long as answers took lately. */
const tolerance = 4
/** What was slow once is forgotten after some dozens of quick answers. */
const decay = 0.95

export class Patience {
  readonly #timeouts: Timeouts
  /** Of the attempts to connect that timed out in a row. */
  #factor = 1
  #slowestMs = 0

  constructor (timeouts: Timeouts) {
    this.#timeouts = timeouts
  }

  /** For the next attempt to connect. */
  get connectMs (): number {
    return this.#bounded(this.#timeouts.connectMs * this.#factor)
  }

  /** For one command now. */
  get commandMs (): number {
    return this.#bounded(Math.max(this.#timeouts.commandMs * this.#factor, tolerance * this.#slowestMs))
  }

  /** Something was answered after so long. */
  answered (ms: number): void {
    this.#slowestMs = Math.max(ms, this.#slowestMs * decay)
  }

  /** An attempt to connect came to nothing because its time was over. */
  timedOut (): void {
    this.#factor = Math.min(this.#factor * 2, mostMs)
  }

  /** It is connected: from here on answers say how slow it is. */
  connected (): void {
    this.#factor = 1
  }

  #bounded (ms: number): number {
    const { connectMs, commandMs } = this.#timeouts
    return Math.min(ms, Math.max(mostMs, connectMs, commandMs))
  }
}
