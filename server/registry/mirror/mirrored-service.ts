// One service in a mirror: its endpoints in order, and the set of them that answers are made from.
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { type EndpointKey, type EndpointList, endpointList } from '../../model/instance/endpoint-part.ts'
import { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Service } from '../../model/service/types.ts'
import { LeaseCounts } from '../catalog/lease-counts.ts'
import type { RevisionFloor } from '../catalog/revision-floor.ts'
import type { MirroredEndpoint, Owner } from './mirrored-endpoint.ts'

export class MirroredService implements Owner {
  readonly namespace: string
  readonly name: string
  /** Of a declared service; undefined = the instances that registered under the name. */
  manifest: Service | undefined
  /** Changes up to this revision are in it. */
  at = 0
  readonly #floor: RevisionFloor
  /** Ordered by id and service, until somebody asks for the endpoints: filling it costs least. */
  #all: MirroredEndpoint[] = []
  /** The same from then on: a change costs a run of it. */
  #list: EndpointList | undefined
  readonly #leases = new LeaseCounts()
  #set: EndpointSet | undefined
  #revision = 0

  constructor (namespace: string, name: string, floor: RevisionFloor) {
    this.namespace = namespace
    this.name = name
    this.#floor = floor
  }

  get size (): number {
    return this.#list?.length ?? this.#all.length
  }

  get all (): Iterable<MirroredEndpoint> {
    return this.#list === undefined ? this.#all : this.#list as Iterable<MirroredEndpoint> // only they are put in
  }

  get revision (): number {
    return this.#floor.over(this.#revision)
  }

  /** The same object until the revision is another one. */
  get endpoints (): EndpointSet {
    const { revision } = this
    if (this.#set?.revision !== revision) this.#set = new EndpointSet(this.namespace, this.name, revision, this.#listed, this.#leases.shortest, this)
    return this.#set
  }

  get (id: string, service: string | undefined): MirroredEndpoint | undefined {
    if (this.#list !== undefined) return this.#list.get(keyOf(id, service)) as MirroredEndpoint | undefined // only they are put in
    const found = this.#all[this.#place(id, service)]
    return found !== undefined && order(found, id, service) === 0 ? found : undefined
  }

  /** The answered endpoints with an id: several instances may have one, under different services. */
  answered (id: string): Endpoint[] {
    return this.endpoints.answeredAs(id)
  }

  /** Takes one in. @returns the one in whose place it stands now */
  put (endpoint: MirroredEndpoint): MirroredEndpoint | undefined {
    const { id, registeredAs: service } = endpoint
    const last = this.#all.at(-1)
    const isLast = this.#list === undefined && (last === undefined || order(last, id, service) < 0)
    const known = isLast ? undefined : this.get(id, service)
    this.#counted(known, endpoint)
    if (this.#list !== undefined) this.#list = this.#list.put(endpoint)
    else if (isLast) this.#all.push(endpoint)
    else this.#all.splice(this.#place(id, service), known === undefined ? 0 : 1, endpoint)
    return known
  }

  remove (id: string, service: string | undefined): MirroredEndpoint | undefined {
    const known = this.get(id, service)
    if (known === undefined) return undefined
    this.#counted(known, undefined)
    if (this.#list !== undefined) this.#list = this.#list.delete(keyOf(id, service))
    else this.#all.splice(this.#place(id, service), 1)
    return known
  }

  touch (revision: number): void {
    this.#revision = Math.max(revision, this.#revision)
    this.#set = undefined
  }

  /** Has another's endpoints from now on. */
  takeOver (other: MirroredService): void {
    for (const endpoint of this.all) this.#counted(endpoint, undefined)
    for (const endpoint of other.all) this.#counted(undefined, endpoint)
    this.#all = other.#all
    this.#list = other.#list
    this.#set = undefined
  }

  get #listed (): EndpointList {
    if (this.#list !== undefined) return this.#list
    const list = this.#list = endpointList(this.#all)
    this.#all = []
    return list
  }

  #counted (before: MirroredEndpoint | undefined, after: MirroredEndpoint | undefined): void {
    if (before !== undefined) this.#leases.count(before.core.ttlMs ?? Infinity, -1)
    if (after !== undefined) this.#leases.count(after.core.ttlMs ?? Infinity, 1)
    this.#set = undefined
  }

  /** Where one is, or would be. */
  #place (id: string, service: string | undefined): number {
    return firstFrom(this.#all, (endpoint) => order(endpoint, id, service) < 0)
  }
}

/** The first place of an ordered list that is not before what is looked for. */
function firstFrom<Item> (items: readonly Item[], isBefore: (item: Item) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(items[middle] as Item)) low = middle + 1 // middle lies within the list
    else high = middle
  }
  return low
}

function order (endpoint: MirroredEndpoint, id: string, service: string | undefined): number {
  return compare(endpoint.id, id) || compare(endpoint.registeredAs ?? '', service ?? '')
}

function keyOf (id: string, service: string | undefined): EndpointKey {
  return service === undefined ? { id } : { id, service }
}

function compare (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
