// What checks said last. It is no change of the registry: this node keeps it for those who ask it, and another node may know an older text.

/** Consul's own limit of one output, in characters. */
export const maxOutput = 4_096
/** Characters of all outputs: those of the instances that spoke least lately go first. */
const maxKept = 16 * 1024 ** 2

type Said = ReadonlyMap<string, string>

export class Outputs {
  /** By instance; each is replaced, never changed. */
  readonly #said = new Map<string, Said>()
  #kept = 0
  #version = 0

  /** Grows when a text changes: answers that were made before may show another one. */
  get version (): number {
    return this.#version
  }

  /** What the checks of an instance said, by their ids: the same object until one says something else. @param key `namespace/service/id` */
  of (key: string): Said | undefined {
    return this.#said.get(key)
  }

  set (key: string, checkId: string, text: string): void {
    const before = this.#said.get(key)
    const cut = text.slice(0, maxOutput)
    if ((before?.get(checkId) ?? '') === cut) return
    const others = [...before ?? []].filter(([id]) => id !== checkId)
    this.#forget(key)
    const said = new Map([...others, ...cut === '' ? [] : [[checkId, cut] as const]])
    if (said.size > 0) {
      this.#said.set(key, said)
      this.#kept += lengthOf(key, said)
    }
    this.#version++
    for (const oldest of this.#said.keys()) {
      if (this.#kept <= maxKept) break
      this.#forget(oldest)
    }
  }

  #forget (key: string): void {
    const said = this.#said.get(key)
    if (said === undefined) return
    this.#said.delete(key)
    this.#kept -= lengthOf(key, said)
  }
}

function lengthOf (key: string, said: Said): number {
  return [...said].reduce((sum, [checkId, text]) => sum + checkId.length + text.length, key.length)
}
