// The wait of a registration whose id was taken over: until the newer life has ended, and no other process was faster.
import { sleep, type Clock } from './clock.ts'
import { isPassing, isRollcallError } from './errors.ts'
import { beatsPerTtl } from './heartbeats.ts'

export interface TurnOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly ttlMs: number
  readonly generation: string
  /** The life that has the id now; undefined = the id is free. */
  readonly owner: () => Promise<string | undefined>
  /** Registers; `onlyNew`: not if the id is registered. */
  readonly register: (onlyNew: boolean) => Promise<unknown>
  readonly report: (error: unknown) => void
  readonly signal: AbortSignal
}

/** How often it looks: as often as it would beat, within these bounds. */
const boundsMs = { least: 1_000, most: 30_000 } as const

/** Resolves with true when it is registered again, with false when the signal was aborted. Never rejects. */
export async function waitForTurn ({ clock, random, ttlMs, generation, owner, register, report, signal }: TurnOptions): Promise<boolean> {
  const pause = Math.min(Math.max(ttlMs / beatsPerTtl, boundsMs.least), boundsMs.most)
  for (;;) {
    try {
      await sleep(clock, pause * (0.5 + random()), signal, true)
      const now = await owner()
      if (now !== undefined && now !== generation) continue
      // Of several that wait, one comes first; the others find the id taken (RFC 9110 13.1.2), and wait on.
      await register(now === undefined)
      return true
    } catch (error) {
      if (signal.aborted) return false
      if (!isPassing(error) && !isTaken(error)) report(error)
    }
  }
}

/** Another process was faster. */
function isTaken (error: unknown): boolean {
  return isRollcallError(error) && (error.code === 'REG_GENERATION_SUPERSEDED' || error.status === 412)
}
