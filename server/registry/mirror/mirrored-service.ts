// One service in a mirror: its endpoints in order, and the set of them that answers are made from.
import { callable } from '../../../client-sdk/src/rules.ts'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Service } from '../../model/service/types.ts'
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
  /** Ordered by id and service. A set that was handed out has this very list: then the next change makes another one. */
  #all: MirroredEndpoint[] = []
  #isHandedOut = false
  #set: EndpointSet | undefined
  #revision = 0

  constructor (namespace: string, name: string, floor: RevisionFloor) {
    this.namespace = namespace
    this.name = name
    this.#floor = floor
  }

  get size (): number {
    return this.#all.length
  }

  get all (): readonly MirroredEndpoint[] {
    return this.#all
  }

  get revision (): number {
    return this.#floor.over(this.#revision)
  }

  /** The same object until the revision is another one. */
  get endpoints (): EndpointSet {
    const { revision } = this
    if (this.#set?.revision !== revision) this.#set = this.#made(revision)
    return this.#set
  }

  get (id: string, service: string | undefined): MirroredEndpoint | undefined {
    const found = this.#all[this.#place(id, service)]
    return found !== undefined && order(found, id, service) === 0 ? found : undefined
  }

  /** The answered endpoints with an id: several instances may have one, under different services. */
  answered (id: string): Endpoint[] {
    const { answered } = this.endpoints
    const place = firstFrom(answered, (endpoint) => endpoint.id < id)
    let end = place
    while (answered[end]?.id === id) end++
    return answered.slice(place, end)
  }

  /** Takes one in. @returns the one in whose place it stands now */
  put (endpoint: MirroredEndpoint): MirroredEndpoint | undefined {
    const { id, service } = endpoint
    const list = this.#own()
    const last = list.at(-1)
    const place = last === undefined || order(last, id, service) < 0 ? list.length : this.#place(id, service)
    const known = list[place]
    const isKnown = known !== undefined && order(known, id, service) === 0
    if (isKnown) list[place] = endpoint
    else if (place === list.length) list.push(endpoint)
    else list.splice(place, 0, endpoint)
    return isKnown ? known : undefined
  }

  remove (id: string, service: string | undefined): MirroredEndpoint | undefined {
    const place = this.#place(id, service)
    const known = this.#all[place]
    if (known === undefined || order(known, id, service) !== 0) return undefined
    this.#own().splice(place, 1)
    return known
  }

  touch (revision: number): void {
    this.#revision = Math.max(revision, this.#revision)
    this.#set = undefined
  }

  /** Has another's endpoints from now on. */
  takeOver (other: MirroredService): void {
    this.#all = other.#all
    this.#isHandedOut = false
  }

  #own (): MirroredEndpoint[] {
    if (this.#isHandedOut) this.#all = this.#all.slice()
    this.#isHandedOut = false
    this.#set = undefined
    return this.#all
  }

  #made (revision: number): EndpointSet {
    this.#isHandedOut = true
    const all = this.#all
    let leaseMs = Infinity
    let isPlain = true
    for (const { core: { ttlMs = Infinity, conditions } } of all) {
      if (ttlMs < leaseMs) leaseMs = ttlMs
      if (!conditions.ready) isPlain = false
    }
    const answered = isPlain ? all : callable(all)
    const [first] = answered
    const failOpen = first?.suspect === true && !first.conditions.ready
    return { namespace: this.namespace, service: this.name, revision, failOpen, all, answered, ...(leaseMs === Infinity ? {} : { leaseMs }) }
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

function compare (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
