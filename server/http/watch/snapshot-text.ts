// The text of a snapshot in pieces, made as they are read. All who wait for the same snapshot share its pieces; what does not fit into the
// memory kept for them is made again for each reader, so that a reader who stops holds one piece, however large the registry is.
//
//   snapshot = { type: "snapshot", id, revision, instances: [ ... ], services?: [ ... ] }
import type { Instance } from '../../../client-sdk/src/wire.ts'
import type { Service } from '../../model/service/types.ts'
import { keptSnapshotBytes, snapshotPieceBytes } from '../server/limits.ts'

/** What a snapshot says beside its revision. */
export interface SnapshotContent {
  readonly revision: number
  readonly instances: readonly Instance[]
  readonly services?: readonly Service[]
}

/** Reads a snapshot from its first instance to its last brace. */
export interface SnapshotReader {
  /** The next piece, undefined at the end. */
  next (): Buffer | undefined
  /** Must be called when no more is read. Calling it again does nothing. */
  close (): void
}

interface Piece {
  /** The first item that is not in it. */
  readonly end: number
  /** Undefined: there was no room to keep it. */
  readonly text: Buffer | undefined
}

export class SnapshotTexts {
  readonly #limit: number
  readonly #pieceBytes: number
  /** Those that somebody reads. */
  readonly #texts = new Set<SnapshotText>()
  #bytes = 0

  constructor (limit = keptSnapshotBytes, pieceBytes = snapshotPieceBytes) {
    this.#limit = limit
    this.#pieceBytes = pieceBytes
  }

  /** Bytes that are kept for readers. */
  get bytes (): number {
    return this.#bytes
  }

  read (content: SnapshotContent): SnapshotReader {
    let text: SnapshotText | undefined
    for (const known of this.#texts) if (known.isOf(content)) text = known
    text ??= new SnapshotText(content, this.#pieceBytes, (bytes) => this.#keep(bytes))
    this.#texts.add(text)
    return text.read(() => {
      this.#texts.delete(text)
      this.#bytes -= text.bytes
    })
  }

  #keep (bytes: number): boolean {
    if (this.#bytes + bytes > this.#limit) return false
    this.#bytes += bytes
    return true
  }
}

class SnapshotText {
  readonly #content: SnapshotContent
  readonly #pieceBytes: number
  readonly #keep: (bytes: number) => boolean
  readonly #pieces: Piece[] = []
  #readers = 0
  /** Of the pieces that are kept. */
  bytes = 0

  constructor (content: SnapshotContent, pieceBytes: number, keep: (bytes: number) => boolean) {
    this.#content = content
    this.#pieceBytes = pieceBytes
    this.#keep = keep
  }

  isOf ({ revision, instances, services }: SnapshotContent): boolean {
    return revision === this.#content.revision && areSame(instances, this.#content.instances) && areSame(services ?? [], this.#content.services ?? [])
  }

  read (whenUnread: () => void): SnapshotReader {
    this.#readers++
    let index = 0
    let isOpen = true
    return {
      next: () => this.#piece(index++),
      close: () => {
        if (isOpen && --this.#readers === 0) whenUnread()
        isOpen = false
      }
    }
  }

  #piece (index: number): Buffer | undefined {
    const known = this.#pieces[index]
    if (known?.text !== undefined) return known.text
    const begin = this.#pieces[index - 1]?.end ?? 0
    if (begin > this.#last) return undefined
    let text = ''
    let end = begin
    // A piece that was made before has the same items again, so that those behind it fit.
    while (known === undefined ? end <= this.#last && text.length < this.#pieceBytes : end < known.end) text += this.#item(end++)
    const bytes = Buffer.from(text)
    if (known !== undefined) return bytes
    const isKept = this.#keep(bytes.length)
    if (isKept) this.bytes += bytes.length
    this.#pieces.push({ end, text: isKept ? bytes : undefined })
    return bytes
  }

  /** Index of the item behind the last service. */
  get #last (): number {
    return this.#content.instances.length + (this.#content.services?.length ?? 0)
  }

  /** An instance or a service with what stands before it; the last one is the end. */
  #item (index: number): string {
    const { instances, services = [] } = this.#content
    if (index < instances.length) return `${index === 0 ? '' : ','}${JSON.stringify(instances[index])}`
    const service = services[index - instances.length]
    if (service === undefined) return ']}'
    return `${index === instances.length ? '],"services":[' : ','}${JSON.stringify(service)}`
  }
}

/** Lists of the same objects: they are never changed, so they have the same text. */
function areSame (some: readonly unknown[], others: readonly unknown[]): boolean {
  return some === others || (some.length === others.length && some.every((one, index) => one === others[index]))
}
