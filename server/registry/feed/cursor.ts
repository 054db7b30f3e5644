// `epoch.revision`: a place in the history of one keyspace.
import { RegistryError, shown } from '../../errors.ts'

export interface Cursor {
  /** undefined = the epoch of this node. */
  readonly epoch: string | undefined
  readonly revision: number
}

const cursorPattern = /^(?:([0-9a-zA-Z_-]{1,32})\.)?(\d{1,15})$/

/** @throws RegistryError REG_CURSOR_INVALID */
export function parseCursor (text: string, field: string): Cursor {
  const match = cursorPattern.exec(text)
  if (match === null) {
    const rule = 'must be epoch.revision or a revision, as in the header Rollcall-Revision'
    throw new RegistryError('REG_CURSOR_INVALID', `${field} ${rule}, got ${shown(text)}`, [{ field, value: text.slice(0, 80), rule }])
  }
  return { epoch: match[1], revision: Number(match[2]) }
}

export function cursorText (epoch: string, revision: number): string {
  return `${epoch}.${revision}`
}
