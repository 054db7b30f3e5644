// Which entries have which address. Nearly every address has one entry, and a set for one costs four times the entry itself.
import { AddressOrder } from './address-order.ts'

/** By namespace, for addresses that many share: a machine that runs all of a test has one. */
type Shared<Item> = Map<string, Set<Item>>

export class AddressIndex<Item extends object> {
  readonly #entries = new Map<string, Item | Shared<Item>>()
  readonly #order = new AddressOrder((address) => this.#entries.has(address))
  readonly #namespaceOf: (entry: Item) => string

  constructor (namespaceOf: (entry: Item) => string) {
    this.#namespaceOf = namespaceOf
  }

  add (address: string, entry: Item): void {
    const known = this.#entries.get(address)
    if (known === undefined) {
      this.#entries.set(address, entry)
      this.#order.add(address)
    } else if (known instanceof Map) {
      this.#share(known, entry)
    } else if (known !== entry) {
      const shared: Shared<Item> = new Map()
      this.#share(shared, known)
      this.#share(shared, entry)
      this.#entries.set(address, shared)
    }
  }

  remove (address: string, entry: Item): void {
    const known = this.#entries.get(address)
    if (known instanceof Map) {
      const namespace = this.#namespaceOf(entry)
      const own = known.get(namespace)
      own?.delete(entry)
      if (own?.size === 0) known.delete(namespace)
      const [rest] = known.values()
      const [last] = rest ?? []
      if (known.size === 1 && rest?.size === 1 && last !== undefined) this.#entries.set(address, last)
    } else if (known === entry) {
      this.#entries.delete(address)
      this.#order.remove(address)
    }
  }

  /** In the order of their coming, namespace by namespace. */
  * get (address: string): Generator<Item> {
    const known = this.#entries.get(address)
    if (known instanceof Map) for (const entries of known.values()) yield * entries
    else if (known !== undefined) yield known
  }

  /** Whether an entry of a namespace has the address. */
  has (address: string, namespace: string): boolean {
    const known = this.#entries.get(address)
    return known instanceof Map ? known.has(namespace) : known !== undefined && this.#namespaceOf(known) === namespace
  }

  /** Whether any entry has an address whose key begins so (`addressKey`). */
  hasWithin (prefix: string): boolean {
    return this.#order.hasWithin(prefix)
  }

  #share (shared: Shared<Item>, entry: Item): void {
    const namespace = this.#namespaceOf(entry)
    const entries = shared.get(namespace)
    if (entries === undefined) shared.set(namespace, new Set([entry]))
    else entries.add(entry)
  }
}
