// How Go prints values: Kubernetes' messages about patches hold them.

/** Longer ones are cut: a refusal is for people. */
const maxShown = 4_096

/** A JSON value as `%v` prints it: `map[spec:map[type:NodePort]]`. */
export function goText (value: unknown): string {
  let room = maxShown
  const text = (part: unknown): string => {
    if (room <= 0) return ''
    if (Array.isArray(part)) return `[${joined(part, (item) => text(item))}]`
    if (typeof part === 'object' && part !== null) {
      const names = Object.keys(part).sort()
      const members = part as Readonly<Record<string, unknown>>
      return `map[${joined(names, (name) => `${name}:${text(members[name])}`)}]`
    }
    const isPlain = typeof part === 'string' || typeof part === 'number' || typeof part === 'boolean'
    const shown = isPlain ? String(part) : '<nil>'
    room -= shown.length + 1
    return shown.slice(0, maxShown)
  }
  const joined = <T> (parts: readonly T[], show: (part: T) => string): string => {
    const texts: string[] = []
    for (const part of parts) {
      if (room <= 0) {
        texts.push('...')
        break
      }
      room -= 4
      texts.push(show(part))
    }
    return texts.join(' ')
  }
  return text(value)
}

/** The kind of a JSON value in a message of Go's JSON reader. */
export function jsonKind (value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/** Text that is shown in a message, cut. */
export function cut (text: string): string {
  return text.length > maxShown ? `${text.slice(0, maxShown)}... (${text.length} characters)` : text
}
