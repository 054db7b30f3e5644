// Texts that were made for an answer and are the same for the next one who asks for the same: a page of a thousand instances takes
// milliseconds to write and a megabyte to hold, whether one client waits for it or a hundred. The ones used last are kept.

export class KeptTexts {
  readonly #limit: number
  readonly #least: number
  readonly #texts = new Map<string, Buffer>()
  #bytes = 0

  /** @param limit bytes of all texts @param least bytes of the shortest text that is worth keeping */
  constructor (limit: number, least: number) {
    this.#limit = limit
    this.#least = least
  }

  /** Bytes that are kept. */
  get bytes (): number {
    return this.#bytes
  }

  /** The text under a key that says everything that it depends on. */
  get (key: string, make: () => string): Buffer | string {
    const kept = this.find(key)
    if (kept !== undefined) return kept
    const text = make()
    if (text.length < this.#least) return text
    const bytes = Buffer.from(text)
    this.keep(key, bytes)
    return bytes
  }

  /** One that is kept. */
  find (key: string): Buffer | undefined {
    const kept = this.#texts.get(key)
    if (kept === undefined) return undefined
    this.#texts.delete(key)
    this.#texts.set(key, kept) // it is the newest again
    return kept
  }

  /** Bytes of the longest text that is kept. */
  get longest (): number {
    return this.#limit / 2
  }

  keep (key: string, bytes: Buffer): void {
    if (bytes.length < this.#least || bytes.length > this.longest || this.#texts.has(key)) return
    this.#texts.set(key, bytes)
    this.#bytes += bytes.length
    for (const [oldest, { length }] of this.#texts) {
      if (this.#bytes <= this.#limit) break
      this.#texts.delete(oldest)
      this.#bytes -= length
    }
  }
}
