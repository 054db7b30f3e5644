// Plan, commit, and plan again when another node was faster.
import type { Clock } from '../../clock.ts'
import { RegistryError, invalid } from '../../errors.ts'
import type { ObjectWrite, Store } from '../../store/store.ts'
import { type Decision, certain, outdated } from '../commands/certain.ts'
import type { Allocator } from './allocator.ts'
import { holderName } from './claims.ts'
import type { Fault, Plan } from './needs.ts'

export interface Proposal<Result> {
  readonly plan: Plan
  /** The services themselves, with the granted values in them. Not used if the plan has faults. */
  readonly writes: readonly ObjectWrite[]
  readonly result: Result
  /** The result says something that the expectations of the writes do not check. */
  readonly says?: boolean
}

export interface AllocatedCommit<Result> {
  readonly store: Pick<Store, 'commit' | 'sync'>
  readonly clock: Pick<Clock, 'now'>
  readonly allocator: Allocator
  readonly by: string
  /** Proposes, and writes nothing. */
  readonly dryRun?: boolean
  /**
   * Makes the proposal from the catalog as it is when this is called, however long it takes; called anew whenever the
   * view was outdated, with the number of conflicts so far.
   * Throws if the caller's own expectation (a resource version) does not hold any more.
   */
  readonly propose: (attempt: number) => Proposal<Result> | Promise<Proposal<Result>>
  /** The error of faults that stand; `refusal` if absent. */
  readonly refuse?: (faults: readonly Fault[]) => RegistryError
}

interface Outcome<Result> {
  /** One for each of the proposal's writes; none if nothing was written. */
  readonly revisions: readonly number[]
  readonly result: Result
}

/**
 * Writes services and their claims, all or nothing.
 * @throws RegistryError what `propose` and the store throw; that of `refuse`; REG_CONFLICT after seconds of conflicts
 */
export async function commitAllocated<Result> (
  { store, clock, allocator, by, dryRun = false, propose, refuse = refusal }: AllocatedCommit<Result>
): Promise<Outcome<Result>> {
  const decisionOf = ({ plan, writes, result, says = false }: Proposal<Result>): Decision<Outcome<Result>> => {
    if (plan.faults.length > 0) throw refuse(plan.faults)
    if (dryRun || writes.length + plan.writes.length === 0) return { done: { revisions: [], result } }
    return {
      says,
      write: async () => {
        const letGo = allocator.hold(plan)
        try {
          const committed = await store.commit([...writes, ...plan.writes], by)
          return committed.outcome === 'committed' ? { revisions: committed.revisions.slice(0, writes.length), result } : outdated
        } finally {
          letGo()
        }
      }
    }
  }
  return certain({ store, clock }, (conflicts) => {
    const proposal = propose(conflicts)
    return proposal instanceof Promise ? proposal.then(decisionOf) : decisionOf(proposal)
  })
}

/** The error of faults: REG_LIMIT_REACHED if ranges are full and nothing else is wrong, REG_INVALID otherwise. */
export function refusal (faults: readonly Fault[]): RegistryError {
  const errors = faults.map(({ of, field, rule, ...rest }) => ({ field: `${holderName(of)} ${field}`, ...('value' in rest ? { value: rest.value } : {}), rule }))
  const error = invalid(errors)
  return faults.every(({ kind }) => kind === 'full') ? new RegistryError('REG_LIMIT_REACHED', error.message, errors) : error
}
