// Plan, commit, and plan again when another node was faster.
import { RegistryError, invalid } from '../../errors.ts'
import type { ObjectWrite, Store } from '../../store/store.ts'
import type { Allocator } from './allocator.ts'
import { holderName } from './claims.ts'
import type { Fault, Plan } from './needs.ts'

/**
 * Each conflict means that somebody else's commit went through, and each new plan knows it. Only a stream of many services
 * beside a storm of single ones needs more than two or three; without an end a busy registry could hold a request for ever.
 */
export const maxAttempts = 16

export interface Proposal<Result> {
  readonly plan: Plan
  /** The services themselves, with the granted values in them. Not used if the plan has faults. */
  readonly writes: readonly ObjectWrite[]
  readonly result: Result
}

export interface AllocatedCommit<Result> {
  readonly store: Pick<Store, 'commit' | 'sync'>
  readonly allocator: Allocator
  readonly by: string
  /**
   * Makes the proposal from the catalog as it is now; called anew after each conflict, with the number of conflicts so far. Throws if
   * the caller's own expectation (a resource version) does not hold any more.
   */
  readonly propose: (attempt: number) => Proposal<Result>
  /** The error of faults that stand; `refusal` if absent. */
  readonly refuse?: (faults: readonly Fault[]) => RegistryError
}

/**
 * Writes services and their claims, all or nothing.
 * @returns one revision for each of the proposal's writes, and its result
 * @throws RegistryError what `propose` and the store throw; that of `refuse`; REG_CONFLICT after `maxAttempts` conflicts
 */
export async function commitAllocated<Result> (
  { store, allocator, by, propose, refuse = refusal }: AllocatedCommit<Result>
): Promise<{ readonly revisions: readonly number[], readonly result: Result }> {
  let isFresh = false // everything that was committed before this attempt is known here
  let conflicts = 0
  while (conflicts < maxAttempts) {
    const { plan, writes, result } = propose(conflicts)
    if (plan.faults.length > 0) {
      // A port that was freed through another node a moment ago may still look taken here.
      if (isFresh || plan.faults.every(({ kind }) => kind !== 'taken' && kind !== 'full')) throw refuse(plan.faults)
    } else {
      const letGo = allocator.hold(plan)
      try {
        const committed = await store.commit([...writes, ...plan.writes], by)
        if (committed.outcome === 'committed') return { revisions: committed.revisions.slice(0, writes.length), result }
      } finally {
        letGo()
      }
      conflicts += 1
    }
    await store.sync()
    isFresh = true
  }
  throw new RegistryError('REG_CONFLICT', `other writes took the same addresses or ports ${maxAttempts} times in a row: try again`, undefined, { retryAfterSeconds: 1 })
}

/** The error of faults: REG_LIMIT_REACHED if ranges are full and nothing else is wrong, REG_INVALID otherwise. */
export function refusal (faults: readonly Fault[]): RegistryError {
  const errors = faults.map(({ of, field, rule, ...rest }) => ({ field: `${holderName(of)} ${field}`, ...('value' in rest ? { value: rest.value } : {}), rule }))
  const error = invalid(errors)
  return faults.every(({ kind }) => kind === 'full') ? new RegistryError('REG_LIMIT_REACHED', error.message, errors) : error
}
