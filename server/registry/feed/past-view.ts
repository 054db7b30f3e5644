// What a log says: its entries as changes of a view of then. The log begins somewhere, so that what was there before is known of three places:
// the log itself, the last form that the entry of an end has, and the present view, of what has not been written since. Where none of them
// knows it, the change says so (`isVague`), and who follows judges whether that matters to it.
import type { Change, RecordChange } from '../../store/store.ts'
import { splitKey } from '../../model/names.ts'
import { Catalog } from '../catalog/catalog.ts'
import { recordOf } from '../catalog/stored-records.ts'
import { overriddenKey } from '../overrides.ts'
import { manifestName } from '../services/manifests.ts'
import type { AppliedChange } from './change-ring.ts'

export class PastView {
  #view = new Catalog()
  readonly #present: () => Catalog
  readonly #failed: (error: unknown) => void

  /** @param present the view of now, which may change meanwhile @param failed told of what a change of the log made fail */
  constructor (present: () => Catalog, failed: (error: unknown) => void) {
    this.#present = present
    this.#failed = failed
  }

  /** Takes over which services and overrides there have been since before a revision. In steps. */
  * begin (revision: number): Generator<void> {
    for (const object of this.#present().heldObjects()) {
      if (object.revision <= revision && (manifestName(object.key) !== undefined || overriddenKey(object.key) !== undefined)) this.#view.fillObject(object)
      yield
    }
  }

  /** The next entry of the log. undefined = it is a change of nothing. */
  tell (change: Change): AppliedChange | undefined {
    if (change.type === 'raise') return undefined
    let applied: AppliedChange | undefined
    try {
      this.#complete(change)
      applied = this.#view.apply(change)
    } catch (error) {
      this.#failed(error)
      this.#view = new Catalog() // it may be half changed
    }
    const told = applied ?? unknownChange(change)
    return isVague(change, told) ? { ...told, isVague: true } : told
  }

  /** Puts in what was there before a change, if somebody knows it. */
  #complete (change: RecordChange): void {
    if (change.type === 'put') return
    if (change.type === 'put-object' || change.type === 'delete-object') return this.#completeObject(change)
    const { namespace, service, id } = splitKey(change.key)
    if (this.#view.entry(namespace, service, id) !== undefined) return
    if (change.type === 'delete') {
      if (change.last !== undefined) this.#view.fillInstance(change.last)
      return
    }
    const entry = this.#present().entry(namespace, service, id)
    if (entry === undefined || entry.lease !== change.lease || entry.recordRevision > change.revision) return
    this.#view.fillInstance({ ...recordOf(entry), shownRevision: entry.recordRevision, suspect: change.type === 'trusted' })
  }

  /** An override is shown with its instance. */
  #completeObject (change: Extract<Change, { readonly type: 'put-object' | 'delete-object' }>): void {
    const key = change.type === 'put-object' ? change.object.key : change.key
    if (change.type === 'delete-object' && change.last !== undefined && this.#view.object(key) === undefined) this.#view.fillObject(change.last)
    const target = overriddenKey(key)
    if (target === undefined || this.#view.entry(target.namespace, target.service, target.id) !== undefined) return
    const entry = this.#present().entry(target.namespace, target.service, target.id)
    if (entry === undefined || entry.recordRevision > change.revision) return
    this.#view.fillInstance({ ...recordOf(entry), shownRevision: entry.recordRevision })
  }
}

/**
 * Whether it is not known what a change replaced or took away. An instance of which only the suspicion or the override changed, and of which
 * nobody knows what it was then, was written later: that change tells it.
 */
function isVague (change: RecordChange, { kind, event, instance, previous, service, target }: AppliedChange): boolean {
  switch (kind) {
    case 'instance':
      if (event === 'delete') return instance === undefined
      return change.type === 'put' && previous === undefined && change.reason !== 'registered'
    case 'service': return event === 'delete' && service === undefined
    // A slice that moved from a service to another, or whose service is not known.
    case 'endpoints': return target.service === '' || (change.type === 'put-object' && change.object.createdRevision < change.revision)
    default: return false
  }
}

/** Of which nothing but the names is known. */
function unknownChange (change: RecordChange): AppliedChange {
  const { revision, atMs, by, reason } = change
  const isGone = change.type === 'delete' || change.type === 'delete-object'
  return {
    revision, atMs, by, reason, event: isGone ? 'delete' : 'put', kind: 'instance', target: targetOf(change), instance: undefined, previous: undefined,
    lease: 'lease' in change ? change.lease : '', createdRevision: 0, touched: []
  }
}

function targetOf (change: RecordChange): AppliedChange['target'] {
  if (change.type === 'put') return splitKey(change.record.key)
  const key = change.type === 'put-object' ? change.object.key : change.key
  return overriddenKey(key) ?? splitKey(key)
}
