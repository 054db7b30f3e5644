// The text of a page: as many items as were asked for, and no more bytes than an answer may have. What does not fit is on the next page.
import type { Form } from '../server/conditional.ts'
import { maxPageBytes } from '../server/limits.ts'

export interface PageItems<Item> {
  readonly revision: string
  readonly items: readonly Item[]
  /** Behind the last item; undefined = there are no more. */
  readonly next: string | undefined
  /** The cursor behind an item. */
  readonly cursorOf: (item: Item) => string
}

/** For `answer`, whose `make` gives the text already. */
export const textForm: Form = { media: 'application/json', write: String }

/** @param maxBytes of the items; the first one is on the page whatever its size */
export function pageText<Item> ({ revision, items, next, cursorOf }: PageItems<Item>, maxBytes = maxPageBytes): string {
  const texts: string[] = []
  let [bytes, behind] = [0, next]
  for (const item of items) {
    const text = JSON.stringify(item)
    bytes += Buffer.byteLength(text) + 1
    if (bytes > maxBytes && texts.length > 0) {
      const last = items[texts.length - 1]
      behind = last === undefined ? next : cursorOf(last)
      break
    }
    texts.push(text)
  }
  const rest = behind === undefined ? '' : `,"next":${JSON.stringify(behind)}`
  return `{"revision":${JSON.stringify(revision)},"items":[${texts.join(',')}]${rest}}`
}
