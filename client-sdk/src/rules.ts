// Rules that the registry and its clients share: the server imports them from here, so that one answer is given everywhere.
import type { Endpoint } from './wire.ts'

/**
 * Which endpoints may be called, in the order given: the ready ones. If there are none, those that drain and still serve (Kubernetes'
 * "serving and terminating"): they know that they are going, and answer until they are gone. If there are none of these either, those
 * that are out only because they are suspect (fail open): when all of a service went silent at once, it is more likely the network that
 * is ill. Of the suspect ones, those that were draining come last: they were about to go anyway.
 */
export function callable (endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter(({ conditions }) => conditions.ready)
  if (ready.length > 0) return ready
  const draining = endpoints.filter(({ conditions: { serving, terminating } }) => serving && terminating)
  if (draining.length > 0) return draining
  const suspects = endpoints.filter(({ suspect }) => suspect)
  const wereServing = suspects.filter(({ status }) => status === 'up' || status === 'warning')
  return wereServing.length > 0 ? wereServing : suspects.filter(({ status }) => status === 'draining')
}
