// The large services of a watch of endpoints as they were told last: what a difference is put on.
import type { Endpoint, EndpointName, ServiceDifference, ServiceEndpoints } from './wire.ts'

/** The registry tells smaller services whole, always. */
const maxWholeEndpoints = 100

export class HeldServices {
  readonly #held = new Map<string, ServiceEndpoints>()

  /** A service was told whole. */
  hold (service: ServiceEndpoints): void {
    if (service.endpoints.length > maxWholeEndpoints) this.#held.set(keyOf(service), service)
    else this.#held.delete(keyOf(service))
  }

  /** @returns the service as it is now, whole; undefined = the difference is not from what was told last */
  apply (difference: ServiceDifference): ServiceEndpoints | undefined {
    const before = this.#held.get(keyOf(difference))
    if (before === undefined || before.revision !== difference.from) return undefined
    const { namespace, service: name, revision, failOpen, declared, put, removed } = difference
    const { manifest } = before
    const service: ServiceEndpoints = {
      namespace, service: name, revision, failOpen, ...(declared === undefined ? {} : { declared }), ...(manifest === undefined ? {} : { manifest }),
      endpoints: applied(before.endpoints, put, removed)
    }
    this.hold(service)
    return service
  }

  forget (service: { readonly namespace: string, readonly service: string }): void {
    this.#held.delete(keyOf(service))
  }

  clear (): void {
    this.#held.clear()
  }
}

/** Both are ordered by id, and so is the result. */
function applied (before: readonly Endpoint[], put: readonly Endpoint[], removed: readonly EndpointName[]): Endpoint[] {
  const replaced = new Set([...put, ...removed].map(nameOf))
  const endpoints: Endpoint[] = []
  let next = 0
  for (const endpoint of before) {
    for (let other = put[next]; other !== undefined && isBefore(other, endpoint); other = put[++next]) endpoints.push(other)
    if (!replaced.has(nameOf(endpoint))) endpoints.push(endpoint)
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
