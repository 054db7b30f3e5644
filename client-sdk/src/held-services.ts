// The large services of a watch of endpoints as they were told last: what a difference is put on. A difference costs what it holds; the list
// of all endpoints is made when somebody looks at it, or when so much has come that it is worth it.
import type { Endpoint, EndpointName, ServiceDifference, ServiceEndpoints } from './wire.ts'

/** The registry tells smaller services whole, always. */
const maxWholeEndpoints = 100
/** Differences are put together when they hold this part of the list that they follow: so one costs a few times what it holds. */
const worthOf = 0.25

/** The endpoints of a service at one revision: a list, or what differs from the version before. */
interface Version {
  list: readonly Endpoint[] | undefined
  before: Version | undefined
  readonly put: readonly Endpoint[]
  readonly removed: readonly EndpointName[]
  /** How many endpoints came, changed or went since the list that it goes back to. */
  readonly changed: number
  /** How long that list is. */
  readonly length: number
}

interface Held {
  readonly service: ServiceEndpoints
  readonly version: Version
}

export class HeldServices {
  readonly #held = new Map<string, Held>()

  /** A service was told whole. */
  hold (service: ServiceEndpoints): void {
    const { endpoints } = service
    if (endpoints.length <= maxWholeEndpoints) return this.forget(service)
    this.#held.set(keyOf(service), { service, version: { list: endpoints, before: undefined, put: [], removed: [], changed: 0, length: endpoints.length } })
  }

  /** @returns the service as it is now, whole; undefined = the difference is not from what was told last */
  apply (difference: ServiceDifference): ServiceEndpoints | undefined {
    const held = this.#held.get(keyOf(difference))
    if (held === undefined || held.service.revision !== difference.from) return undefined
    const { namespace, service: name, revision, failOpen, declared, put, removed } = difference
    const { service: { manifest }, version: before } = held
    const changed = before.changed + put.length + removed.length
    const version: Version = { list: undefined, before, put, removed, changed, length: before.length }
    const given = {
      namespace, service: name, revision, failOpen, ...(declared === undefined ? {} : { declared }), ...(manifest === undefined ? {} : { manifest })
    }
    const service = Object.defineProperty(given, 'endpoints', { enumerable: true, configurable: true, get: () => listOf(version) }) as ServiceEndpoints // it has all fields now
    if (changed <= before.length * worthOf) this.#held.set(keyOf(service), { service, version })
    else {
      const list = listOf(version)
      this.#held.set(keyOf(service), { service, version: { list, before: undefined, put: [], removed: [], changed: 0, length: list.length } })
    }
    return service
  }

  forget (service: { readonly namespace: string, readonly service: string }): void {
    this.#held.delete(keyOf(service))
  }

  clear (): void {
    this.#held.clear()
  }
}

function listOf (version: Version): readonly Endpoint[] {
  const steps: Version[] = []
  let from = version
  for (; from.list === undefined && from.before !== undefined; from = from.before) steps.push(from)
  const last = new Map<string, Endpoint | undefined>()
  for (const { put, removed } of steps.reverse()) {
    for (const name of removed) last.set(nameOf(name), undefined)
    for (const endpoint of put) last.set(nameOf(endpoint), endpoint)
  }
  version.list ??= applied(from.list ?? [], last)
  version.before = undefined // what was before is not needed any more
  return version.list
}

/** The list is ordered by id, and so is the result. @param last by name; undefined = it went */
function applied (before: readonly Endpoint[], last: ReadonlyMap<string, Endpoint | undefined>): Endpoint[] {
  const put = [...last.values()].filter((endpoint) => endpoint !== undefined).sort((a, b) => (isBefore(a, b) ? -1 : 1))
  const endpoints: Endpoint[] = []
  let next = 0
  for (const endpoint of before) {
    for (let other = put[next]; other !== undefined && isBefore(other, endpoint); other = put[++next]) endpoints.push(other)
    if (!last.has(nameOf(endpoint))) endpoints.push(endpoint)
  }
  for (; next < put.length; next++) endpoints.push(put[next] as Endpoint) // next is below the length
  return endpoints
}

function isBefore (a: EndpointName, b: EndpointName): boolean {
  return a.id === b.id ? (a.service ?? '') <= (b.service ?? '') : a.id < b.id
}

/** Of an endpoint within its service. */
function nameOf ({ id, service = '' }: EndpointName): string {
  return `${service}/${id}`
}

function keyOf ({ namespace, service }: { readonly namespace: string, readonly service: string }): string {
  return `${namespace}/${service}`
}
