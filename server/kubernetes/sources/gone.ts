// What was, and is not any more, for watches that come from before this node knew: of most derived objects no more than
// the name is known.
import type { AppliedChange, Sight } from '../../registry/core.ts'
import { splitKey } from '../../model/names.ts'
import { isNameOnly, type KubeObject } from '../objects/meta.ts'
import type { Gone } from '../shelf/source.ts'

/** The last change of some; there is one. */
export function lastOf (changes: readonly AppliedChange[]): AppliedChange {
  const last = changes.at(-1)
  if (last === undefined) throw new RangeError('a unit that was touched has a change')
  return last
}

/** An object of which nothing but its names is known any more. */
export function nameOnly (
  { apiVersion, kind, ...given }: Pick<KubeObject, 'apiVersion' | 'kind'> & Omit<Gone, 'object'>,
  more: Readonly<Record<string, unknown>> = {}
): Gone {
  const { namespace, name, uid } = given
  return {
    ...given,
    object: (revision) => ({
      [isNameOnly]: true, apiVersion, kind,
      metadata: {
        name, ...(namespace === '' ? {} : { namespace }), uid, resourceVersion: String(revision), creationTimestamp: null
      },
      ...more
    })
  }
}

/** One who sees something that changed there has seen what was made of it. */
export function seenBy (changes: readonly AppliedChange[]): (sight: Sight) => boolean {
  const names = new Map(changes.map(({ target: { namespace, service } }) =>
    [`${namespace}/${service}`, { namespace, service }]))
  return (sight) => [...names.values()].some(({ namespace, service }) => sight.service(namespace, service))
}

/** Of a change of a stored object that went: the kind of its key and its name. */
export function deletedName ({ object }: AppliedChange): { readonly kind: string, readonly name: string } | undefined {
  if (object === undefined || !('deletedKey' in object)) return undefined
  const { namespace: kind, id: name } = splitKey(object.deletedKey)
  return { kind, name }
}

/** The kind of a stored object that changed, as its key has it. */
export function storedKind ({ object }: AppliedChange): string | undefined {
  return object === undefined ? undefined : splitKey('key' in object ? object.key : object.deletedKey).namespace
}
