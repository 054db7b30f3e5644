// What may be read of this node's view: nothing in here leaves the process.
import type { Instance, NamespaceSummary, Pool, ServiceExplanation, ServiceSummary } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Endpoints, EndpointSlice, Manifest, Namespace, Service } from '../../model/service/types.ts'
import { type InstanceFilter, type Listed, type Position, listInstances, listNamespaces, listServices, seenCounts, summaryOf } from '../catalog/listing.ts'
import type { ServiceView } from '../catalog/service-entry.ts'
import type { Feed } from '../feed/feed.ts'
import type { InstanceName } from '../instance-name.ts'
import type { KeptLoad, Loads } from '../leases/loads.ts'
import type { Protection } from '../leases/sweeper.ts'
import type { Lookup } from '../lookup.ts'
import type { ManifestName } from '../services/manifests.ts'
import type { Services } from '../services/services.ts'
import type { Sight } from '../sight.ts'
import { type EventPage, type EventQuery, eventsOf } from './events.ts'
import { type Numbers, seenNumbers } from './overview.ts'

export interface ReadParts {
  readonly feed: Feed
  readonly lookup: Lookup
  readonly services: Services
  readonly loads: Loads
  readonly protection: () => Protection
  readonly numbers: () => Numbers
}

export class RegistryReads {
  readonly #parts: ReadParts

  constructor (parts: ReadParts) {
    this.#parts = parts
  }

  service (namespace: string, service: string): ServiceView {
    return this.#parts.lookup.requireService(namespace, service)
  }

  endpoints (namespace: string, service: string): EndpointSet {
    return this.service(namespace, service).endpoints
  }

  summary (namespace: string, service: string): ServiceSummary {
    const summary = summaryOf(this.service(namespace, service), this.protection().services)
    const warnings = this.#parts.services.outOfRange(namespace, service)
    return warnings.length === 0 ? summary : { ...summary, warnings }
  }

  selecting (instance: Pick<Instance, 'namespace' | 'service' | 'labels'>): readonly string[] {
    return this.#parts.feed.catalog.selecting(instance).map(({ name }) => name)
  }

  instance (name: InstanceName): Instance {
    return this.#parts.lookup.requireEntry(name).instance
  }

  load (name: InstanceName): KeptLoad | undefined {
    return this.#parts.loads.get(name)
  }

  freshLoads (): Promise<void> {
    return this.#parts.loads.freshSoon()
  }

  namespace (name: string, sight?: Sight): NamespaceSummary {
    const { feed, lookup } = this.#parts
    lookup.requireNamespace(name)
    const manifest = feed.catalog.manifest({ kind: 'Namespace', namespace: '', name }) as Namespace | undefined // the kind that was asked for
    return { name, ...seenCounts(feed.catalog, name, sight), ...(manifest === undefined ? {} : { manifest }) }
  }

  checkScope ({ namespace, service }: Pick<InstanceFilter, 'namespace' | 'service'>): void {
    const { lookup } = this.#parts
    if (namespace !== undefined && service !== undefined) lookup.requireService(namespace, service)
    else if (namespace !== undefined) lookup.requireNamespace(namespace)
    else if (service !== undefined && this.#named(undefined, service).next().done === true) {
      throw new RegistryError('REG_SERVICE_NOT_FOUND', `service "${service}" not found in any namespace`)
    }
  }

  instances (filter: InstanceFilter, after: Position | undefined, limit: number, maxLooked?: number): Listed<Instance> {
    return listInstances(this.#parts.feed.catalog, filter, after, limit, maxLooked)
  }

  services (filter: InstanceFilter, after: Position | undefined, limit: number, maxLooked?: number): Listed<ServiceSummary> {
    const { items, next } = listServices(this.#parts.feed.catalog, filter, after, limit, maxLooked)
    const { services } = this.protection()
    return { items: items.map((entry) => summaryOf(entry, services)), next }
  }

  namespaces (after: Position | undefined, limit: number, sight?: Sight): Listed<NamespaceSummary> {
    return listNamespaces(this.#parts.feed.catalog, after, limit, sight)
  }

  members (namespace: string | undefined, service: string): readonly Instance[] {
    return [...this.#named(namespace, service)].flatMap(({ instances }) => instances)
  }

  protection (): Protection {
    return this.#parts.protection()
  }

  manifest (name: ManifestName): Manifest {
    return this.#parts.services.get(name)
  }

  serviceManifest (namespace: string, service: string): Service {
    return this.#parts.services.manifest(namespace, service)
  }

  endpointSlices (namespace: string, service: string): readonly EndpointSlice[] {
    return this.#parts.services.slices(namespace, service)
  }

  endpointsObject (namespace: string, service: string): Endpoints {
    return this.#parts.services.endpointsObject(namespace, service)
  }

  explain (name: InstanceName): readonly ServiceExplanation[] {
    return this.#parts.services.explain(name)
  }

  pools (): readonly Pool[] {
    return this.#parts.services.pools()
  }

  events (query: EventQuery): EventPage | Promise<EventPage> {
    return eventsOf(this.#parts.feed, query)
  }

  numbers (sight?: Sight): Numbers {
    const numbers = this.#parts.numbers()
    return sight === undefined ? numbers : { ...numbers, ...seenNumbers(this.#parts.feed.catalog, sight) }
  }

  /** What stands under a name, in one namespace or in each. */
  * #named (namespace: string | undefined, service: string): Generator<ServiceView> {
    const { catalog } = this.#parts.feed
    for (const name of namespace === undefined ? catalog.namespaces() : [namespace]) {
      const found = catalog.service(name, service)
      if (found !== undefined) yield found
    }
  }
}
