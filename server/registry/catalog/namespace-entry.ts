// One namespace in the catalog: the instances by the service that they registered under and by their labels, and what was declared.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { type Selector, selects } from '../../model/instance/selector.ts'
import type { Namespace } from '../../model/service/types.ts'
import { serviceLabel } from '../../../client-sdk/src/wire.ts'
import type { AddressBook } from './address-book.ts'
import { DeclaredServices } from './declared-services.ts'
import { LabelIndex } from './label-index.ts'
import type { RevisionFloor } from './revision-floor.ts'
import { type InstanceEntry, ServiceEntry, type ServiceView } from './service-entry.ts'
import { type SortedNames, sortedNames, withName, withoutName } from './sorted-names.ts'

export class NamespaceEntry {
  readonly name: string
  /** By the service that their instances registered under. */
  readonly groups = new Map<string, ServiceEntry>()
  readonly labels = new LabelIndex<InstanceEntry>()
  readonly declared: DeclaredServices
  /** The Namespace manifest that was applied: with one it stays when it is empty. */
  manifest: Namespace | undefined
  instances = 0
  readonly #floor: RevisionFloor
  /** What stands under each name. One service, one rule: a declared one is never merged with the implicit one of its name. */
  readonly #services = new Map<string, ServiceView>()
  #sorted: SortedNames | undefined

  constructor (name: string, addresses: AddressBook, floor: RevisionFloor) {
    this.name = name
    this.#floor = floor
    this.declared = new DeclaredServices({
      select: (selector) => this.select(selector),
      count: (key, value) => (key === serviceLabel ? this.groups.get(value)?.size ?? 0 : this.labels.count(key, value))
    }, addresses, floor)
  }

  /** Nothing keeps it. */
  get isEmpty (): boolean {
    return this.manifest === undefined && this.groups.size === 0 && this.declared.isEmpty
  }

  /** How many services, declared and implicit. */
  get size (): number {
    return this.#services.size
  }

  /** Names in order. */
  get services (): readonly string[] {
    return this.#sorted ??= sortedNames(this.#services.keys())
  }

  /** The service that callers get under a name: the declared one, else the implicit one. */
  service (service: string): ServiceView | undefined {
    return this.#services.get(service)
  }

  group (service: string): ServiceEntry {
    let entry = this.groups.get(service)
    if (entry === undefined) {
      entry = new ServiceEntry(this.name, service, this.#floor)
      this.groups.set(service, entry)
      this.listed(service)
    }
    return entry
  }

  /** A service came or went: its name is listed while it is declared or has instances. */
  listed (service: string): void {
    const view = this.declared.get(service) ?? this.groups.get(service)
    this.#sorted = (view === undefined ? withoutName : withName)(this.#sorted, service)
    if (view === undefined) this.#services.delete(service)
    else this.#services.set(service, view)
  }

  /** The instances that a selector matches, in no particular order. Cost follows the narrowest index. */
  * select (selector: Selector): Generator<Instance> {
    for (const { instance } of this.#candidates(selector)) if (selects(selector, instance)) yield instance
  }

  /** Instances that have to be looked at to find those that a selector matches. */
  candidateCount (selector: Selector): number {
    const ofServices = servicesIn(selector)
    if (ofServices !== undefined) return ofServices.reduce((sum, service) => sum + (this.groups.get(service)?.size ?? 0), 0)
    return this.labels.candidateCount(selector) ?? this.instances
  }

  #candidates (selector: Selector): Iterable<InstanceEntry> {
    const ofServices = servicesIn(selector)
    if (ofServices !== undefined) return ofServices.flatMap((service) => [...this.groups.get(service)?.entries() ?? []])
    return this.labels.candidates(selector) ?? [...this.groups.values()].flatMap((service) => [...service.entries()])
  }
}

/** The services that a selector names; undefined = it names none. */
function servicesIn ({ requirements }: Selector): string[] | undefined {
  for (const requirement of requirements) {
    if (requirement.key === serviceLabel && requirement.operator === 'in') return [...requirement.values]
  }
  return undefined
}
