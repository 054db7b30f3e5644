// What changed lately, and who has seen it.

/** Why something changed. */
export type Reason =
  | 'registered' | 'updated' | 'replaced' | 'deregistered' | 'expired'
  | 'suspect' | 'renewed' | 'override' | 'override-removed' | 'override-ended' | 'recovered'
  /** A manifest was applied, or taken back. */
  | 'declared' | 'removed'
  /** The registry says something of what was declared: what an autoscaler decided, say. */
  | 'noticed'

export interface Event {
  readonly revision: string
  readonly at: string
  readonly reason: Reason
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly by: string
  readonly message: string
}

/** Who has seen a revision: `GET /v1/revisions/{revision}`. */
export interface Propagation {
  readonly revision: number
  /** How many watchers were to see the change, as far as they ever acknowledge. */
  readonly watchers: number
  readonly seen: number
  /** Who has not, at most 100. */
  readonly pending: readonly string[]
  /**
   * From the moment this node applied the change to the acknowledgement; absent while no watcher has acknowledged it.
   */
  readonly delayMs?: { readonly median: number, readonly max: number }
}
