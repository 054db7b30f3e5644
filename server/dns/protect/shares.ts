// Who holds how many of what there is only so much of: sockets, connections, places to wait. At the limit the holder of most gives one
// up, so that one client's flood never keeps a newcomer from another address out.

export class Shares<Item> {
  /** Of each holder, the oldest first. */
  readonly #held = new Map<string, Set<Item>>()
  /** The holders by how many they hold. The last one is never empty. */
  readonly #byCount: Set<string>[] = []
  #size = 0

  /** Of all holders together. */
  get size (): number {
    return this.#size
  }

  count (holder: string): number {
    return this.#held.get(holder)?.size ?? 0
  }

  add (holder: string, item: Item): void {
    const items = this.#held.get(holder) ?? new Set()
    if (items.has(item)) return
    this.#held.set(holder, items.add(item))
    this.#size++
    this.#move(holder, items.size - 1, items.size)
  }

  remove (holder: string, item: Item): void {
    const items = this.#held.get(holder)
    if (items?.delete(item) !== true) return
    if (items.size === 0) this.#held.delete(holder)
    this.#size--
    this.#move(holder, items.size + 1, items.size)
  }

  /** What the holder of most has, the oldest first; of several holders of as many, the one who has had so many for longest. */
  ofMost (): Iterable<Item> {
    const [holder = ''] = this.#byCount.at(-1) ?? []
    return this.#held.get(holder) ?? []
  }

  #move (holder: string, from: number, to: number): void {
    this.#byCount[from]?.delete(holder)
    if (to > 0) {
      while (this.#byCount.length <= to) this.#byCount.push(new Set())
      this.#byCount[to]?.add(holder)
    }
    while (this.#byCount.at(-1)?.size === 0) this.#byCount.pop()
  }
}
