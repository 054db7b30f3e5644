// Answers of any length: made in slices, as fast as they are read, and never in memory as a whole.
import { Readable } from 'node:stream'
import { Slice } from '../../slice.ts'

/** Characters that are sent at once. */
const chunkLength = 64 * 1024

/**
 * The JSON text of a list, in pieces.
 * @param valuesOf what an item becomes: some values of the list, or none
 */
export function * jsonList<Item> (items: Iterable<Item>, valuesOf: (item: Item) => readonly unknown[]): Generator<string> {
  let isFirst = true
  yield '['
  for (const item of items) {
    let text = ''
    for (const value of valuesOf(item)) {
      text += isFirst ? JSON.stringify(value) : `,${JSON.stringify(value)}`
      isFirst = false
    }
    yield text // also an empty one: there was some work
  }
  yield ']'
}

/** What becomes of a body that is made once for all who ask for the same. */
export interface Keeping {
  /** Bytes of the longest one. */
  readonly longest: number
  readonly keep: (body: Buffer) => void
}

/** A body of pieces. The next ones are made when the reader has taken those before, and others have had their turn. */
export function streamed (pieces: Iterable<string>, keeping?: Keeping): Readable {
  return Readable.from(chunks(pieces, keeping), { objectMode: false, highWaterMark: chunkLength })
}

async function * chunks (pieces: Iterable<string>, keeping: Keeping | undefined): AsyncGenerator<Buffer> {
  const slice = new Slice()
  let chunk = ''
  let length = 0
  let kept: Buffer[] | undefined = keeping === undefined ? undefined : []
  const encoded = (): Buffer => {
    const bytes = Buffer.from(chunk)
    chunk = ''
    length += bytes.length
    if (length > (keeping?.longest ?? 0)) kept = undefined
    kept?.push(bytes)
    return bytes
  }
  for (const piece of pieces) {
    chunk += piece
    if (slice.isOver()) await slice.next()
    if (chunk.length < chunkLength) continue
    yield encoded()
    await slice.next() // who reads slowly comes back to a new one
  }
  if (chunk !== '') yield encoded()
  if (kept !== undefined) keeping?.keep(Buffer.concat(kept))
}
