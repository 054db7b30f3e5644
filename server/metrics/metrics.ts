// The node's own metrics as Prometheus reads them: what runs here, the process, and one text of everything that the rooms
// count by themselves (registry/metrics.ts, store/metrics.ts, http/server/metrics.ts, dns/metrics.ts).
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import { delayBounds, delaySlots } from '../loop.ts'
import { Slice } from '../slice.ts'
import { showHistogram } from './filled-histogram.ts'

export interface MetricsOptions {
  readonly version: string
  /** Also the process' own: memory, CPU, event-loop delay, garbage collection. Default true. */
  readonly processMetrics?: boolean
  /** Monotonic milliseconds. Default: the system's. */
  readonly now?: () => number
}

/**
 * A text answers scrapes for so many times the time that it took to make: however often it is scraped, making it takes
 * at most a quarter of the event loop. A text that took 5 ms is 15 ms old at most.
 */
const ageFactor = 3

export class Metrics {
  /** Where the rooms add their metrics. */
  readonly register = new Registry()
  /** How many log lines were lost, set by the log. */
  droppedLogLines: () => number = () => 0
  /** How late the loops of the threads were, by their names (loop.ts). */
  readonly loops = new Map<string, Float64Array>()
  readonly #now: () => number
  readonly #unexpected: Counter<'place'>
  #making: Promise<Buffer> | undefined
  #kept: { readonly text: Buffer, readonly untilMs: number } | undefined

  constructor ({ version, processMetrics = true, now = () => performance.now() }: MetricsOptions) {
    this.#now = now
    new Gauge({ name: 'rollcall_build_info', help: 'Always 1; what runs here.', labelNames: ['version', 'node_version'], registers: [this.register] })
      .set({ version, node_version: process.version }, 1)
    this.#unexpected = new Counter({
      name: 'rollcall_unexpected_errors_total',
      help: 'Unexpected errors, by the place that caught them: each ended one request, watcher or record. The log says which.',
      labelNames: ['place'],
      registers: [this.register]
    })
    const dropped = (): number => this.droppedLogLines()
    new Counter({
      name: 'rollcall_log_lines_dropped_total',
      help: 'Log lines that could not be written: the disk is full, or their reader is gone or has stalled.',
      registers: [this.register],
      collect () {
        this.reset()
        this.inc(dropped())
      }
    })
    showHistogram(this.register, {
      name: 'rollcall_loop_delay_seconds',
      help: 'How late the event loop of a thread was, looked at each 10 ms: so long everybody on it waited for somebody else. The log names who held it for more than 100 ms.',
      bounds: delayBounds,
      series: () => Array.from(this.loops, ([thread, counts]) => ({
        labels: { thread }, buckets: counts.subarray(0, delayBounds.length + 1), sum: counts[delaySlots - 1] ?? 0
      }))
    })
    if (processMetrics) collectDefaultMetrics({ register: this.register })
  }

  /** For the guard. */
  unexpected = (place: string, errors: number): void => {
    this.#unexpected.inc({ place }, errors)
  }

  get contentType (): string {
    return this.register.contentType
  }

  /** The text of all metrics. One that is being made is shared by all scrapes that come meanwhile. */
  async text (): Promise<Buffer> {
    if (this.#kept !== undefined && this.#now() < this.#kept.untilMs) return this.#kept.text
    return this.#making ??= this.#make().finally(() => { this.#making = undefined })
  }

  async #make (): Promise<Buffer> {
    const slice = new Slice()
    const texts: string[] = []
    let [spentMs, began] = [0, this.#now()]
    for (const { name } of this.register.getMetricsAsArray()) {
      texts.push(await this.register.getSingleMetricAsString(name))
      if (!slice.isOver()) continue
      spentMs += this.#now() - began
      await slice.next()
      began = this.#now()
    }
    const text = Buffer.from(`${texts.join('\n\n')}\n`) // as prom-client joins them
    const ended = this.#now()
    this.#kept = { text, untilMs: ended + ageFactor * (spentMs + ended - began) }
    return text
  }
}
