// What the kernel's maps should hold, and the text of the difference to what they hold: pure, so that a test compares it
// with the kernel.
import type { FrontEnd } from '../front-end.ts'
import { className, type Element, elementsOf, type SlotClass } from './elements.ts'
import { baseText, classText, elementText, nftFamily, type RulesetOptions } from './ruleset.ts'
import { stickyBaseText } from './sticky.ts'

const families = [4, 6] as const

/** Elements by their identity; several front ends may need the same one (the address of a load balancer). */
interface Held {
  readonly element: Element
  needed: number
}

export class RulesetState {
  readonly #options: RulesetOptions
  readonly #frontEnds = new Map<string, { readonly frontEnd: FrontEnd, readonly elements: readonly Element[] }>()
  readonly #held = new Map<string, Held>()
  /** Chains are few, one for each count of slots, and stay: to delete one while an element leads there is an error of older kernels. */
  readonly #classes = new Map<string, SlotClass>()

  constructor (options: RulesetOptions) {
    this.#options = options
  }

  get frontEnds (): number {
    return this.#frontEnds.size
  }

  /** The elements that the kernel should have, sorted by table and map: `ip services` -> key -> value. */
  expected (): Map<string, Map<string, string>> {
    const maps = new Map<string, Map<string, string>>()
    for (const { element: { family, map, key, value } } of this.#held.values()) {
      const name = `${nftFamily(family)} ${map}`
      const elements = maps.get(name) ?? new Map<string, string>()
      maps.set(name, elements.set(key, value ?? ''))
    }
    return maps
  }

  /**
   * Takes changes by the key of the front end, undefined = it goes, and gives the statements that make them in the
   * kernel; '' if nothing differs.
   */
  change (changes: ReadonlyMap<string, FrontEnd | undefined>): string {
    const before = new Map<string, Element | undefined>()
    const newClasses: SlotClass[] = []
    const need = (element: Element, by: 1 | -1): void => {
      const id = identity(element)
      const held = this.#held.get(id)
      if (!before.has(id)) before.set(id, held?.element)
      const needed = (held?.needed ?? 0) + by
      if (needed === 0) this.#held.delete(id)
      else this.#held.set(id, { element, needed })
    }
    for (const [key, frontEnd] of changes) {
      for (const element of this.#frontEnds.get(key)?.elements ?? []) need(element, -1)
      this.#frontEnds.delete(key)
      if (frontEnd === undefined) continue
      const { elements, classes } = elementsOf(frontEnd)
      for (const element of elements) need(element, 1)
      for (const slotClass of classes) if (this.#isNew(slotClass)) newClasses.push(slotClass)
      this.#frontEnds.set(key, { frontEnd, elements })
    }
    const gone: Element[] = []
    const come: Element[] = []
    for (const [id, old] of before) {
      const now = this.#held.get(id)?.element
      if (old?.value === now?.value && (old === undefined) === (now === undefined)) continue
      if (old !== undefined) gone.push(old) // a key with another value is not overwritten: delete and add
      if (now !== undefined) come.push(now)
    }
    return [
      ...newClasses.map((slotClass) => classText(slotClass, this.#options.markBit)),
      elementText('delete', gone),
      elementText('add', come)
    ].filter((text) => text !== '').join('\n')
  }

  /** Everything, in one transaction that replaces what is there. @param forgets also which clients stay with which endpoint */
  whole (forgets = false): string {
    return [
      ...families.map((family) => baseText(family, this.#options)),
      ...families.map((family) => stickyBaseText(family, this.#options.hasSctp, forgets)),
      ...Array.from(this.#classes.values(), (slotClass) => classText(slotClass, this.#options.markBit)),
      elementText('add', Array.from(this.#held.values(), ({ element }) => element))
    ].filter((text) => text !== '').join('\n')
  }

  /** @returns whether the chain is not there yet, and now is */
  #isNew (slotClass: SlotClass): boolean {
    const name = `${nftFamily(slotClass.family)} ${className(slotClass)}`
    if (this.#classes.has(name)) return false
    this.#classes.set(name, slotClass)
    return true
  }
}

function identity ({ family, map, key }: Element): string {
  return `${family} ${map} ${key}`
}
