// Finds the item of a list that an item of a patch means. Kubernetes looks at one field, the merge key; ours looks at
// what else the API says items differ in, too: a service may have 53/UDP and 53/TCP, and `port` alone means either.
import type { ListType } from '../../model/fields/field-type.ts'
import { isMembers, type Members } from '../../model/fields/values.ts'
import { goText } from './go-text.ts'
import { unprocessable } from './refusal.ts'

export class ItemIndex {
  readonly #slots: (Members | undefined)[]
  readonly #byKey = new Map<string, number[]>()
  readonly #key: string
  /** Fields beside the key that tell items apart. */
  readonly #finer: readonly string[]

  /** @param type of a list that is merged by a key */
  constructor (items: readonly unknown[], type: ListType) {
    this.#key = type.patchKey ?? ''
    this.#finer = Array.isArray(type.merge) ? type.merge.filter((name: string) => name !== this.#key) : []
    this.#slots = items.map((item) => (isMembers(item) ? item : {}))
    for (const [slot, item] of this.#slots.entries()) {
      if (item !== undefined && item[this.#key] !== undefined) this.#put(this.#keyOf(item), slot)
    }
  }

  get items (): readonly Members[] {
    return this.#slots.filter((item) => item !== undefined)
  }

  /** Removes all that an item means: those with its key, and with the finer fields that it names. */
  remove (named: Members): void {
    const key = this.#keyOf(named)
    const slots = this.#byKey.get(key) ?? []
    const gone = new Set(slots.filter((slot) => this.#agrees(this.#slots[slot], named)))
    for (const slot of gone) this.#slots[slot] = undefined
    this.#byKey.set(key, slots.filter((slot) => !gone.has(slot)))
  }

  /**
   * Merges items into those that they mean, and adds the others.
   * @throws StatusError where one may mean several
   */
  merge (patch: readonly Members[], join: (live: Members | undefined, item: Members) => Members): void {
    const exact = new Map(patch.map((item) => [item, this.#exact(item)]))
    const taken = new Set([...exact.values()].filter((slot) => slot !== undefined))
    for (const item of patch) {
      const slot = exact.get(item) ?? this.#only(item, taken)
      if (slot === undefined) {
        this.#put(this.#keyOf(item), this.#slots.length)
        taken.add(this.#slots.length) // it was added by another item of this patch
        this.#slots.push(join(undefined, item))
      } else {
        taken.add(slot)
        this.#slots[slot] = join(this.#slots[slot], item)
      }
    }
  }

  /**
   * The one that has the key and all finer fields of an item; undefined = the item does not name them, or there is
   * none.
   */
  #exact (item: Members): number | undefined {
    const slots = this.#byKey.get(this.#keyOf(item)) ?? []
    if (this.#finer.some((name) => item[name] === undefined)) return undefined
    return this.#finer.length === 0 ? slots[0] : slots.find((slot) => this.#agrees(this.#slots[slot], item))
  }

  /** The only one that has the key, whose finer fields the item then changes; undefined = a new one is meant. */
  #only (item: Members, taken: ReadonlySet<number>): number | undefined {
    const slots = this.#byKey.get(this.#keyOf(item)) ?? []
    const isFine = this.#finer.length > 0 && this.#finer.every((name) => item[name] !== undefined)
    if (slots.length > 1 && !isFine && this.#finer.length > 0) {
      const many = `${slots.length} items with this ${this.#key}`
      throw unprocessable(`map: ${goText(item)} may mean each of ${many}: name the ${this.#finer.join(', ')}, too`)
    }
    if (isFine && (slots.length > 1 || slots.some((slot) => taken.has(slot)))) return undefined
    return slots[0]
  }

  #agrees (live: Members | undefined, item: Members): boolean {
    return live !== undefined && this.#finer.every((name) => item[name] === undefined || live[name] === item[name])
  }

  #put (key: string, slot: number): void {
    const slots = this.#byKey.get(key)
    if (slots === undefined) this.#byKey.set(key, [slot])
    else slots.push(slot)
  }

  #keyOf (item: Members): string {
    const value = item[this.#key]
    const missing = `does not contain declared merge key: ${this.#key}`
    if (value === undefined) throw unprocessable(`map: ${goText(item)} ${missing}`)
    return JSON.stringify(value)
  }
}
