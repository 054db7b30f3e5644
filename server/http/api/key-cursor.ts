// Cursors of lists that are ordered by a key.
import { invalid } from '../../errors.ts'

/** A page's cursor: opaque, so that nobody makes one up. */
export function keyCursor (key: string): string {
  return Buffer.from(JSON.stringify({ key })).toString('base64url')
}

/** @throws RegistryError REG_INVALID for what `keyCursor` did not make */
export function parseKeyCursor (cursor: string): string {
  try {
    const { key } = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as { readonly key?: unknown }
    if (typeof key === 'string' && keyCursor(key) === cursor) return key
  } catch {} // no such record: answered below
  throw invalid([{ field: 'cursor', value: cursor, rule: 'must be the `next` of the page before' }])
}
