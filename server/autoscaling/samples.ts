// What an autoscaler knows of the instances of its target, and which of their measures count.
import type { LoadValue } from '../../client-sdk/src/wire.ts'
import { maxMilli } from '../model/autoscaling/quantity.ts'

/** One living instance of the target. Those that are being drained are none. Times are of one clock, that of the store. */
export interface CountedInstance {
  readonly name: string
  /** When this life of it began. */
  readonly startedAtMs: number
  /** When its readiness may have changed last. */
  readonly changedAtMs: number
  readonly isReady: boolean
  /** It says itself that it is starting: it is not counted before it has. */
  readonly isPending: boolean
  /** Its last word; undefined = it said nothing. */
  readonly load: Readonly<Record<string, LoadValue>> | undefined
  readonly loadAtMs: number
  /** A word that is older says nothing any more. */
  readonly staleAfterMs: number
}

/** In the first five minutes after its start an instance that is not ready is not judged by its CPU (Kubernetes: cpu-initialization-period). */
export const initializationMs = 300_000
/** Readiness that changed later than this after the start is no beginning any more (initial-readiness-delay). */
export const readinessDelayMs = 30_000
/** What one sample speaks of: the time between two heartbeats, about. */
export const sampleWindowMs = 15_000
/** Clocks of machines differ by so much: a word from farther ahead was dated by a clock that jumped, and says nothing. */
const aheadMs = 10_000

/** The measures of one metric, thousandths each, and whose are left out. */
export interface Samples {
  readonly values: readonly Sample[]
  /** Left out at first, and counted as 0 on the way up. */
  readonly unready: readonly CountedInstance[]
  /** Without a measure: estimated, against the direction. */
  readonly missing: readonly CountedInstance[]
}

export interface Sample {
  readonly instance: CountedInstance
  readonly milli: number
}

/** @param isCpu only CPU is burnt by a start: other metrics count from the first word on */
export function samplesOf (instances: readonly CountedInstance[], measure: string, isCpu: boolean, nowMs: number): Samples {
  const values: Sample[] = []
  const unready: CountedInstance[] = []
  const missing: CountedInstance[] = []
  for (const instance of instances) {
    if (instance.isPending) {
      unready.push(instance)
      continue
    }
    const milli = measureOf(instance, measure, nowMs)
    if (milli === undefined) missing.push(instance)
    else if (isCpu && isStarting(instance, nowMs)) unready.push(instance)
    else values.push({ instance, milli })
  }
  return { values, unready, missing }
}

/** undefined = it said nothing, too long ago, or what cannot be: below zero, or more than can be counted. */
export function measureOf (instance: CountedInstance, measure: string, nowMs: number): number | undefined {
  const said = instance.load?.[measure]
  if (said === undefined) return undefined
  const ageMs = nowMs - instance.loadAtMs
  if (ageMs > instance.staleAfterMs || ageMs < -aheadMs) return undefined
  return milliOfNumber(said.value)
}

/** What an instance may use of a measure, in thousandths; undefined = it did not say. An old word is good enough: what a process may use stays. */
export function requestOf (instance: CountedInstance, measure: string): number | undefined {
  const capacity = instance.load?.[measure]?.capacity
  return capacity === undefined ? undefined : milliOfNumber(capacity)
}

function milliOfNumber (value: number): number | undefined {
  const milli = Math.round(value * 1_000)
  return Number.isFinite(milli) && milli >= 0 && milli <= maxMilli ? milli : undefined
}

function isStarting ({ startedAtMs, changedAtMs, isReady, loadAtMs }: CountedInstance, nowMs: number): boolean {
  if (startedAtMs + initializationMs > nowMs) return !isReady || loadAtMs < changedAtMs + sampleWindowMs
  return !isReady && startedAtMs + readinessDelayMs > changedAtMs // it has never been ready
}
