// The newest changes, in order: what a resumed watch, the event list and a store that lost its tail are served from.
import type { Instance, Reason } from '../../../client-sdk/src/wire.ts'
import type { Service } from '../../model/service/types.ts'
import type { ObjectRecord } from '../../store/store.ts'

/** A change after the catalog took it in. */
export interface AppliedChange {
  readonly revision: number
  readonly atMs: number
  readonly by: string
  readonly reason: Reason
  readonly event: 'put' | 'delete'
  /** What it is about. Of `endpoints` that were made by hand the service is the target, of a claim its holder, of a `secret` of the registry and of what its nodes tell each other nothing. */
  readonly kind: 'instance' | 'service' | 'endpoints' | 'namespace' | 'claim' | 'secret'
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
  /** Set when an object changed: the object, or its key when it went. */
  readonly object?: ObjectRecord | { readonly deletedKey: string }
}

/** What bounds a ring: the one that is met first. */
export interface RingLimits {
  readonly entries: number
  /** About: texts are counted by their length. */
  readonly bytes: number
}

/** Compacting the array costs its length, so it is not done for few. */
const minCompacted = 1_000

export class ChangeRing {
  readonly #limits: RingLimits
  #entries: (AppliedChange | undefined)[] = []
  #first = 0 // index of the oldest entry that counts; the array is compacted when half of it does not
  #bytes = 0
  #start = 0

  constructor (limits: RingLimits) {
    this.#limits = limits
  }

  /** Forgets everything; what follows comes after `revision`. */
  restart (revision: number): void {
    this.#entries = []
    this.#first = 0
    this.#bytes = 0
    this.#start = revision
  }

  push (change: AppliedChange): void {
    this.#entries.push(change)
    this.#bytes += bytesOf(change)
    while (this.#entries.length - this.#first > this.#limits.entries || (this.#bytes > this.#limits.bytes && this.#first < this.#entries.length)) this.#drop()
    if (this.#first < minCompacted || this.#first * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }

  #drop (): void {
    const oldest = this.#entries[this.#first]
    if (oldest !== undefined) {
      this.#start = oldest.revision
      this.#bytes -= bytesOf(oldest)
    }
    this.#entries[this.#first] = undefined
    this.#first++
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
    let low = this.#first
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#entries[middle]?.revision ?? 0) <= revision) low = middle + 1
      else high = middle
    }
    return this.#entries.slice(low, low + limit).filter((entry) => entry !== undefined)
  }

  /** Newest first. */
  * backwards (): Generator<AppliedChange> {
    for (let index = this.#entries.length - 1; index >= this.#first; index--) {
      const entry = this.#entries[index]
      if (entry !== undefined) yield entry
    }
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
