// A list in one line: its first names, and how many more there are.
const maxNamed = 3

export function some (names: readonly string[]): string {
  const more = names.length - maxNamed
  return `${names.slice(0, maxNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
