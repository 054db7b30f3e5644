// From measures to a number of instances: the arithmetic of Kubernetes' replica calculator
// (pkg/controller/podautoscaler/replica_calculator.go), with thousandths as whole numbers.
import { type CountedInstance, type Samples, requestOf } from './samples.ts'

/** Nothing is changed while `1 - down <= ratio <= 1 + up`. */
export interface Tolerances {
  readonly up: number
  readonly down: number
}

export interface Proposal {
  readonly replicas: number
  /** What was measured: of all that are summed, or the mean, in thousandths. */
  readonly milli: number
  /** Percent of what was requested, cut to a whole number. */
  readonly utilization?: number
}

/** Why there is no proposal, in the words of the Kubernetes controller. A failing metric is met in every round: nobody looks at a stack. */
export class MetricFault extends Error {
  override readonly name = 'MetricFault'

  constructor (message: string) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = stackTraceLimit
  }
}

const noInstances = 'no pods returned by selector while calculating replica count'
const noValues = 'did not receive metrics for targeted pods (pods might be unready)'

/**
 * Use as a share of what was requested.
 * @param replicas how many were asked for until now
 * @throws MetricFault
 */
export function byUtilization (samples: Samples, measure: string, target: number, replicas: number, tolerances: Tolerances): Proposal {
  const { values, unready, missing } = samples
  requireValues(samples)
  const requests = requestsOf(samples, measure)
  const use = { used: 0, requested: 0 }
  for (const { instance, milli } of values) {
    use.used += milli
    use.requested += requests.get(instance) ?? 0
  }
  const utilization = percentOf(use.used, use.requested)
  const ratio = utilization / target
  const milli = Math.floor(use.used / values.length)
  const stay: Proposal = { replicas, milli, utilization }
  const addsUnready = unready.length > 0 && ratio > 1
  if (!addsUnready && missing.length === 0) return isWithin(ratio, tolerances) ? stay : { ...stay, replicas: Math.ceil(ratio * values.length) }
  // Those who said nothing use all that they may on the way down, or the target if that is more; nothing on the way up.
  const assumed = ratio < 1 ? Math.max(100, target) : 0
  let counted = values.length + missing.length
  for (const instance of missing) {
    const request = requests.get(instance) ?? 0
    use.used += Math.floor(request * assumed / 100)
    use.requested += request
  }
  if (addsUnready) {
    counted += unready.length
    for (const instance of unready) use.requested += requests.get(instance) ?? 0
  }
  return reconsidered(stay, ratio, percentOf(use.used, use.requested) / target, counted, tolerances)
}

/**
 * The mean of a measure.
 * @param target in thousandths
 * @throws MetricFault
 */
export function byAverage (samples: Samples, target: number, replicas: number, tolerances: Tolerances): Proposal {
  const { values, unready, missing } = samples
  requireValues(samples)
  const sum = values.reduce((total, { milli }) => total + milli, 0)
  const milli = Math.floor(sum / values.length)
  const ratio = milli / target
  const stay: Proposal = { replicas, milli }
  const addsUnready = unready.length > 0 && ratio > 1
  if (!addsUnready && missing.length === 0) return isWithin(ratio, tolerances) ? stay : { ...stay, replicas: Math.ceil(ratio * values.length) }
  const counted = values.length + missing.length + (addsUnready ? unready.length : 0)
  const again = Math.floor((sum + (ratio < 1 ? missing.length * target : 0)) / counted) / target
  return reconsidered(stay, ratio, again, counted, tolerances)
}

/** One value for all instances together, which grows with the load of each: the ratio applies to those that are ready. @throws MetricFault */
export function byValue (milli: number, target: number, instances: readonly CountedInstance[], replicas: number, tolerances: Tolerances): Proposal {
  const ratio = milli / target
  if (replicas === 0) return { replicas: Math.ceil(ratio), milli } // from nothing: no tolerance, nobody to be ready
  if (isWithin(ratio, tolerances)) return { replicas, milli }
  if (instances.length === 0) throw new MetricFault(`unable to calculate ready pods: ${noInstances}`)
  const ready = instances.filter(({ isReady, isPending }) => isReady && !isPending).length
  return { replicas: Math.ceil(ratio * ready), milli }
}

/** One value that the instances share. @param counted how many there are */
export function byShare (milli: number, target: number, counted: number, tolerances: Tolerances): Proposal {
  const ratio = milli / (target * counted) // of none: no number, or without end, and so outside of every tolerance
  return {
    replicas: isWithin(ratio, tolerances) ? counted : Math.ceil(milli / target),
    milli: counted === 0 ? milli : Math.ceil(milli / counted)
  }
}

/** With those that were left out at first: nothing changes unless the direction is still the same. */
function reconsidered (stay: Proposal, ratio: number, again: number, counted: number, tolerances: Tolerances): Proposal {
  if (isWithin(again, tolerances) || (ratio < 1 && again > 1) || (ratio > 1 && again < 1)) return stay
  const replicas = Math.ceil(again * counted)
  if ((again < 1 && replicas > stay.replicas) || (again > 1 && replicas < stay.replicas)) return stay
  return { ...stay, replicas }
}

/** In this form, because |1 - ratio| <= 0.1 is false at exactly 1.1 in floating point. */
function isWithin (ratio: number, { up, down }: Tolerances): boolean {
  return 1 - down <= ratio && ratio <= 1 + up
}

/** Cut, as Kubernetes divides whole numbers: 33.3 is 33. */
function percentOf (used: number, requested: number): number {
  const hundredfold = used * 100
  if (Number.isSafeInteger(hundredfold)) return Math.trunc(hundredfold / requested)
  return Number(BigInt(Math.round(used)) * 100n / BigInt(Math.round(requested)))
}

function requireValues ({ values, unready, missing }: Samples): void {
  if (values.length > 0) return
  throw new MetricFault(unready.length + missing.length === 0 ? noInstances : noValues)
}

/**
 * What each may use. Kubernetes reads it from the specification of a pod, we from the load: an instance that has not said anything yet is
 * taken for one like the others. @throws MetricFault if one speaks of its use and not of what it may use
 */
function requestsOf ({ values, unready, missing }: Samples, measure: string): ReadonlyMap<CountedInstance, number> {
  const requests = new Map<CountedInstance, number>()
  let sum = 0
  for (const { instance } of values) {
    const request = requestOf(instance, measure)
    if (request === undefined || request === 0) throw new MetricFault(`missing request for ${measure} in container ${instance.name}`)
    sum += request
    requests.set(instance, request)
  }
  const usual = Math.round(sum / values.length)
  for (const instance of [...unready, ...missing]) requests.set(instance, requestOf(instance, measure) ?? usual)
  return requests
}
