// Requests by route and code, and how long they took. Kept in plain numbers and turned into prom-client's form when
// somebody scrapes: hashing labels for each request would cost as much as answering it.
import { Counter, Histogram, type MetricObjectWithValues, type MetricValueWithName, type Registry } from 'prom-client'

/** Seconds. The lowest ones are what an answer from memory takes. */
const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

const durations = {
  name: 'rollcall_http_request_duration_seconds',
  help: 'Time from a request to its answer, without those that wait on purpose (long polls, watches).',
  aggregator: 'sum'
} as const

interface Series {
  readonly labels: { readonly method: string, readonly route: string, readonly code: string }
  requests: number
  /** Not summed up: how many fell between a bound and the one before; the last is above all bounds. */
  readonly buckets: number[]
  timed: number
  sum: number
}

/** Records one request of a route. `seconds` is undefined if the time says nothing, as for a long poll. */
export type RequestRecorder = (code: number, seconds: number | undefined) => void

export class RequestTimes {
  readonly #series: Series[] = []

  constructor (register: Registry) {
    const series = this.#series
    new Counter({
      name: 'rollcall_http_requests_total',
      help: 'Requests answered, by route and status code.',
      labelNames: ['method', 'route', 'code'],
      registers: [register],
      collect () {
        this.reset()
        for (const { labels, requests } of series) this.inc(labels, requests)
      }
    })
    register.registerMetric(new DurationHistogram(series))
  }

  /** The recorder of one route. Labels are as many as there are routes, whatever clients ask for. */
  of (method: string, route: string): RequestRecorder {
    const byCode = new Map<number, Series>()
    return (code, seconds) => {
      let series = byCode.get(code)
      if (series === undefined) {
        series = { labels: { method, route, code: String(code) }, requests: 0, buckets: new Array<number>(bounds.length + 1).fill(0), timed: 0, sum: 0 }
        byCode.set(code, series)
        this.#series.push(series)
      }
      series.requests++
      if (seconds === undefined) return
      let index = 0
      while (index < bounds.length && seconds > (bounds[index] ?? 0)) index++
      series.buckets[index] = (series.buckets[index] ?? 0) + 1
      series.timed++
      series.sum += seconds
    }
  }
}

type Durations = MetricObjectWithValues<MetricValueWithName<'method' | 'route' | 'code'>>

/** A histogram that is filled elsewhere. */
class DurationHistogram extends Histogram<'method' | 'route' | 'code'> {
  readonly #series: readonly Series[]

  constructor (series: readonly Series[]) {
    super({
      ...durations,
      labelNames: ['method', 'route', 'code'],
      buckets: [...bounds],
      registers: []
    })
    this.#series = series
  }

  override async get (): Promise<Durations> {
    const { name, help, aggregator } = durations
    const values = this.#series.filter((series) => series.timed > 0).flatMap(({ labels, buckets, timed, sum }) => {
      let below = 0
      const cumulative = bounds.map((le, index) => ({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: below += buckets[index] ?? 0 }))
      return [
        ...cumulative,
        { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' as const }, value: timed },
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: timed }
      ]
    })
    // `type` is a constant enum in prom-client's types, and `collect` belongs to the metric, not to what it gives.
    return { name, help, type: 'histogram', aggregator, values } as unknown as Durations
  }

  /** What the text form is made from; prom-client's types leave it out. */
  getForPromString (): Promise<Durations> {
    return this.get()
  }
}
