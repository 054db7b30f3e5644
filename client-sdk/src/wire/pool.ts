// Ranges that values are given from.

/** A range that values are given from: `GET /v1/pools`. Sizes of IPv6 networks beyond 2^53 are rounded. */
export interface Pool {
  readonly kind: 'cluster-ip' | 'node-port' | 'load-balancer'
  readonly name: string
  readonly ranges: readonly string[]
  readonly autoAssign: boolean
  readonly size: number
  readonly used: number
  readonly free: number
  readonly bands?: { readonly static: PoolBand, readonly dynamic: PoolBand }
  /** Of a pool named `(outside)`: values that services have and no range of this node holds; the first 20. */
  readonly outside?: readonly string[]
}

export interface PoolBand {
  readonly size: number
  readonly used: number
}
