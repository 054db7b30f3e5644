// A token as text: 256 random bits, of which only the SHA-256 is kept. Who reads the store, or a backup of it, cannot ask as somebody else.
import { hash, randomBytes } from 'node:crypto'

const prefix = 'rc_'

/** A new token. It is shown once. */
export function newToken (): string {
  return prefix + randomBytes(32).toString('base64url')
}

export function hashOf (token: string): Buffer {
  return hash('sha256', token, 'buffer')
}
