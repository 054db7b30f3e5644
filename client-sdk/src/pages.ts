// Lists of the registry, read page by page.
import { pageOf } from './answer-shapes.ts'
import { RollcallError } from './errors.ts'
import { pathOf } from './paths.ts'
import type { Check } from './shape.ts'
import type { Answer, RequestOptions } from './transport.ts'
import type { Page } from './wire.ts'

/** Pages of one list: a registry whose list never ends would keep the reader for ever. */
const maxPages = 100_000

export interface PagesOptions {
  readonly request: <Body>(path: string, options: RequestOptions) => Promise<Answer<Body>>
  readonly query: RequestOptions['query']
  readonly signal: AbortSignal | undefined
}

/** @throws RollcallError REGISTRY_BAD_ANSWER for a list that gives the same cursor twice */
export async function * pagesOf<Item> (
  kind: string, item: Check, { request, query, signal }: PagesOptions
): AsyncGenerator<Item, void, undefined> {
  let cursor: string | undefined
  for (let page = 0; page < maxPages; page++) {
    const { body }: Answer<Page<Item>> = await request<Page<Item>>(
      pathOf(kind), { query: { ...query, cursor }, signal, check: pageOf(item) }
    )
    yield * body.items
    if (body.next === undefined) return
    if (body.next === cursor) throw new RollcallError('REGISTRY_BAD_ANSWER', `the list of ${kind} goes on at ${cursor} for ever`)
    cursor = body.next
  }
}
