// Requests by route and code, how long they took, and who is connected. Kept in plain numbers and turned into prom-client's form
// when somebody scrapes.
import { Counter, Gauge, type Registry } from 'prom-client'
import { showHistogram } from '../../metrics/filled-histogram.ts'

/** Seconds. The lowest ones are what an answer from memory takes. */
const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

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

export class HttpMetrics {
  readonly #series: Series[] = []
  readonly #recorders = new Map<string, RequestRecorder>()
  /** How many watchers are connected, by kind: told by the watch. */
  connections: () => { readonly websocket: number, readonly eventStream: number } = () => ({ websocket: 0, eventStream: 0 })

  /**
   * Handshakes of TLS since the process began: those that were agreed, those that failed, those that took too long, and those that went, or
   * never began, because too many waited.
   */
  readonly handshakes = { done: 0, failed: 0, late: 0, refused: 0 }

  constructor (register: Registry) {
    const series = this.#series
    const registers = [register]
    new Counter({
      name: 'rollcall_http_requests_total',
      help: 'Requests answered, by route and status code.',
      labelNames: ['method', 'route', 'code'],
      registers,
      collect () {
        this.reset()
        for (const { labels, requests } of series) this.inc(labels, requests)
      }
    })
    showHistogram(register, {
      name: 'rollcall_http_request_duration_seconds',
      help: 'Time from a request to its answer, without those that wait on purpose (long polls, watches).',
      bounds,
      series: () => series.filter(({ timed }) => timed > 0)
    })
    const { handshakes } = this
    new Counter({
      name: 'rollcall_http_tls_handshakes_total',
      help: 'Handshakes of TLS on listeners of HTTP, by outcome: done; failed, on what the client or its TLS is; late, not finished in time; refused, because too many of its client or of all waited.',
      labelNames: ['outcome'],
      registers,
      collect () {
        this.reset()
        for (const [outcome, count] of Object.entries(handshakes)) this.inc({ outcome }, count)
      }
    })
    const connections = (): ReturnType<HttpMetrics['connections']> => this.connections()
    new Gauge({
      name: 'rollcall_watch_connections',
      help: 'Connected watchers by kind.',
      labelNames: ['kind'],
      registers,
      collect () {
        const { websocket, eventStream } = connections()
        this.set({ kind: 'websocket' }, websocket)
        this.set({ kind: 'event-stream' }, eventStream)
      }
    })
  }

  /** The recorder of one route, made once. Labels are as many as there are routes, whatever clients ask for. */
  of (method: string, route: string): RequestRecorder {
    const name = `${method} ${route}`
    const recorder = this.#recorders.get(name) ?? this.#recorder(method, route)
    this.#recorders.set(name, recorder)
    return recorder
  }

  #recorder (method: string, route: string): RequestRecorder {
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
