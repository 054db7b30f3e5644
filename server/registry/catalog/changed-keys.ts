// Which endpoints of one service changed lately, for those who follow it and want to be told the difference. It remembers only while
// somebody asks: what nobody has asked about for as many changes as it holds is forgotten, and so is what is older.
import { type EndpointKey, endpointKey } from '../../model/instance/endpoint-part.ts'

/** A follower this far behind is better told all; a remembered change costs some 60 octets. */
export const maxChangedKeys = 1_000

interface ChangedKey {
  readonly revision: number
  readonly key: EndpointKey
}

export class ChangedKeys {
  /** Whose changes are all here; undefined = it does not remember. */
  #start: number | undefined
  #changes: ChangedKey[] = []
  /** Changes since somebody asked last. */
  #unread = 0
  /** The newest revision that the endpoints were shown at. */
  #told = 0

  begin (revision: number): void {
    this.#start ??= revision
    this.#unread = 0
  }

  told (revision: number): void {
    this.#told = Math.max(this.#told, revision)
  }

  note (key: EndpointKey, revision: number): void {
    if (this.#start === undefined) return
    // A change below what was shown already could not be told from it.
    if (revision <= this.#told || ++this.#unread > maxChangedKeys) return this.#forget()
    this.#changes.push({ revision, key: endpointKey(key) })
    if (this.#changes.length > 2 * maxChangedKeys) {
      this.#changes = this.#changes.slice(maxChangedKeys)
      this.#start = this.#changes[0]?.revision ?? revision // of that change some endpoints may be gone from here already
    }
  }

  /** Each endpoint once; undefined = not all of them are remembered. */
  since (revision: number): readonly EndpointKey[] | undefined {
    this.#unread = 0
    if (this.#start === undefined || revision < this.#start) {
      this.#start ??= this.#told
      return undefined
    }
    const keys = new Map<string, EndpointKey>()
    for (let at = this.#changes.length - 1; at >= 0; at--) {
      const change = this.#changes[at]
      if (change === undefined || change.revision <= revision) break
      keys.set(`${change.key.service ?? ''}/${change.key.id}`, change.key)
    }
    return [...keys.values()]
  }

  #forget (): void {
    this.#start = undefined
    this.#changes = []
  }
}
