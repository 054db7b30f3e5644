// The copies of a service differ in little: what is equal in many of them is kept once. Without it a hundred thousand instances
// hold a hundred thousand equal lists of ports.
import type { InstanceBody } from '../../model/instance/instance.ts'

/** Distinct parts that are kept. Beyond it everything is forgotten and begins anew: sharing is an economy, not a promise. */
const maxParts = 10_000
/** Longer texts are one of a kind, and would only fill the pool. */
const maxPartLength = 1_024

export class SharedParts {
  readonly #parts = new Map<string, unknown>()

  /** The same content, with the parts that others have too. */
  body (body: InstanceBody): InstanceBody {
    const { ports, labels, metadata, zone, region, node, version, source, owner } = body
    return {
      ...body,
      ports: this.#shared(ports),
      labels: this.#shared(labels),
      metadata: this.#shared(metadata),
      ...(zone === undefined ? {} : { zone: this.text(zone) }),
      ...(region === undefined ? {} : { region: this.text(region) }),
      ...(node === undefined ? {} : { node: this.text(node) }),
      ...(version === undefined ? {} : { version: this.text(version) }),
      ...(source === undefined ? {} : { source: this.text(source) }),
      ...(owner === undefined ? {} : { owner: this.text(owner) })
    }
  }

  text (text: string): string {
    return this.#known(text, text)
  }

  #shared<Part extends object> (part: Part): Part {
    const text = JSON.stringify(part)
    return text.length > maxPartLength ? part : this.#known(text, part)
  }

  #known<Part> (text: string, part: Part): Part {
    const known = this.#parts.get(text)
    // A text that is JSON begins with { or [, which no name does: the two kinds can't be confused.
    if (known !== undefined) return known as Part
    if (this.#parts.size >= maxParts) this.#parts.clear()
    this.#parts.set(text, part)
    return part
  }
}
