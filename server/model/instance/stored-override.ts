// An override as it comes back from a store: checked like what a stranger sends.
import { type Static, Type } from 'typebox'
import type { Refusal } from '../../refusal.ts'
import { readJson } from '../stored-text.ts'
import { checker } from '../validate.ts'
import { ShortText, Weight } from './instance.ts'

/** What `storedOverride` makes: author and reason are there, its times are the record's own. */
const StoredOverride = Type.Object({
  status: Type.Optional(Type.Enum(['draining', 'down'])),
  weight: Type.Optional(Weight),
  author: ShortText,
  reason: ShortText
}, { additionalProperties: false, minProperties: 3, rule: 'must have a status or a weight, an author and a reason' })

export type OverrideText = Static<typeof StoredOverride>

const check = checker(StoredOverride)

/** Reads the stored text of an override. Never throws. */
export function readOverride (text: string): { readonly override: OverrideText } | { readonly refusal: Refusal } {
  const read = readJson(text, check)
  return 'refusal' in read ? read : { override: read.value as OverrideText } // it has just been checked
}
