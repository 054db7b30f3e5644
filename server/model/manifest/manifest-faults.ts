// Faults of manifests, with their place in the stream.
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import { FaultList, sentence } from '../../refusal.ts'
import type { ManifestDocument } from './manifest-document.ts'

/** Faults of a document's fields with their place in the stream. */
export function located (document: ManifestDocument, faults: readonly FieldError[]): readonly FieldError[] {
  const prefix = document.item === undefined ? '' : `items[${document.item}].`
  return faults.map((fault) => ({ ...fault, field: `${prefix}${fault.field}`, document: document.index, line: document.lineOf(fault.field) }))
}

/** A REG_INVALID whose message begins each fault with its place: `document 2, line 14: spec.ports[0].port must ...`. */
export function streamInvalid (faults: readonly FieldError[], moreErrors = 0): RegistryError {
  const list = new FaultList()
  list.addAll(faults, moreErrors)
  const place = ({ document, line }: FieldError): string => {
    const parts = [...(document === undefined ? [] : [`document ${document}`]), ...(line === undefined ? [] : [`line ${line}`])]
    return parts.length === 0 ? '' : `${parts.join(', ')}: `
  }
  return new RegistryError('REG_INVALID', sentence(list.faults, list.more, place), list.faults, { moreErrors: list.more })
}

/** Ends the reading of one document. */
export class DocumentFault extends Error {
  readonly field: string
  readonly offset: number

  constructor (field: string, rule: string, offset: number) {
    super(rule)
    this.field = field
    this.offset = offset
  }
}
