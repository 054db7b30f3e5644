// The newest changes, in order: what a resumed watch, the event list and a store that lost its tail are served from.
import type { Instance, Reason } from '../../../client-sdk/src/wire.ts'
import type { Service } from '../../model/service/types.ts'
import type { Notice } from '../notices.ts'
import type { ObjectChangeKind } from '../services/manifests.ts'
import type { ObjectRecord } from '../../store/store.ts'

/** Of manifests that touch no service. */
export type ManifestChangeKind = 'policy' | ObjectChangeKind

/** A change after the catalog took it in. */
export interface AppliedChange {
  readonly revision: number
  readonly atMs: number
  readonly by: string
  readonly reason: Reason
  readonly event: 'put' | 'delete'
  /**
   * What it is about. Of hand-written `endpoints` the service is the target, of a claim its holder; the id of a
   * `policy`, and of the kinds behind it, is its name; a `secret` of the registry, and what its nodes tell each other, have none.
   */
  readonly kind: 'instance' | 'service' | 'endpoints' | 'namespace' | 'claim' | 'secret' | 'notice' | ManifestChangeKind
  /** Which instance it is about, also when that one is not known here. The id is empty where it is about no instance. */
  readonly target: { readonly namespace: string, readonly service: string, readonly id: string }
  /** The instance after the change; with `delete` its last form; undefined if the change touched no listed instance. */
  readonly instance: Instance | undefined
  /** The instance before the change. */
  readonly previous: Instance | undefined
  readonly lease: string
  readonly createdRevision: number
  /** Names of the declared services of the namespace that it concerns, beside the target. */
  readonly touched: readonly string[]
  /** Of a declared service: after the change, with `delete` its last form. */
  readonly service?: {
    readonly manifest: Service
    /** The name means other instances than before: watches of it begin anew. */
    readonly isAnew: boolean
  }
  /** Set when the record could not be read: it stays in the store, but for clients the instance or object is gone. */
  readonly aside?: { readonly key: string, readonly reason: string }
  /** Found by a load: its revision is a free one of the jump, not the store's. */
  readonly isDifference?: true
  /** Only of what is read from the store's log: what the change replaced, or took away, nobody knows any more. */
  readonly isVague?: true
  /** What the registry says of what was declared: with the kind `notice`, while it is one that this version can read. */
  readonly notice?: Notice
  /** Set when an object changed: the object, or its key when it went. */
  readonly object?: ObjectRecord | { readonly deletedKey: string }
}

/** What bounds a ring: the one that is met first. */
export interface RingLimits {
  readonly entries: number
  /** About: texts are counted by their length. */
  readonly bytes: number
}

/** Places at first; they are doubled until the limit of entries is met. */
const leastPlaces = 1_024

export class ChangeRing {
  readonly #limits: RingLimits
  /** The oldest one stands at `#first`, the next ones behind it and on from the beginning. A place that is free holds nothing. */
  #places: (AppliedChange | undefined)[] = []
  #first = 0
  #count = 0
  #bytes = 0
  #start = 0

  constructor (limits: RingLimits) {
    this.#limits = limits
  }

  /** Forgets everything; what follows comes after `revision`. */
  restart (revision: number): void {
    this.#places = []
    this.#first = 0
    this.#count = 0
    this.#bytes = 0
    this.#start = revision
  }

  push (change: AppliedChange): void {
    const bytes = bytesOf(change)
    while (this.#count > 0 && (this.#count >= this.#limits.entries || this.#bytes + bytes > this.#limits.bytes)) this.#drop()
    if (bytes > this.#limits.bytes || this.#limits.entries < 1) { // alone it is too much: what was before it is gone as well
      this.#start = change.revision
      return
    }
    if (this.#count === this.#places.length) this.#grow()
    this.#places[(this.#first + this.#count++) % this.#places.length] = change
    this.#bytes += bytes
  }

  #drop (): void {
    const oldest = this.#at(0)
    this.#start = oldest.revision
    this.#bytes -= bytesOf(oldest)
    this.#places[this.#first] = undefined
    this.#first = (this.#first + 1) % this.#places.length
    this.#count--
  }

  #grow (): void {
    const wider = new Array<AppliedChange | undefined>(Math.min(Math.max(leastPlaces, this.#places.length * 2), this.#limits.entries)).fill(undefined)
    for (let index = 0; index < this.#count; index++) wider[index] = this.#at(index)
    this.#places = wider
    this.#first = 0
  }

  /** The change that is `index` places behind the oldest one. */
  #at (index: number): AppliedChange {
    const change = this.#places[(this.#first + index) % this.#places.length]
    if (change === undefined) throw new RangeError(`of ${this.#count} changes there is none at ${index}`)
    return change
  }

  /** How many changes are remembered. */
  get size (): number {
    return this.#count
  }

  /** What the changes that are remembered hold, about. */
  get bytes (): number {
    return this.#bytes
  }

  /** Every change after this revision is here; of earlier ones nothing is said. */
  get start (): number {
    return this.#start
  }

  /** The changes after a revision, oldest first, at most `limit`. */
  since (revision: number, limit = Infinity): AppliedChange[] {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#at(middle).revision <= revision) low = middle + 1
      else high = middle
    }
    return Array.from({ length: Math.min(limit, this.#count - low) }, (_, index) => this.#at(low + index))
  }

  /** Newest first. It is gone through in one go: no change may come meanwhile. */
  * backwards (): Generator<AppliedChange> {
    for (let index = this.#count - 1; index >= 0; index--) yield this.#at(index)
  }
}

/** Of a change without its texts: the object itself, an instance with its ports and conditions. */
const plainBytes = 400

/** About. It must give the same for one change at each call; the texts are what may be large. */
function bytesOf ({ instance, object, service }: AppliedChange): number {
  let bytes = plainBytes
  if (instance !== undefined) {
    for (const texts of [instance.labels, instance.metadata]) for (const name of Object.keys(texts)) bytes += name.length + (texts[name]?.length ?? 0)
    bytes += 64 * instance.ports.length
  }
  if (object !== undefined && 'body' in object) bytes += object.body.length * (service === undefined ? 1 : 2) // the parsed manifest, too
  return bytes
}
