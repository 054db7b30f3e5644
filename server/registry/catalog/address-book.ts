// From addresses back to names: instances, cluster IPs of declared services, and hand-written endpoints.
import { type Endpoint, type Instance } from '../../../client-sdk/src/wire.ts'
import { clusterIpsOf, reachedAtOf } from '../../model/service/cluster-ips.ts'
import { canonicalAddress } from '../../model/service/grammar.ts'
import { type Endpoints, type EndpointSlice, type Service, serviceNameLabel } from '../../model/service/types.ts'
import { AddressIndex } from './address-index.ts'
import type { DeclaredService } from './declared-service.ts'
import type { InstanceEntry, ServiceView } from './service-entry.ts'

type HandMadeManifest = EndpointSlice | Endpoints

/** What the book asks of the catalog that it belongs to. */
interface Shelf {
  service (namespace: string, service: string): ServiceView | undefined
  declared (namespace: string, service: string): DeclaredService | undefined
  selecting (instance: Instance): readonly DeclaredService[]
}

/** The answered endpoints at an address, by the service that has them. */
export interface EndpointsAt {
  readonly services: ReadonlyMap<ServiceView, ReadonlySet<Endpoint>>
  /** More have the address than were looked at. */
  readonly isCut: boolean
}

export class AddressBook {
  readonly instances = new AddressIndex<InstanceEntry>(({ instance }) => instance.namespace)
  readonly #clusterIps = new AddressIndex<DeclaredService>(({ namespace }) => namespace)
  /** External addresses and those of load balancers: they have no names, and are there. */
  readonly #reachedAt = new AddressIndex<DeclaredService>(({ namespace }) => namespace)
  readonly #handMade = new AddressIndex<HandMadeManifest>(({ metadata }) => metadata.namespace)
  readonly #shelf: Shelf

  constructor (shelf: Shelf) {
    this.#shelf = shelf
  }

  /** A declared service came, changed or went. */
  declared (service: DeclaredService, before: Service | undefined, after: Service | undefined): void {
    for (const address of clusterIpsOf(before)) this.#clusterIps.remove(address, service)
    for (const address of clusterIpsOf(after)) this.#clusterIps.add(address, service)
    for (const address of reachedAtOf(before)) this.#reachedAt.remove(address, service)
    for (const address of reachedAtOf(after)) this.#reachedAt.add(address, service)
  }

  /** Something that was made by hand came, changed or went. */
  written (before: HandMadeManifest | undefined, after: HandMadeManifest | undefined): void {
    if (before !== undefined) for (const address of addressesOf(before)) this.#handMade.remove(address, before)
    if (after !== undefined) for (const address of addressesOf(after)) this.#handMade.add(address, after)
  }

  /** The services that have a cluster IP: one, as it is given only once. */
  byClusterIp (address: string): DeclaredService[] {
    return [...this.#clusterIps.get(address)]
  }

  /** Whether an instance of a namespace has the address, with any status. */
  hasInstance (namespace: string, address: string): boolean {
    return this.instances.has(address, namespace)
  }

  /**
   * Whether anything is registered, given or written in a network, answered or not.
   * @param prefix how the keys of its addresses begin
   */
  hasWithin (prefix: string): boolean {
    return [this.instances, this.#clusterIps, this.#reachedAt, this.#handMade].some((index) => index.hasWithin(prefix))
  }

  /** Costs a search in each service that has the address. @param limit of instances and manifests that are looked at */
  endpointsAt (address: string, limit: number): EndpointsAt {
    const services = new Map<ServiceView, Set<Endpoint>>()
    let isCut = false
    const collect = (service: ServiceView, id: string): void => {
      for (const endpoint of answeredById(service, id)) {
        if (endpoint.address !== address) continue
        const known = services.get(service)
        if (known === undefined) services.set(service, new Set([endpoint]))
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
    take(this.instances.get(address), ({ instance }) => {
      const { namespace, service, id } = instance
      if (this.#shelf.declared(namespace, service) === undefined) {
        const implicit = this.#shelf.service(namespace, service)
        if (implicit !== undefined) collect(implicit, id)
      }
      for (const declared of this.#shelf.selecting(instance)) collect(declared, id)
    })
    take(this.#handMade.get(address), (manifest) => {
      const declared = this.#shelf.declared(manifest.metadata.namespace, ownerOf(manifest))
      if (declared !== undefined && declared.selector === undefined) collect(declared, address) // the address is the id of what is made by hand
    })
    return { services, isCut }
  }
}

function ownerOf (manifest: HandMadeManifest): string {
  return manifest.kind === 'Endpoints' ? manifest.metadata.name : manifest.metadata.labels?.[serviceNameLabel] ?? ''
}

/** Answered endpoints are ordered by id, and several instances may have one, under different services. */
function answeredById ({ endpoints: { answered } }: ServiceView, id: string): readonly Endpoint[] {
  let low = 0
  let high = answered.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((answered[middle]?.id ?? '') < id) low = middle + 1
    else high = middle
  }
  let end = low
  while (answered[end]?.id === id) end++
  return answered.slice(low, end)
}

/** As the endpoints of a service are made of it: the first address of each entry, no names. */
function addressesOf (manifest: HandMadeManifest): string[] {
  const addresses = manifest.kind === 'Endpoints'
    ? (manifest.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [] }) => [...addresses, ...notReadyAddresses].map(({ ip }) => ip))
    : manifest.addressType === 'FQDN' ? [] : manifest.endpoints.flatMap(({ addresses }) => addresses.slice(0, 1))
  return addresses.map(canonicalAddress)
}
