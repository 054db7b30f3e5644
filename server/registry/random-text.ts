// Random names of lives and leases. The system is asked for a page of randomness at a time: asking it for six bytes costs as
// much, and twice per registration that was a tenth of the work.
import { randomFillSync } from 'node:crypto'

const bytes = 6 // 48 bits: unique among the living
const pool = Buffer.alloc(bytes * 1_024)
let used = pool.length

/** Bits of time in a lease's name: they begin anew every 37 hours. */
const orderBits = 24
const orderStepMs = 8
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/**
 * The name of a new lease, twelve characters. Those of one moment begin alike, so that a store that indexes them writes one page
 * of its index for many registrations and not one for each: that was a third of the cost of a registration on disk.
 */
export function leaseName (nowMs: number): string {
  const order = Math.floor(nowMs / orderStepMs) % 2 ** orderBits
  return alphabet.charAt(order >> 18 & 63) + alphabet.charAt(order >> 12 & 63) + alphabet.charAt(order >> 6 & 63) + alphabet.charAt(order & 63) + randomText()
}

/** Eight random characters of the base64url alphabet. */
export function randomText (): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('base64url', used - bytes, used)
}
