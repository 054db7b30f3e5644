// How long the event loop of this thread was held, and by what. A timer that should run every few milliseconds is late by as long as
// something else ran. Code that begins some work names it: the work that ran longest since the timer ran last held the loop.
//
// There is one loop in a thread, so that there is one `loop` here. Saying what begins costs one look at the clock.

/** How often it looks. A delay that is shorter may not be seen. */
export const tickMs = 10
/** Held for so long the loop is worth a log line. */
export const heldMs = 100
/** A log line in this time: who holds the loop again and again is in the histogram. */
const logIntervalMs = 10_000

/** Characters of a path in a line. */
const maxPath = 200

/** Upper bounds of the histogram, in seconds. */
export const delayBounds = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const
/** Of `Float64Array` that counts delays: a bucket for each bound, one above, and the sum in seconds. */
export const delaySlots = delayBounds.length + 2

/** What held the loop. */
export interface Held {
  /** `GET /v1/...`, or the place of a guard. */
  readonly by: string
  /** Milliseconds that the loop was late. */
  readonly ms: number
  /** How often it was held since the last line. */
  readonly leftOut: number
}

/** What begins: a place, or a request. */
export type Work = string | { readonly method?: string | undefined, readonly url?: string | undefined }

export class Loop {
  readonly #now: () => number
  #isWatched = false
  #label: Work = ''
  #sinceMs = 0
  #longest: Work = ''
  #longestMs = 0
  #dueMs = 0
  #loggedMs = -Infinity
  #leftOut = 0

  /** @param now monotonic milliseconds */
  constructor (now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Some work begins: until the next one begins, or the loop has come round, what runs is its. */
  begins (label: Work): void {
    if (!this.#isWatched) return
    this.#closed(this.#now())
    this.#label = label
  }

  /** What has begun: who goes on in another turn of the loop begins under the same name. */
  get label (): Work {
    return this.#label
  }

  /** From now on `tick` is called each `tickMs`; until `ends`. */
  watched (): void {
    this.#isWatched = true
    this.#dueMs = this.#sinceMs = this.#now()
  }

  ends (): void {
    this.#isWatched = false
    this.#longest = this.#label = ''
  }

  /** The timer ran. @param counts gets the delay @returns what held the loop, if it is worth a line */
  tick (counts: Float64Array): Held | undefined {
    const nowMs = this.#now()
    this.#closed(nowMs)
    const lateMs = Math.max(0, nowMs - this.#dueMs - tickMs)
    this.#dueMs = nowMs
    count(counts, lateMs / 1_000)
    const longest = this.#longest
    this.#longest = this.#label = ''
    this.#longestMs = 0
    if (lateMs < heldMs) return undefined
    if (nowMs - this.#loggedMs < logIntervalMs) {
      this.#leftOut++
      return undefined
    }
    this.#loggedMs = nowMs
    const held = { by: workText(longest), ms: Math.round(lateMs), leftOut: this.#leftOut }
    this.#leftOut = 0
    return held
  }

  #closed (nowMs: number): void {
    const ms = nowMs - this.#sinceMs
    if (ms > this.#longestMs) {
      this.#longestMs = ms
      this.#longest = this.#label
    }
    this.#sinceMs = nowMs
  }
}

/** Of a request the method and the path: what stands behind it may be long, or a secret. */
function workText (work: Work): string {
  if (typeof work === 'string') return work === '' ? 'unknown work' : work
  return `${work.method ?? ''} ${work.url?.split('?', 1)[0]?.slice(0, maxPath) ?? ''}`
}

function count (counts: Float64Array, seconds: number): void {
  let bucket = 0
  while (bucket < delayBounds.length && seconds > (delayBounds[bucket] ?? 0)) bucket++
  counts[bucket] = (counts[bucket] ?? 0) + 1
  counts[delaySlots - 1] = (counts[delaySlots - 1] ?? 0) + seconds
}

/** Of this thread. */
export const loop = new Loop()
