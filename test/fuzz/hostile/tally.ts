// Counts and waits by kind.

export interface Line {
  made: number
  failed: number
  slowestMs: number
  /** Milliseconds that 99 of 100 took at most, rounded up to a power of two. */
  p99Ms: number
}

export type Lines = Readonly<Record<string, Readonly<Line>>>

/** Waits in powers of two, from one millisecond on. */
const buckets = 20
const maxFailures = 30

export class Tally {
  readonly failures: string[] = []
  readonly #lines = new Map<string, { made: number, failed: number, slowestMs: number, readonly waits: number[] }>()

  readonly #told: (failure: string) => void

  /** @param told called at once with each failure that is kept */
  constructor (told: (failure: string) => void) {
    this.#told = told
  }

  #line (kind: string): { made: number, failed: number, slowestMs: number, readonly waits: number[] } {
    const line = this.#lines.get(kind) ?? { made: 0, failed: 0, slowestMs: 0, waits: Array<number>(buckets).fill(0) }
    this.#lines.set(kind, line)
    return line
  }

  add (kind: string, ms: number): void {
    const line = this.#line(kind)
    line.made++
    line.slowestMs = Math.max(line.slowestMs, ms)
    const bucket = Math.min(buckets - 1, Math.max(0, Math.ceil(Math.log2(Math.max(1, ms)))))
    line.waits[bucket] = (line.waits[bucket] ?? 0) + 1
  }

  failed (kind: string, why: string): void {
    const line = this.#line(kind)
    line.made++
    line.failed++
    if (this.failures.length >= maxFailures) return
    const text = `${new Date().toISOString()} ${kind}: ${why}`
    this.failures.push(text)
    this.#told(text)
  }

  /** Counts what it does, and how long it takes; its failure is counted, and no more. */
  async measure<Result> (kind: string, work: () => Promise<Result>): Promise<Result | undefined> {
    const began = performance.now()
    try {
      const result = await work()
      this.add(kind, performance.now() - began)
      return result
    } catch (error) {
      this.failed(kind, `${String(error)} after ${Math.round(performance.now() - began)} ms`)
      return undefined
    }
  }

  get lines (): Lines {
    return Object.fromEntries([...this.#lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, { made, failed, slowestMs, waits }]) => {
      let rest = 0.99 * (made - failed)
      const bucket = waits.findIndex((count) => (rest -= count) <= 0)
      return [kind, { made, failed, slowestMs: Math.round(slowestMs), p99Ms: 2 ** Math.max(0, bucket) }]
    }))
  }
}
