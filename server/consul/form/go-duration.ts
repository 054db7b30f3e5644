// Durations as Go writes and reads them: `1m30s`, `500ms`, `1.5h`. Consul's clients send them in bodies and in `?wait`.

const unitsNs: Readonly<Record<string, number>> = { ns: 1, us: 1e3, '\u00b5s': 1e3, '\u03bcs': 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }
/** A longer text is no duration of anybody's. */
const maxLength = 64
/** What Go counts a duration in: signed 64 bits. */
const maxNs = 2 ** 63
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y

/** Milliseconds, with a fraction; undefined = it is no duration. A number without a unit is none, but for `0`. */
export function parseGoDuration (text: string): number | undefined {
  if (text.length > maxLength) return undefined
  const sign = text.startsWith('-') ? -1 : 1
  const rest = /^[+-]/.test(text) ? text.slice(1) : text
  if (rest === '0') return 0
  let nanoseconds = 0
  for (let at = 0; at < rest.length; at = part.lastIndex) {
    part.lastIndex = at
    const match = part.exec(rest)
    if (match === null) return undefined
    nanoseconds += Number(match[1]) * (unitsNs[match[2] ?? ''] ?? 0)
  }
  return rest === '' || nanoseconds > maxNs ? undefined : sign * nanoseconds / 1e6
}

/** As Go shows a duration: `10s`, `1m30s`, `1h0m0s`, `500ms`. */
export function goDuration (ms: number): string {
  if (ms === 0) return '0s'
  if (ms < 1_000) return `${ms}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor(ms % 3_600_000 / 60_000)
  const seconds = ms % 60_000 / 1_000
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`
}
