// Who has which address, in a mirror: the same answers as those of the catalog's address book.
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { clusterIpsOf, reachedAtOf } from '../../model/service/cluster-ips.ts'
import type { Service } from '../../model/service/types.ts'
import type { EndpointsAt } from '../catalog/address-book.ts'
import { AddressIndex } from '../catalog/address-index.ts'
import type { MirroredEndpoint, Owner } from './mirrored-endpoint.ts'
import type { MirroredService } from './mirrored-service.ts'

/** A hand-written object. Its addresses are there even if no service has them. */
interface Made {
  readonly namespace: string
  readonly owner: string
  readonly addresses: readonly string[]
}

/** Finds what callers get under a name: the declared service, else the implicit one. */
interface Shelf {
  service (namespace: string, name: string): MirroredService | undefined
}

export class MirroredAddresses {
  /** Every registered instance, as an endpoint of the service that it registered under. */
  readonly instances = new AddressIndex<MirroredEndpoint>(({ owner }) => owner.namespace)
  readonly #clusterIps = new AddressIndex<MirroredService>(({ namespace }) => namespace)
  readonly #reachedAt = new AddressIndex<MirroredService>(({ namespace }) => namespace)
  readonly #madeAt = new AddressIndex<Made>(({ namespace }) => namespace)
  readonly #made = new Map<string, Made>()
  readonly #shelf: Shelf

  constructor (shelf: Shelf) {
    this.#shelf = shelf
  }

  /** A declared service came, changed or went. */
  declared (service: MirroredService, before: Service | undefined, after: Service | undefined): void {
    for (const address of clusterIpsOf(before)) this.#clusterIps.remove(address, service)
    for (const address of clusterIpsOf(after)) this.#clusterIps.add(address, service)
    for (const address of reachedAtOf(before)) this.#reachedAt.remove(address, service)
    for (const address of reachedAtOf(after)) this.#reachedAt.add(address, service)
  }

  /** A hand-written object came or changed; without addresses it went. */
  written (key: string, made: Made): void {
    const known = this.#made.get(key)
    for (const address of known?.addresses ?? []) this.#madeAt.remove(address, known ?? made)
    if (made.addresses.length === 0) this.#made.delete(key)
    else this.#made.set(key, made)
    for (const address of made.addresses) this.#madeAt.add(address, made)
  }

  byClusterIp (address: string): (MirroredService & { readonly manifest: Service })[] {
    return [...this.#clusterIps.get(address)] as (MirroredService & { readonly manifest: Service })[] // only declared ones have them
  }

  hasInstance (namespace: string, address: string): boolean {
    return this.instances.has(address, namespace)
  }

  hasWithin (prefix: string): boolean {
    return [this.instances, this.#clusterIps, this.#reachedAt, this.#madeAt].some((index) => index.hasWithin(prefix))
  }

  endpointsAt (address: string, limit: number): { readonly services: ReadonlyMap<ServiceOfAddress, ReadonlySet<Endpoint>>, readonly isCut: EndpointsAt['isCut'] } {
    const services = new Map<ServiceOfAddress, Set<Endpoint>>()
    let isCut = false
    const collect = (service: Owner, id: string): void => {
      for (const endpoint of service.answered(id)) {
        if (endpoint.address !== address) continue
        const known = services.get(service as ServiceOfAddress)
        if (known === undefined) services.set(service as ServiceOfAddress, new Set([endpoint]))
        else known.add(endpoint)
      }
    }
    const take = <Item>(items: Iterable<Item>, each: (item: Item) => void): void => {
      let left = limit
      for (const item of items) {
        if (left-- === 0) {
          isCut = true
          return
        }
        each(item)
      }
    }
    take(this.instances.get(address), (instance) => {
      const { owner, id } = instance
      if (this.#shelf.service(owner.namespace, owner.name) === owner) collect(owner, id)
      for (const declared of instance.selecting()) collect(declared, id)
    })
    take(this.#madeAt.get(address), ({ namespace, owner }) => {
      const service = this.#shelf.service(namespace, owner)
      // The address is the id of what is made by hand, and nothing else has no lease.
      if (service?.manifest !== undefined && service.get(address, undefined)?.core.ttlMs === undefined) collect(service, address)
    })
    return { services, isCut }
  }
}

/** As the answers take it: absent is absent. */
type ServiceOfAddress = Omit<MirroredService, 'manifest'> & { readonly manifest?: Service }
