// A histogram that is counted elsewhere in plain numbers, and turned into Prometheus' form when somebody scrapes: hashing
// labels at each observation would cost as much as the work that is measured.
import { type Metric, type Registry } from 'prom-client'

/** One series: how many observations fell between each bound and the one before, the last entry above all bounds. */
export interface FilledSeries {
  readonly labels: Readonly<Record<string, string>>
  readonly buckets: ArrayLike<number>
  /** Sum of what was observed, in the unit of the bounds. */
  readonly sum: number
}

export interface FilledHistogram {
  readonly name: string
  readonly help: string
  /** Upper bounds, ascending. */
  readonly bounds: readonly number[]
  /** Called at each scrape. */
  readonly series: () => Iterable<FilledSeries>
}

interface Value {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Shows a histogram at each scrape of the register. */
export function showHistogram (register: Registry, { name, help, bounds, series }: FilledHistogram): void {
  const metric = {
    name,
    get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: Array.from(series()).flatMap((one) => valuesOf(name, bounds, one)) })
  }
  // A register asks a metric for nothing but `name` and `get`; the library's types know only its own classes.
  register.registerMetric(metric as unknown as Metric)
}

function valuesOf (name: string, bounds: readonly number[], { labels, buckets, sum }: FilledSeries): Value[] {
  let below = 0
  const values = bounds.map((bound, index): Value => {
    below += buckets[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: below }
  })
  const count = below + (buckets[bounds.length] ?? 0)
  return [
    ...values,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count }
  ]
}
