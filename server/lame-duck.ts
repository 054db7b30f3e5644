// The time between the signal to end and the closing of the listeners: the node still answers, while load balancers and
// clients learn that it is going. It is over when no question has come for a while and nothing is being worked on, at
// the latest with the grace.
import type { Clock } from './clock.ts'

/** What an adapter says of its work. */
export interface Work {
  /** Requests and questions since the process began: a number that grows. */
  readonly asked: number
  /** Something that was asked is not answered yet. */
  readonly isBusy: boolean
}

export interface LameDuckOptions {
  readonly graceMs: number
  readonly work: () => Work
  readonly clock: Clock
  /** Default `quietMs`. */
  readonly quietMs?: number
}

/**
 * So long no question comes before the node closes: twice what resolvers and programs that ask in a loop leave between
 * two questions.
 */
export const quietMs = 500
const lookMs = 50

/** Resolves when it is over, with whether the grace ran out while there was work. */
export async function lameDuck ({ graceMs, work, clock, quietMs: wantedMs = quietMs }: LameDuckOptions): Promise<{ readonly ranOut: boolean }> {
  const enough = Math.min(wantedMs, graceMs)
  let asked = work().asked
  let quiet = 0
  for (let passed = 0; passed < graceMs; passed += lookMs) {
    await new Promise<void>((resolve) => clock.after(Math.min(lookMs, graceMs - passed), resolve))
    const now = work()
    quiet = now.asked === asked && !now.isBusy ? quiet + lookMs : 0
    asked = now.asked
    if (quiet >= enough) return { ranOut: false }
  }
  return { ranOut: work().isBusy }
}
