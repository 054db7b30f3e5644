// Points in time as texts (RFC 3339): with a date that exists, a time of day, and an offset. `Date.parse` takes 30 February for 2 March, and a
// time without an offset for the node's own.
const form = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?([Zz]|[+-](\d{2}):(\d{2}))$/

export const instantRule = 'must be a time with its offset (RFC 3339), like 2026-03-01T12:00:00Z or 2026-03-01T13:00:00+01:00'

/** Milliseconds since 1970, or undefined if the text is no time, or of a day that does not exist. */
export function readInstant (text: string): number | undefined {
  const [whole, year, month, day, hour, minute, second = '0', , , offsetHour = '0', offsetMinute = '0'] = form.exec(text) ?? []
  if (whole === undefined) return undefined
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined
  const ms = Date.parse(whole.toUpperCase())
  return Number.isNaN(ms) ? undefined : ms
}

/** A time as Kubernetes writes it: `2026-01-02T03:04:05Z`. */
export function wholeSeconds (ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
