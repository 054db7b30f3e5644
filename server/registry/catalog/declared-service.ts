// One declared service in the catalog: its manifest, the instances that it selects, and what is derived from them once per change.
import type { Endpoint, Instance, ServiceSummary } from '../../../client-sdk/src/wire.ts'
import { endpointSet, type EndpointSet } from '../../model/instance/endpoints.ts'
import { matches, type Selector } from '../../model/instance/selector.ts'
import { endpointBuilder, type HandMade, handMadeEndpoints } from '../../model/service/endpoints.ts'
import { labelsOf, selectorOf } from '../../model/service/selection.ts'
import type { Service } from '../../model/service/types.ts'
import type { RevisionFloor } from './revision-floor.ts'
import { countInstances, type ServiceView } from './service-entry.ts'

interface Member {
  readonly instance: Instance
  /** Made when it is asked for; absent = not yet. */
  endpoint?: Endpoint | undefined
}

export class DeclaredService implements ServiceView {
  readonly namespace: string
  readonly name: string
  readonly #members = new Map<string, Member>()
  readonly #handMade: () => HandMade
  readonly #floor: RevisionFloor
  #manifest: Service
  #storedRevision: number
  #revision: number
  #selector: Selector | undefined
  #build: ReturnType<typeof endpointBuilder> | undefined
  #endpoints: EndpointSet | undefined
  #listed: readonly Instance[] | undefined
  #counts: ServiceSummary['instances'] | undefined
  #endpointCounts: ServiceSummary['endpoints'] | undefined

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
    const { revision } = this
    if (this.#endpoints?.revision !== revision) {
      this.#endpoints = this.#selector === undefined ? handMadeEndpoints(this.#manifest, this.#handMade(), revision) : this.#selected(revision)
    }
    return this.#endpoints
  }

  /** What it selects, ordered by id; the same array until the next change of the service. */
  get instances (): readonly Instance[] {
    return this.#listed ??= Array.from(this.#members.values(), (member) => member.instance).sort(byId)
  }

  get counts (): ServiceSummary['instances'] {
    return this.#counts ??= countInstances(this.instances)
  }

  get endpointCounts (): ServiceSummary['endpoints'] {
    const { all } = this.endpoints
    return this.#endpointCounts ??= { total: all.length, ready: all.filter(({ conditions }) => conditions.ready).length }
  }

  get createdAt (): string {
    return this.#manifest.metadata.creationTimestamp ?? ''
  }

  /** Whether its selector means an instance of its namespace. */
  selects (instance: Instance): boolean {
    return this.#selector !== undefined && instance.namespace === this.namespace && matches(this.#selector, labelsOf(instance))
  }

  /** What it selects, in no particular order. */
  * members (): Generator<Instance> {
    for (const { instance } of this.#members.values()) yield instance
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
    if (isOther) this.#members.clear()
    else for (const member of this.#members.values()) delete member.endpoint
    this.touch(revision)
    return isOther
  }

  /** Fills it with the instances that it selects. */
  collect (instances: Iterable<Instance>): void {
    for (const instance of instances) this.#members.set(memberKey(instance), { instance })
    this.touch(this.#revision)
  }

  /** An instance of the namespace changed. @returns false if the service neither had nor has it */
  changed (before: Instance | undefined, after: Instance | undefined, revision: number): boolean {
    const had = before !== undefined && this.#members.delete(memberKey(before))
    const has = after !== undefined && this.selects(after)
    if (has) this.#members.set(memberKey(after), { instance: after })
    if (had || has) this.touch(revision)
    return had || has
  }

  /** Something else that it is made from changed. */
  touch (revision: number): void {
    this.#revision = Math.max(revision, this.#revision)
    this.#endpoints = this.#listed = this.#counts = this.#endpointCounts = undefined
  }

  #selected (revision: number): EndpointSet {
    const build = this.#build ??= endpointBuilder(this.#manifest)
    const endpoints: Endpoint[] = []
    let leaseMs = Infinity
    for (const member of this.#members.values()) {
      if (!('endpoint' in member)) member.endpoint = build(member.instance)
      if (member.endpoint === undefined) continue
      endpoints.push(member.endpoint)
      leaseMs = Math.min(leaseMs, member.instance.lease.ttlMs)
    }
    return endpointSet(this.namespace, this.name, revision, endpoints, leaseMs)
  }
}

function byId (a: Instance, b: Instance): number {
  if (a.id !== b.id) return a.id < b.id ? -1 : 1
  return a.service < b.service ? -1 : 1
}

function memberKey ({ service, id }: Instance): string {
  return `${service}/${id}`
}
