// What the file holds at the start: its records, and by the way their leases into the wheel.
import { maxTtlMs } from '../../model/limits.ts'
import type { InstanceRecord, ObjectRecord } from '../store.ts'
import type { LeaseWheel } from './lease-wheel.ts'
import { readInstanceArray, readObjectRow, type Statements } from './rows.ts'

export class Loading {
  readonly #statements: Pick<Statements, 'instances' | 'objects'>
  readonly #wheel: LeaseWheel
  readonly #now: () => number
  #hasLeases = false

  constructor (statements: Pick<Statements, 'instances' | 'objects'>, wheel: LeaseWheel, now: () => number) {
    this.#statements = statements
    this.#wheel = wheel
    this.#now = now
  }

  /**
   * Those that are not what was written have a fault. The first one to read them all puts their leases into the wheel by the way, each with
   * its full TTL; suspects get their whole grace at the first sweep.
   */
  * instances (): Generator<InstanceRecord> {
    const isEmpty = this.#wheel.size === 0 // else a reader before this one gave up on its way
    for (const row of this.#statements.instances.iterate()) {
      const record = readInstanceArray(row as unknown as readonly unknown[]) // the statement gives arrays; its type does not know
      if (!this.#hasLeases && (isEmpty || this.#wheel.find(record.lease) === undefined)) {
        const ttlMs = Math.min(Math.max(record.ttlMs, 0), maxTtlMs) // a record that cannot be read has a lease too
        this.#wheel.add(record.lease, serviceOf(record.key), ttlMs, this.#now() + ttlMs, record.suspect)
      }
      yield record
    }
    this.#hasLeases = true
  }

  /** Sees to it that the leases of the file are in the wheel, if nobody has read the instances to their end. */
  restoreLeases (): void {
    const records = this.instances()
    while (!this.#hasLeases && records.next().done !== true);
  }

  /** As `instances`. */
  * objects (): Generator<ObjectRecord> {
    for (const row of this.#statements.objects.iterate()) yield readObjectRow(row)
  }
}

/** `namespace/service` of `namespace/service/id`. */
export function serviceOf (key: string): string {
  return key.slice(0, key.lastIndexOf('/'))
}
