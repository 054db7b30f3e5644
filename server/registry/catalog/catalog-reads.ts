// What the catalog answers: every instance of the whole registry by service, by label and by address, and beside them the declared
// services, which select among them. catalog.ts changes it.
import type { Instance, Override, Status } from '../../../client-sdk/src/wire.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import { storedBody } from '../../model/instance/instance.ts'
import type { Selector } from '../../model/instance/selector.ts'
import { splitKey } from '../../model/names.ts'
import { type Endpoints, type EndpointSlice, type Labels, type Manifest, isGlobalKind } from '../../model/service/types.ts'
import type { InstanceRecord, ObjectRecord } from '../../store/store.ts'
import { overrideKey, overrideOf } from '../overrides.ts'
import { type Kind, type ManifestName, manifestKey, manifestOf } from '../services/manifests.ts'
import { isObjectKind } from '../../model/manifest/object-kinds.ts'
import { AddressBook } from './address-book.ts'
import { DeclaredObjects } from './declared-objects.ts'
import type { DeclaredService } from './declared-service.ts'
import type { NamespaceEntry } from './namespace-entry.ts'
import { RevisionFloor } from './revision-floor.ts'
import type { InstanceEntry, ServiceEntry, ServiceView } from './service-entry.ts'
import { SetAside } from './set-aside.ts'
import { type SortedNames, sortedNames } from './sorted-names.ts'
import { hasGoodNumbers, recordOf } from './stored-records.ts'

export class CatalogReads {
  protected readonly byNamespace = new Map<string, NamespaceEntry>()
  /** From addresses back to who has them. */
  readonly addresses = new AddressBook(this)
  /** Records of the store that could not be read and are in no answer: see stored-records.ts. */
  readonly aside = new SetAside()
  /** Manifests that nothing else is made of. */
  readonly declaredObjects = new DeclaredObjects()
  protected readonly derivedFloor = new RevisionFloor()
  protected readonly objects = new Map<string, ObjectRecord>()
  protected readonly byStatus = new Map<Status, number>()
  protected sortedNamespaces: SortedNames | undefined
  protected instanceCount = 0
  protected overrides = 0
  protected suspectCount = 0

  /** The revision that everything derived is shown at least at. */
  get floor (): number {
    return this.derivedFloor.value
  }

  get size (): number {
    return this.instanceCount
  }

  get suspects (): number {
    return this.suspectCount
  }

  /** Instances by effective status. */
  get statusCounts (): ReadonlyMap<Status, number> {
    return this.byStatus
  }

  /** Names in order. */
  namespaces (): readonly string[] {
    return this.sortedNamespaces ??= sortedNames(this.byNamespace.keys())
  }

  hasNamespace (namespace: string): boolean {
    return this.byNamespace.has(namespace)
  }

  /** The annotations of a declared namespace; the same object until it is declared anew. */
  namespaceAnnotations (namespace: string): Labels | undefined {
    return this.byNamespace.get(namespace)?.manifest?.metadata.annotations
  }

  namespaceCounts (namespace: string): { services: number, instances: number } {
    const entry = this.byNamespace.get(namespace)
    return { services: entry?.size ?? 0, instances: entry?.instances ?? 0 }
  }

  /** Names in order, declared and implicit. */
  services (namespace: string): readonly string[] {
    return this.byNamespace.get(namespace)?.services ?? []
  }

  /** The instances that registered under a name, whether or not a service of that name is declared. */
  registered (namespace: string, service: string): ServiceEntry | undefined {
    return this.byNamespace.get(namespace)?.groups.get(service)
  }

  /** All of them, by the name that they registered under, in no particular order. */
  groups (namespace: string): Iterable<ServiceEntry> {
    return this.byNamespace.get(namespace)?.groups.values() ?? []
  }

  /** A declared service. */
  declared (namespace: string, service: string): DeclaredService | undefined {
    return this.byNamespace.get(namespace)?.declared.get(service)
  }

  declaredServices (namespace: string): Iterable<DeclaredService> {
    return this.byNamespace.get(namespace)?.declared.values() ?? []
  }

  /** The declared services that select an instance. Cost follows the services under its labels. */
  selecting (instance: Pick<Instance, 'namespace' | 'service' | 'labels'>): DeclaredService[] {
    return this.byNamespace.get(instance.namespace)?.declared.selecting(instance) ?? []
  }

  /** The service that callers get under a name: the declared one, else the implicit one. Never both. */
  service (namespace: string, service: string): ServiceView | undefined {
    return this.byNamespace.get(namespace)?.service(service)
  }

  /** Of what stands under the name: see `service`. */
  endpoints (namespace: string, service: string): EndpointSet | undefined {
    return this.service(namespace, service)?.endpoints
  }

  /** What was made by hand for a service: EndpointSlices, and the older Endpoints. */
  handMade (namespace: string, service: string): ReturnType<NamespaceEntry['declared']['handMade']> {
    return this.byNamespace.get(namespace)?.declared.handMade(service) ?? { slices: [], endpoints: undefined }
  }

  handMadeCount (namespace: string): number {
    return this.byNamespace.get(namespace)?.declared.handMadeCount ?? 0
  }

  /** What was made by hand for services that are not declared. */
  undeclaredHandMadeCount (namespace: string): number {
    return this.byNamespace.get(namespace)?.declared.undeclaredHandMadeCount ?? 0
  }

  /** All that was made by hand in a namespace, in no particular order. */
  allHandMade (namespace: string): Iterable<EndpointSlice | Endpoints> {
    return this.byNamespace.get(namespace)?.declared.allHandMade() ?? []
  }

  /** A manifest as it is stored, with what the record knows of it. */
  manifest (name: ManifestName): Manifest | undefined {
    if (isObjectKind(name.kind)) return this.declaredObjects.get(name.kind, name.namespace, name.name)
    const object = this.objects.get(manifestKey(name))
    return object === undefined ? undefined : manifestOf(object)
  }

  /** Manifests of a kind, ordered by namespace and name. Of some kinds it costs a look at every object. */
  manifests (kind: Kind, namespace?: string): Manifest[] {
    if (isObjectKind(kind)) return [...this.declaredObjects.list(kind, namespace)]
    const prefix = manifestKey({ kind, namespace: namespace ?? '', name: '' }).split('/').slice(0, namespace === undefined || isGlobalKind(kind) ? 1 : 2).join('/')
    return [...this.objects.values()].filter(({ key }) => key.startsWith(`${prefix}/`)).sort((a, b) => (a.key < b.key ? -1 : 1)).map(manifestOf)
  }

  entry (namespace: string, service: string, id: string): InstanceEntry | undefined {
    return this.registered(namespace, service)?.get(id)
  }

  /** The instances that have this canonical address. */
  byAddress (address: string): Instance[] {
    return Array.from(this.addresses.instances.get(address), (entry) => entry.instance)
  }

  /** The instances of a namespace that a selector matches, in no particular order. Cost follows the narrowest index. */
  select (namespace: string, selector: Selector): Instance[] {
    return [...this.byNamespace.get(namespace)?.select(selector) ?? []]
  }

  /** How many instances `select` looks at. */
  candidateCount (namespace: string, selector: Selector): number {
    return this.byNamespace.get(namespace)?.candidateCount(selector) ?? 0
  }

  override (namespace: string, service: string, id: string): Override | undefined {
    const object = this.overrides === 0 ? undefined : this.objects.get(overrideKey(namespace, service, id))
    return object === undefined ? undefined : overrideOf(object)
  }

  object (key: string): ObjectRecord | undefined {
    return this.objects.get(key)
  }

  /** The entry of a record whose content is held so already. The text of the body is compared: another hand may have written it. */
  heldAlike (record: InstanceRecord): InstanceEntry | undefined {
    if (record.fault !== undefined || record.key === '') return undefined
    const { namespace, service, id } = splitKey(record.key)
    const entry = this.entry(namespace, service, id)
    if (entry?.lease !== record.lease || entry.instance.generation !== record.generation || entry.instance.lease.ttlMs !== record.ttlMs) return undefined
    return JSON.stringify(storedBody(entry.instance)) === record.body && hasGoodNumbers(record) ? entry : undefined
  }

  get overrideCount (): number {
    return this.overrides
  }

  * heldInstances (): Generator<InstanceRecord> {
    for (const { groups } of this.byNamespace.values()) {
      for (const service of groups.values()) {
        for (const entry of service.entries()) yield recordOf(entry)
      }
    }
  }

  heldObjects (): Iterable<ObjectRecord> {
    return this.objects.values()
  }
}
