// The load-balancer addresses of all services, by address: one may be of several.
import type { ServiceEndpoints } from '../../../client-sdk/src/wire.ts'
import { type Wanted, wantedOf } from './wanted.ts'

/** Addresses that are looked at: each of them with each change. */
const maxAddresses = 4_096

export class WantedAddresses {
  readonly #services = new Map<string, readonly Wanted[]>()
  readonly #addresses = new Map<string, Wanted[]>()

  get size (): number {
    return this.#addresses.size
  }

  /** @returns nothing if nobody wants it */
  of (address: string): readonly Wanted[] {
    return this.#addresses.get(address) ?? []
  }

  all (): ReadonlyMap<string, readonly Wanted[]> {
    return this.#addresses
  }

  put (services: readonly ServiceEndpoints[]): void {
    for (const service of services) {
      const name = `${service.namespace}/${service.service}`
      const wanted = wantedOf(service)
      if (wanted.length === 0) this.#services.delete(name)
      else this.#services.set(name, wanted)
    }
    this.#index()
  }

  /** @param name `namespace/service` */
  remove (name: string): void {
    if (this.#services.delete(name)) this.#index()
  }

  replace (services: readonly ServiceEndpoints[]): void {
    this.#services.clear()
    this.put(services)
  }

  #index (): void {
    this.#addresses.clear()
    for (const wanted of Array.from(this.#services.values()).flat()) {
      const { text } = wanted.ip
      const known = this.#addresses.get(text)
      if (known !== undefined) known.push(wanted)
      else if (this.#addresses.size < maxAddresses) this.#addresses.set(text, [wanted])
    }
  }
}
