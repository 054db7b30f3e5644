// Which services of a namespace offer a type. No question walks over a whole registry: each looks at a bounded number of services
// and leaves off where the next one goes on. What is found is asked of the service itself before it is answered, so that an answer
// is never older than the registry; only "no such name" needs the whole namespace, and is not answered before.
import type { DnsSource } from '../source.ts'
import type { Service } from '../../model/service/types.ts'
import { type Offers, offersOf } from './offers.ts'
import { maxRecordsPerSet } from '../wire/record-set.ts'
import { kept } from '../answers/service-records.ts'

type Catalog = DnsSource['catalog']

/** Services and endpoints that one question looks at for the sake of the index: about three milliseconds. */
const maxWork = 10_000
/** Groups that one question takes from, empty ones too. */
const maxGroups = 1_000

/**
 * Types of one namespace that are listed. More can be asked for by name; so many types mean that ports are not named
 * after their protocols.
 */
const maxListedTypes = 1_000

/** What one question may still spend. */
export interface Work {
  left: number
}

export function newWork (): Work {
  return { left: maxWork }
}

export interface Taken {
  readonly items: { readonly group: number, readonly item: string }[]
  /** There are more. */
  readonly isCut: boolean
}

/** Shows more items than an answer holds, window by window. Those that fit one answer come in the same order always. */
export class Turn {
  #group = 0
  #offset = 0

  take (groups: number, itemsOf: (group: number) => readonly string[]): Taken {
    const items: Taken['items'] = []
    const start = this.#group < groups ? this.#group : 0
    const offset = start === this.#group ? this.#offset : 0
    const last = groups === 0 ? -1 : groups // the first group again, for what is before the offset
    for (let step = 0; step <= last; step++) {
      const group = (start + step) % groups
      if (step === maxGroups) return this.#stop(group, 0, items)
      const all = itemsOf(group)
      const end = step === last ? Math.min(offset, all.length) : all.length
      for (let index = step === 0 ? offset : 0; index < end; index++) {
        if (items.length === maxRecordsPerSet) return this.#stop(group, index, items)
        const item = all[index]
        if (item !== undefined) items.push({ group, item })
      }
    }
    this.#group = this.#offset = 0
    return { items, isCut: false }
  }

  #stop (group: number, offset: number, items: Taken['items']): Taken {
    this.#group = group
    this.#offset = offset
    return { items, isCut: true }
  }
}

/** Those that offer one type. */
class TypeEntry {
  readonly turn = new Turn()
  readonly #services = new Set<string>()
  #sorted: readonly string[] | undefined

  get services (): readonly string[] {
    return this.#sorted ??= [...this.#services].sort()
  }

  add (service: string): void {
    if (this.#services.has(service)) return
    this.#services.add(service)
    this.#sorted = undefined
  }

  /** @returns true if none is left */
  delete (service: string): boolean {
    if (this.#services.delete(service)) this.#sorted = undefined
    return this.#services.size === 0
  }
}

type OffersOf = BrowseIndex['offersOf']

export class NamespaceTypes {
  readonly turn = new Turn()
  readonly #namespace: string
  readonly #types = new Map<string, TypeEntry>()
  /** What each service offered when it was read. */
  readonly #known = new Map<string, readonly string[]>()
  #names: readonly string[] = []
  #next = 0
  /** The revision at which the pass at work began; -1 = services came or went since. */
  #since = -1
  #wholeAt = -1

  readonly #offersOf: OffersOf

  constructor (namespace: string, offers: OffersOf) {
    this.#namespace = namespace
    this.#offersOf = offers
  }

  /** Goes on looking. @returns true if it knows the whole namespace at this revision */
  refresh (catalog: Catalog, revision: number, work: Work): boolean {
    while (this.#wholeAt !== revision && work.left > 0) {
      const names = catalog.services(this.#namespace)
      if (names !== this.#names) {
        this.#names = names
        this.#since = -1
      }
      if (this.#next >= names.length) this.#next = 0
      if (this.#next === 0) this.#since = revision
      while (this.#next < names.length && work.left > 0) this.#look(catalog, names[this.#next++] ?? '', work)
      if (this.#next < names.length) break
      this.#next = 0
      this.#wholeAt = this.#since
      if (names.length !== this.#known.size) this.#forget(new Set(names))
    }
    return this.#wholeAt === revision
  }

  /** How many types are remembered, offered or not. */
  get typeCount (): number {
    return this.#types.size
  }

  /** The types that a service offers right now, in order. */
  types (catalog: Catalog): string[] {
    const types: string[] = []
    for (const type of this.#types.keys()) {
      if (types.length === maxListedTypes) break
      if (this.has(catalog, type)) types.push(type)
    }
    return types.sort()
  }

  has (catalog: Catalog, type: string): boolean {
    const entry = this.#types.get(type)
    if (entry === undefined) return false
    for (const service of entry.services) {
      if (this.#offersOf(catalog, this.#namespace, service)?.types.includes(type) === true) return true
      entry.delete(service)
      this.#known.delete(service)
    }
    this.#types.delete(type)
    return false
  }

  /** Of which protocol a type is offered right now. */
  hasProtocol (catalog: Catalog, protocol: string): boolean {
    for (const type of this.#types.keys()) if (type.endsWith(` ${protocol}`) && this.has(catalog, type)) return true
    return false
  }

  /** The labels of those that offer a type, as many as an answer holds. */
  labels (catalog: Catalog, type: string): { readonly labels: { readonly service: string, readonly label: string }[], readonly isCut: boolean } {
    const entry = this.#types.get(type)
    if (entry === undefined) return { labels: [], isCut: false }
    const { services } = entry
    const { items, isCut } = entry.turn.take(services.length, (index) => this.#offersOf(catalog, this.#namespace, services[index] ?? '')?.labels(type) ?? [])
    return { labels: items.map(({ group, item }) => ({ service: services[group] ?? '', label: item })), isCut }
  }

  #look (catalog: Catalog, service: string, work: Work): void {
    work.left--
    const types = this.#offersOf(catalog, this.#namespace, service, (size) => { work.left -= size })?.types
    const before = this.#known.get(service)
    if (types === before || (types?.length === before?.length && types?.every((type, index) => type === before?.[index]) === true)) return
    this.#leave(service, before)
    if (types === undefined) {
      this.#known.delete(service)
      return
    }
    this.#known.set(service, types)
    for (const type of types) {
      let entry = this.#types.get(type)
      if (entry === undefined) this.#types.set(type, entry = new TypeEntry())
      entry.add(service)
    }
  }

  #forget (names: ReadonlySet<string>): void {
    for (const [service, types] of this.#known) {
      if (names.has(service)) continue
      this.#known.delete(service)
      this.#leave(service, types)
    }
  }

  /** A service does not offer them any more. A type that nobody offers is forgotten: its name may never come again. */
  #leave (service: string, types: readonly string[] | undefined): void {
    for (const type of types ?? []) if (this.#types.get(type)?.delete(service) === true) this.#types.delete(type)
  }
}

interface CatalogTypes {
  readonly namespaces: Map<string, NamespaceTypes>
  names: readonly string[]
}

/** The namespaces that were browsed. They are forgotten with their catalog. */
export class BrowseIndex {
  readonly domains = new Turn()
  readonly types = new Turn()
  readonly #catalogs = new WeakMap<Catalog, CatalogTypes>()
  readonly #isByClusterIps: (manifest: Service) => boolean

  /** @param isByClusterIps whether a service is found by its cluster IPs */
  constructor (isByClusterIps: (manifest: Service) => boolean) {
    this.#isByClusterIps = isByClusterIps
  }

  /** What a service offers; undefined if there is no such service. @param made gets what building that cost, if it was not there */
  readonly offersOf = (catalog: Catalog, namespace: string, service: string, made?: (size: number) => void): Offers | undefined =>
    offersOf(catalog, namespace, service, this.#isByClusterIps, made)

  namespace (catalog: Catalog, name: string): NamespaceTypes {
    const names = catalog.namespaces()
    const known = kept(this.#catalogs, catalog, (): CatalogTypes => ({ namespaces: new Map(), names }))
    if (names !== known.names) {
      for (const each of known.namespaces.keys()) if (!catalog.hasNamespace(each)) known.namespaces.delete(each)
      known.names = names
    }
    return kept(known.namespaces, name, () => new NamespaceTypes(name, this.offersOf))
  }
}
