// A page that may take long to find, in slices: with a filter that few fit, each slice looks at some more of the list. What changes between
// two slices may be on the page or not; what was there when it began, and did not change, is.
import type { Listed, Position } from '../../registry/core.ts'
import { Slice } from '../../slice.ts'

/** Instances looked at between two looks at the clock. */
const instancesAtOnce = 1_000

/** Gives a part of a list: at most `limit` items, of at most `maxLooked` that were looked at. */
export type PartOf<Item> = (after: Position | undefined, limit: number, maxLooked: number) => Listed<Item>

/**
 * A page of `limit` items, if there are so many.
 * @param placeOf the position behind an item
 * @param lookedAtOnce looked at between two looks at the clock
 */
export async function slicedPage<Item> (
  part: PartOf<Item>, after: Position | undefined, limit: number, placeOf: (item: Item) => Position, lookedAtOnce = instancesAtOnce
): Promise<Listed<Item>> {
  const items: Item[] = []
  const slice = new Slice()
  let from = after
  for (;;) {
    // One more than the page has: whether there is a next one.
    const { items: more, next } = part(from, limit + 1 - items.length, lookedAtOnce)
    items.push(...more)
    const last = items[limit - 1]
    if (items.length > limit && last !== undefined) return { items: items.slice(0, limit), next: placeOf(last) }
    if (next === undefined) return { items, next }
    from = next
    if (slice.isOver()) await slice.next()
  }
}
