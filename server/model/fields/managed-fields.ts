// Who set which fields of a manifest. It is the registry's note beside the manifest, kept in its record: the API of
// Kubernetes shows it in the metadata, and no other answer has it. So it stands under a symbol, which JSON passes over.
import type { Manifest } from '../service/types.ts'

/** What one manager set, as Kubernetes keeps it. */
export interface ManagedFieldsEntry {
  readonly manager: string
  /** `Apply` of a server-side apply, `Update` of every other write. */
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  /** When the set changed last. */
  readonly time?: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: Readonly<Record<string, unknown>>
  readonly subresource?: string
}

/**
 * Characters of JSON of all entries of one object. Each manager that applies has one of its own, and a record is sent
 * to
 * every node whole. An honest object has some thousand.
 */
export const maxManagedLength = 256 * 1024

/** What is kept of entries: none where they are too many, as in Kubernetes for what is not an apply. */
export function keptEntries (entries: readonly ManagedFieldsEntry[]): readonly ManagedFieldsEntry[] {
  return fits(entries) ? entries : []
}

export function fits (entries: readonly ManagedFieldsEntry[]): boolean {
  return entries.length === 0 || JSON.stringify(entries).length <= maxManagedLength
}

const kManagedFields = Symbol('managed fields')

/** Empty: the object was never written by Kubernetes' API. */
export function managedFieldsOf (manifest: Manifest): readonly ManagedFieldsEntry[] {
  const noted = manifest as { readonly [kManagedFields]?: readonly ManagedFieldsEntry[] } // it is set below alone
  return noted[kManagedFields] ?? []
}

/** The manifest with the note. A copy of it (`{ ...manifest }`) has it, too; `canonical` leaves it out. */
export function withManagedFields<Of extends Manifest> (manifest: Of, entries: readonly ManagedFieldsEntry[]): Of {
  const copy: Of & { [kManagedFields]?: readonly ManagedFieldsEntry[] } = { ...manifest }
  if (entries.length === 0) Reflect.deleteProperty(copy, kManagedFields)
  else copy[kManagedFields] = entries
  return copy
}
