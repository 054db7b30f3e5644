// Cursors: `epoch.revision`. Revisions of two epochs say nothing of each other.

/** A cursor is `epoch.number`. */
export function parseRevision (revision: string): { readonly epoch: string, readonly number: number } {
  const dot = revision.lastIndexOf('.')
  return { epoch: revision.slice(0, dot), number: Number(revision.slice(dot + 1)) }
}

/** True if `revision` is not newer than `cursor`. */
export function isKnown (revision: string, cursor: string | undefined): boolean {
  if (cursor === undefined) return false
  const now = parseRevision(revision)
  const then = parseRevision(cursor)
  return now.epoch === then.epoch && now.number <= then.number
}

/** True if `revision` is of before `cursor`, in the same epoch. */
export function isSmaller (revision: string, cursor: string | undefined): boolean {
  return cursor !== undefined && isKnown(revision, cursor) && parseRevision(revision).number < parseRevision(cursor).number
}
