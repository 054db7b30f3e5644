// Who may be called: the conditions of an instance, and the order in which endpoints are chosen from.
import type { Conditions, Endpoint, Instance, Status } from '../wire.ts'

/** What the rules need to know of an endpoint. */
export type Called = Pick<Endpoint, 'status' | 'suspect' | 'conditions'>

/** True for a status in which an instance can answer: it serves while it drains, too. */
export function canServe (status: Status): boolean {
  return status === 'up' || status === 'warning' || status === 'draining'
}

/**
 * The conditions of an instance, as in a Kubernetes EndpointSlice: `serving` = it can answer and its lease is good;
 * `terminating` = it will go; `ready` = serving and not terminating.
 * @param status the effective one: an operator's override wins over what the instance says
 */
export function conditionsOf (status: Status, suspect: boolean): Conditions {
  const serving = canServe(status) && !suspect
  const terminating = status === 'draining'
  return { ready: serving && !terminating, serving, terminating }
}

/** Which endpoints are answered, and why: `failOpen` = the suspect ones, since there are no others. */
export interface Answered<Item> {
  readonly endpoints: readonly Item[]
  readonly failOpen: boolean
}

/**
 * Chooses who may be called, in this order:
 * 1. the ready ones;
 * 2. the serving and terminating ones: they go, but they still answer;
 * 3. those that are out only because they are suspect (fail open): when all of a service went silent at once, it is more likely the
 *    network that is ill. Of these the draining ones come last.
 */
export function answered<Item extends Called> (all: readonly Item[]): Answered<Item> {
  const ready = all.filter(({ conditions }) => conditions.ready)
  if (ready.length > 0) return { endpoints: ready, failOpen: false }
  const leaving = all.filter(({ conditions }) => conditions.serving && conditions.terminating)
  if (leaving.length > 0) return { endpoints: leaving, failOpen: false }
  const suspects = all.filter(({ suspect, status }) => suspect && canServe(status))
  const staying = suspects.filter(({ status }) => status !== 'draining')
  return { endpoints: staying.length > 0 ? staying : suspects, failOpen: suspects.length > 0 }
}

/** Which endpoints may be called, in the order given. */
export function callable<Item extends Called> (all: readonly Item[]): readonly Item[] {
  return answered(all).endpoints
}

/** The endpoint that an instance is to the callers of the service that it registered under. */
export function endpointOf (instance: Instance): Endpoint {
  const {
    id, address, ports, hostname, labels, metadata, priority, zone, region, node, version, suspect, conditions
  } = instance
  return {
    id,
    address,
    ports,
    ...(hostname === undefined ? {} : { hostname }),
    labels,
    metadata,
    weight: instance.override?.weight ?? instance.weight,
    priority,
    ...(zone === undefined ? {} : { zone }),
    ...(region === undefined ? {} : { region }),
    ...(node === undefined ? {} : { node }),
    ...(version === undefined ? {} : { version }),
    status: instance.effectiveStatus,
    suspect,
    conditions
  }
}
