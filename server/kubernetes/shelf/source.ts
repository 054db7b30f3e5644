// Where the objects of a kind come from. A unit is what changes as a whole (a service, a pod, a machine) and makes one or more objects.
import type { AppliedChange } from '../../registry/core.ts'
import type { Made } from './entry.ts'

export interface Source {
  /** The units that a change may concern, as texts. */
  unitsOf (change: AppliedChange): Iterable<string>
  /** All units there are. Called once, and again when the whole view is another one. */
  all (): Iterable<string> | Promise<Iterable<string>>
  /** The objects of a unit as they are now; none = there is none any more. */
  make (unit: string): readonly Made[]
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
