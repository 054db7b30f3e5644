// What autoscaling tells others: who carries a decision out (webhooks, commands on agents) listens here. The registry starts and stops
// nothing itself.
import type { MetricStatus, ScaleTargetReference } from '../../client-sdk/src/autoscaling-manifests.ts'

/** That a workload should have another number of instances than it has. */
export interface ScalingDecision {
  readonly namespace: string
  /** Of the HorizontalPodAutoscaler. */
  readonly name: string
  /** The same as long as it is the same decision: on every node, after each restart. */
  readonly decisionId: string
  /** Grows with each decision of one autoscaler, on whichever node: whoever has seen a larger one leaves this one alone. */
  readonly sequence: number
  /** When it was made, on the wall clock. */
  readonly atMs: number
  /** How many instances were counted then. */
  readonly from: number
  /** How many there should be. */
  readonly to: number
  /** As Kubernetes words it in its events: `cpu resource utilization (percentage of request) above target`. */
  readonly reason: string
  readonly target: ScaleTargetReference
  /** What it was made from. */
  readonly metrics: readonly MetricStatus[]
}

/** `followed`: as many instances are counted. `replaced`: there is a newer decision. `gone`: its autoscaler is, or this node decides no more. */
export type DecisionEnd = 'followed' | 'replaced' | 'gone'

export interface DecisionListener {
  /** Called for each decision, and once more for one that is still open when this node begins to decide, or when the listener comes. */
  decided (decision: ScalingDecision): void
  /** Nothing needs to be done for it any more. */
  ended? (decision: ScalingDecision, end: DecisionEnd): void
}

export interface Decisions {
  /** Calls come only on the node that decides: of all nodes on one store it is one. Gives a function that ends it. */
  onDecision (listener: DecisionListener): () => void
  /** The newest decision of each autoscaler, while it is not followed; none on a node that does not decide. */
  open (): readonly ScalingDecision[]
}
