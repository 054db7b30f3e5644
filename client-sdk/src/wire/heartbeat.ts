// Heartbeats: leases and their renewal.
import type { LoadValue, Status } from './instance.ts'

/** Names one lease. Without `generation` it means the life that is registered now. */
export interface LeaseReference {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly generation?: string
}

export interface Heartbeat extends LeaseReference {
  /** A changed status is stored as a change; an unchanged one costs nothing. */
  readonly status?: Status
  /** `cpu`, `memory`, `rps`, any name; at most 16. Replaces what the heartbeat before said. */
  readonly load?: Readonly<Record<string, LoadValue>>
}

export interface HeartbeatAnswer {
  readonly renewed: number
  /** Not registered, or removed: register again. */
  readonly unknown: readonly LeaseReference[]
  /** Another life of the same instance is registered: stop. */
  readonly superseded: readonly LeaseReference[]
  /** Registered by somebody else, or not permitted any more: not renewed. Absent if there are none. */
  readonly forbidden?: readonly LeaseReference[]
  /** False while the store is away: kept in the node's memory and handed over when it is back. */
  readonly stored: boolean
}
