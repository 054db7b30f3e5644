// The JSON of an instance of which the stored text is at hand: the greater part of it is that text.
import type { Instance } from '../../../client-sdk/src/wire.ts'

/**
 * What `JSON.stringify` gives for an instance that `instanceOf` made.
 * @param body the stored text of the very content that the instance shows; undefined = it is not at hand
 */
export function instanceText (instance: Instance, body: string | undefined): string {
  if (body === undefined) return JSON.stringify(instance)
  const { namespace, service, id, generation, effectiveStatus, suspect, override, lease, createdAt, updatedAt, revision } = instance
  const { ready, serving, terminating } = instance.conditions
  // Namespace and service are labels; the other texts are of a few words. What a client has chosen freely may hold a quote.
  return `{"namespace":"${namespace}","service":"${service}","id":${JSON.stringify(id)},"generation":${JSON.stringify(generation)},${body.slice(1, -1)}` +
    `,"effectiveStatus":"${effectiveStatus}","suspect":${suspect},"conditions":{"ready":${ready},"serving":${serving},"terminating":${terminating}}` +
    `${override === undefined ? '' : `,"override":${JSON.stringify(override)}`},"lease":{"ttlMs":${lease.ttlMs}},"createdAt":"${createdAt}","updatedAt":"${updatedAt}","revision":${revision}}`
}
