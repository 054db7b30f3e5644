// What an agent says of itself: `rollcall proxy status`, `/healthz` and its metrics.
import type { Condition } from './front-end.ts'

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
}
