// What Redis keeps beside the records: loads of instances, notes of nodes, claims. None of it has a revision.
import type { Holder, LoadPage, Note, NoteWrite, StoredLoad } from '../store.ts'
import { maxNotes } from '../store.ts'
import { checkClaim, checkLoads, checkNotes, isNote, tooManyNotes } from '../note-rules.ts'
import type { Link } from './link.ts'
import { checkTexts } from './records.ts'
import { scripts } from './scripts.ts'

/** Loads in one answer: some 300 kB. */
const pageSize = 2_000
/** Rounds of a scan: a million keys at least, far more than there may be. */
const maxScans = 1_000
/** Before the name of a claim, among the notes. */
const claimPrefix = 'claim/'

export async function keepLoads (link: Link, loads: ReadonlyMap<string, string>): Promise<void> {
  checkLoads(loads)
  link.check()
  if (loads.size > 0) await link.call(scripts.keepLoads, [...loads].flat())
}

/** A place is `<term>.<number>`. */
export async function readLoads (link: Link, place: string): Promise<LoadPage> {
  const [, term = '0', number = '0'] = /^(\d+)\.(\d+)$/.exec(place) ?? []
  const reply = await link.call(scripts.readLoads, [term, number, pageSize])
  const [nowMs, ofTerm, next, leases, texts] = reply as [number, string, string, string[], (string | null)[]] // scripts/read-loads
  const loads: StoredLoad[] = []
  for (const [index, lease] of leases.entries()) {
    const [, atMs, body] = /^(\d+)\n(.*)$/.exec(texts[index] ?? '') ?? []
    if (atMs !== undefined && body !== undefined) loads.push({ lease, atMs: Number(atMs), body })
  }
  return { loads, place: `${ofTerm}.${next}`, more: leases.length === pageSize, nowMs }
}

export async function writeNotes (link: Link, notes: readonly NoteWrite[], under?: Holder): Promise<boolean> {
  checkNotes(notes)
  for (const { key, body } of notes) checkTexts({ key, body })
  const [outcome] = await link.call(scripts.writeNotes, [
    maxNotes, under === undefined ? '' : `${claimPrefix}${under.claim}`, under?.holder ?? '', ...notes.flatMap(({ key, keepMs, body }) => [key, keepMs, body])
  ])
  if (outcome === -1) throw tooManyNotes()
  return outcome === 1
}

export async function readNotes (link: Link, prefix: string): Promise<{ notes: readonly Note[], nowMs: number }> {
  const pattern = `${prefix.replaceAll(/[*?[\]\\^]/g, '\\$&')}*`
  const found = new Map<string, Note>() // a scan may give a key twice
  let cursor = '0'
  let nowMs = 0
  for (let scans = 0; scans < maxScans; scans++) {
    const reply = await link.call(scripts.readNotes, [cursor, pattern])
    const [time, next, flat] = reply as [number, string, string[]] // scripts/read-notes
    nowMs = time
    cursor = next
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const [, atMs, endsAtMs, body] = /^(\d+)\n(\d+)\n(.*)$/.exec(flat[at + 1] ?? '') ?? []
      const key = flat[at] ?? ''
      if (body !== undefined) found.set(key, { key, body, atMs: Number(atMs), endsAtMs: Number(endsAtMs) })
    }
    if (cursor === '0') break
  }
  return { notes: [...found.values()].filter((note) => isNote(note, nowMs)), nowMs }
}

export async function claim (link: Link, holder: Holder, keepMs: number): Promise<boolean> {
  checkClaim(holder, keepMs)
  const [outcome] = await link.call(scripts.claim, [`${claimPrefix}${holder.claim}`, holder.holder, keepMs])
  return outcome === 1
}
