// What a follower of endpoints was told last of each large service, so that it can be told the difference next: a service of ten
// thousand endpoints is some megabytes, a change of one of them some hundred octets.
import { beside } from '../../beside.ts'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { type EndpointKey, compareEndpoints } from '../../model/instance/endpoint-part.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Service } from '../../model/service/types.ts'
import type { ServiceView } from '../catalog/service-entry.ts'

/** Services of no more endpoints are always told whole: who follows few large ones needs no rule for the many small ones. */
export const maxWholeEndpoints = 100

/** What became of the endpoints of a service since a revision of it. */
export interface EndpointDifference {
  /** The revision of the endpoints that it begins at. */
  readonly from: number
  /** New, or another than before; ordered by id. */
  readonly put: readonly Endpoint[]
  /** Gone. There may be some that a follower with a selector never had. */
  readonly removed: readonly EndpointKey[]
}

interface Told {
  readonly view: ServiceView
  readonly manifest: Service | undefined
  readonly revision: number
}

/** Those that several followers are told alike are one object. */
const differences = beside<EndpointSet, Map<number, EndpointDifference | undefined>>()

export class ToldEndpoints {
  readonly #told = new Map<string, Told>()

  /**
   * A follower is told of a service now.
   * @returns what differs from what it was told before; undefined = it has to be told all
   */
  tell (view: ServiceView): EndpointDifference | undefined {
    const { endpoints, manifest } = view
    const key = keyOf(view)
    if (endpoints.size <= maxWholeEndpoints) {
      this.#told.delete(key)
      return undefined
    }
    const before = this.#told.get(key)
    this.#told.set(key, { view, manifest, revision: endpoints.revision })
    view.follow()
    // Of another object behind the name, or of another manifest, nothing need be as it was.
    return before?.view === view && before.manifest === manifest ? differenceOf(view, before.revision) : undefined
  }

  forget (namespace: string, service: string): void {
    this.#told.delete(keyOf({ namespace, name: service }))
  }

  clear (): void {
    this.#told.clear()
  }
}

function differenceOf (view: ServiceView, from: number): EndpointDifference | undefined {
  const { endpoints } = view
  let known = differences.get(endpoints)
  if (known === undefined) differences.set(endpoints, known = new Map<number, EndpointDifference | undefined>())
  if (known.has(from)) return known.get(from)
  const keys = view.changedSince(from)?.toSorted(compareEndpoints)
  const put: Endpoint[] = []
  const removed: EndpointKey[] = []
  for (const key of keys ?? []) {
    const endpoint = endpoints.get(key)
    if (endpoint === undefined) removed.push(key)
    else put.push(endpoint)
  }
  const made = keys === undefined ? undefined : { from, put, removed }
  known.set(from, made)
  return made
}

// Names hold no "/".
function keyOf ({ namespace, name }: Pick<ServiceView, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`
}
