// What a service asks of the allocator, and what it gets.
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import type { Family } from '../../model/ranges.ts'
import type { ObjectWrite } from '../../store/store.ts'
import type { Holder } from './claims.ts'

interface NeedBase {
  /** The path that a fault names: `spec.ports[0].nodePort`. */
  readonly field: string
  /**
   * The stored service has this requested value already. It then keeps it even if the claim is missing (it is made good) or
   * somebody else's, or the range was changed: repair reports these, and an update of a label must not fail for them.
   */
  readonly unchanged?: boolean
}

/** Without `requested` a cluster IP of that family that the service holds is kept; otherwise one is chosen. */
export interface ClusterIpNeed extends NeedBase {
  readonly kind: 'clusterIP'
  readonly family: Family
  readonly requested?: string
}

/**
 * Ports with one service port and different protocols share a node port (dns 53/UDP and 53/TCP). Without `requested` one is
 * chosen: to keep those of the stored service by port name, the caller requests them.
 */
export interface NodePortNeed extends NeedBase {
  readonly kind: 'nodePort'
  /** The service's port. */
  readonly port: number
  readonly protocol: string
  readonly requested?: number
}

/** From the range of the node ports. */
export interface HealthCheckNeed extends NeedBase {
  readonly kind: 'healthCheckNodePort'
  readonly requested?: number
}

/** Without `requested` the address that the service holds is kept; otherwise the first free one of the pool, or of the automatic pools in order. */
export interface LoadBalancerNeed extends NeedBase {
  readonly kind: 'loadBalancerIP'
  readonly family: Family
  readonly requested?: string
  /** Chosen from this pool only, automatic or not. */
  readonly pool?: string
}

export type Need = ClusterIpNeed | NodePortNeed | HealthCheckNeed | LoadBalancerNeed

/** All that one service needs after the write. What it holds and needs no more is released; no needs = release all. */
export interface ServiceNeeds {
  readonly holder: Holder
  readonly needs: readonly Need[]
}

export type Grant =
  | { readonly kind: 'clusterIP', readonly value: string }
  | { readonly kind: 'nodePort' | 'healthCheckNodePort', readonly value: number }
  | { readonly kind: 'loadBalancerIP', readonly value: string, readonly pool: string }
  /** A load balancer waits for an address: no fault, the service is stored without one, and asked for again when something changes. */
  | { readonly kind: 'pending', readonly reason: string }

/**
 * Why a need cannot be met. `taken` and `full` may be out of date on this node: sync and plan once more before refusing.
 * `noRange` = this registry has no range of that kind or family.
 */
export type FaultKind = 'taken' | 'twice' | 'full' | 'outside' | 'noRange' | 'unreadable'

export interface Fault extends FieldError {
  readonly kind: FaultKind
  /** Whose need it is. */
  readonly of: Holder
  /** Who has the value. */
  readonly holder?: Holder
}

export interface Plan {
  /** For each service of the call, for each of its needs, what it gets; undefined where there is a fault. */
  readonly grants: readonly (readonly (Grant | undefined)[])[]
  readonly faults: readonly Fault[]
  /** To be committed with the services, all or nothing. Empty if there are faults. */
  readonly writes: readonly ObjectWrite[]
}
