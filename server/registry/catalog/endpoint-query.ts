// Which endpoints of a service a caller asks for. The same rules for REST and every later adapter.
import { type Endpoint, serviceLabel } from '../../../client-sdk/src/wire.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import { type Selector, matches } from '../../model/instance/selector.ts'

export interface EndpointQuery {
  readonly selector?: Selector
  readonly zone?: string
  /** Name or number of a port that an endpoint must have. */
  readonly port?: string
  /** `true` (default): what callers may call; `false`: those that are not ready; `any`: all. */
  readonly ready?: 'true' | 'false' | 'any'
}

/** The endpoints that fit a query, ordered by id; the shared array itself if nothing is filtered. */
export function queryEndpoints (set: EndpointSet, query: EndpointQuery): readonly Endpoint[] {
  const { selector, zone, port, ready = 'true' } = query
  const base = ready === 'true' ? set.answered : ready === 'any' ? set.all : set.all.filter((endpoint) => !endpoint.conditions.ready)
  if (selector === undefined && zone === undefined && port === undefined) return base
  return base.filter((endpoint) =>
    (zone === undefined || endpoint.zone === zone) &&
    (port === undefined || endpoint.ports.some((candidate) => candidate.name === port || String(candidate.port) === port)) &&
    (selector === undefined || isSelected(set, endpoint, selector)))
}

/** Whether a selector matches an endpoint of a set. */
export function isSelected (set: EndpointSet, endpoint: Endpoint, selector: Selector): boolean {
  return matches(selector, (key) => labelOf(set, endpoint, key))
}

function labelOf (set: EndpointSet, endpoint: Endpoint, key: string): string | undefined {
  // A declared service has instances of several. What was made by hand registered nowhere: it is what has no lease.
  if (key === serviceLabel) return endpoint.service ?? (set.leaseMs === undefined ? undefined : set.service)
  return Object.hasOwn(endpoint.labels, key) ? endpoint.labels[key] : undefined
}
