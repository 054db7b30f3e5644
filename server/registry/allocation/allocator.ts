// Chooses cluster IPs, node ports and load-balancer addresses from what this node knows as taken. Not the allocator decides who
// has a value but the store: the claims of a plan are committed with the services, each on the condition that no other
// service has it.
import type { Reason } from '../../../client-sdk/src/wire.ts'
import type { ObjectRecord } from '../../store/store.ts'
import { type Claim, type ClaimTarget, type Holder, claimKey, claimTarget } from './claims.ts'
import { Ledger, type Ranges } from './ledger.ts'
import type { Need } from '../../model/service/needs.ts'
import type { Fault, Plan, ServiceNeeds } from './needs.ts'
import { planFor } from './plan.ts'
import { type PoolState, outsideStates, poolState } from './pool.ts'

export interface AllocatorOptions extends Ranges {
  /** From 0 up to, not including, 1. */
  readonly random: () => number
  /** A node whose ranges hold a value that no range of this one does. */
  readonly elsewhere?: (target: ClaimTarget) => string | undefined
}

export interface PlanRequest {
  /** Of the write that the plan belongs to. */
  readonly reason: Reason
  /** How many times this was planned before and met a conflict. */
  readonly attempt?: number
}

export class Allocator {
  readonly #ranges: Ranges
  readonly #random: () => number
  readonly #elsewhere: (target: ClaimTarget) => string | undefined
  #ledger: Ledger
  readonly #inFlight = new Map<string, { readonly target: ClaimTarget, count: number }>()

  constructor ({ random, elsewhere = () => undefined, ...ranges }: AllocatorOptions) {
    this.#ranges = ranges
    this.#elsewhere = elsewhere
    this.#random = random
    this.#ledger = new Ledger(ranges)
  }

  /** An object came or changed. Objects that are no claims are passed over. */
  taken (object: Pick<ObjectRecord, 'key' | 'revision' | 'body'>): void {
    this.#ledger.taken(object)
  }

  /** An object went. */
  freed (key: string): void {
    this.#ledger.freed(key)
  }

  /** Begins anew with all objects, at a load or a resynchronisation. */
  load (objects: Iterable<Pick<ObjectRecord, 'key' | 'revision' | 'body'>>): void {
    this.#ledger = new Ledger(this.#ranges)
    for (const object of objects) this.#ledger.taken(object)
  }

  /** Who has a value, as far as this node knows. */
  holderOf (target: ClaimTarget): Holder | undefined {
    return this.#ledger.claim(target)?.holder
  }

  /** All that a service holds. */
  heldBy (holder: Holder): readonly Claim[] {
    return [...this.#ledger.heldBy(holder)]
  }

  claims (): Iterable<Claim> {
    return this.#ledger.claims()
  }

  /** True if a value belongs to a range of this node. */
  inRange (target: ClaimTarget): boolean {
    return this.#ledger.segmentOf(target) !== undefined
  }

  /** Where a value lies that this node has in no range, for people. @example 'in no range of this node, but of node "registry-1"' */
  placeOf (target: ClaimTarget): string {
    const node = this.#elsewhere(target)
    return `in no ${target.kind === 'lb' ? 'pool' : 'range'} of this node${node === undefined ? '' : `, but of node "${node}"`}`
  }

  /** The faults of one need, as a plan with nothing else would have them. */
  check (holder: Holder, need: Need): readonly Fault[] {
    return this.plan([{ holder, needs: [need] }], { reason: 'updated' }).faults
  }

  /**
   * What services get, all of them at once, and the writes that claim and release it. Changes nothing, so that a dry run is a plan
   * that is not committed. Costs in proportion to the needs and to what the services hold, not to the ranges.
   */
  plan (services: readonly ServiceNeeds[], { reason, attempt = 0 }: PlanRequest): Plan {
    const inFlight = Array.from(this.#inFlight.values(), ({ target }) => target)
    return planFor(this.#ledger, services, { reason, random: this.#random, inFlight, spread: attempt > 0 })
  }

  /**
   * Keeps the plans of other requests of this node from choosing the same values while this one is on its way to the store.
   * They may still ask for them by value: the store decides.
   * @returns to be called once, when the commit is over
   */
  hold (plan: Plan): () => void {
    const slots: string[] = []
    for (const write of plan.writes) {
      const target = write.type === 'put' ? claimTarget(write.key) : undefined
      if (target === undefined) continue
      const slot = claimKey(target)
      const entry = this.#inFlight.get(slot)
      if (entry === undefined) this.#inFlight.set(slot, { target, count: 1 })
      else entry.count += 1
      slots.push(slot)
    }
    return () => {
      for (const slot of slots.splice(0)) {
        const entry = this.#inFlight.get(slot)
        if (entry === undefined) continue
        entry.count -= 1
        if (entry.count === 0) this.#inFlight.delete(slot)
      }
    }
  }

  /**
   * Every pool, cluster IPs first, then node ports, then the pools of load balancers in the order of the configuration, and by kind what
   * services have outside of them.
   */
  state (): readonly PoolState[] {
    return [...this.#ledger.pools.map(poolState), ...outsideStates(this.#ledger.outside())]
  }
}
