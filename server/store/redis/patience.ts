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

/** No call waits longer than this for one answer, unless the setting itself is longer, or the call is large. */
const mostMs = 10_000
/** An answer may take so many times as long as answers took lately. */
const tolerance = 4
/** What was slow once is forgotten after some dozens of quick answers. */
const decay = 0.95
/**
 * A reader that has heard nothing for so long beyond its round counts as silent, where answers are quick: with the round it is 1.2 s, so that
 * clients have their lists from another node within two.
 */
const quietMs = 800
/** RFC 6298, 2: how fast the usual time of an answer and its spread follow what is measured, and how many times the spread is waited for. */
const usualGain = 1 / 8
const spreadGain = 1 / 4
const spreads = 4
/** Seven times what the largest commit needs on a quick machine: 30,000 arguments take 0.6 s of Redis. */
const argumentMs = 0.15
/** What a call brings is sent with at least so much. */
const octetsPerMs = 1_000

export class Patience {
  readonly #timeouts: Timeouts
  /** Of the attempts to connect that timed out in a row. */
  #factor = 1
  #slowestMs = 0
  #usualMs: number | undefined
  #spreadMs = 0

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

  /**
   * For the next word of Redis before the view counts as stale. It gives up nothing, so it may be shorter than the limit of a command: a
   * single slow answer widens it for some answers only.
   */
  get silenceMs (): number {
    const expected = this.#usualMs === undefined ? 0 : this.#usualMs + spreads * this.#spreadMs
    return this.#bounded(Math.max(Math.min(quietMs, this.#timeouts.commandMs), expected))
  }

  /** Something was answered after so long. */
  answered (ms: number): void {
    this.#slowestMs = Math.max(ms, this.#slowestMs * decay)
    if (this.#usualMs === undefined) {
      this.#usualMs = ms
      this.#spreadMs = ms / 2
    } else {
      this.#spreadMs += spreadGain * (Math.abs(ms - this.#usualMs) - this.#spreadMs)
      this.#usualMs += usualGain * (ms - this.#usualMs)
    }
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

/** How much longer than the smallest one a call with these arguments may take. */
export function sizeMs (args: readonly (string | number)[]): number {
  let octets = 0
  for (const argument of args) octets += typeof argument === 'string' ? argument.length : 8
  return args.length * argumentMs + octets / octetsPerMs
}
