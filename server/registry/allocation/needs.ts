// What a service asks of the allocator, and what it gets.
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import type { ObjectWrite } from '../../store/store.ts'
import type { Need } from '../../model/service/needs.ts'
import type { Holder } from './claims.ts'

/** All that one service needs after the write. What it holds and neither needs nor keeps is released: neither = release all. */
export interface ServiceNeeds {
  readonly holder: Holder
  readonly needs: readonly Need[]
  /**
   * What the stored service has and keeps, by the key that a need would have: `clusterIP/IPv4`, `nodePort/80/30080`,
   * `healthCheckNodePort`, `loadBalancer/IPv6`. It stays even if its claim is missing (the claim is added) or belongs
   * to another service, or the range was changed: repair reports these, and an update of a label must not fail for
   * them.
   */
  readonly kept?: ReadonlyMap<string, string | number>
}

/** What a service gets, by the keys of its needs. */
export interface ServiceResult {
  /** Canonical texts of addresses, numbers of ports. Values that are kept are not repeated. */
  readonly values: ReadonlyMap<string, string | number>
  /**
   * Why a load balancer waits for an address: no fault, the service is stored with what it has, and asked for again when something
   * changes. A key that has a value, too, wants another address and keeps its old one meanwhile.
   */
  readonly pending: ReadonlyMap<string, string>
}

/**
 * Why a need cannot be met. `taken` and `full` may be out of date on this node: sync and plan once more before refusing.
 * `noRange` = this registry has no range of that kind or family.
 */
export type FaultKind = 'taken' | 'twice' | 'full' | 'outside' | 'noRange' | 'unreadable'

export interface Fault extends FieldError {
  readonly kind: FaultKind
  /** The key of the need, empty for a fault of the service itself. */
  readonly key: string
  /** The service that needs it. */
  readonly of: Holder
  /** The service that has the value. */
  readonly holder?: Holder
}

export interface Plan {
  /** For each service of the call that has no fault, in the order of the call. */
  readonly results: readonly ServiceResult[]
  readonly faults: readonly Fault[]
  /** To be committed with the services, all or nothing. Empty if there are faults. */
  readonly writes: readonly ObjectWrite[]
}
