// What a store takes of loads and notes: the same rules for each of them.
import { RegistryError, invalid } from '../errors.ts'
import {
  type Holder, type Note, type NoteWrite, maxClaimMs, maxLoadText, maxLoadsAtOnce, maxNoteText, maxNotes, maxNotesAtOnce
} from './store.ts'

/** @throws RegistryError REG_INVALID */
export function checkLoads (loads: ReadonlyMap<string, string>): void {
  if (loads.size > maxLoadsAtOnce) throw invalid([{ field: 'loads', value: loads.size, rule: `must be at most ${maxLoadsAtOnce} in one call` }])
  for (const [lease, body] of loads) {
    if (body === '' || body.length > maxLoadText || body.includes('\n')) {
      throw invalid([{ field: `loads[${lease}]`, value: body.length, rule: `must be a line of 1 to ${maxLoadText} characters` }])
    }
  }
}

/** @throws RegistryError REG_INVALID */
export function checkNotes (notes: readonly NoteWrite[]): void {
  if (notes.length > maxNotesAtOnce) throw invalid([{ field: 'notes', value: notes.length, rule: `must be at most ${maxNotesAtOnce} in one call` }])
  for (const { key, body, keepMs } of notes) {
    checkKey(key)
    if (body.length > maxNoteText || body.includes('\n')) {
      throw invalid([{ field: key, value: body.length, rule: `must be a line of at most ${maxNoteText} characters` }])
    }
    if (!Number.isSafeInteger(keepMs) || keepMs < 0) throw invalid([{ field: `${key}.keepMs`, value: keepMs, rule: 'must be a whole number of milliseconds' }])
  }
}

/** @throws RegistryError REG_INVALID */
export function checkClaim ({ claim, holder }: Holder, keepMs: number): void {
  checkKey(claim)
  checkKey(holder)
  if (!Number.isSafeInteger(keepMs) || keepMs < 0 || keepMs > maxClaimMs) {
    throw invalid([{ field: 'keepMs', value: keepMs, rule: `must be a whole number from 0 to ${maxClaimMs}` }])
  }
}

export function tooManyNotes (): RegistryError {
  return new RegistryError('REG_LIMIT_REACHED', `there are ${maxNotes} notes of autoscalers and external metrics already`)
}

/** Whether a note is still one. */
export function isNote ({ endsAtMs }: Pick<Note, 'endsAtMs'>, nowMs: number): boolean {
  return endsAtMs === 0 || endsAtMs > nowMs
}

function checkKey (key: string): void {
  if (!/^[^\n]{1,1024}$/.test(key)) throw invalid([{ field: 'key', value: key, rule: 'must be 1 to 1024 characters without a newline' }])
}
