// Who watches what: hands each change to the subscriptions that it can concern, found by name.
import { RegistryError } from '../errors.ts'
import type { AppliedChange } from './change-ring.ts'
import type { Cursor } from './cursor.ts'
import type { Feed } from './feed.ts'
import { Subscription, type WatchFilter } from './subscription.ts'

/** All subscriptions of a node: each costs about a kilobyte and a look at every change of its scope. */
const maxSubscriptions = 100_000

const anything = '*'

export class WatchHub {
  readonly #feed: Feed
  readonly #scopes = new Map<string, Set<Subscription>>()
  readonly #stop: () => void
  #count = 0

  constructor (feed: Feed) {
    this.#feed = feed
    this.#stop = feed.listen({
      changed: (change) => this.#changed(change),
      reset: () => this.#each((subscription) => subscription.reset('the registry loaded its data anew'))
    })
  }

  get count (): number {
    return this.#count
  }

  /** How many watch this service, a namespace of it, or everything. */
  watchers (namespace: string, service: string): number {
    return scopesOf(namespace, service).reduce((sum, scope) => sum + (this.#scopes.get(scope)?.size ?? 0), 0)
  }

  /**
   * Begins a watch. Without `since` its first delivery is a snapshot.
   * @throws RegistryError REG_LIMIT_REACHED
   */
  subscribe (filter: WatchFilter, since: Cursor | undefined, wake: () => void): Subscription {
    if (this.#count >= maxSubscriptions) throw new RegistryError('REG_LIMIT_REACHED', `this node serves ${maxSubscriptions} subscriptions already`)
    const subscription = new Subscription(this.#feed, filter, since, wake)
    const scope = scopeOf(filter.namespace, filter.service)
    const members = this.#scopes.get(scope)
    if (members === undefined) this.#scopes.set(scope, new Set([subscription]))
    else members.add(subscription)
    this.#count++
    return subscription
  }

  unsubscribe (subscription: Subscription): void {
    const scope = scopeOf(subscription.filter.namespace, subscription.filter.service)
    const members = this.#scopes.get(scope)
    if (members === undefined || !members.delete(subscription)) return
    if (members.size === 0) this.#scopes.delete(scope)
    this.#count--
  }

  close (): void {
    this.#stop()
    this.#scopes.clear()
    this.#count = 0
  }

  #changed (change: AppliedChange): void {
    if (this.#count === 0) return
    for (const scope of scopesOf(change.target.namespace, change.target.service)) {
      const members = this.#scopes.get(scope)
      if (members === undefined) continue
      for (const subscription of members) subscription.offer(change)
    }
  }

  #each (act: (subscription: Subscription) => void): void {
    for (const members of this.#scopes.values()) for (const subscription of members) act(subscription)
  }
}

// Names hold no "/" and are never "*", so scopes can't be confused.
function scopeOf (namespace: string | undefined, service: string | undefined): string {
  return `${namespace ?? anything}/${service ?? anything}`
}

function scopesOf (namespace: string, service: string): string[] {
  return [scopeOf(namespace, service), scopeOf(namespace, undefined), scopeOf(undefined, service), scopeOf(undefined, undefined)]
}
