// The endpoints of one service, from the moment that somebody asks for them: each change is made in its place, so that it costs the same
// in a service of ten and of ten thousand.
import { isDeepStrictEqual } from 'node:util'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { type EndpointKey, type EndpointList, endpointList } from '../../model/instance/endpoint-part.ts'
import { EndpointSet } from '../../model/instance/endpoints.ts'
import { ChangedKeys } from './changed-keys.ts'
import { LeaseCounts } from './lease-counts.ts'

/** An endpoint, and the lease of its instance in milliseconds: Infinity = it has none. */
export interface Leased {
  readonly endpoint: Endpoint
  readonly leaseMs: number
}

export class EndpointTable {
  readonly #namespace: string
  readonly #service: string
  #list: EndpointList
  readonly #leases = new LeaseCounts()
  readonly #changed = new ChangedKeys()
  #set: EndpointSet | undefined

  constructor (namespace: string, service: string, all: Iterable<Leased>) {
    this.#namespace = namespace
    this.#service = service
    const endpoints: Endpoint[] = []
    for (const { endpoint, leaseMs } of all) {
      endpoints.push(endpoint)
      this.#leases.count(leaseMs, 1)
    }
    this.#list = endpointList(endpoints)
  }

  /** The endpoints; the same object until they change, or the revision does. */
  at (revision: number): EndpointSet {
    if (this.#set?.revision !== revision) {
      this.#set = new EndpointSet(this.#namespace, this.#service, revision, this.#list, this.#leases.shortest, this)
      this.#changed.told(revision)
    }
    return this.#set
  }

  /**
   * An endpoint came, changed or went.
   * @param before undefined = it is new
   * @param after undefined = it went
   */
  change (before: (Omit<Leased, 'endpoint'> & { readonly endpoint: EndpointKey }) | undefined, after: Leased | undefined, revision: number): void {
    if (before === undefined && after === undefined) return
    if (before !== undefined) this.#leases.count(before.leaseMs, -1)
    if (after !== undefined) this.#leases.count(after.leaseMs, 1)
    if (after !== undefined) this.#list = this.#list.put(after.endpoint)
    else if (before !== undefined) this.#list = this.#list.delete(before.endpoint)
    this.#noted((after ?? before)?.endpoint, revision)
  }

  /** Takes what was made by hand in the place of all: what is the same stays where it is. */
  replace (endpoints: Iterable<Endpoint>, revision: number): void {
    const left = new Set<Endpoint>(this.#list)
    for (const endpoint of endpoints) {
      const known = this.#list.get(endpoint)
      if (known !== undefined) left.delete(known)
      if (isDeepStrictEqual(known, endpoint)) continue
      this.#list = this.#list.put(endpoint)
      this.#noted(endpoint, revision)
    }
    for (const endpoint of left) {
      this.#list = this.#list.delete(endpoint)
      this.#noted(endpoint, revision)
    }
    this.#set = undefined
  }

  /** From now on it remembers for a while which endpoints changed. */
  follow (revision: number): void {
    this.#changed.begin(revision)
  }

  /** Which endpoints came, changed or went after a revision; undefined = it is not remembered, or too many to be worth it. */
  changedSince (revision: number): readonly EndpointKey[] | undefined {
    const keys = this.#changed.since(revision)
    return keys === undefined || keys.length > this.#list.length / 2 ? undefined : keys
  }

  #noted (key: EndpointKey | undefined, revision: number): void {
    this.#set = undefined
    if (key !== undefined) this.#changed.note(key, revision)
  }
}
