// Records that cannot be read, or break today's rules: they stay in the store untouched, are never answered, and are shown to
// operators, who may remove them. A registration or a manifest of the same name takes the place of such a record.
import { certificatePrefix, isSecretKey } from '../object-keys.ts'
import type { InstanceRecord, ObjectRecord } from '../../store/store.ts'

/** A record that is not answered. */
export interface SetAsideRecord {
  /**
   * What operators name it by: `instance/namespace/service/id`, `lease/...` for one whose key cannot be read, and the key of an object
   * (`override/...`, `service/...`, `claim/...`).
   */
  readonly key: string
  readonly reason: string
  /** Of its last change, 0 = that cannot be read either. */
  readonly revision: number
  /** The lease of an instance; undefined of objects. */
  readonly lease: string | undefined
  /** When it was last written, on the store's clock; undefined if that cannot be read. */
  readonly updatedAtMs: number | undefined
  /** The beginning of its content, for people; empty where it may hold keys. */
  readonly text: string
  /** Characters of the whole content. */
  readonly length: number
}

/** Characters of the content that are kept: enough to see what it is. */
const keptLength = 2_048
/** Records whose content is kept; a store full of garbage must not fill the memory of the nodes too. */
const maxTexts = 1_000
/** Characters of a shown key; keys may be garbage as well. */
const maxKeyLength = 4_096
const maxTimeMs = 8_640_000_000_000_000

export class SetAside {
  readonly #byId = new Map<string, SetAsideRecord>()
  /** Shown key -> the lease under it: a new life takes the place of a record that cannot be read. */
  readonly #leases = new Map<string, string>()

  get size (): number {
    return this.#byId.size
  }

  values (): Iterable<SetAsideRecord> {
    return this.#byId.values()
  }

  /** By the key that operators see. */
  get (key: string): SetAsideRecord | undefined {
    const lease = this.#leases.get(key)
    return this.#byId.get(lease === undefined ? objectId(key) : leaseId(lease))
  }

  object (key: string): SetAsideRecord | undefined {
    return this.#byId.get(objectId(key))
  }

  addInstance (record: InstanceRecord, reason: string): SetAsideRecord {
    const { lease } = record
    const key = record.key === '' ? `lease/${lease}` : instanceName(record.key)
    this.deleteLease(lease)
    const known = this.#leases.get(cut(key, maxKeyLength))
    if (known !== undefined) this.deleteLease(known)
    const entry = this.#add(leaseId(lease), key, record, lease, reason)
    this.#leases.set(entry.key, lease)
    return entry
  }

  addObject (object: ObjectRecord, reason: string): SetAsideRecord {
    this.#byId.delete(objectId(object.key))
    return this.#add(objectId(object.key), object.key, object, undefined, reason)
  }

  /** The lease ended, or its record is well. @returns whether it was set aside */
  deleteLease (lease: string): boolean {
    const entry = this.#byId.get(leaseId(lease))
    if (entry === undefined) return false
    this.#byId.delete(leaseId(lease))
    if (this.#leases.get(entry.key) === lease) this.#leases.delete(entry.key)
    return true
  }

  /** Another life is registered under the key of an instance: the store dropped the one before. */
  replacedInstance (key: string): void {
    const lease = this.#leases.get(instanceName(key))
    if (lease !== undefined) this.deleteLease(lease)
  }

  /** Has what another one has, beside its own. */
  takeOver (other: SetAside): void {
    for (const [id, entry] of other.#byId) this.#byId.set(id, entry)
    for (const [key, lease] of other.#leases) this.#leases.set(key, lease)
  }

  deleteObject (key: string): boolean {
    return this.#byId.delete(objectId(key))
  }

  #add (id: string, key: string, { revision, updatedAtMs, body }: Pick<ObjectRecord, 'revision' | 'updatedAtMs' | 'body'>, lease: string | undefined, reason: string): SetAsideRecord {
    const entry: SetAsideRecord = {
      key: cut(key, maxKeyLength),
      reason: cut(reason, keptLength),
      revision: Number.isSafeInteger(revision) && revision > 0 ? revision : 0,
      lease,
      updatedAtMs: Number.isSafeInteger(updatedAtMs) && updatedAtMs > 0 && updatedAtMs <= maxTimeMs ? updatedAtMs : undefined,
      text: this.#byId.size < maxTexts && !holdsKeys(key) ? cut(body, keptLength) : '',
      length: body.length
    }
    this.#byId.set(id, entry)
    return entry
  }
}

/** A secret, of the nodes or of a certificate. A registration's key begins otherwise. */
function holdsKeys (key: string): boolean {
  return isSecretKey(key) || key.startsWith(certificatePrefix)
}

function instanceName (key: string): string {
  return `instance/${key}`
}

function leaseId (lease: string): string {
  return `lease ${lease}`
}

function objectId (key: string): string {
  return `object ${key}`
}

function cut (text: string, length: number): string {
  return text.length > length ? Buffer.from(text.slice(0, length)).toString() : text // a slice would keep the whole text alive
}
