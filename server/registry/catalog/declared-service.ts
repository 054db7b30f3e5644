// One declared service in the catalog: its manifest, the instances that it selects, and what is derived from them.
import type { Endpoint, Instance, ServiceSummary } from '../../../client-sdk/src/wire.ts'
import type { EndpointKey } from '../../model/instance/endpoint-part.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import { matches, type Selector } from '../../model/instance/selector.ts'
import { endpointBuilder, type HandMade, writtenEndpoints } from '../../model/service/endpoints.ts'
import { labelsOf, selectorOf } from '../../model/service/selection.ts'
import type { Service } from '../../model/service/types.ts'
import { EndpointTable, type Leased } from './endpoint-table.ts'
import { type InstanceCounts, type InstanceList, countsOf, instanceList } from './instance-list.ts'
import type { RevisionFloor } from './revision-floor.ts'
import type { ServiceView } from './service-entry.ts'

type Build = (instance: Instance) => Endpoint | undefined

export class DeclaredService implements ServiceView {
  readonly namespace: string
  readonly name: string
  readonly #members = new Map<string, Instance>()
  readonly #handMade: () => HandMade
  readonly #floor: RevisionFloor
  #manifest: Service
  #storedRevision: number
  #revision: number
  #selector: Selector | undefined
  #build: Build | undefined
  /** Each is made when it is first asked for, and changed along from then on. */
  #table: EndpointTable | undefined
  #list: InstanceList | undefined
  #listed: readonly Instance[] | undefined
  /** What was made by hand changed since the endpoints were made. */
  #isOutdated = false

  /** @param handMade the hand-written endpoints of the service, asked for only if it has no selector */
  constructor (manifest: Service, revision: number, handMade: () => HandMade, floor: RevisionFloor) {
    this.namespace = manifest.metadata.namespace
    this.name = manifest.metadata.name
    this.#manifest = manifest
    this.#storedRevision = this.#revision = revision
    this.#selector = selectorOf(manifest)
    this.#handMade = handMade
    this.#floor = floor
  }

  /** The stored form, metadata filled. */
  get manifest (): Service {
    return this.#manifest
  }

  /** At least the revision of the last change that concerned it: of the manifest, of an instance that it selects, of hand-made endpoints. */
  get revision (): number {
    return this.#floor.over(this.#revision)
  }

  /** The revision of the manifest: what a write must have seen. */
  get storedRevision (): number {
    return this.#storedRevision
  }

  /** undefined = it has no selector: its endpoints are written by hand, or it has none (ExternalName). */
  get selector (): Selector | undefined {
    return this.#selector
  }

  /** The same object until the revision of the service is another one. */
  get endpoints (): EndpointSet {
    return this.#endpointTable.at(this.revision)
  }

  /** What it selects. */
  get list (): InstanceList {
    return this.#list ??= instanceList(this.#members.values())
  }

  /** The same in one list, ordered by id; the same array until the next change of the service. */
  get instances (): readonly Instance[] {
    return this.#listed ??= [...this.list]
  }

  get counts (): InstanceCounts {
    return countsOf(this.list)
  }

  get endpointCounts (): ServiceSummary['endpoints'] {
    const { size, ready } = this.endpoints
    return { total: size, ready }
  }

  get createdAt (): string {
    return this.#manifest.metadata.creationTimestamp ?? ''
  }

  follow (): void {
    this.#endpointTable.follow(this.revision)
  }

  changedSince (revision: number): readonly EndpointKey[] | undefined {
    return this.#endpointTable.changedSince(revision)
  }

  /** Whether its selector means an instance of its namespace. */
  selects (instance: Pick<Instance, 'namespace' | 'service' | 'labels'>): boolean {
    return this.#selector !== undefined && instance.namespace === this.namespace && matches(this.#selector, labelsOf(instance))
  }

  /** What it selects, in no particular order. */
  members (): Iterable<Instance> {
    return this.#members.values()
  }

  /** The endpoint that an instance is which it selects; undefined = the instance has no address of its families. Made at each call. */
  endpointOf (instance: Instance): Endpoint | undefined {
    return (this.#build ??= endpointBuilder(this.#manifest))(instance)
  }

  // Changing: only the catalog calls these ---------------------------------------------------------------------------

  /** Takes a new manifest. @returns true if the selector is another: `collect` must follow */
  declare (manifest: Service, revision: number): boolean {
    const selector = selectorOf(manifest)
    const isOther = selector?.text !== this.#selector?.text
    this.#manifest = manifest
    this.#storedRevision = revision
    this.#selector = selector
    this.#build = undefined
    this.#table = undefined // of each endpoint the ports may be others
    if (isOther) {
      this.#members.clear()
      this.#list = this.#listed = undefined
    }
    this.touch(revision)
    return isOther
  }

  /** Fills it with the instances that it selects. */
  collect (instances: Iterable<Instance>): void {
    for (const instance of instances) this.#members.set(memberKey(instance), instance)
    this.#table = this.#list = this.#listed = undefined
    this.touch(this.#revision)
  }

  /** An instance of the namespace changed. @returns false if the service neither had nor has it */
  changed (before: Instance | undefined, after: Instance | undefined, revision: number): boolean {
    const known = before === undefined ? undefined : this.#members.get(memberKey(before))
    const now = after !== undefined && this.selects(after) ? after : undefined
    if (known === undefined && now === undefined) return false
    if (known !== undefined) this.#members.delete(memberKey(known))
    if (now !== undefined) this.#members.set(memberKey(now), now)
    this.touch(revision)
    this.#listed = undefined
    if (now !== undefined) this.#list = this.#list?.put(now)
    else if (known !== undefined) this.#list = this.#list?.delete(known)
    if (this.#table === undefined) return true
    // Of the endpoint that it had, the name and the lease say all; whether it had one, its address.
    this.#table.change(known === undefined ? undefined : this.#leased(known), now === undefined ? undefined : this.#leased(now), this.#revision)
    return true
  }

  /** Something else that it is made from changed. */
  touch (revision: number): void {
    this.#revision = Math.max(revision, this.#revision)
    this.#isOutdated = true
  }

  get #endpointTable (): EndpointTable {
    if (this.#table === undefined) {
      this.#table = new EndpointTable(this.namespace, this.name, this.#selector === undefined ? this.#written() : this.#selected())
    } else if (this.#isOutdated && this.#selector === undefined) {
      this.#table.replace(writtenEndpoints(this.#manifest, this.#handMade()), this.#revision)
    }
    this.#isOutdated = false
    return this.#table
  }

  * #written (): Generator<Leased> {
    for (const endpoint of writtenEndpoints(this.#manifest, this.#handMade())) yield { endpoint, leaseMs: Infinity }
  }

  * #selected (): Generator<Leased> {
    for (const member of this.#members.values()) {
      const leased = this.#leased(member)
      if (leased !== undefined) yield leased
    }
  }

  #leased (instance: Instance): Leased | undefined {
    const endpoint = this.endpointOf(instance)
    return endpoint === undefined ? undefined : { endpoint, leaseMs: instance.lease.ttlMs }
  }
}

function memberKey ({ service, id }: Instance): string {
  return `${service}/${id}`
}
