// Class CH: which server this is (RFC 4892). Nothing of class IN is ever answered there.
import { isNameAt } from '../wire/name.ts'
import type { QueryReader } from '../wire/query-reader.ts'
import { classChaos, headerLength, nameBytes, questionPointer, questionTailLength, recordBytes, recordTypes } from '../wire/wire.ts'

const maxTextBytes = 255 // RFC 1035 3.3

export interface ChaosOptions {
  /** What `version.bind` and `version.server` say. */
  readonly version: string
  /** What `id.server` and `hostname.bind` say. */
  readonly node: string
}

export class Chaos {
  readonly #texts: readonly { readonly wire: Buffer, readonly record: Buffer }[]

  constructor ({ version, node }: ChaosOptions) {
    this.#texts = ([['version.bind', version], ['version.server', version], ['id.server', node], ['hostname.bind', node]] as const)
      .map(([name, text]) => ({ wire: nameBytes(name.split('.')), record: textRecord(text) }))
  }

  /** The TXT record at the name of a query, undefined for any other name. */
  record ({ message, questionLength }: QueryReader): Buffer | undefined {
    const nameEnd = headerLength + questionLength - questionTailLength
    return this.#texts.find(({ wire }) => isNameAt(message, headerLength, nameEnd, wire))?.record
  }
}

/** TTL 0: what stands behind an address may change with the next query. */
function textRecord (text: string): Buffer {
  const bytes = Buffer.from(text).subarray(0, maxTextBytes)
  return recordBytes(questionPointer, recordTypes.TXT, 0, Buffer.concat([Buffer.from([bytes.length]), bytes]), classChaos)
}
