// JSON merge patch (RFC 7396): what the patch holds replaces what is there, objects member by member, and null removes.
import { isMembers } from '../../model/fields/values.ts'

/** The patch must not nest without end: what is read here is not (strict-json.ts). */
export function mergePatched (target: unknown, patch: unknown): unknown {
  if (!isMembers(patch)) return patch
  const result = new Map(isMembers(target) ? Object.entries(target) : [])
  for (const [name, member] of Object.entries(patch)) {
    if (member === null) result.delete(name)
    else result.set(name, mergePatched(result.get(name), member))
  }
  return Object.fromEntries(result)
}
