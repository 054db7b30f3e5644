// Which entries of a namespace carry which label: a selector costs what it matches, not what the registry holds.
import type { Requirement, Selector } from '../../model/instance/selector.ts'

export class LabelIndex<Item> {
  readonly #keys = new Map<string, Map<string, Set<Item>>>()

  add (labels: Readonly<Record<string, string>>, entry: Item): void {
    for (const key in labels) {
      let values = this.#keys.get(key)
      if (values === undefined) {
        values = new Map()
        this.#keys.set(key, values)
      }
      const value = labels[key] ?? ''
      const entries = values.get(value)
      if (entries === undefined) values.set(value, new Set([entry]))
      else entries.add(entry)
    }
  }

  remove (labels: Readonly<Record<string, string>>, entry: Item): void {
    for (const key in labels) {
      const values = this.#keys.get(key)
      const entries = values?.get(labels[key] ?? '')
      if (values === undefined || entries === undefined) continue
      entries.delete(entry)
      if (entries.size === 0) values.delete(labels[key] ?? '')
      if (values.size === 0) this.#keys.delete(key)
    }
  }

  /** How many entries have a label. */
  count (key: string, value: string): number {
    return this.#keys.get(key)?.get(value)?.size ?? 0
  }

  /**
   * The smallest set of entries that holds all matches of a selector, or undefined if no requirement narrows it.
   * The caller still checks each entry.
   */
  candidates (selector: Selector): Iterable<Item> | undefined {
    const best = this.#narrowest(selector)
    return best === undefined ? undefined : chain(best.sets)
  }

  /** How many `candidates` gives; undefined if no requirement narrows it. */
  candidateCount (selector: Selector): number | undefined {
    return this.#narrowest(selector)?.size
  }

  #narrowest (selector: Selector): { readonly size: number, readonly sets: readonly Set<Item>[] } | undefined {
    let best: { size: number, sets: readonly Set<Item>[] } | undefined
    for (const requirement of selector.requirements) {
      const sets = this.#sets(requirement)
      if (sets === undefined) continue
      const size = sets.reduce((sum, set) => sum + set.size, 0)
      if (best === undefined || size < best.size) best = { size, sets }
    }
    return best
  }

  #sets (requirement: Requirement): readonly Set<Item>[] | undefined {
    const values = this.#keys.get(requirement.key)
    switch (requirement.operator) {
      case 'in': return [...requirement.values].map((value) => values?.get(value)).filter((set) => set !== undefined)
      case 'exists':
      case 'above':
      case 'below': return values === undefined ? [] : [...values.values()]
      default: return undefined // what must be absent is in no index
    }
  }
}

function * chain<Item> (sets: readonly Set<Item>[]): Generator<Item> {
  for (const set of sets) yield * set
}
