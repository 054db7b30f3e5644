// The groups of endpoints that rules lead to, made when they are asked for first, and read anew when their service has changed.
import type { Clock } from '../../clock.ts'
import type { Machine } from '../machine.ts'
import { EndpointGroup } from './endpoint-group.ts'
import type { ServiceState } from './ports.ts'
import type { BackendRef } from './rules.ts'
import type { Upstream } from './upstream.ts'

export interface GroupOptions {
  readonly machine: Machine
  readonly clock: Clock
  readonly allowExternalNames: boolean
}

export class EndpointGroups {
  readonly #options: GroupOptions
  readonly #services = new Map<string, ServiceState>()
  readonly #groups = new Map<string, EndpointGroup>()
  /** Service -> its groups. */
  readonly #byService = new Map<string, Set<EndpointGroup>>()

  constructor (options: GroupOptions) {
    this.#options = options
  }

  /** Sets everything: services that are not given go. */
  set (services: ReadonlyMap<string, ServiceState>): void {
    for (const key of [...this.#services.keys()]) if (!services.has(key)) this.#change(key, undefined)
    for (const [key, state] of services) if (this.#services.get(key) !== state) this.#change(key, state)
  }

  put (state: ServiceState): void {
    this.#change(`${state.namespace}/${state.service}`, state)
  }

  remove (key: string): void {
    this.#change(key, undefined)
  }

  /** The group of a backend, up to date. */
  of (ref: BackendRef): EndpointGroup {
    const group = this.#groups.get(ref.key) ?? this.#add(ref)
    if (group.isStale) this.#refresh(group)
    return group
  }

  /** Those that somebody has asked for. */
  all (): Iterable<EndpointGroup> {
    return this.#groups.values()
  }

  /** Lets go of the groups that no rule leads to any more. */
  keep (keys: ReadonlySet<string>): void {
    for (const [key, group] of this.#groups) {
      if (keys.has(key)) continue
      if (group.hasTunnels()) continue // WebSockets outlive the rule that they came by
      for (const upstream of group.upstreams) upstream.close()
      this.#groups.delete(key)
      const others = this.#byService.get(group.ref.service)
      others?.delete(group)
      if (others?.size === 0) this.#byService.delete(group.ref.service)
    }
  }

  destroy (): void {
    for (const group of this.#groups.values()) for (const upstream of group.upstreams) upstream.destroy()
  }

  #add (ref: BackendRef): EndpointGroup {
    const group = new EndpointGroup(ref, this.#options.machine)
    this.#groups.set(ref.key, group)
    const others = this.#byService.get(ref.service) ?? new Set()
    this.#byService.set(ref.service, others.add(group))
    return group
  }

  /** The groups are read anew by the next request: a thousand changes in a second cost what the requests between them ask for. */
  #change (key: string, state: ServiceState | undefined): void {
    if (state === undefined) this.#services.delete(key)
    else this.#services.set(key, state)
    for (const group of this.#byService.get(key) ?? []) {
      group.isStale = true
      // An open WebSocket must end with its endpoint, whether requests come or not.
      if (group.hasTunnels()) this.#refresh(group)
    }
  }

  #refresh (group: EndpointGroup): void {
    for (const upstream of group.refresh(this.#services.get(group.ref.service), this.#options.allowExternalNames)) this.#left(group, upstream)
  }

  /** An endpoint has left its service: requests that are on their way go on, WebSockets have the service's drain limit. */
  #left (group: EndpointGroup, upstream: Upstream): void {
    upstream.close()
    if (upstream.tunnels.size === 0) return group.forget(upstream)
    this.#options.clock.after(group.drainMs, () => {
      if (upstream.isListed) return
      upstream.destroy()
      group.forget(upstream)
    })
  }
}
