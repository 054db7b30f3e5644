// What carries the traffic of a machine: the kernel, or this process.
import type { Draining } from './draining.ts'
import type { Condition, FrontEnd } from './front-end.ts'
import type { TrafficCounts } from './traffic-counts.ts'

/** Front ends by their key; undefined = it goes. */
export type FrontEndChanges = ReadonlyMap<string, FrontEnd | undefined>

export interface BackEnd {
  readonly name: 'kernel' | 'userspace'
  /** It may reach cluster IPs here; what it can't is in its conditions. */
  readonly carriesClusterIps: boolean
  /** Endpoints that have left, whose connections have a limit: of what outlives this process. */
  readonly draining?: readonly Draining[]
  /** Goes on with what an earlier life has waited for. Called before `start`. */
  resume? (draining: readonly Draining[]): void
  /** Takes over with the whole state at once: established connections go on. @throws if it can't */
  start (frontEnds: FrontEndChanges): Promise<void>
  /** Makes changes, all or nothing. Calls are not overlapped by the caller. @throws if it can't */
  apply (changes: FrontEndChanges): Promise<void>
  /** Looks whether what is in force is what it should be, and repairs it. @returns what was wrong, undefined if nothing was */
  check (): Promise<string | undefined>
  /** What it can't carry now. */
  conditions (): readonly Condition[]
  /** What it has carried since it began. Never rejects. */
  counts (): Promise<TrafficCounts>
  /** Ends what belongs to this process. What the kernel does by itself goes on. */
  stop (): Promise<void>
  /** Removes every trace. */
  clean (): Promise<void>
}
