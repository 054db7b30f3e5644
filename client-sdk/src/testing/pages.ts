// Lists, page by page.
import type { Instance } from '../wire.ts'
import { problem, type TestAnswer } from './answers.ts'
import type { Book } from './book.ts'
import { namespaceSummaries, serviceSummaries } from './lists.ts'
import { selectsAny } from './selector.ts'

/** A page of `instances`, `services` or `namespaces`. */
export function pageOf (book: Book, kind: string, query: URLSearchParams): TestAnswer {
  const lists: Readonly<Record<string, () => readonly object[]>> = {
    instances: () => selected(book, query),
    services: () => serviceSummaries(book, query.get('namespace')),
    namespaces: () => namespaceSummaries(book)
  }
  const all = lists[kind]?.()
  if (all === undefined) return problem(404, 'REG_ROUTE_NOT_FOUND', kind)
  const limit = Number(query.get('limit') ?? 100)
  const start = Number(query.get('cursor') ?? 0)
  const next = start + limit < all.length ? { next: String(start + limit) } : {}
  return { status: 200, body: { revision: book.cursor, items: all.slice(start, start + limit), ...next } }
}

function selected (book: Book, query: URLSearchParams): Instance[] {
  const wanted = (name: string, value: string): boolean => query.get(name) === null || query.get(name) === value
  const selector = query.get('selector') ?? undefined
  return book.instances.filter(({ namespace, service, effectiveStatus, labels }) => wanted('namespace', namespace) &&
    wanted('service', service) && wanted('status', effectiveStatus) && selectsAny(selector, labels, service))
}
