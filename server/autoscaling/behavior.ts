// How fast a recommendation may come true: windows of stabilization, policies, and the limits (pkg/controller/podautoscaler/horizontal.go).
import type { HorizontalPodAutoscalerSpec, ScalingPolicy, ScalingRules } from '../../client-sdk/src/autoscaling-manifests.ts'

export interface Recommendation {
  readonly atMs: number
  readonly replicas: number
}

/** What was done, not what was recommended. */
export interface ScaleEvent {
  readonly atMs: number
  /** How many instances more, or fewer; above 0. */
  readonly change: number
}

/** What an autoscaler remembers. */
export interface Memory {
  readonly recommendations: readonly Recommendation[]
  readonly ups: readonly ScaleEvent[]
  readonly downs: readonly ScaleEvent[]
}

export interface Rated {
  readonly replicas: number
  readonly able: Reason
  readonly limited: Reason & { readonly isLimited: boolean }
}

export interface Reason {
  readonly reason: string
  readonly message: string
}

export interface Wish {
  readonly current: number
  readonly desired: number
  readonly min: number
  readonly max: number
  readonly memory: Memory
  readonly nowMs: number
}

type Rules = Required<Omit<ScalingRules, 'tolerance'>>

/** Of a fall without `behavior`, and of `scaleDown` that names none (Kubernetes: horizontal-pod-autoscaler-downscale-stabilization). */
export const defaultDownWindowSeconds = 300
/** The longest period that a policy may have. */
const longestPeriodMs = 1_800_000
/** One for each of the shortest rounds (5 s) in the longest window (an hour). */
const maxRemembered = 720

const defaultUp: Rules = {
  stabilizationWindowSeconds: 0, selectPolicy: 'Max',
  policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, { type: 'Percent', value: 100, periodSeconds: 15 }]
}
const defaultDown: Rules = {
  stabilizationWindowSeconds: defaultDownWindowSeconds, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }]
}

const withinRange: Reason = { reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' }
const tooFew: Reason = { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' }
const tooMany: Reason = { reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' }
const upLimit: Reason = { reason: 'ScaleUpLimit', message: 'the desired replica count is increasing faster than the maximum scale rate' }
const downLimit: Reason = { reason: 'ScaleDownLimit', message: 'the desired replica count is decreasing faster than the maximum scale rate' }
const ready: Reason = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' }
const upStabilized: Reason = {
  reason: 'ScaleUpStabilized', message: 'recent recommendations were lower than current one, applying the lowest recent recommendation'
}
const downStabilized: Reason = {
  reason: 'ScaleDownStabilized', message: 'recent recommendations were higher than current one, applying the highest recent recommendation'
}

/** No `behavior` and an empty one are two things: the first knows no policies, and steps of max(2 x current, 4). */
export function rated (spec: HorizontalPodAutoscalerSpec, wish: Wish): Rated {
  const { behavior } = spec
  return behavior === undefined ? ratedPlainly(wish) : ratedBy({ ...defaultUp, ...behavior.scaleUp }, { ...defaultDown, ...behavior.scaleDown }, wish)
}

function ratedPlainly (wish: Wish): Rated {
  const { current, desired, min, max, memory, nowMs } = wish
  const cutoff = nowMs - defaultDownWindowSeconds * 1_000
  const highest = memory.recommendations.reduce((most, { atMs, replicas }) => (atMs >= cutoff ? Math.max(most, replicas) : most), desired)
  // They keep it from falling. Kubernetes also lets a recommendation of minutes ago raise the count while no metric asks for more any more.
  const stabilized = Math.max(desired, Math.min(current, highest))
  const stepLimit = Math.max(2 * current, 4)
  const most = Math.min(max, stepLimit)
  const [replicas, reason] = stabilized < min ? [min, tooFew] : stabilized > most ? [most, max > stepLimit ? upLimit : tooMany] : [stabilized, withinRange]
  return { replicas, able: stabilized === desired ? ready : downStabilized, limited: { ...reason, isLimited: replicas !== stabilized } }
}

function ratedBy (up: Rules, down: Rules, wish: Wish): Rated {
  const { current, desired, min, max, memory, nowMs } = wish
  let lowest = desired
  let highest = desired
  for (const { atMs, replicas } of memory.recommendations) {
    if (atMs > nowMs - up.stabilizationWindowSeconds * 1_000) lowest = Math.min(lowest, replicas)
    if (atMs > nowMs - down.stabilizationWindowSeconds * 1_000) highest = Math.max(highest, replicas)
  }
  const stabilized = Math.min(Math.max(current, lowest), highest)
  const able = stabilized === desired ? ready : desired >= current ? upStabilized : downStabilized
  const [replicas, reason] = limited(stabilized)
  return { replicas, able, limited: { ...reason, isLimited: replicas !== stabilized } }

  function limited (wanted: number): readonly [number, Reason] {
    if (wanted > current) {
      const limit = Math.max(current, upMost(up, wish))
      const most = Math.min(max, limit)
      if (wanted > most) return [most, max > limit ? upLimit : tooMany]
    } else if (wanted < current) {
      const limit = Math.min(current, downLeast(down, wish))
      const least = Math.max(min, limit)
      if (wanted < least) return [least, min < limit ? downLimit : tooFew]
    }
    return [wanted, withinRange]
  }
}

/** How far up the policies let it go. */
function upMost ({ selectPolicy, policies }: Rules, wish: Wish): number {
  if (selectPolicy === 'Disabled') return wish.current
  const limits = policies.map((policy) => {
    const start = startOf(policy, wish)
    // Up: or a small share of a few would never add one.
    return policy.type === 'Pods' ? start + policy.value : Math.ceil(start * (1 + policy.value / 100))
  })
  return selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits)
}

/** How far down. `Min` takes the smallest change, which is the policy that keeps most. */
function downLeast ({ selectPolicy, policies }: Rules, wish: Wish): number {
  if (selectPolicy === 'Disabled') return wish.current
  const limits = policies.map((policy) => {
    const start = startOf(policy, wish)
    return policy.type === 'Pods' ? start - policy.value : Math.trunc(start * (1 - policy.value / 100))
  })
  return selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits)
}

/** How many there were when the period of a policy began. */
function startOf ({ periodSeconds }: ScalingPolicy, { current, memory: { ups, downs }, nowMs }: Wish): number {
  return current - changeWithin(ups, periodSeconds, nowMs) + changeWithin(downs, periodSeconds, nowMs)
}

function changeWithin (events: readonly ScaleEvent[], seconds: number, nowMs: number): number {
  return events.reduce((sum, { atMs, change }) => (atMs > nowMs - seconds * 1_000 ? sum + change : sum), 0)
}

/**
 * What is recommended is remembered before it is stabilized; what no window reaches is forgotten. Windows ask for the least and the most in
 * them: of one number the last time is enough.
 */
export function remembered (spec: HorizontalPodAutoscalerSpec, { recommendations, ups, downs }: Memory, recommended: number, nowMs: number): Memory {
  const { behavior } = spec
  const seconds = behavior === undefined
    ? defaultDownWindowSeconds
    : Math.max({ ...defaultUp, ...behavior.scaleUp }.stabilizationWindowSeconds, { ...defaultDown, ...behavior.scaleDown }.stabilizationWindowSeconds)
  const kept = recommendations.filter(({ atMs, replicas }) => atMs >= nowMs - seconds * 1_000 && replicas !== recommended)
  return { recommendations: bounded(kept, { atMs: nowMs, replicas: recommended }), ups, downs }
}

/** What was done; without `behavior` nobody asks for it. */
export function withEvent (spec: HorizontalPodAutoscalerSpec, memory: Memory, from: number, to: number, nowMs: number): Memory {
  if (spec.behavior === undefined || from === to) return { ...memory, ups: [], downs: [] }
  const recent = (events: readonly ScaleEvent[]): readonly ScaleEvent[] => events.filter(({ atMs }) => atMs > nowMs - longestPeriodMs)
  const event = { atMs: nowMs, change: Math.abs(to - from) }
  return to > from
    ? { ...memory, ups: bounded(recent(memory.ups), event), downs: recent(memory.downs) }
    : { ...memory, ups: recent(memory.ups), downs: bounded(recent(memory.downs), event) }
}

function bounded<Item> (items: readonly Item[], added: Item): readonly Item[] {
  return [...items, added].slice(-maxRemembered)
}
