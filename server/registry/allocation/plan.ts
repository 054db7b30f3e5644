// Which values the services of one write get: first what they keep, then what they ask for by value, then what is chosen for them.
// In this order a chosen value never takes what a later document of the same stream asks for, and what one service of the stream
// gives up another may have. A plan changes nothing: its claims come back through the catalog, once they are in the store.
//
// The ranges are those of one node's flags, and the claims are everybody's: ranges say what may be chosen and asked for, never what is
// taken away. A service that holds a value keeps it in whichever range it lies, and one that wants another load-balancer address has
// its old one until there is a new one.
import type { Reason } from '../../../client-sdk/src/wire.ts'
import { type Family, type Ip, parseIp } from '../../model/address/ranges.ts'
import { pickBanded } from './bands.ts'
import { type Claim, type ClaimTarget, type Holder, claimFamily, claimKey, holderName, isSameHolder } from './claims.ts'
import { DraftLedger, type Place } from './draft-ledger.ts'
import type { Ledger } from './ledger.ts'
import type { ClusterIpNeed, LoadBalancerNeed, Need } from '../../model/service/needs.ts'
import type { Fault, FaultKind, Plan, ServiceNeeds } from './needs.ts'
import type { Pool, Segment } from './pool.ts'

export interface PlanOptions {
  /** Of the service's write, for the claims beside it. */
  readonly reason: Reason
  readonly random: () => number
  /** What other writes of this node are about to claim: not chosen, but not refused either. */
  readonly inFlight: Iterable<ClaimTarget>
  /**
   * Choose load-balancer addresses from a random start: after a conflict all nodes would try the same first free one.
   */
  readonly spread: boolean
}

export function planFor (ledger: Ledger, services: readonly ServiceNeeds[], options: PlanOptions): Plan {
  const planner = new Planner(ledger, options)
  try {
    return planner.plan(services)
  } finally {
    planner.undo()
  }
}

/** One service in the making. */
interface Draft {
  readonly holder: Holder
  readonly needs: readonly Need[]
  readonly keeps: ReadonlyMap<string, string | number>
  readonly values: Map<string, string | number>
  readonly pending: Map<string, string>
  /** Values that the service has by now, as the keys of their claims. */
  readonly own: Set<string>
  /** Keys of the claims that it holds on to. */
  readonly kept: Set<string>
}

interface Wish {
  readonly draft: Draft
  /** undefined = the value is kept, and nothing but its claim is wanted. */
  readonly need: Need | undefined
  readonly target: ClaimTarget
}

class Planner {
  readonly #ledger: Ledger
  readonly #options: PlanOptions
  readonly #faults: Fault[] = []
  readonly #taken: DraftLedger

  constructor (ledger: Ledger, options: PlanOptions) {
    this.#ledger = ledger
    this.#options = options
    this.#taken = new DraftLedger(ledger)
  }

  plan (services: readonly ServiceNeeds[]): Plan {
    const drafts = services.map(({ holder, needs, kept = new Map() }): Draft => ({
      holder, needs, keeps: kept, values: new Map(), pending: new Map(), own: new Set(), kept: new Set()
    }))
    this.#refuseTwins(drafts)
    const wishes = drafts.flatMap((draft) => this.#keep(draft))
    for (const { holder, kept } of drafts) this.#taken.release(holder, kept)
    for (const wish of wishes) this.#fulfil(wish)
    for (const target of this.#options.inFlight) this.#taken.mark(target)
    for (const draft of drafts) this.#choose(draft)
    const writes = this.#faults.length > 0 ? [] : this.#taken.writes(this.#options.reason)
    return { results: drafts.map(({ values, pending }) => ({ values, pending })), faults: this.#faults, writes }
  }

  /** Puts the ledger back as it was. */
  undo (): void {
    this.#taken.undo()
  }

  #refuseTwins (drafts: readonly Draft[]): void {
    const names = new Set<string>()
    for (const { holder } of drafts) {
      const name = holderName(holder)
      if (names.has(name)) {
        this.#faults.push({ kind: 'twice', key: '', of: holder, field: 'metadata.name', value: holder.service, rule: `must not be twice in one write: ${name}` })
      }
      names.add(name)
    }
  }

  // What a service keeps -------------------------------------------------------------------------------------------

  /** Grants what the service holds already, and gives what is to be claimed by value. */
  #keep (draft: Draft): Wish[] {
    const wishes = [...draft.keeps].flatMap(([key, value]) => this.#keepValue(draft, key, value))
    for (const need of draft.needs) {
      if (need.requested === undefined) continue
      const target = this.#targetOf(draft, need)
      if (target === undefined || this.#isTwice(draft, need, target)) continue
      draft.own.add(claimKey(target))
      if (this.#holds(draft, target)) grant(draft, need, target)
      else wishes.push({ draft, need, target })
    }
    for (const need of draft.needs) {
      if (need.requested !== undefined || (need.kind !== 'clusterIP' && need.kind !== 'loadBalancer')) continue
      const target = this.#heldFor(draft, need)
      if (target === undefined) continue
      draft.own.add(claimKey(target))
      draft.kept.add(target.key)
      grant(draft, need, target)
    }
    return wishes
  }

  #keepValue (draft: Draft, key: string, value: string | number): Wish[] {
    const target = keptTarget(key, String(value))
    const slot = claimKey(target)
    if (draft.own.has(slot)) return [] // two ports of the stored service on one number stay as they are
    draft.own.add(slot)
    // The claim names another service, the stored service this one: neither is changed, and repair reports it to
    // operators.
    const holder = this.#ledger.claim(target)?.holder
    const isOthers = holder !== undefined && !isSameHolder(holder, draft.holder)
    return this.#holds(draft, target) || isOthers ? [] : [{ draft, need: undefined, target }]
  }

  /** What a need asks for by value; undefined = it is answered already, by a fault or by waiting. */
  #targetOf (draft: Draft, need: Need): ClaimTarget | undefined {
    if (need.kind === 'nodePort' || need.kind === 'healthCheckNodePort') return { kind: 'port', value: String(need.requested) }
    const ip = parseIp(need.requested ?? '')
    if ('problem' in ip) {
      if (need.kind === 'clusterIP') this.#fault('unreadable', draft, need, ip.problem)
      else this.#wait(draft, need, `loadBalancerIP ${ip.problem}, got ${JSON.stringify(need.requested)}`)
      return undefined
    }
    return need.kind === 'clusterIP' ? this.#clusterTarget(draft, need, ip) : this.#balancerTarget(draft, need, ip)
  }

  #clusterTarget (draft: Draft, need: ClusterIpNeed, ip: Ip): ClaimTarget | undefined {
    if (ip.family === familyOf(need)) return { kind: 'ip', value: ip.text }
    this.#fault('outside', draft, need, `must be an ${need.family} address, as the family of the service asks`)
    return undefined
  }

  #balancerTarget (draft: Draft, need: LoadBalancerNeed, ip: Ip): ClaimTarget | undefined {
    const target = { kind: 'lb', value: ip.text } as const
    const claim = this.#ledger.claim(target)
    if (claim !== undefined && isSameHolder(claim.holder, draft.holder)) return target
    const pool = this.#ledger.segmentOf(target)?.pool
    if (pool !== undefined && (need.pool === undefined || need.pool === pool.name)) return target
    this.#wait(draft, need, `${ip.text} is in no pool${need.pool === undefined ? '' : ` of the name ${need.pool}`}`)
    return undefined
  }

  /** A load balancer waits for what it wants, with the address that it has if there is one. */
  #wait (draft: Draft, need: LoadBalancerNeed, why: string): void {
    const held = this.#balancerOf(draft, need)
    draft.pending.set(need.key, held === undefined ? why : `${why}; it keeps ${held.value}`)
    if (held === undefined) return
    draft.own.add(held.key)
    draft.kept.add(held.key)
    this.#taken.takeBack(held)
    grant(draft, need, held)
  }

  /** An address of the family that the service holds, for no other need, and that nobody else is given in this write. */
  #balancerOf (draft: Draft, need: LoadBalancerNeed): Claim | undefined {
    return [...this.#ledger.heldBy(draft.holder)].find((claim) =>
      claim.kind === 'lb' && claimFamily(claim) === familyOf(need) && !draft.own.has(claim.key) && !this.#taken.isReserved(claim))
  }

  #isTwice (draft: Draft, need: Need, target: ClaimTarget): boolean {
    if (!draft.own.has(claimKey(target))) return false
    this.#fault('twice', draft, need, `${alreadyText(target)} to another field of the same service`, draft.holder)
    return true
  }

  /** True if the service has the claim; it is then kept. */
  #holds (draft: Draft, target: ClaimTarget): boolean {
    const claim = this.#ledger.claim(target)
    if (claim === undefined || !isSameHolder(claim.holder, draft.holder)) return false
    draft.kept.add(claim.key)
    return true
  }

  /** The address that a service without a request has already. */
  #heldFor (draft: Draft, need: ClusterIpNeed | LoadBalancerNeed): Claim | undefined {
    for (const claim of this.#ledger.heldBy(draft.holder)) {
      if (claimFamily(claim) !== familyOf(need) || draft.own.has(claimKey(claim))) continue
      if (claim.kind === 'ip' && need.kind === 'clusterIP') return claim
      if (claim.kind !== 'lb' || need.kind !== 'loadBalancer') continue
      // In no pool of this node it can be of any pool of another one: it is not of the pool that is asked for only where that can be given.
      if (need.pool === undefined || need.pool === this.#ledger.segmentOf(claim)?.pool.name) return claim
    }
    return undefined
  }

  // What is asked for by value ---------------------------------------------------------------------------------------

  #fulfil ({ draft, need, target }: Wish): void {
    const reserved = this.#taken.reservedFor(target)
    const holder = reserved ?? this.#taken.holderOf(target)
    if (need === undefined) {
      if (holder === undefined) this.#taken.reserve(draft.holder, target)
    } else if (reserved !== undefined) {
      this.#fault('twice', draft, need, `${askedText(target)} by ${holderName(reserved)} in the same write`, reserved)
    } else if (holder !== undefined) {
      this.#fault('taken', draft, need, `${alreadyText(target)} to ${holderName(holder)}`, holder)
    } else if (this.#ledger.segmentOf(target) === undefined) {
      this.#outside(draft, need, target)
    } else {
      this.#taken.reserve(draft.holder, target)
      grant(draft, need, target)
    }
  }

  #outside (draft: Draft, need: Need, target: ClaimTarget): void {
    const ranges = this.#poolsFor(need).flatMap(({ segments }) => segments.map(({ text }) => text)).join(', ')
    if (ranges === '') this.#noRange(draft, need)
    else if (target.kind === 'port') this.#fault('outside', draft, need, `provided port is not in the valid range. The range of valid ports is ${ranges}`)
    else this.#fault('outside', draft, need, `failed to allocate IP ${target.value}: provided IP is not in the valid range. The range of valid IPs is ${ranges}`)
  }

  #noRange (draft: Draft, need: Need): void {
    const family = need.kind === 'clusterIP' ? ` ${need.family}` : ''
    this.#fault('noRange', draft, need, `cannot be given: this registry has no${family} range for it`)
  }

  // What is chosen ---------------------------------------------------------------------------------------------------

  #choose (draft: Draft): void {
    for (const need of draft.needs) {
      if (need.requested !== undefined || draft.values.has(need.key) || draft.pending.has(need.key)) continue
      const pools = this.#poolsFor(need)
      const chosen = this.#chosen(pools, need)
      if (chosen !== undefined) {
        this.#taken.reserve(draft.holder, chosen.target, chosen.place)
        grant(draft, need, chosen.target)
      } else if (need.kind === 'loadBalancer') {
        this.#wait(draft, need, pendingReason(need, pools))
      } else if (pools.length === 0) {
        this.#noRange(draft, need)
      } else {
        const ranges = pools.flatMap(({ segments }) => segments.map(({ text }) => text)).join(', ')
        this.#fault('full', draft, need, `cannot be chosen: every value of the range ${ranges} is taken`)
      }
    }
  }

  /** The pools that a need is met from, in order. */
  #poolsFor (need: Need): readonly Pool[] {
    const ofFamily = ({ segments }: Pool): boolean => segments.some(({ family }) => family === familyOf(need))
    switch (need.kind) {
      case 'nodePort':
      case 'healthCheckNodePort': return [this.#ledger.nodePorts]
      case 'clusterIP': return this.#ledger.clusterIps.filter(ofFamily)
      case 'loadBalancer':
        return this.#ledger.loadBalancers.filter((pool) => ofFamily(pool) && (need.pool === undefined ? pool.autoAssign : pool.name === need.pool))
    }
  }

  #chosen (pools: readonly Pool[], need: Need): { readonly target: ClaimTarget, readonly place: Place } | undefined {
    for (const pool of pools) {
      for (const segment of pool.segments) {
        if (segment.family !== familyOf(need)) continue
        const slot = this.#pick(segment, pool)
        if (slot !== undefined) return { target: targetAt(pool, segment, slot), place: { segment, slot } }
      }
    }
    return undefined
  }

  #pick ({ slots, bands }: Segment, { kind }: Pool): number | undefined {
    return kind === 'load-balancer' && !this.#options.spread ? slots.nextFree(0, bands.size) : pickBanded(slots, bands, this.#options.random)
  }

  #fault (kind: FaultKind, draft: Draft, need: Need, rule: string, holder?: Holder): void {
    this.#faults.push({
      kind,
      key: need.key,
      of: draft.holder,
      field: need.field,
      ...(need.requested === undefined ? {} : { value: need.requested }),
      rule,
      ...(holder === undefined ? {} : { holder })
    })
  }
}

function grant (draft: Draft, need: Need, target: ClaimTarget): void {
  draft.values.set(need.key, target.kind === 'port' ? Number(target.value) : target.value)
}

function familyOf (need: Need): Family | undefined {
  return 'family' in need ? (need.family === 'IPv4' ? 4 : 6) : undefined
}

function keptTarget (key: string, value: string): ClaimTarget {
  return { kind: key.startsWith('clusterIP') ? 'ip' : key.startsWith('loadBalancer') ? 'lb' : 'port', value }
}

const kinds = { 'cluster-ip': 'ip', 'node-port': 'port', 'load-balancer': 'lb' } as const

function targetAt (pool: Pool, segment: Segment, slot: number): ClaimTarget {
  return { kind: kinds[pool.kind], value: segment.valueOf(slot) }
}

function alreadyText (target: ClaimTarget): string {
  return target.kind === 'port' ? 'provided port is already allocated' : `failed to allocate IP ${target.value}: provided IP is already allocated`
}

function askedText (target: ClaimTarget): string {
  return target.kind === 'port' ? 'provided port is asked for' : `failed to allocate IP ${target.value}: provided IP is asked for`
}

function pendingReason (need: LoadBalancerNeed, pools: readonly Pool[]): string {
  if (pools.length > 0) return `every ${need.family} address of ${pools.map(({ name }) => name).join(', ')} is taken`
  return need.pool === undefined
    ? `no pool gives ${need.family} addresses by itself: configure one with --load-balancer-pool`
    : `there is no pool ${need.pool} with ${need.family} addresses`
}
