// The declared services of one namespace, which instances they select, and their hand-written endpoints.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import type { HandMade } from '../../model/service/endpoints.ts'
import { type Endpoints, type EndpointSlice, type Service, serviceNameLabel } from '../../model/service/types.ts'
import type { Selector } from '../../model/instance/selector.ts'
import type { AddressBook } from './address-book.ts'
import { DeclaredService } from './declared-service.ts'
import type { RevisionFloor } from './revision-floor.ts'
import { SelectorIndex } from './selector-index.ts'

export interface InstanceSource {
  /** The instances of the namespace that a selector matches. */
  select (selector: Selector): Iterable<Instance>
  /** How many have a label. */
  count (key: string, value: string): number
}

/** What a change of a manifest did. */
export interface Declaration {
  readonly service: DeclaredService
  readonly previous: Service | undefined
  /** It means other instances than before, or means any for the first time. */
  readonly isAnew: boolean
}

interface Made {
  readonly slices: Map<string, EndpointSlice>
  endpoints: Endpoints | undefined
}

/** Shared by the changes that concern no declared service: the ring remembers each of them. */
const noNames: readonly string[] = []

export class DeclaredServices {
  readonly #source: InstanceSource
  readonly #addresses: AddressBook
  readonly #floor: RevisionFloor
  readonly #services = new Map<string, DeclaredService>()
  readonly #selectors = new SelectorIndex<DeclaredService>()
  readonly #made = new Map<string, Made>()
  /** Slice -> the service that it names. */
  readonly #owners = new Map<string, string>()

  #endpointsCount = 0

  /** @param addresses of the whole registry, which what is declared here is entered into */
  constructor (source: InstanceSource, addresses: AddressBook, floor: RevisionFloor) {
    this.#source = source
    this.#addresses = addresses
    this.#floor = floor
  }

  get isEmpty (): boolean {
    return this.#services.size === 0 && this.#made.size === 0
  }

  /** EndpointSlices and Endpoints. */
  get handMadeCount (): number {
    return this.#owners.size + this.#endpointsCount
  }

  /** Those of them whose service is not declared. Costs a look at each service that has some. */
  get undeclaredHandMadeCount (): number {
    let count = 0
    for (const [service, { slices, endpoints }] of this.#made) {
      if (!this.#services.has(service)) count += slices.size + Number(endpoints !== undefined)
    }
    return count
  }

  /** Whether or not their services are declared. */
  * allHandMade (): Generator<EndpointSlice | Endpoints> {
    for (const { slices, endpoints } of this.#made.values()) {
      yield * slices.values()
      if (endpoints !== undefined) yield endpoints
    }
  }

  get (name: string): DeclaredService | undefined {
    return this.#services.get(name)
  }

  values (): Iterable<DeclaredService> {
    return this.#services.values()
  }

  handMade (service: string): HandMade {
    const made = this.#made.get(service)
    const slices = [...made?.slices.values() ?? []].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    return { slices, endpoints: made?.endpoints }
  }

  put (manifest: Service, revision: number): Declaration {
    const { name } = manifest.metadata
    const known = this.#services.get(name)
    if (known !== undefined) {
      const previous = known.manifest
      const isAnew = known.declare(manifest, revision)
      this.#addresses.declared(known, previous, manifest)
      if (isAnew) {
        this.#selectors.delete(known)
        this.#collect(known)
      }
      return { service: known, previous, isAnew }
    }
    const service = new DeclaredService(manifest, revision, () => this.handMade(name), this.#floor)
    this.#services.set(name, service)
    this.#addresses.declared(service, undefined, manifest)
    this.#collect(service)
    return { service, previous: undefined, isAnew: true }
  }

  delete (name: string): DeclaredService | undefined {
    const service = this.#services.get(name)
    if (service === undefined) return undefined
    this.#services.delete(name)
    this.#selectors.delete(service)
    this.#addresses.declared(service, service.manifest, undefined)
    return service
  }

  /** Those that select an instance. */
  selecting (instance: Pick<Instance, 'namespace' | 'service' | 'labels'>): DeclaredService[] {
    return [...new Set(this.#selectors.candidates(instance))].filter((service) => service.selects(instance))
  }

  /** Takes a change of one instance to the services that it concerns, before or after. @returns their names */
  instanceChanged (before: Instance | undefined, after: Instance | undefined, revision: number): readonly string[] {
    const met = new Set<DeclaredService>()
    if (before !== undefined) for (const service of this.#selectors.candidates(before)) met.add(service)
    if (after !== undefined) for (const service of this.#selectors.candidates(after)) met.add(service)
    const names: string[] = []
    for (const service of met) if (service.changed(before, after, revision)) names.push(service.name)
    return names.length === 0 ? noNames : names
  }

  /** @returns the names of the services that it concerns: the one of before, and of now */
  putSlice (slice: EndpointSlice, revision: number): readonly string[] {
    const { name, labels } = slice.metadata
    const owner = labels?.[serviceNameLabel] ?? ''
    const before = this.#owners.get(name)
    if (before !== undefined && before !== owner) this.deleteSlice(name, revision)
    this.#owners.set(name, owner)
    const { slices } = this.#madeOf(owner)
    this.#addresses.written(slices.get(name), slice)
    slices.set(name, slice)
    this.#touch(owner, revision)
    return before === undefined || before === owner ? [owner] : [before, owner]
  }

  deleteSlice (name: string, revision: number): readonly string[] {
    const owner = this.#owners.get(name)
    if (owner === undefined) return []
    this.#owners.delete(name)
    const slices = this.#made.get(owner)?.slices
    this.#addresses.written(slices?.get(name), undefined)
    slices?.delete(name)
    this.#tidy(owner)
    this.#touch(owner, revision)
    return [owner]
  }

  setEndpoints (service: string, endpoints: Endpoints | undefined, revision: number): void {
    const made = this.#madeOf(service)
    this.#endpointsCount += Number(endpoints !== undefined) - Number(made.endpoints !== undefined)
    this.#addresses.written(made.endpoints, endpoints)
    made.endpoints = endpoints
    this.#tidy(service)
    this.#touch(service, revision)
  }

  #collect (service: DeclaredService): void {
    const { selector } = service
    if (selector === undefined) return
    const pairs = Object.entries(service.manifest.spec.selector ?? {})
    this.#selectors.add(service, pairs, (key, value) => this.#source.count(key, value))
    service.collect(this.#source.select(selector))
  }

  #madeOf (service: string): Made {
    let made = this.#made.get(service)
    if (made === undefined) this.#made.set(service, made = { slices: new Map(), endpoints: undefined })
    return made
  }

  #tidy (service: string): void {
    const made = this.#made.get(service)
    if (made?.slices.size === 0 && made.endpoints === undefined) this.#made.delete(service)
  }

  #touch (name: string, revision: number): void {
    const service = this.#services.get(name)
    if (service?.selector === undefined) service?.touch(revision)
  }
}
