// One application: the endpoints of a service, as Eureka shows them.
import { endpointOf } from '../../../client-sdk/src/rules.ts'
import type { Endpoint, Instance } from '../../../client-sdk/src/wire.ts'
import type { EndpointSet } from '../../registry/core.ts'
import type { EurekaStatus } from '../form/instance-info.ts'
import { appOf } from '../form/names.ts'
import { Row } from './row.ts'

/** The registered instance behind an endpoint. */
export type InstanceOf = (service: string, id: string) => Instance | undefined

/** What became of a row: the same before and after, if it is shown as it was. */
export interface Changed {
  readonly key: string
  readonly before: Row | undefined
  readonly after: Row | undefined
}

/** An endpoint within its service: ids are unique only within the service that the instance registered under. */
export function keyOf ({ id, service }: Pick<Endpoint, 'id' | 'service'>, own: string): string {
  return service === undefined || service === own ? id : `${id}\n${service}`
}

export class App {
  readonly namespace: string
  readonly service: string
  /** As Eureka has it. */
  readonly name: string
  readonly #rows = new Map<string, Row>()
  /** Those that are suspect: how they are shown depends on the others. */
  readonly #suspects = new Set<string>()
  readonly #counts = new Map<EurekaStatus, number>()
  #failOpen = false
  #listed: readonly Row[] | undefined

  constructor (namespace: string, service: string) {
    this.namespace = namespace
    this.service = service
    this.name = appOf(service)
  }

  /** In the order in which they came; the same list until one of them changes. */
  get rows (): readonly Row[] {
    return this.#listed ??= [...this.#rows.values()]
  }

  get size (): number {
    return this.#rows.size
  }

  /** How many are suspect. */
  get suspect (): number {
    return this.#suspects.size
  }

  /** How many have a status. */
  get counts (): ReadonlyMap<EurekaStatus, number> {
    return this.#counts
  }

  get (key: string): Row | undefined {
    return this.#rows.get(key)
  }

  /** The row of an instance that is not there any more, as it was last. */
  goneRow (instance: Instance): Row {
    return new Row(this.#sourceOf({ ...endpointOf(instance), service: instance.service }, false, () => instance))
  }

  /** All that is to be looked at when everything may have changed. */
  keys (): Iterable<string> {
    return this.#rows.keys()
  }

  /**
   * Takes some endpoints as they are now.
   * @param set undefined = the service is gone
   * @param keys those that changed; an endpoint that is not there any more is one that went
   */
  * update (set: EndpointSet | undefined, keys: Iterable<string>, instanceOf: InstanceOf): Generator<Changed> {
    const failOpen = set?.failOpen ?? false
    const looked = new Set(keys)
    // Whether the suspect ones are answered was decided anew: each of them is shown otherwise.
    if (failOpen !== this.#failOpen) for (const key of this.#suspects) looked.add(key)
    this.#failOpen = failOpen
    for (const key of looked) {
      const endpoint = set === undefined ? undefined : this.#endpoint(set, key)
      const before = this.#rows.get(key)
      const now = endpoint === undefined ? undefined : new Row(this.#sourceOf(endpoint, failOpen, instanceOf))
      const after = now !== undefined && before?.isShownAs(now) === true ? before : now
      if (before !== undefined || after !== undefined) this.#put(key, before, after, endpoint?.suspect ?? false)
      yield { key, before, after }
    }
  }

  #endpoint (set: EndpointSet, key: string): Endpoint | undefined {
    const [id = '', service] = key.split('\n')
    if (service !== undefined) return set.get({ id, service })
    // Of a declared service each endpoint names the service that its instance registered under.
    return set.get({ id }) ?? set.get({ id, service: this.service })
  }

  #put (key: string, before: Row | undefined, after: Row | undefined, suspect: boolean): void {
    this.#listed = undefined
    if (before !== undefined) this.#count(before.status, -1)
    if (after === undefined) this.#rows.delete(key)
    else {
      this.#rows.set(key, after)
      this.#count(after.status, 1)
    }
    if (after !== undefined && suspect) this.#suspects.add(key)
    else this.#suspects.delete(key)
  }

  #count (status: EurekaStatus, by: number): void {
    const count = (this.#counts.get(status) ?? 0) + by
    if (count === 0) this.#counts.delete(status)
    else this.#counts.set(status, count)
  }

  #sourceOf (endpoint: Endpoint, failOpen: boolean, instanceOf: InstanceOf): ConstructorParameters<typeof Row>[0] {
    const { id, address, ports, metadata, weight, zone, suspect, conditions } = endpoint
    // A service may publish those that are not ready: callers are sent to them.
    const status = conditions.ready && endpoint.status !== 'warning' ? 'up' : endpoint.status
    return {
      service: this.service, id, from: endpoint.service === this.service ? undefined : endpoint.service, address, ports, metadata, weight, zone, status,
      isOut: suspect && !failOpen && !conditions.ready,
      instance: instanceOf(endpoint.service ?? this.service, id)
    }
  }
}
