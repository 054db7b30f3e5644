// No node decides a write on its own view, which may be older than the store: what it knows of may be gone there, what it refuses may be
// right, what it calls unchanged may be something else. Every command decides in here and nowhere else:
//
// * something is to be written: the store decides, by the expectations that the write carries. If they do not hold, the view is brought
//   up to date and the command decides again.
// * nothing is to be written, or the caller is to be refused: that is said only if the view has just been proved current.
import { RegistryError } from '../../errors.ts'
import type { Clock } from '../../clock.ts'
import type { Store } from '../../store/store.ts'

/** The store says that the view was older than it: nothing was written. */
export const outdated = Symbol('outdated')

/** What a command would do, as the view is now. */
export type Decision<Result> =
  /** `says`: the answer says something that the store does not check along with the write, as that a part of it is unchanged. */
  | { readonly write: () => Promise<Result | typeof outdated>, readonly says?: boolean }
  /** Nothing is to be written. */
  | { readonly done: Result }

export interface Certainty {
  readonly store: Pick<Store, 'sync'>
  readonly clock: Pick<Clock, 'now'>
}

/**
 * How long a command is decided again because others write the same thing: as long as most callers wait. Longer, and a request is held
 * for one who has gone; shorter, and a thing that many change at once refuses some of them.
 */
export const patienceMs = 10_000
/**
 * So many decisions are made in any case: on a machine, or with a store, that is busy with a thousand writes at once the first one alone may
 * take longer than the patience, and has met nobody yet who writes the same thing again and again.
 */
export const leastDecisions = 6
/** A limit in case the clock stands still: far more attempts than fit into the time. */
export const maxDecisions = 1_000

/**
 * Decides by the view, and writes.
 * @param decide throws a refusal; called with the number of times that the store found the view outdated. It runs anew after each
 * `sync` in the same turn of the loop, so that nothing is applied in between.
 * @throws RegistryError what `decide` throws on a current view, REG_CONFLICT after `patienceMs` and `leastDecisions`, and what the store throws
 */
export async function certain<Result> ({ store, clock }: Certainty, decide: (conflicts: number) => Decision<Result>): Promise<Result> {
  const startedMs = clock.now()
  let isCurrent = false
  for (let conflicts = 0; conflicts < maxDecisions; conflicts++) {
    let decision = decided(decide, conflicts, isCurrent)
    if (decision === undefined) {
      await store.sync()
      decision = decide(conflicts)
    }
    if ('done' in decision) return decision.done
    const result = await decision.write()
    if (result !== outdated) return result
    if (clock.now() - startedMs >= patienceMs && conflicts + 1 >= leastDecisions) break
    await store.sync()
    isCurrent = true
  }
  throw new RegistryError('REG_CONFLICT', 'others wrote the same thing again and again meanwhile: try again', undefined, { retryAfterSeconds: 1 })
}

/** undefined = it may not be said of a view that is perhaps an older one. */
function decided<Result> (decide: (conflicts: number) => Decision<Result>, conflicts: number, isCurrent: boolean): Decision<Result> | undefined {
  if (isCurrent) return decide(conflicts)
  try {
    const decision = decide(conflicts)
    return 'done' in decision || decision.says === true ? undefined : decision
  } catch (error) {
    if (error instanceof RegistryError) return undefined
    throw error
  }
}
