// Endpoints as they are kept: what many of them have in common (ports, labels, a zone) is kept once. Ten thousand endpoints of
// a service differ in little more than their ids and addresses, and each would otherwise bring all of it along.
import type { Conditions, Endpoint } from './wire.ts'

/** Distinct values that are shared. Those of a service whose endpoints all differ are forgotten again and again. */
const maxShared = 1_024
/** Characters of the longest value that is shared: a longer one is probably no other's. */
const maxSharedLength = 512

export class CompactEndpoints {
  readonly #shared = new Map<string, unknown>()

  /** The same endpoint. What it shares with others is frozen: a change to one would be a change to all. */
  of (endpoint: Endpoint): Endpoint {
    const {
      id, service, address, ports, hostname, labels, metadata, weight, priority, zone, region, node, version, status, suspect,
      conditions, ...others
    } = endpoint
    const kept: { -readonly [Key in keyof Endpoint]: Endpoint[Key] } = {
      id,
      address,
      ports: this.#share(ports),
      labels: this.#share(labels),
      metadata: this.#share(metadata),
      weight,
      priority,
      status: this.#share(status),
      suspect,
      conditions: sharedConditions(conditions)
    }
    if (service !== undefined) kept.service = this.#share(service)
    if (hostname !== undefined) kept.hostname = hostname
    if (zone !== undefined) kept.zone = this.#share(zone)
    if (region !== undefined) kept.region = this.#share(region)
    if (node !== undefined) kept.node = this.#share(node)
    if (version !== undefined) kept.version = this.#share(version)
    return Object.assign(kept, others) // of a newer registry
  }

  #share<Value extends string | object> (value: Value): Value {
    const key = typeof value === 'string' ? value : JSON.stringify(value)
    const known = this.#shared.get(key)
    if (key.length > maxSharedLength) return value
    // A text and an object cannot have the same key: the JSON of an object begins with a bracket, and names and labels do not.
    if (known !== undefined && typeof known === typeof value) return known as Value
    if (this.#shared.size >= maxShared) this.#shared.clear()
    this.#shared.set(key, frozen(value))
    return value
  }
}

const conditionsOf = [true, false].flatMap((ready) => [true, false].flatMap((serving) => [true, false].map(
  (terminating): Conditions => Object.freeze({ ready, serving, terminating })
)))

function sharedConditions ({ ready, serving, terminating }: Conditions): Conditions {
  return conditionsOf[(ready ? 0 : 4) + (serving ? 0 : 2) + (terminating ? 0 : 1)] as Conditions // one of the eight
}

function frozen (value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) frozen(member)
  return Object.freeze(value)
}
