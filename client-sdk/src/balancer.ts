// Which endpoint gets the next call: pure functions and one small state.
import { callable } from './rules.ts'
import type { Endpoint, Port } from './wire.ts'

/** An endpoint and the one of its ports that is meant. */
export interface Candidate {
  readonly endpoint: Endpoint
  readonly port: Port
}

export interface Preference {
  /** Name or number of the port; absent = the first one. */
  readonly port?: string | number | undefined
  /** Endpoints in this zone are preferred. */
  readonly zone?: string | undefined
}

/** What tells the endpoints of a service apart: a declared one may select from several services, and ids are unique within each. */
export function endpointKey ({ service, id }: Pick<Endpoint, 'service' | 'id'>): string {
  return service === undefined ? id : `${service}/${id}`
}

/** The callable endpoints that have the wished port, in the order of their keys. */
export function candidates (endpoints: Iterable<Endpoint>, port?: string | number): readonly Candidate[] {
  return callable([...endpoints])
    .flatMap((endpoint) => {
      const found = port === undefined
        ? endpoint.ports[0]
        : endpoint.ports.find((each) => (typeof port === 'number' ? each.port === port : each.name === port))
      return found === undefined ? [] : [{ endpoint, port: found }]
    })
    .sort((a, b) => (endpointKey(a.endpoint) < endpointKey(b.endpoint) ? -1 : 1))
}

/**
 * Narrows candidates to those of the first choice, in this order:
 * 1. weight above 0; 0 means "only when nothing else is left", with any priority;
 * 2. the lowest priority number (RFC 2782: a client MUST try it first), so a near backup does not win over a far primary;
 * 3. the caller's zone, if an endpoint is in it.
 */
export function firstChoice (all: readonly Candidate[], zone?: string): readonly Candidate[] {
  const weighted = orElse(all.filter(({ endpoint }) => endpoint.weight > 0), all)
  const priority = weighted.reduce((lowest, { endpoint }) => Math.min(lowest, endpoint.priority), Infinity)
  const preferred = weighted.filter(({ endpoint }) => endpoint.priority === priority)
  return zone === undefined ? preferred : orElse(preferred.filter(({ endpoint }) => endpoint.zone === zone), preferred)
}

/** The least loaded for their weight. */
export function leastLoaded (all: readonly Candidate[], load: (key: string) => number): readonly Candidate[] {
  const relative = ({ endpoint }: Candidate): number => load(endpointKey(endpoint)) / Math.max(endpoint.weight, 1)
  const least = all.reduce((lowest, candidate) => Math.min(lowest, relative(candidate)), Infinity)
  return all.filter((candidate) => relative(candidate) === least)
}

/**
 * Smooth weighted round robin: each turn every endpoint gains its weight; the one with most is chosen and loses the
 * sum. Over a sum of the weights each is picked as often as its weight says, and never in bursts.
 */
export class RoundRobin {
  readonly #random: () => number
  #credit = new Map<string, number>()

  /** @param random where in the turn a new endpoint begins, so that many clients that start together don't pick the same one first */
  constructor (random: () => number) {
    this.#random = random
  }

  pick (all: readonly Candidate[]): Candidate | undefined {
    let best: Candidate | undefined
    let bestCredit = -Infinity
    let sum = 0
    for (const candidate of all) {
      const key = endpointKey(candidate.endpoint)
      const weight = Math.max(candidate.endpoint.weight, 1) // of those with 0, each like the other
      sum += weight
      const credit = (this.#credit.get(key) ?? this.#random() * weight) + weight
      this.#credit.set(key, credit)
      if (credit > bestCredit) {
        best = candidate
        bestCredit = credit
      }
    }
    if (best !== undefined) this.#credit.set(endpointKey(best.endpoint), bestCredit - sum)
    return best
  }

  /** Forgets who is not there any more. */
  keep (keys: ReadonlySet<string>): void {
    for (const key of this.#credit.keys()) if (!keys.has(key)) this.#credit.delete(key)
  }
}

function orElse<Item> (some: readonly Item[], others: readonly Item[]): readonly Item[] {
  return some.length > 0 ? some : others
}
