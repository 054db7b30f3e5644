// Patterns of names in policies: `*` stands for any characters, all else for itself. Matching takes no more steps than the pattern times
// the name is long, whatever both hold.

const namePattern = /^[a-z0-9*](?:[-a-z0-9*]{0,61}[a-z0-9*])?$/
export const namePatternRule = 'must be a name (1-63 of a-z, 0-9 and "-") or a pattern of one, in which "*" stands for any characters'

/** Whether a text is a name, or a pattern of names, of namespaces and services. */
export function isNamePattern (text: string): boolean {
  return namePattern.test(text)
}

export function isPattern (text: string): boolean {
  return text.includes('*')
}

/** Whether a pattern stands for a name. */
export function matches (pattern: string, name: string): boolean {
  if (pattern === '*' || pattern === name) return true
  if (!isPattern(pattern)) return false
  const [first = '', ...others] = pattern.split('*')
  const last = others.pop() ?? ''
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false
  let at = first.length
  const end = name.length - last.length
  for (const part of others) {
    const found = name.indexOf(part, at) // the earliest place leaves the most to what follows
    if (found === -1 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
