// Random names of lives and leases. The system is asked for a page of randomness at a time: asking it for six octets costs as
// much, and twice per registration that was a tenth of the work.
import { randomFillSync } from 'node:crypto'

const octets = 6 // 48 bits: unique among the living, and eight characters in every renewal
const pool = Buffer.alloc(octets * 1_024)
let used = pool.length

/** Eight random characters of the base64url alphabet. */
export function randomText (): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += octets
  return pool.toString('base64url', used - octets, used)
}
