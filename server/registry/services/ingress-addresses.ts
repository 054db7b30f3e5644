// Keeps `status.loadBalancer` of ingresses at what the agents say that serve them: after a load, when an agent comes or goes, when an ingress, a
// class or the service before the agents changes. Every node does; the store takes what says something new, once.
import type { Clock } from '../../clock.ts'
import { agentNamespace } from '../../model/agent-name.ts'
import { addressesOf, isSameAddresses } from '../../model/ingress/addresses.ts'
import { ingressAgentOf, ingressAgentService } from '../../model/ingress/agent.ts'
import type { Ingress, IngressClass } from '../../model/service/types.ts'
import { isCounted } from '../../model/traffic-agent.ts'
import { registryActor } from '../actor.ts'
import type { AppliedChange } from '../feed/change-ring.ts'
import type { Feed } from '../feed/feed.ts'
import type { StatusWrite } from './statuses.ts'

/** What happens within it is one reason; nodes that heard of it together must not all meet in the store. */
const coalesceMs = 100
const spread = 0.5
/** An agent that is started anew is away for a moment: an address is not taken back before that. */
const keptMs = 5_000
/** Written at once: a few milliseconds, then others have their turn. */
const batchSize = 200

export interface IngressAddressesOptions {
  readonly feed: Feed
  readonly clock: Clock
  readonly random: () => number
  readonly write: (actor: typeof registryActor, statuses: readonly StatusWrite[]) => Promise<unknown>
  readonly warn: (message: string) => void
}

export class IngressAddresses {
  readonly #options: IngressAddressesOptions
  /** Since when an ingress has lost addresses that its status still shows. */
  readonly #lostAtMs = new Map<string, number>()
  /** The services that agents name as standing before them. */
  #before: ReadonlySet<string> = new Set()
  #cancel: (() => void) | undefined
  #isWriting = false
  #again = false
  #isClosed = false

  constructor (options: IngressAddressesOptions) {
    this.#options = options
    options.feed.listen({ name: 'ingress-addresses', loaded: () => this.nudge(), changed: (change) => { if (this.#concerns(change)) this.nudge() }, health: ({ available }) => { if (available) this.nudge() } })
  }

  /** Something may be another: looks soon. @param afterMs default: when nothing more comes for a moment */
  nudge (afterMs?: number): void {
    if (this.#isClosed) return
    const { clock, random } = this.#options
    if (this.#isWriting) this.#again = true
    else this.#cancel ??= clock.after(afterMs ?? coalesceMs * (1 + spread * random()), () => this.#look())
  }

  close (): void {
    this.#isClosed = true
    this.#cancel?.()
  }

  #concerns ({ kind, target: { namespace, service } }: AppliedChange): boolean {
    if (kind === 'ingress' || kind === 'ingressclass') return true
    if (kind === 'instance') return namespace === agentNamespace && service === ingressAgentService
    return kind === 'service' && this.#before.has(`${namespace}/${service}`)
  }

  async #look (): Promise<void> {
    const { feed, clock, write, warn } = this.#options
    this.#cancel = undefined
    if (!feed.loaded || !feed.storeHealth.available) return // its return is another reason
    this.#isWriting = true
    try {
      const { writes, laterMs } = this.#writes(clock.now())
      for (let first = 0; first < writes.length && !this.#isClosed; first += batchSize) await write(registryActor, writes.slice(first, first + batchSize))
      this.#isWriting = false
      if (laterMs !== undefined) this.nudge(laterMs)
    } catch (error) {
      // The status stays as it is; the next reason tries again.
      if (!this.#isClosed) warn(`the addresses of ingresses could not be written: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      this.#isWriting = false
      if (this.#again) {
        this.#again = false
        this.nudge()
      }
    }
  }

  /** What says something new, and when those are due that wait. */
  #writes (nowMs: number): { readonly writes: readonly StatusWrite[], readonly laterMs: number | undefined } {
    const { catalog } = this.#options.feed
    const ingresses = catalog.manifests('Ingress') as Ingress[] // of this kind, as below
    if (ingresses.length === 0) {
      this.#lostAtMs.clear()
      return { writes: [], laterMs: undefined }
    }
    const classes = catalog.manifests('IngressClass') as IngressClass[]
    const registered = catalog.registered(agentNamespace, ingressAgentService)?.instances ?? []
    const agents = registered.filter(({ effectiveStatus }) => isCounted(effectiveStatus)).map(ingressAgentOf)
    this.#before = new Set(agents.flatMap(({ service }) => (service === undefined ? [] : [`${service.namespace}/${service.name}`])))
    const writes: StatusWrite[] = []
    const lost = new Map<string, number>()
    let laterMs: number | undefined
    for (const ingress of ingresses) {
      const { namespace, name, uid } = ingress.metadata
      const now = addressesOf(ingress, classes, agents, (of, service) => catalog.declared(of, service)?.manifest)
      const shown = ingress.status?.loadBalancer.ingress ?? []
      if (now === undefined || isSameAddresses(now, shown)) continue
      const key = `${namespace}/${name}`
      const gone = shown.filter(({ ip, hostname }) => !now.some((each) => each.ip === ip && each.hostname === hostname))
      const sinceMs = this.#lostAtMs.get(key) ?? nowMs
      const isKept = gone.length > 0 && nowMs - sinceMs < keptMs
      if (isKept) {
        lost.set(key, sinceMs)
        laterMs = Math.min(laterMs ?? keptMs, sinceMs + keptMs - nowMs)
      }
      const next = isKept ? [...gone, ...now] : now
      if (isKept && next.length === shown.length) continue
      writes.push({ kind: 'Ingress', namespace, name, uid, status: { loadBalancer: next.length === 0 ? {} : { ingress: next } } })
    }
    this.#lostAtMs.clear()
    for (const [key, sinceMs] of lost) this.#lostAtMs.set(key, sinceMs)
    return { writes, laterMs }
  }
}
