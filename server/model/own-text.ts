// Texts that are cut out of longer ones and kept for long.

/** V8 copies a shorter slice, and keeps a longer one as a view of the whole text that it was cut from. */
const leastView = 13

/** The same text with octets of its own. (Half a surrogate pair, which no name has, becomes U+FFFD.) */
export function ownText (text: string): string {
  return text.length < leastView ? text : Buffer.from(text).toString()
}
