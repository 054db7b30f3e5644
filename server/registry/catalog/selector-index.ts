// From labels to the services that select by them. A service lies under one pair of its selector, so that a change of an instance
// looks at the services under its own labels and not at all services of the namespace.
import { type Instance, serviceLabel } from '../../../client-sdk/src/wire.ts'

export class SelectorIndex<Service> {
  readonly #services = new Map<string, Set<Service>>()
  readonly #places = new Map<Service, string>()

  /**
   * @param rarity how many instances have a pair now: among equally used pairs the rarest is taken
   */
  add (service: Service, pairs: readonly (readonly [string, string])[], rarity: (key: string, value: string) => number): void {
    let best: { place: string, used: number, instances: number } | undefined
    for (const [key, value] of pairs) {
      const place = placeOf(key, value)
      const used = this.#services.get(place)?.size ?? 0
      const instances = rarity(key, value)
      if (best === undefined || used < best.used || (used === best.used && instances < best.instances)) best = { place, used, instances }
    }
    if (best === undefined) return
    this.#places.set(service, best.place)
    const services = this.#services.get(best.place)
    if (services === undefined) this.#services.set(best.place, new Set([service]))
    else services.add(service)
  }

  delete (service: Service): void {
    const place = this.#places.get(service)
    if (place === undefined) return
    this.#places.delete(service)
    const services = this.#services.get(place)
    services?.delete(service)
    if (services?.size === 0) this.#services.delete(place)
  }

  /** Those that may select an instance: the caller looks at the whole selector. */
  * candidates ({ labels, service }: Pick<Instance, 'labels' | 'service'>): Generator<Service> {
    if (this.#places.size === 0) return
    yield * this.#services.get(placeOf(serviceLabel, service)) ?? []
    for (const key in labels) yield * this.#services.get(placeOf(key, labels[key] ?? '')) ?? []
  }
}

// Neither a key nor a value of a label holds "=".
function placeOf (key: string, value: string): string {
  return `${key}=${value}`
}
