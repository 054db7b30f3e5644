// How long the store takes, and how often it fails, as Prometheus reads it. Kept in plain numbers until somebody scrapes.
import { Counter, type Registry } from 'prom-client'
import { showHistogram } from '../metrics/filled-histogram.ts'

/** Seconds. */
const bounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5] as const

interface Series {
  readonly labels: { readonly operation: string }
  readonly buckets: number[]
  sum: number
}

/** Gives what is told of each operation. */
export function storeMetrics (register: Registry): (operation: string, ms: number, succeeded: boolean) => void {
  const registers = [register]
  const failures = new Counter({ name: 'rollcall_store_failures_total', help: 'Operations of the store that failed.', labelNames: ['operation'], registers })
  const known = new Map<string, Series>() // as many as the store has verbs
  showHistogram(register, { name: 'rollcall_store_operation_duration_seconds', help: 'How long the store took.', bounds, series: () => known.values() })
  return (operation, ms, succeeded) => {
    let series = known.get(operation)
    if (series === undefined) known.set(operation, series = { labels: { operation }, buckets: new Array<number>(bounds.length + 1).fill(0), sum: 0 })
    const seconds = ms / 1_000
    let index = 0
    while (index < bounds.length && seconds > (bounds[index] ?? 0)) index++
    series.buckets[index] = (series.buckets[index] ?? 0) + 1
    series.sum += seconds
    if (!succeeded) failures.inc({ operation })
  }
}
