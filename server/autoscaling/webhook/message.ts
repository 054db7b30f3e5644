// The body of a webhook.
import type { ScalingDecision } from '../ports.ts'

/** The JSON text that is sent: the same for each attempt, so that it can be compared. */
export function messageOf (decision: ScalingDecision): string {
  const { decisionId: id, sequence, namespace, name, target, from, to, reason, metrics, atMs } = decision
  const at = new Date(atMs).toISOString()
  return JSON.stringify({ id, sequence, at, namespace, name, target, from, to, reason, metrics })
}
