// How long the store takes, and how often it fails, as Prometheus reads it.
import { Counter, Histogram, type Registry } from 'prom-client'

/** Gives what is told of each operation. */
export function storeMetrics (register: Registry): (operation: string, ms: number, succeeded: boolean) => void {
  const registers = [register]
  const failures = new Counter({ name: 'rollcall_store_failures_total', help: 'Operations of the store that failed.', labelNames: ['operation'], registers })
  const times = new Histogram({
    name: 'rollcall_store_operation_duration_seconds',
    help: 'How long the store took.',
    labelNames: ['operation'],
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers
  })
  return (operation, ms, succeeded) => {
    times.observe({ operation }, ms / 1_000)
    if (!succeeded) failures.inc({ operation })
  }
}
