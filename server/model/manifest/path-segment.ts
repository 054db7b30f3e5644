// What Kubernetes asks of a name that stands in a URL, and is otherwise free.
import type { Rule } from '../service/grammar.ts'

export const pathSegment: Rule = (value) => {
  if (value === '.' || value === '..') return [`may not be '${value}'`]
  return ['/', '%'].filter((character) => value.includes(character)).map((character) => `may not contain '${character}'`)
}
