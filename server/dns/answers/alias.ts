// An ExternalName service: its name is an alias (CNAME) of another one, in a zone of ours or anywhere.
import { type RecordName, recordNameOf } from '../names/record-name.ts'
import type { Zone } from '../names/zone.ts'
import { joinedBytes, maxLabelBytes, maxNameLength, nameBytes, questionPointer, recordBytes, recordTypes } from '../wire/wire.ts'

export interface AliasOptions {
  readonly ttlSeconds: number
  /** The zones in which targets of aliases are looked up, the longest name first. */
  readonly zones: readonly Zone[]
}

/**
 * Of a longer chain an answer has the first ones and ends: the client asks on from there. Chains of people are of one or two;
 * so many aliases of the longest names still fit an answer over TCP, and pointers reach all of them.
 */
export const maxAliases = 8

export class Alias {
  /** The CNAME record. It ends with the target. */
  readonly record: Buffer
  readonly targetLength: number
  readonly target: RecordName

  /** @param labels of the target, a name that DNS can carry */
  constructor (labels: readonly string[], { ttlSeconds, zones }: AliasOptions) {
    const wire = nameBytes(labels)
    this.record = joinedBytes([recordBytes(questionPointer, recordTypes.CNAME, ttlSeconds, wire)])
    this.targetLength = wire.length
    this.target = recordNameOf(labels, zones)
  }
}

/**
 * The alias of an ExternalName service, undefined if DNS cannot carry the name.
 * @param externalName a trailing dot is cut off
 */
export function aliasTo (externalName: string, options: AliasOptions): Alias | undefined {
  const labels = externalName.replace(/\.$/, '').toLowerCase().split('.')
  const isName = labels.every((label) => label.length > 0 && label.length <= maxLabelBytes) && nameBytes(labels).length <= maxNameLength
  return isName ? new Alias(labels, options) : undefined
}
