// How many endpoints of a service have a lease of which length: services have few different ones.

export class LeaseCounts {
  readonly #counts = new Map<number, number>()

  /** @param leaseMs Infinity = none @param step how many more, or fewer, have it */
  count (leaseMs: number, step: 1 | -1): void {
    const count = (this.#counts.get(leaseMs) ?? 0) + step
    if (count === 0) this.#counts.delete(leaseMs)
    else this.#counts.set(leaseMs, count)
  }

  /** In milliseconds; undefined = none of them has a lease. */
  get shortest (): number | undefined {
    let shortest = Infinity
    for (const leaseMs of this.#counts.keys()) if (leaseMs < shortest) shortest = leaseMs
    return shortest === Infinity ? undefined : shortest
  }
}
