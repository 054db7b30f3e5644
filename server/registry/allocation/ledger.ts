// What is taken, by whom, as far as this node knows: fed by the catalog with every claim that comes and goes.
import { type AddressRange, type LoadBalancerPool, type PortRange, defaultNodePorts, defaultServiceCidr, parseIp, readPortRange, readServiceCidrs } from '../../model/address/ranges.ts'
import type { ObjectRecord } from '../../store/store.ts'
import { type Claim, type ClaimTarget, type Holder, claimKey, claimOf, holderName } from './claims.ts'
import { type Pool, type Segment, clusterIpPool, loadBalancerPool, nodePortPool } from './pool.ts'

export interface Ranges {
  /** At most one of each family; the first is the default. */
  readonly serviceCidrs: readonly AddressRange[]
  readonly nodePorts: PortRange
  readonly pools: readonly LoadBalancerPool[]
}

/** The ranges that Kubernetes users know. */
export const defaultRanges: Ranges = { serviceCidrs: readServiceCidrs([defaultServiceCidr]), nodePorts: readPortRange(defaultNodePorts), pools: [] }

export class Ledger {
  readonly clusterIps: readonly Pool[]
  readonly nodePorts: Pool
  readonly loadBalancers: readonly Pool[]
  readonly #claims = new Map<string, Claim>()
  readonly #outside = new Map<string, Claim>()
  readonly #held = new Map<string, Map<string, Claim>>()

  constructor ({ serviceCidrs, nodePorts, pools }: Ranges) {
    this.clusterIps = serviceCidrs.map(clusterIpPool)
    this.nodePorts = nodePortPool(nodePorts)
    this.loadBalancers = pools.map(({ name, ranges, autoAssign }) => loadBalancerPool(name, ranges, autoAssign))
  }

  get pools (): readonly Pool[] {
    return [...this.clusterIps, this.nodePorts, ...this.loadBalancers]
  }

  get size (): number {
    return this.#claims.size
  }

  claims (): Iterable<Claim> {
    return this.#claims.values()
  }

  /** Takes a claim in, or its new holder. Objects that are no claims are passed over. */
  taken (object: Pick<ObjectRecord, 'key' | 'revision' | 'body'>): void {
    const claim = claimOf(object)
    if (claim === undefined) return
    this.freed(object.key)
    this.#claims.set(claim.key, claim)
    const segment = this.segmentOf(claim)?.segment
    if (segment === undefined) this.#outside.set(claim.key, claim)
    else segment.add(numberOf(claim))
    const name = holderName(claim.holder)
    const held = this.#held.get(name)
    if (held === undefined) this.#held.set(name, new Map([[claim.key, claim]]))
    else held.set(claim.key, claim)
  }

  /** Objects that are no claims, and unknown ones, are passed over. */
  freed (key: string): void {
    const claim = this.#claims.get(key)
    if (claim === undefined) return
    this.#claims.delete(key)
    this.#outside.delete(key)
    this.segmentOf(claim)?.segment.delete(numberOf(claim))
    const name = holderName(claim.holder)
    const held = this.#held.get(name)
    held?.delete(key)
    if (held?.size === 0) this.#held.delete(name)
  }

  /** Claims of values that no range of this node holds. */
  outside (): Iterable<Claim> {
    return this.#outside.values()
  }

  claim (target: ClaimTarget): Claim | undefined {
    return this.#claims.get(claimKey(target))
  }

  heldBy (holder: Holder): Iterable<Claim> {
    return this.#held.get(holderName(holder))?.values() ?? []
  }

  /** The range of this node that a value belongs to. */
  segmentOf (target: ClaimTarget): { readonly pool: Pool, readonly segment: Segment } | undefined {
    const value = numberOf(target)
    const family = target.kind === 'port' ? undefined : target.value.includes(':') ? 6 : 4
    const pools = target.kind === 'ip' ? this.clusterIps : target.kind === 'port' ? [this.nodePorts] : this.loadBalancers
    for (const pool of pools) {
      const segment = pool.segments.find((candidate) => candidate.family === family && candidate.contains(value))
      if (segment !== undefined) return { pool, segment }
    }
    return undefined
  }
}

/** The value of a target as a number; -1, which no range holds, if a foreign hand wrote something else. */
export function numberOf (target: ClaimTarget): bigint {
  if (target.kind === 'port') return /^\d{1,5}$/.test(target.value) ? BigInt(target.value) : -1n
  const ip = parseIp(target.value)
  return 'problem' in ip ? -1n : ip.value
}
