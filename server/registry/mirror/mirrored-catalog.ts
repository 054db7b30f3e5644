// The registry in a mirror: services with what callers get of them, and who has which address. It takes in steps in the
// order in which the publisher made them.
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Labels, Service } from '../../model/service/types.ts'
import { RevisionFloor } from '../catalog/revision-floor.ts'
import { type SortedNames, sortedNames, withName, withoutName } from '../catalog/sorted-names.ts'
import { MirroredAddresses } from './mirrored-addresses.ts'
import { EndpointReader, type MirroredEndpoint } from './mirrored-endpoint.ts'
import { MirroredService } from './mirrored-service.ts'
import type { BeginStep, EndpointRow, MemberStep, MirrorStep } from './mirror-messages.ts'

type Declared = MirroredService & { readonly manifest: Service }

class MirroredNamespace {
  /** By the name that instances registered under. */
  readonly groups = new Map<string, MirroredService>()
  readonly declared = new Map<string, Declared>()
  annotations: Labels | undefined
  /** It is there even when it is empty. */
  isThere = false
  #names: SortedNames | undefined

  get isEmpty (): boolean {
    return this.groups.size === 0 && this.declared.size === 0
  }

  get services (): readonly string[] {
    return this.#names ??= sortedNames(new Set([...this.groups.keys(), ...this.declared.keys()]))
  }

  service (name: string): MirroredService | undefined {
    return this.declared.get(name) ?? this.groups.get(name)
  }

  /** A service came or went. */
  listed (name: string): void {
    this.#names = (this.groups.has(name) || this.declared.has(name) ? withName : withoutName)(this.#names, name)
  }
}

/** The endpoints of one service, as they come: until all are there it has those of before. */
interface Building {
  readonly step: BeginStep
  /** Whose endpoints they are. */
  readonly target: MirroredService
  /** Has them meanwhile. */
  readonly made: MirroredService
}

export class MirroredCatalog {
  readonly addresses = new MirroredAddresses(this)
  readonly #namespaces = new Map<string, MirroredNamespace>()
  readonly #objects = new Map<string, { readonly body: string }>()
  readonly #floor = new RevisionFloor()
  readonly #reader = new EndpointReader()
  #names: SortedNames | undefined
  #building: Building | undefined
  #size = 0

  /** Instances that are registered. */
  get size (): number {
    return this.#size
  }

  hasNamespace (namespace: string): boolean {
    return this.#namespaces.has(namespace)
  }

  namespaceAnnotations (namespace: string): Labels | undefined {
    return this.#namespaces.get(namespace)?.annotations
  }

  /** In order; the same list until one comes or goes. */
  namespaces (): readonly string[] {
    return this.#names ??= sortedNames(this.#namespaces.keys())
  }

  services (namespace: string): readonly string[] {
    return this.#namespaces.get(namespace)?.services ?? []
  }

  declared (namespace: string, service: string): Declared | undefined {
    return this.#namespaces.get(namespace)?.declared.get(service)
  }

  service (namespace: string, service: string): MirroredService | undefined {
    return this.#namespaces.get(namespace)?.service(service)
  }

  endpoints (namespace: string, service: string): EndpointSet | undefined {
    return this.service(namespace, service)?.endpoints
  }

  object (key: string): { readonly body: string } | undefined {
    return this.#objects.get(key)
  }

  // Changing ----------------------------------------------------------------------------------------------------------

  /** @param touched told of each service that it changes; undefined = of all of the namespace */
  take (step: MirrorStep, touched?: (namespace: string, service: string | undefined) => void): void {
    // Told even if it cannot be taken in as a whole.
    if (step.type === 'member' || step.type === 'withdrawn') touched?.(step.namespace, step.name)
    else if (step.type === 'namespace') touched?.(step.name, undefined)
    else if (step.type === 'end' && this.#building !== undefined) touched?.(this.#building.step.namespace, this.#building.step.name)
    switch (step.type) {
      case 'begin': return this.#begin(step)
      case 'rows': return this.#rows(step.rows)
      case 'end': return this.#end()
      case 'member': return this.#member(step)
      case 'withdrawn': return this.#withdrawn(step.namespace, step.name, step.revision)
      case 'made': return this.addresses.written(step.key, step)
      case 'namespace':
        this.#owner(step.name).annotations = step.annotations
        return
      case 'object':
        if (step.body === undefined) this.#objects.delete(step.key)
        else this.#objects.set(step.key, { body: step.body })
    }
  }

  /** @param namespaces which are there and which are not */
  tidy (namespaces: readonly (readonly [name: string, isThere: boolean])[]): void {
    for (const [name, isThere] of namespaces) {
      const owner = isThere ? this.#owner(name) : this.#namespaces.get(name)
      if (owner === undefined) continue
      owner.isThere = isThere
      if (isThere || !owner.isEmpty) continue
      this.#namespaces.delete(name)
      this.#names = withoutName(this.#names, name)
    }
  }

  /** What is derived is shown at this revision at least. */
  raise (revision: number): void {
    this.#floor.raise(revision)
  }

  #begin (step: BeginStep): void {
    const { namespace, name, manifest } = step
    const owner = this.#namespaces.get(namespace)
    const known = manifest === undefined ? owner?.groups.get(name) : owner?.declared.get(name)
    const target = known ?? new MirroredService(this.#reader.text(namespace), this.#reader.text(name), this.#floor)
    this.#building = { step, target, made: new MirroredService(namespace, name, this.#floor) }
  }

  #rows (rows: readonly EndpointRow[]): void {
    const { target, made } = this.#whole
    for (const row of rows) made.put(this.#reader.endpoint(row, target))
  }

  #end (): void {
    const { step: { namespace, name, manifest, revision, at }, target, made } = this.#whole
    this.#building = undefined
    const before = new Map<string, MirroredEndpoint['selectedBy']>()
    for (const endpoint of target.all) {
      if (manifest === undefined) before.set(endpoint.id, endpoint.selectedBy)
      this.#left(target, endpoint)
    }
    if (manifest !== undefined) this.addresses.declared(target, target.manifest, manifest)
    target.manifest = manifest
    target.takeOver(made)
    target.at = at
    target.touch(revision)
    for (const endpoint of target.all) {
      this.#came(target, endpoint)
      if (manifest !== undefined) continue
      // Told whole, an instance is another object; and declared services may have been told of it before it was here.
      if (before.has(endpoint.id)) endpoint.selectedBy = before.get(endpoint.id)
      else this.#link(namespace, endpoint, name, 0)
    }
    this.#enter(this.#owner(namespace), name, target)
  }

  get #whole (): Building {
    if (this.#building === undefined) throw new Error('endpoints came that belong to no service')
    return this.#building
  }

  #member ({ namespace, name, isDeclared, id, service: of, row, revision }: MemberStep): void {
    const known = isDeclared ? this.declared(namespace, name) : this.#namespaces.get(namespace)?.groups.get(name)
    // A declared service that is not known here went meanwhile, or is told whole in a later step.
    if (known === undefined && (isDeclared || row === undefined)) return
    const service = known ?? new MirroredService(this.#reader.text(namespace), this.#reader.text(name), this.#floor)
    if (revision <= service.at) return this.#linked(service, id, of)
    const endpoint = row === undefined ? undefined : this.#reader.endpoint(row, service)
    const before = endpoint === undefined ? service.remove(id, of) : service.put(endpoint)
    if (before !== undefined) this.#left(service, before)
    if (endpoint !== undefined) {
      if (!isDeclared) endpoint.selectedBy = before?.selectedBy
      this.#came(service, endpoint)
      if (!isDeclared && before === undefined) this.#link(namespace, endpoint, name, revision)
    }
    service.touch(revision)
    const owner = this.#owner(namespace)
    if (service.size > 0 || isDeclared) return this.#enter(owner, name, service)
    owner.groups.delete(name)
    owner.listed(name)
  }

  #withdrawn (namespace: string, name: string, revision: number): void {
    const owner = this.#namespaces.get(namespace)
    const service = owner?.declared.get(name)
    if (owner === undefined || (service !== undefined && revision <= service.at)) return
    owner.groups.get(name)?.touch(revision) // what stands under the name is it again
    if (service === undefined) return
    for (const endpoint of service.all) this.#left(service, endpoint)
    this.addresses.declared(service, service.manifest, undefined)
    owner.declared.delete(name)
    owner.listed(name)
  }

  #came (service: MirroredService, endpoint: MirroredEndpoint): void {
    if (service.manifest !== undefined) return this.#registered(service, endpoint)?.selected(service)
    this.addresses.instances.add(endpoint.address, endpoint)
    this.#size++
  }

  #left (service: MirroredService, endpoint: MirroredEndpoint): void {
    if (service.manifest !== undefined) return this.#registered(service, endpoint)?.deselected(service)
    this.addresses.instances.remove(endpoint.address, endpoint)
    this.#size--
  }

  /** A declared service was told whole with an instance that came after it: now it is here. */
  #linked (service: MirroredService, id: string, of: string | undefined): void {
    const endpoint = service.get(id, of)
    if (service.manifest !== undefined && endpoint !== undefined) this.#registered(service, endpoint)?.selected(service)
  }

  /** Declared services that were told whole at a revision, or later, may have an instance that comes only now. */
  #link (namespace: string, endpoint: MirroredEndpoint, name: string, revision: number): void {
    for (const declared of this.#owner(namespace).declared.values()) {
      if (declared.at >= revision && declared.get(endpoint.id, name) !== undefined) endpoint.selected(declared)
    }
  }

  /** The instance behind an endpoint of a declared service; none is behind what was made by hand. */
  #registered ({ namespace }: MirroredService, { id, registeredAs }: MirroredEndpoint): MirroredEndpoint | undefined {
    return registeredAs === undefined ? undefined : this.#namespaces.get(namespace)?.groups.get(registeredAs)?.get(id, undefined)
  }

  #enter (owner: MirroredNamespace, name: string, service: MirroredService): void {
    const services: Map<string, MirroredService> = service.manifest === undefined ? owner.groups : owner.declared
    if (services.get(name) === service) return
    services.set(service.name, service)
    owner.listed(service.name)
  }

  #owner (namespace: string): MirroredNamespace {
    let owner = this.#namespaces.get(namespace)
    if (owner === undefined) {
      this.#namespaces.set(namespace, owner = new MirroredNamespace())
      this.#names = withName(this.#names, namespace)
    }
    return owner
  }
}
