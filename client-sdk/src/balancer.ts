// Which endpoint gets the next call: the order in which endpoints are chosen from, as pure functions.
import { callable, canServe } from './rules.ts'
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

/** The port of an endpoint that is meant; undefined = it has none such. */
export function portOf (endpoint: Endpoint, port: string | number | undefined): Port | undefined {
  return port === undefined
    ? endpoint.ports[0]
    : endpoint.ports.find((each) => (typeof port === 'number' ? each.port === port : each.name === port))
}

/** The callable endpoints that have the wished port, in the order of their keys. */
export function candidates (endpoints: Iterable<Endpoint>, port?: string | number): readonly Candidate[] {
  return callable([...endpoints])
    .flatMap((endpoint) => {
      const found = portOf(endpoint, port)
      return found === undefined ? [] : [{ endpoint, port: found }]
    })
    .sort((a, b) => (endpointKey(a.endpoint) < endpointKey(b.endpoint) ? -1 : 1))
}

/** How good an endpoint is to call, the best first: those of a service that are called are of one tier (rules/callable.ts). */
export const tiers = { ready: 0, leaving: 1, suspect: 2, suspectAndLeaving: 3 } as const
export type Tier = typeof tiers[keyof typeof tiers]

/** undefined = it must not be called. */
export function tierOf ({ conditions, suspect, status }: Endpoint): Tier | undefined {
  if (conditions.ready) return tiers.ready
  if (conditions.serving && conditions.terminating) return tiers.leaving
  if (!suspect || !canServe(status)) return undefined
  return status === 'draining' ? tiers.suspectAndLeaving : tiers.suspect
}

/** Priorities end here, as in SRV (RFC 2782). */
const maxPriority = 65_535

/**
 * The rank of an endpoint among those of its service, the lowest is called first. It is made of, in this order:
 * 1. its tier;
 * 2. weight above 0; 0 means "only when nothing else is left", with any priority;
 * 3. the lowest priority number (RFC 2782: a client MUST try it first), so a near backup does not win over a far primary;
 * 4. the caller's zone, if an endpoint is in it.
 * @returns undefined = it must not be called, or has no such port
 */
export function rankOf (endpoint: Endpoint, { port, zone }: Preference): number | undefined {
  const tier = tierOf(endpoint)
  if (tier === undefined || portOf(endpoint, port) === undefined) return undefined
  const { weight, priority } = endpoint
  const bounded = Math.min(Math.max(Math.trunc(priority), 0), maxPriority)
  return tier << 18 | (weight > 0 ? 0 : 1) << 17 | bounded << 1 | (zone === undefined || endpoint.zone === zone ? 0 : 1)
}

/** The last rank that endpoints of a tier can have. */
export function lastRankOf (tier: number): number {
  return (tier + 1 << 18) - 1
}
