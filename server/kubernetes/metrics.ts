// What the door of Kubernetes counts: requests by verb and kind, watches, and what is kept for them.
import { Counter, Gauge, type Registry } from 'prom-client'
import type { WatchStreams } from './watch/watch-streams.ts'
import type { Shelves } from './shelf/shelves.ts'

export class KubernetesMetrics {
  readonly #requests: Counter<'verb' | 'resource' | 'code'>
  readonly #register: Registry

  constructor (register: Registry) {
    this.#register = register
    this.#requests = new Counter({
      name: 'rollcall_kubernetes_requests_total',
      help: 'Requests of clients of Kubernetes, by verb, resource and status code. A watch is counted when it begins.',
      labelNames: ['verb', 'resource', 'code'],
      registers: [register]
    })
  }

  /** Labels are as many as there are kinds: what is not served is `other`. */
  answered (verb: string, resource: string, code: number): void {
    this.#requests.inc({ verb, resource, code: String(code) })
  }

  observe (shelves: Shelves, streams: WatchStreams): void {
    const registers = [this.#register]
    new Gauge({
      name: 'rollcall_kubernetes_watches',
      help: 'Watches of clients of Kubernetes that are open, by resource.',
      labelNames: ['resource'],
      registers,
      collect () {
        this.reset()
        for (const [resource, shelf] of shelves.sizes()) this.set({ resource }, streams.of(shelf))
      }
    })
    new Gauge({
      name: 'rollcall_kubernetes_kept_events',
      help: 'Events that are remembered for watches, by resource: one that resumes from before them lists anew.',
      labelNames: ['resource'],
      registers,
      collect () {
        this.reset()
        for (const [resource, shelf] of shelves.sizes()) this.set({ resource }, shelf.ring.size)
      }
    })
  }
}
