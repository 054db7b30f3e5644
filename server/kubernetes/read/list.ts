// A list: objects, or their table, in order, page by page, as one state of the registry. The text is made in slices, as fast as it is read.
import { tooLargeResourceVersion, expired } from '../answers/status.ts'
import { type Kind, apiVersionOf } from '../kinds.ts'
import type { KubeObject } from '../objects/meta.ts'
import { inVersion } from '../objects/older-version.ts'
import type { Wanted } from '../request/accept.ts'
import type { ListOptions } from '../request/list-options.ts'
import { selectsObject, takesAll } from '../request/selectors.ts'
import type { Entry } from '../shelf/entry.ts'
import type { Shelf } from '../shelf/shelf.ts'
import { columnDefinitions, metadataOf, rowOf } from '../table/table.ts'
import { type Place, entriesAt, readToken, seen, tokenText, tooOldToContinue } from './continue.ts'
import type { Sight } from '../../registry/core.ts'

export interface Asked {
  readonly kind: Kind
  /** undefined = of all namespaces. */
  readonly namespace: string | undefined
  readonly options: ListOptions
  readonly wanted: Wanted
  readonly sight: Sight | undefined
}

export interface Page {
  readonly revision: number
  readonly entries: readonly Entry[]
  /** The place of the last one if others follow. */
  readonly next: Place | undefined
  /** How many follow, where that is known. */
  readonly remaining: number | undefined
}

/**
 * The entries of a page. The shelf is at the revision of the view.
 * @throws StatusError 410 for a revision that is forgotten, 504 for one to come
 */
export function pageOf (shelf: Shelf, { namespace, options, sight }: Pick<Asked, 'namespace' | 'options' | 'sight'>): Page {
  const { selector, limit, match, resourceVersion } = options
  const token = options.continue === '' ? undefined : readToken(options.continue)
  const exact = token === undefined ? (match === 'Exact' ? resourceVersion : undefined) : token.rv === -1 ? undefined : token.rv
  if (resourceVersion !== undefined && resourceVersion > shelf.revision) throw tooLargeResourceVersion(resourceVersion, shelf.revision)
  const only = namespace ?? selector.namespace
  const all = entriesAt(shelf, exact, only, token?.after)
  if (all === undefined) throw token === undefined ? expired('The resourceVersion for the provided list is too old.') : tooOldToContinue(token.after)
  const mine = namespace !== undefined && selector.namespace !== undefined && selector.namespace !== namespace ? [] : seen(all, sight)
  const named = selector.name === undefined ? mine : mine.filter(({ name }) => name === selector.name)
  const revision = exact ?? shelf.revision
  if (limit === 0) {
    const entries = takesAll(selector) ? named : named.filter((entry) => selectsObject(selector, entry.object()))
    return { revision, entries, next: undefined, remaining: undefined }
  }
  const page: Entry[] = []
  for (const [index, entry] of named.entries()) {
    if (!takesAll(selector) && !selectsObject(selector, entry.object())) continue
    if (page.length === limit) return { revision, entries: page, next: page.at(-1), remaining: takesAll(selector) ? named.length - index : undefined }
    page.push(entry)
  }
  return { revision, entries: page, next: undefined, remaining: undefined }
}

/** The text of a list, in pieces. */
export function * listText ({ kind, options: { includeObject }, wanted: { form, version } }: Pick<Asked, 'kind' | 'options' | 'wanted'>, page: Page, nowMs: number): Generator<string> {
  const metadata = JSON.stringify({
    resourceVersion: String(page.revision),
    ...(page.next === undefined ? {} : { continue: tokenText(page.revision, page.next) }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining })
  })
  if (form === 'table') {
    yield `{"kind":"Table","apiVersion":"meta.k8s.io/${version}","metadata":${metadata},"columnDefinitions":${JSON.stringify(columnDefinitions(kind.kind))},"rows":[`
    yield * items(page.entries, (object) => rowOf(object, { version, includeObject }, nowMs))
  } else if (form === 'metadata') {
    yield `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/${version}","metadata":${metadata},"items":[`
    yield * items(page.entries, (object) => metadataOf(object, version))
  } else {
    yield `{"kind":"${kind.kind}List","apiVersion":"${apiVersionOf(kind)}","metadata":${metadata},"items":[`
    yield * items(page.entries, (object) => inVersion(kind, object))
  }
  yield ']}\n'
}

function * items (entries: readonly Entry[], valueOf: (object: KubeObject) => object): Generator<string> {
  let comma = ''
  for (const entry of entries) {
    yield `${comma}${JSON.stringify(valueOf(entry.object()))}`
    comma = ','
  }
}
