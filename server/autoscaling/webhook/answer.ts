// What an answer of a receiver means: delivered, to be tried again, or refused for good.

export type Verdict =
  | { readonly kind: 'delivered' }
  /** @property afterMs as the receiver asks; absent: as we like */
  | { readonly kind: 'again', readonly why: string, readonly afterMs?: number }
  | { readonly kind: 'refused', readonly why: string }

/** A receiver that asks for more is asked again after this. */
const maxRetryAfterMs = 300_000
/** Request Timeout, Too Early, Too Many Requests: RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4. */
const passing = new Set([408, 425, 429])

/** @param retryAfter the header `Retry-After` (RFC 9110 10.2.3): seconds or a date */
export function verdictOf (status: number, retryAfter: string | null, nowMs: number): Verdict {
  if (status >= 200 && status < 300) return { kind: 'delivered' }
  // To follow it would lead wherever somebody in between likes.
  if (status >= 300 && status < 400) return { kind: 'refused', why: `status ${status}: redirects are not followed` }
  if (status < 500 && !passing.has(status)) return { kind: 'refused', why: `status ${status}` }
  const afterMs = readRetryAfter(retryAfter, nowMs)
  return { kind: 'again', why: `status ${status}`, ...(afterMs === undefined ? {} : { afterMs }) }
}

function readRetryAfter (text: string | null, nowMs: number): number | undefined {
  if (text === null) return undefined
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs)
}
