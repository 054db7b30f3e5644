// What all readers of stored texts do first: the text must be JSON, and the JSON must fit its schema.
import type { FieldError } from '../../client-sdk/src/wire.ts'
import { FaultList, type Refusal } from '../refusal.ts'
import type { Checker } from './validate.ts'

/** Stands in where a text was refused and no fault of it was found. */
export const unknownFault: FieldError = { field: 'body', rule: 'must fit its schema' }

/** The value of a stored text, or why it cannot be read. Never throws. */
export function readJson (text: string, check: Checker): { readonly value: unknown } | { readonly refusal: Refusal } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { refusal: notJson(text) }
  }
  const refusal = check(value)
  return refusal === undefined ? { value } : { refusal }
}

function notJson (text: string): Refusal {
  const list = new FaultList()
  list.add(() => ({ field: 'body', value: text, rule: 'must be JSON' }))
  return list.refusal(unknownFault)
}
