// How the node and the registry are, in Eureka's words: what its status page shows, and what it calls self-preservation.
import { freemem, totalmem, availableParallelism } from 'node:os'
import type { Clock } from '../clock.ts'
import type { Access, Core, Protection } from '../registry/core.ts'
import type { EurekaStatus } from './form/instance-info.ts'
import { renewalSecsOf } from './form/mapping.ts'
import { Slice } from '../slice.ts'
import type { EurekaView } from './view/view.ts'

export interface StateOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly core: Core
  readonly view: EurekaView
  readonly node: string
  readonly version: string
}

export interface State {
  readonly node: string
  readonly version: string
  readonly namespace: string
  readonly nowMs: number
  readonly upMs: number
  readonly cpus: number
  /** Megabytes. */
  readonly memory: { readonly total: number, readonly free: number, readonly used: number }
  readonly counts: ReadonlyMap<EurekaStatus, number>
  readonly instances: number
  readonly suspect: number
  /** Through this listener, in the last whole minute. */
  readonly renewals: number
  /** What is expected in a minute of all that is registered. */
  readonly expected: number
  /** Why nothing, or not everything, that is suspect is removed now; empty = nothing holds it back. */
  readonly preservation: readonly string[]
  readonly otherNodes: readonly string[]
  readonly storeAway: string | undefined
}

/** What a look at every row of a namespace has found. */
interface Looked {
  readonly namespace: string
  readonly version: number
  readonly perMinute: number
}

const minuteMs = 60_000

export class NodeState {
  readonly #options: StateOptions
  readonly #startedAtMs: number
  #minute = 0
  #renewals = 0
  #before = 0
  /** It looks at each row: made once for each version of the view. */
  #looks: Looked | undefined

  constructor (options: StateOptions) {
    this.#options = options
    this.#startedAtMs = options.clock.now()
  }

  /** A renewal came. */
  renewed (): void {
    this.#turn()
    this.#renewals += 1
  }

  async of (access: Access, namespace: string): Promise<State> {
    const { clock, core: { position }, node, version, view } = this.#options
    this.#turn()
    const nowMs = clock.now()
    const counts = new Map<EurekaStatus, number>()
    let [instances, suspect] = [0, 0]
    for (const app of view.apps(namespace, access.sight)) {
      instances += app.size
      suspect += app.suspect
      for (const [status, count] of app.counts) counts.set(status, (counts.get(status) ?? 0) + count)
    }
    const { storeHealth } = position
    const { perMinute } = await this.#looked(namespace)
    return {
      node, version, namespace, nowMs, counts, instances, suspect,
      upMs: nowMs - this.#startedAtMs,
      cpus: availableParallelism(),
      memory: { total: megabytes(totalmem()), free: megabytes(freemem()), used: megabytes(process.memoryUsage.rss()) },
      renewals: this.#before,
      expected: perMinute,
      preservation: preservationOf(access.protection(), namespace, nowMs, storeHealth.available ? undefined : storeHealth.reason),
      otherNodes: position.otherNodes,
      storeAway: storeHealth.available ? undefined : storeHealth.reason
    }
  }

  async #looked (namespace: string): Promise<Looked> {
    const { view } = this.#options
    const version = view.version(namespace)
    if (this.#looks?.namespace === namespace && this.#looks.version === version) return this.#looks
    let perMinute = 0
    const slice = new Slice()
    for (const rows of view.apps(namespace, undefined).map((app) => app.rows)) {
      for (const { source } of rows) {
        if (source.instance !== undefined) perMinute += 60 / renewalSecsOf(source.metadata, source.instance.lease.ttlMs)
        if (slice.isOver()) await slice.next()
      }
    }
    return this.#looks = { namespace, version, perMinute: Math.round(perMinute) }
  }

  #turn (): void {
    const minute = Math.floor(this.#options.clock.now() / minuteMs)
    if (minute === this.#minute) return
    this.#before = minute === this.#minute + 1 ? this.#renewals : 0
    this.#renewals = 0
    this.#minute = minute
  }
}

/** What holds back removals, in words. */
function preservationOf ({ registrySinceMs, services, holdMs }: Protection, namespace: string, nowMs: number, away: string | undefined): string[] {
  const since = (ms: number): string => `for ${Math.max(0, Math.round((nowMs - ms) / 1_000))} s`
  const held = [...services].filter(([name]) => name.startsWith(`${namespace}/`))
  return [
    ...away === undefined ? [] : [`the store is away (${away}): nothing expires until it is back`],
    ...holdMs > 0 ? [`the registry was deaf a moment ago: nothing expires for ${Math.ceil(holdMs / 1_000)} s more, so that every instance has the time to renew`] : [],
    ...registrySinceMs === undefined ? [] : [`so many instances of the whole registry are suspect that none is removed (${since(registrySinceMs)})`],
    ...held.map(([name, sinceMs]) => `so many instances of ${name.slice(namespace.length + 1)} are suspect that none of them is removed (${since(sinceMs)})`)
  ]
}

function megabytes (octets: number): number {
  return Math.round(octets / 1024 ** 2)
}
