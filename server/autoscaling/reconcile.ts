// One round of one autoscaler: what it becomes, what its status says, and what others are told. Pure: the controller writes and tells it.
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus } from '../../client-sdk/src/autoscaling-manifests.ts'
import { decisionId } from '../model/autoscaling/decision-id.ts'
import { Conditions } from './conditions.ts'
import { decide } from './decide.ts'
import type { ScalingDecision } from './ports.ts'
import type { OtherValues } from './proposals.ts'
import type { CountedInstance } from './samples.ts'
import type { AutoscalerState, KeptDecision } from './state.ts'

/** What people are told of an autoscaler, as an event. */
export interface Notice {
  readonly reason: string
  readonly type: 'Normal' | 'Warning'
  readonly message: string
}

export interface Outcome {
  readonly state: AutoscalerState
  readonly status: HorizontalPodAutoscalerStatus
  /** A decision that was made in this round. */
  readonly decided: ScalingDecision | undefined
  /** The decision of before is followed since this round. */
  readonly isFollowedNow: boolean
  readonly notices: readonly Notice[]
}

export interface Situation {
  readonly hpa: HorizontalPodAutoscaler
  readonly state: AutoscalerState | undefined
  /** Its target's; text = there is no such target. */
  readonly instances: readonly CountedInstance[] | string
  /** Of the target, where nothing is counted and nothing was asked for yet. */
  readonly notFound: string
  /** Others with the same target: none of them may scale it then. */
  readonly rivals: readonly string[]
  readonly others: OtherValues
  readonly nowMs: number
}

/** Rounds in which nobody followed, before people are told. */
export const patienceRounds = 3

export function reconcile (situation: Situation): Outcome {
  const { hpa, instances, rivals, nowMs } = situation
  const { metadata: { uid = '', generation }, spec, status: before } = hpa
  const known = situation.state?.uid === uid ? situation.state : undefined
  const counted = typeof instances === 'string' ? 0 : instances.length
  const asked = known?.asked ?? (counted > 0 || spec.minReplicas === 0 ? counted : undefined)
  const conditions = new Conditions(before?.conditions ?? [], nowMs)
  const said = (replicas: number, rest: Partial<HorizontalPodAutoscalerStatus>): HorizontalPodAutoscalerStatus => ({
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(before?.lastScaleTime === undefined ? {} : { lastScaleTime: before.lastScaleTime }),
    currentReplicas: counted, desiredReplicas: replicas, conditions: conditions.list, ...rest
  })
  const stay = (notice: Notice): Outcome => ({
    state: known ?? { uid, asked, memory: undefined, decision: undefined, unfollowed: 0 },
    status: said(asked ?? 0, {}), decided: undefined, isFollowedNow: false, notices: [notice]
  })

  if (typeof instances === 'string' || asked === undefined) {
    const why = typeof instances === 'string' ? instances : situation.notFound
    conditions.set('AbleToScale', false, 'FailedGetScale', `the HPA controller was unable to get the target's current scale: ${why}`)
    return stay({ reason: 'FailedGetScale', type: 'Warning', message: why })
  }
  if (rivals.length > 0) {
    const { kind, name } = spec.scaleTargetRef
    const message = `the instances of ${kind} ${name} are controlled by multiple HPAs: ${[hpa.metadata.name, ...rivals].sort().join(', ')}`
    conditions.set('ScalingActive', false, 'AmbiguousSelector', message)
    return stay({ reason: 'AmbiguousSelector', type: 'Warning', message })
  }

  const decided = decide({
    namespace: hpa.metadata.namespace ?? '', spec, instances, replicas: asked, others: situation.others, memory: known?.memory, conditions: conditions.list, nowMs
  })
  const wanted = decided.replicas
  const unfollowed = wanted !== asked || counted === wanted ? 0 : (known?.unfollowed ?? 0) + 1
  const last = known?.decision
  // Some that were there are gone: whoever carries decisions out is asked once more.
  const isAgain = wanted === asked && counted < wanted && last?.isFollowed !== false && unfollowed === patienceRounds
  const made: KeptDecision | undefined = wanted === asked && !isAgain ? undefined : {
    sequence: (last?.sequence ?? 0) + 1, atMs: nowMs, from: counted, to: wanted,
    reason: isAgain ? 'fewer instances than desired' : decided.reason, metrics: decided.metrics, isFollowed: counted === wanted
  }
  const isFollowedNow = made === undefined && last?.isFollowed === false && counted === wanted
  const decision = made ?? (isFollowedNow ? { ...last, isFollowed: true } : last)
  const notices = decided.warnings.map((warning): Notice => ({ ...warning, type: 'Warning' }))
  if (made !== undefined && wanted !== asked) notices.push({ reason: 'SuccessfulRescale', type: 'Normal', message: `New size: ${wanted}; reason: ${made.reason}` })
  if (unfollowed === patienceRounds) {
    const message = `${wanted} instances are desired and ${counted} are counted for ${patienceRounds} periods: nobody follows`
    notices.push({ reason: 'DesiredNotFollowed', type: 'Warning', message })
  }
  return {
    state: { uid, asked: wanted, memory: decided.memory, decision, unfollowed },
    status: said(wanted, {
      conditions: decided.conditions, ...(decided.metrics.length === 0 ? {} : { currentMetrics: decided.metrics }),
      ...(made === undefined ? {} : { lastScaleTime: `${new Date(nowMs).toISOString().slice(0, 19)}Z` })
    }),
    decided: made === undefined ? undefined : decisionOf(hpa, made),
    isFollowedNow,
    notices
  }
}

/** As others hear it. */
export function decisionOf ({ metadata: { namespace = '', name, uid = '' }, spec }: HorizontalPodAutoscaler, kept: KeptDecision): ScalingDecision {
  const { sequence, atMs, from, to, reason, metrics } = kept
  return { namespace, name, decisionId: decisionId(uid, to, atMs), sequence, atMs, from, to, reason, target: spec.scaleTargetRef, metrics }
}
