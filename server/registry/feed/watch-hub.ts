// All subscriptions: hands each change to those that it can concern, found by name.
import { RegistryError } from '../../errors.ts'
import { type Guard, standaloneGuard } from '../../guard.ts'
import type { AppliedChange } from './change-ring.ts'
import type { Cursor } from './cursor.ts'
import type { Feed } from './feed.ts'
import { EndpointsSubscription } from './endpoints-subscription.ts'
import { type ObjectsFilter, ObjectsSubscription } from './objects-subscription.ts'
import { type Followed, Subscription } from './subscription.ts'
import type { WatchFilter } from './watch-filter.ts'
import type { Clock } from '../../clock.ts'

/** All subscriptions of a node: each costs about a kilobyte and a look at every change of its scope. */
const maxSubscriptions = 100_000

/**
 * How long a watch of endpoints waits for more of the same: a burst is sent once, and an agent is still up to date
 * within a blink.
 */
const coalesceMs = 20

const anything = '*'

export class WatchHub {
  readonly #feed: Feed
  readonly #clock: Clock
  readonly #scopes = new Map<string, Set<Followed<unknown>>>()
  /** Watches of endpoints that changes were offered to since the last pause. */
  readonly #unsettled = new Set<EndpointsSubscription>()
  #cancelPause: (() => void) | undefined
  readonly #stop: () => void
  /** Long polls that wait for a change of one service: far lighter than subscriptions, and counted with them. */
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #guard: Guard
  #count = 0

  /** @param guard keeps one watcher's error from the others */
  constructor (feed: Feed, clock: Clock, guard: Guard = standaloneGuard) {
    this.#feed = feed
    this.#clock = clock
    this.#guard = guard
    this.#stop = feed.listen({
      name: 'watch-hub',
      changed: (change) => this.#changed(change),
      reset: () => {
        this.#each((subscription) => subscription.reset('the registry loaded its data anew'))
        for (const waiting of this.#waiting.values()) for (const wake of waiting) this.#guard.attempt('watch', wake)
      }
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
    this.#checkRoom()
    return this.#enter(new Subscription(this.#feed, filter, since, wake))
  }

  /**
   * Begins a watch of endpoints: whole services, coalesced. Without `since` its first deliveries are the parts of a snapshot.
   * @throws RegistryError REG_LIMIT_REACHED
   */
  subscribeEndpoints (filter: WatchFilter, since: Cursor | undefined, wake: () => void): EndpointsSubscription {
    this.#checkRoom()
    return this.#enter(new EndpointsSubscription(this.#feed, filter, since, wake))
  }

  /** Begins a watch of declared objects. Without `since` its first deliveries are the parts of a snapshot. @throws RegistryError REG_LIMIT_REACHED */
  subscribeObjects (filter: ObjectsFilter, since: Cursor | undefined, wake: () => void): ObjectsSubscription {
    this.#checkRoom()
    return this.#enter(new ObjectsSubscription(this.#feed, filter, since, wake))
  }

  #enter<Watch extends Followed<unknown>> (watch: Watch): Watch {
    const scope = scopeOf(watch.scope.namespace, watch.scope.service)
    const members = this.#scopes.get(scope)
    if (members === undefined) this.#scopes.set(scope, new Set([watch]))
    else members.add(watch)
    this.#count++
    return watch
  }

  unsubscribe (subscription: Followed<unknown>): void {
    subscription.close()
    if (subscription instanceof EndpointsSubscription) this.#unsettled.delete(subscription)
    const scope = scopeOf(subscription.scope.namespace, subscription.scope.service)
    const members = this.#scopes.get(scope)
    if (members === undefined || !members.delete(subscription)) return
    if (members.size === 0) this.#scopes.delete(scope)
    this.#count--
  }

  /**
   * Calls back at each change that concerns one service, its hand-made endpoints included. Gives a function that ends it.
   * @throws RegistryError REG_LIMIT_REACHED
   */
  follow (namespace: string, service: string, wake: () => void): () => void {
    this.#checkRoom()
    this.#count++
    const scope = scopeOf(namespace, service)
    const waiting = this.#waiting.get(scope) ?? new Set()
    this.#waiting.set(scope, waiting.add(wake))
    return () => {
      if (waiting.delete(wake)) this.#count--
      if (waiting.size === 0 && this.#waiting.get(scope) === waiting) this.#waiting.delete(scope)
    }
  }

  close (): void {
    this.#stop()
    this.#cancelPause?.()
    this.#unsettled.clear()
    this.#scopes.clear()
    this.#waiting.clear()
    this.#count = 0
  }

  #checkRoom (): void {
    if (this.#count >= maxSubscriptions) throw new RegistryError('REG_LIMIT_REACHED', `this node serves ${maxSubscriptions} subscriptions already`)
  }

  #changed (change: AppliedChange): void {
    if (this.#count === 0 && this.#waiting.size === 0) return
    const { target: { namespace, service }, touched } = change
    for (const scope of scopesOf(namespace, service)) this.#offer(scope, change)
    for (const name of touched) {
      if (name === service) continue
      this.#offer(scopeOf(namespace, name), change)
      this.#offer(scopeOf(undefined, name), change)
    }
  }

  #offer (scope: string, change: AppliedChange): void {
    const members = this.#scopes.get(scope)
    if (members !== undefined) {
      for (const subscription of members) {
        this.#do(subscription, () => {
          subscription.offer(change)
          if (subscription instanceof EndpointsSubscription) this.#pause(subscription)
        })
      }
    }
    const waiting = this.#waiting.get(scope)
    if (waiting !== undefined) for (const wake of waiting) this.#guard.attempt('watch', wake)
  }

  #pause (subscription: EndpointsSubscription): void {
    this.#unsettled.add(subscription)
    this.#cancelPause ??= this.#clock.after(coalesceMs, () => {
      this.#cancelPause = undefined
      const unsettled = [...this.#unsettled]
      this.#unsettled.clear()
      for (const each of unsettled) this.#do(each, () => each.settle())
    })
  }

  #each (act: (subscription: Followed<unknown>) => void): void {
    for (const members of this.#scopes.values()) for (const subscription of members) this.#do(subscription, () => act(subscription))
  }

  /** A watch that failed on a change must not miss it in silence: it begins anew. */
  #do (subscription: Followed<unknown>, act: () => void): void {
    if (this.#guard.attempt('watch', act)) return
    this.#guard.attempt('watch', () => subscription.reset('the registry failed on a change of this watch'))
  }
}

// Names hold no "/" and are never "*", so scopes can't be confused.
function scopeOf (namespace: string | undefined, service: string | undefined): string {
  return `${namespace ?? anything}/${service ?? anything}`
}

function scopesOf (namespace: string, service: string): string[] {
  return [scopeOf(namespace, service), scopeOf(namespace, undefined), scopeOf(undefined, service), scopeOf(undefined, undefined)]
}
