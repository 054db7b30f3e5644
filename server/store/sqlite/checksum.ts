// A number beside each record that says whether its columns are still what was written: SQLite itself does not notice a bit that flipped
// inside a value. What changes without the record being written anew (suspicion, the shown revision) is not in it.
import { crc32 } from 'node:zlib'
import type { InstanceRecord, ObjectRecord } from '../store.ts'

export function checksum (...columns: readonly (string | number)[]): number {
  return crc32(columns.join('\n'))
}

export function instanceChecksum (record: InstanceRecord): number {
  const { key, lease, generation, ttlMs, createdRevision, revision, createdAtMs, updatedAtMs, body } = record
  // The text that `checksum` makes of them, in one piece: a start does it for each record.
  return crc32(`${key}\n${lease}\n${generation}\n${ttlMs}\n${createdRevision}\n${revision}\n${createdAtMs}\n${updatedAtMs}\n${body}`)
}

export function objectChecksum (object: ObjectRecord): number {
  const { key, createdRevision, revision, createdAtMs, updatedAtMs, endsAtMs, body } = object
  return checksum(key, createdRevision, revision, createdAtMs, updatedAtMs, endsAtMs, body)
}
