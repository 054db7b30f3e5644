// What the embedded store keeps beside the records. Loads are in memory, like leases: a restart ends them, and the next heartbeats say them
// again. Notes are rows.
import type { DatabaseSync } from 'node:sqlite'
import type { LoadPage, Note, NoteWrite, StoredLoad } from '../store.ts'
import { maxNotes } from '../store.ts'
import { checkLoads, isNote, tooManyNotes } from '../note-rules.ts'
import type { LeaseWheel } from './lease-wheel.ts'

/** An older server leaves a table alone that it does not know, so that the schema is the same. */
export const notesTable = 'CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, body TEXT NOT NULL, at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL) STRICT'

/** Loads in one answer. */
const pageSize = 10_000
/** Ended leases are looked for when there are so many more loads than leases. */
const spare = 1_000

interface Kept extends StoredLoad {
  readonly place: number
}

export class KeptLoads {
  readonly #wheel: Pick<LeaseWheel, 'find' | 'size'>
  readonly #now: () => number
  /** By lease, the oldest first. */
  readonly #loads = new Map<string, Kept>()
  #place = 0

  constructor (wheel: Pick<LeaseWheel, 'find' | 'size'>, now: () => number) {
    this.#wheel = wheel
    this.#now = now
  }

  keep (loads: ReadonlyMap<string, string>): void {
    checkLoads(loads)
    const atMs = this.#now()
    for (const [lease, body] of loads) {
      if (this.#wheel.find(lease) === undefined) continue
      this.#loads.delete(lease) // to the end
      this.#loads.set(lease, { lease, body, atMs, place: ++this.#place })
    }
    if (this.#loads.size > this.#wheel.size + spare) this.#prune()
  }

  read (place: string): LoadPage {
    const after = Number(place)
    const loads: StoredLoad[] = []
    let last = after
    let more = false
    for (const kept of this.#loads.values()) {
      if (kept.place <= after) continue
      if (loads.length === pageSize) {
        more = true
        break
      }
      last = kept.place
      if (this.#wheel.find(kept.lease) === undefined) this.#loads.delete(kept.lease)
      else loads.push({ lease: kept.lease, atMs: kept.atMs, body: kept.body })
    }
    return { loads, place: String(last), more, nowMs: this.#now() }
  }

  #prune (): void {
    for (const lease of this.#loads.keys()) if (this.#wheel.find(lease) === undefined) this.#loads.delete(lease)
  }
}

export class Notes {
  readonly #now: () => number
  readonly #put
  readonly #remove
  readonly #has
  readonly #count
  readonly #removeEnded
  readonly #read

  constructor (db: DatabaseSync, now: () => number) {
    this.#now = now
    this.#put = db.prepare(`INSERT INTO notes (key, body, at_ms, ends_at_ms) VALUES (?, ?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms, ends_at_ms = excluded.ends_at_ms`)
    this.#remove = db.prepare('DELETE FROM notes WHERE key = ?')
    this.#has = db.prepare('SELECT 1 FROM notes WHERE key = ?')
    this.#count = db.prepare('SELECT count(*) AS count FROM notes')
    this.#removeEnded = db.prepare('DELETE FROM notes WHERE ends_at_ms > 0 AND ends_at_ms <= ?')
    this.#read = db.prepare('SELECT key, body, at_ms AS atMs, ends_at_ms AS endsAtMs FROM notes WHERE key >= ? AND key < ?')
  }

  /** Inside a transaction. @throws RegistryError REG_LIMIT_REACHED */
  write (notes: readonly NoteWrite[]): void {
    const nowMs = this.#now()
    const added = notes.filter(({ key, body }) => body !== '' && this.#has.get(key) === undefined).length
    const count = (): number => Number(this.#count.get()?.count)
    if (added > 0 && count() + added > maxNotes) {
      this.#removeEnded.run(nowMs)
      if (count() + added > maxNotes) throw tooManyNotes()
    }
    for (const { key, body, keepMs } of notes) {
      if (body === '') this.#remove.run(key)
      else this.#put.run(key, body, nowMs, keepMs === 0 ? 0 : nowMs + keepMs)
    }
  }

  read (prefix: string): { notes: readonly Note[], nowMs: number } {
    const nowMs = this.#now()
    const rows = this.#read.all(prefix, `${prefix}\u{10FFFF}`) as unknown as Note[] // the columns are named and typed like the fields
    return { notes: rows.map(({ key, body, atMs, endsAtMs }) => ({ key, body, atMs, endsAtMs })).filter((note) => isNote(note, nowMs)), nowMs }
  }
}
