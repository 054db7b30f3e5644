// The body of a webhook.
import type { ScalingDecision } from '../ports.ts'

/** The JSON text that is sent: the same for each attempt, so that it can be compared. */
export function messageOf ({ decisionId, sequence, namespace, name, target, from, to, reason, metrics, atMs }: ScalingDecision): string {
  return JSON.stringify({ id: decisionId, sequence, at: new Date(atMs).toISOString(), namespace, name, target, from, to, reason, metrics })
}
