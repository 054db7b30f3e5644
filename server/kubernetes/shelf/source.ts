// Where the objects of a kind come from. A unit is what changes as a whole (a service, a pod, a machine) and makes one
// or more objects.
import type { AppliedChange } from '../../registry/core.ts'
import type { Entry, Made } from './entry.ts'

/** Something that is not there any more: its last form, as far as that is known, at the revision of its end. */
export type Gone = Omit<Made, 'revision' | 'atLeast' | 'mark'> & { readonly revision: number }

export interface Source {
  /** The units that a change may concern, as texts. */
  unitsOf (change: AppliedChange): Iterable<string>
  /** All units there are. Called once, and again when the whole view is another one. */
  all (): Iterable<string> | Promise<Iterable<string>>
  /** The objects of a unit as they are now; none = there is none any more. */
  make (unit: string): readonly Made[]
  /**
   * What may have been of a unit and is not any more, for one who has seen it before these changes. What was never there
   * may be named, too.
   * @param changes those of the unit, of before the shelf began, oldest first
   * @param now what was there when it began
   * @param isSame that is what is there now
   * @returns undefined = it cannot be known. A source without it tells nothing of before.
   */
  gone? (
    unit: string, changes: readonly AppliedChange[], now: readonly Entry[], isSame: boolean
  ): readonly Gone[] | undefined
}

/** Whether it is not known what an instance was before a change. */
export function isUnclear ({ kind, event, instance, previous, createdRevision, revision }: AppliedChange): boolean {
  if (kind !== 'instance') return false
  return instance === undefined || (event === 'put' && previous === undefined && createdRevision < revision)
}

/** Of a change that was told to a source without units: nothing of its kind. */
export const noUnits: readonly string[] = []

export function unitOf (namespace: string, name: string): string {
  return `${namespace}/${name}`
}

/** Neither part holds a `/`. */
export function partsOf (unit: string): { readonly namespace: string, readonly name: string } {
  const at = unit.indexOf('/')
  return { namespace: unit.slice(0, at), name: unit.slice(at + 1) }
}
