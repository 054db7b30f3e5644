// What the test registry holds, and how that changes: instances, manifests, revisions, and the log of changes.
import type { EndpointSlice, Service } from '../manifests.ts'
import { conditionsOf, endpointOf } from '../rules.ts'
import type { Endpoint, Instance, InstanceChangeFrame, LeaseReference, Reason, ServiceChangeFrame } from '../wire.ts'
import { declaredEndpoints, selectsInstance, type TestManifest } from './declared.ts'

export type Change = Omit<InstanceChangeFrame, 'id'> | Omit<ServiceChangeFrame, 'id'>

/** Changes that a resumed watch can get; older cursors are reset. */
const maxLog = 1_000

export class Book {
  readonly time: () => string
  readonly #told: (change: Change) => void
  readonly #instances = new Map<string, Instance>()
  readonly #manifests = new Map<string, TestManifest>()
  readonly #declaredAt = new Map<string, string>()
  /** Of each service its last change. */
  readonly #touched = new Map<string, number>()
  #log: Change[] = []
  #epoch = 1
  #revision = 0
  #trimmed = 0

  /** @param told called with each change after it was made */
  constructor (time: () => string, told: (change: Change) => void) {
    this.time = time
    this.#told = told
  }

  get cursor (): string {
    return this.#cursorOf(this.#revision)
  }

  get revision (): number {
    return this.#revision
  }

  get instances (): readonly Instance[] {
    return [...this.#instances.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  }

  instance (key: string): Instance | undefined {
    return this.#instances.get(key)
  }

  /** A change of what is there. @throws Error when it is not */
  change (key: string, change: Partial<Instance>, reason: Reason): void {
    this.put({ ...this.#known(key), ...change }, reason)
  }

  /** The one way in: derives what is derived, and makes no change of the same content. */
  put (given: Omit<Instance, 'effectiveStatus' | 'conditions' | 'updatedAt' | 'revision'>, reason: Reason): Instance {
    const key = keyOf(given)
    const known = this.#instances.get(key)
    const effectiveStatus = given.override?.status ?? given.status
    const instance: Instance = {
      ...given,
      effectiveStatus,
      conditions: conditionsOf(effectiveStatus, given.suspect),
      updatedAt: known?.updatedAt ?? '',
      revision: known?.revision ?? 0
    }
    if (known !== undefined && canonical(known) === canonical(instance)) return known
    const changed: Instance = { ...instance, updatedAt: this.time(), revision: ++this.#revision }
    this.#instances.set(key, changed)
    this.#publish('put', reason, changed, known)
    return changed
  }

  remove (key: string, reason: Reason): void {
    const instance = this.#known(key)
    this.#instances.delete(key)
    this.#revision++
    this.#publish('delete', reason, instance, instance)
  }

  // Declared services
  // -----------------------------------------------------------------------------------------------------

  manifest (kind: string, namespace: string, name: string): TestManifest | undefined {
    return this.#manifests.get(`${kind} ${namespace}/${name}`)
  }

  declared (namespace: string, name: string): Service | undefined {
    const manifest = this.manifest('Service', namespace, name)
    return manifest?.kind === 'Service' ? manifest : undefined
  }

  /** When a service was declared; undefined for an implicit one. */
  declaredAt (namespace: string, name: string): string | undefined {
    return this.declared(namespace, name) === undefined ? undefined : this.#declaredAt.get(
      `Service ${namespace}/${name}`
    )
  }

  get services (): readonly Service[] {
    return [...this.#manifests.values()].filter((manifest): manifest is Service => manifest.kind === 'Service')
  }

  get slices (): readonly EndpointSlice[] {
    return [...this.#manifests.values()].filter(
      (manifest): manifest is EndpointSlice => manifest.kind === 'EndpointSlice'
    )
  }

  declare (manifest: TestManifest): void {
    this.#revision++
    const key = `${manifest.kind} ${manifest.metadata.namespace}/${manifest.metadata.name}`
    if (!this.#manifests.has(key)) this.#declaredAt.set(key, this.time())
    this.#manifests.set(key, manifest)
    this.#publishManifest('put', manifest)
  }

  takeBack (manifest: TestManifest): void {
    this.#revision++
    this.#manifests.delete(`${manifest.kind} ${manifest.metadata.namespace}/${manifest.metadata.name}`)
    this.#publishManifest('delete', manifest)
  }

  /** All endpoints of a service; undefined when there is no such service. */
  endpoints (namespace: string, name: string): readonly Endpoint[] | undefined {
    const declared = this.declared(namespace, name)
    if (declared !== undefined) return declaredEndpoints(declared, this.instances, this.slices)
    const registered = this.instances.filter((each) => each.namespace === namespace && each.service === name)
    return registered.length === 0 ? undefined : registered.map(endpointOf)
  }

  /**
   * Whether an instance belongs to a service: it selects it, or, undeclared, the instance registered under its name.
   */
  isOf (instance: Instance, namespace: string, name: string): boolean {
    const declared = this.declared(namespace, name)
    return declared === undefined ? instance.namespace === namespace && instance.service === name : selectsInstance(declared, instance)
  }

  /** Names of all services that there are, by namespace. */
  names (): readonly { readonly namespace: string, readonly service: string }[] {
    const names = new Map(
      this.instances.map(({ namespace, service }) => [`${namespace}/${service}`, { namespace, service }])
    )
    for (const { metadata: { namespace, name } } of this.services) names.set(`${namespace}/${name}`, { namespace, service: name })
    return [...names.values()].sort((a, b) => (`${a.namespace}/${a.service}` < `${b.namespace}/${b.service}` ? -1 : 1))
  }

  /** The cursor of the last change of a service. */
  cursorOfService (namespace: string, service: string): string {
    return this.#cursorOf(this.#touched.get(`${namespace}/${service}`) ?? this.#revision)
  }

  // The log
  // ---------------------------------------------------------------------------------------------------------------

  /** The changes after a cursor; undefined when they are not remembered. */
  since (cursor: string): readonly Change[] | undefined {
    const [epoch, text] = cursor.split('.')
    const number = Number(text)
    if (epoch !== `e${this.#epoch}` || !(number >= this.#trimmed && number <= this.#revision)) return undefined
    return this.#log.filter((change) => numberOf(change) > number)
  }

  forgetLog (): void {
    this.#log = []
    this.#trimmed = this.#revision
  }

  /** Everything is gone, and a new epoch begins. */
  clear (): void {
    this.#epoch++
    this.#revision = 0
    this.#trimmed = 0
    this.#log = []
    this.#instances.clear()
    this.#manifests.clear()
    this.#touched.clear()
  }

  #known (key: string): Instance {
    const instance = this.#instances.get(key)
    if (instance === undefined) throw new Error(`there is no ${key}`)
    return instance
  }

  #cursorOf (revision: number): string {
    return `e${this.#epoch}.${revision}`
  }

  #publish (event: 'put' | 'delete', reason: Reason, instance: Instance, before: Instance | undefined): void {
    const selecting = this.services.filter(
      (service) => [instance, before].some((each) => each !== undefined && selectsInstance(service, each))
    )
    this.#touch(instance.namespace, instance.service, ...selecting.map(({ metadata }) => metadata.name))
    this.#tell({ type: 'change', revision: this.cursor, kind: 'instance', event, reason, at: this.time(), instance })
  }

  #publishManifest (event: 'put' | 'delete', manifest: TestManifest): void {
    const service = manifest.kind === 'Service' ? manifest : this.services.find((each) => manifest.kind === 'EndpointSlice' && each.metadata.name === manifest.metadata.labels?.['kubernetes.io/service-name'])
    if (service === undefined) return
    this.#touch(service.metadata.namespace, service.metadata.name)
    this.#tell(
      {
        type: 'change', revision: this.cursor, kind: 'service', event: manifest.kind === 'Service' ? event : 'put',
        reason: event === 'put' ? 'declared' : 'removed', at: this.time(), service
      }
    )
  }

  #touch (namespace: string, ...services: readonly string[]): void {
    for (const service of services) this.#touched.set(`${namespace}/${service}`, this.#revision)
  }

  #tell (change: Change): void {
    this.#log.push(change)
    if (this.#log.length > maxLog) this.#trimmed = numberOf(this.#log.shift() ?? change)
    this.#told(change)
  }
}

export function keyOf ({ namespace, service, id }: LeaseReference): string {
  return `${namespace}/${service}/${id}`
}

function numberOf ({ revision }: Change): number {
  return Number(revision.split('.')[1])
}

function canonical (instance: Instance): string {
  return JSON.stringify(
    Object.entries(instance).filter(([name]) => name !== 'updatedAt' && name !== 'revision').sort(
      ([a], [b]) => (a < b ? -1 : 1)
    )
  )
}
