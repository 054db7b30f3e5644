// What an agent says of itself: `rollcall proxy status`, `/healthz` and its metrics.
import type { Condition } from './front-end.ts'

export interface EndpointCounts {
  readonly ready: number
  /** Serving, and on their way out. */
  readonly draining: number
  readonly suspect: number
  /** Neither: starting, or down. */
  readonly away: number
}

export interface AgentStatus {
  readonly pid: number
  readonly mode: string
  readonly node: string
  readonly zone?: string
  readonly nodeAddresses: readonly string[]
  /** The newest revision that is in force; '' before the first. */
  readonly revision: string
  readonly services: number
  readonly frontEnds: number
  /** Why the last change is not in force; absent if it is. */
  readonly fault?: string
  /** Milliseconds that the last change took. */
  readonly appliedInMs: number
  readonly repairs: number
  /** Load-balancer addresses that it announces on its network. */
  readonly announces: readonly string[]
  readonly conditions: readonly Condition[]
  /** Milliseconds since the registry was heard last (a change, or its word that there is none); absent before the first. */
  readonly heardMsAgo?: number
  /** Endpoints of all services. */
  readonly endpoints: EndpointCounts
  /** How often it has taken an address. */
  readonly addressesTaken: number
}
