// What checks said last. It is no change of the registry: this node keeps it for those who ask it, and another node may know an older text.

/** Consul's own limit of one output, in characters. */
export const maxOutput = 4_096
/** Characters of all outputs: the oldest ones go first. */
const maxKept = 16 * 1024 ** 2

export class Outputs {
  readonly #texts = new Map<string, string>()
  #kept = 0
  #version = 0

  /** Grows when a text changes: answers that were made before show another one. */
  get version (): number {
    return this.#version
  }

  /** @param key of an instance, `namespace/service/id` */
  set (key: string, checkId: string, text: string): void {
    const place = `${key} ${checkId}`
    const cut = text.slice(0, maxOutput)
    const before = this.#texts.get(place)
    if (before === cut || (before === undefined && cut === '')) return
    this.#forget(place)
    if (cut !== '') {
      this.#texts.set(place, cut)
      this.#kept += place.length + cut.length
    }
    this.#version++
    for (const oldest of this.#texts.keys()) {
      if (this.#kept <= maxKept) break
      this.#forget(oldest)
    }
  }

  get (key: string, checkId: string): string | undefined {
    return this.#texts.get(`${key} ${checkId}`)
  }

  #forget (place: string): void {
    const text = this.#texts.get(place)
    if (text === undefined) return
    this.#texts.delete(place)
    this.#kept -= place.length + text.length
  }
}
