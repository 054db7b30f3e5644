// The text of one event of a watch:
//
//   event = JSON of { "type": "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR", "object": ... } LF
//
// A thousand watches of one kind are told the same: it is made once for all who want it in one form.
import { type Kind, apiVersionOf } from '../kinds.ts'
import type { Status } from '../answers/status.ts'
import type { Wanted } from '../request/accept.ts'
import type { ListOptions } from '../request/list-options.ts'
import type { Entry, EventType } from '../shelf/entry.ts'
import { metadataOf, tableOf } from '../table/table.ts'

/** Objects whose texts are kept: what was told last is asked for by all others next. */
const maxKept = 256
/** Says that the initial events are over, to those who asked for them. */
export const initialEventsEnd = 'k8s.io/initial-events-end'

export interface EventForm extends Wanted {
  readonly includeObject: ListOptions['includeObject']
}

export class EventTexts {
  readonly #now: () => number
  readonly #kept = new Map<Entry, Map<string, string>>()

  constructor (now: () => number) {
    this.#now = now
  }

  /** @param withColumns of tables: the first one of a watch has them */
  of (type: EventType, entry: Entry, form: EventForm, withColumns: boolean): string {
    let texts = this.#kept.get(entry)
    if (texts === undefined) {
      this.#kept.set(entry, texts = new Map<string, string>())
      if (this.#kept.size > maxKept) for (const oldest of this.#kept.keys()) if (this.#kept.delete(oldest)) break
    }
    const name = `${form.form} ${form.version} ${form.includeObject} ${withColumns}`
    let text = texts.get(name)
    if (text === undefined) texts.set(name, text = JSON.stringify(this.#object(entry, form, withColumns)))
    return `{"type":"${type}","object":${text}}\n`
  }

  #object (entry: Entry, form: EventForm, withColumns: boolean): object {
    const object = entry.object()
    if (form.form === 'object') return object
    if (form.form === 'metadata') return metadataOf(object, form.version)
    return tableOf(object.kind, [object], form, this.#now(), { resourceVersion: object.metadata.resourceVersion }, withColumns)
  }
}

export function bookmarkText (kind: Kind, revision: number, { form, version }: EventForm, isInitialEnd: boolean): string {
  const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...(isInitialEnd ? { annotations: { [initialEventsEnd]: 'true' } } : {}) }
  const own = { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata }
  const partial = { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata }
  const object = form === 'object' ? own : form === 'metadata' ? partial
    : { kind: 'Table', apiVersion: `meta.k8s.io/${version}`, metadata: { resourceVersion: String(revision) }, columnDefinitions: null, rows: [{ cells: [], object: partial }] }
  return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`
}

export function errorText (status: Status): string {
  return `${JSON.stringify({ type: 'ERROR', object: status })}\n`
}
