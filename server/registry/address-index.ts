// Which entries have which address. Nearly every address has one entry, and a set for one costs four times the entry itself.
export class AddressIndex<Entry extends object> {
  readonly #entries = new Map<string, Entry | Set<Entry>>()

  add (address: string, entry: Entry): void {
    const known = this.#entries.get(address)
    if (known === undefined) this.#entries.set(address, entry)
    else if (known instanceof Set) known.add(entry)
    else if (known !== entry) this.#entries.set(address, new Set([known, entry]))
  }

  remove (address: string, entry: Entry): void {
    const known = this.#entries.get(address)
    if (known instanceof Set) {
      known.delete(entry)
      const [last] = known
      if (known.size === 1 && last !== undefined) this.#entries.set(address, last)
    } else if (known === entry) {
      this.#entries.delete(address)
    }
  }

  get (address: string): readonly Entry[] {
    const known = this.#entries.get(address)
    return known === undefined ? [] : known instanceof Set ? [...known] : [known]
  }
}
