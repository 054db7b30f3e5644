// What a manifest says about its traffic: annotations, since Kubernetes' Service has no fields for it.
//
//   rollcall.dev/announce-nodes   a label selector      which machines may announce its load-balancer address
//   rollcall.dev/drain-limit      30s, 5m, 1h           how long connections to an endpoint that has left the choice may go on
import { parseSelector, SelectorFault } from '../../../client-sdk/src/rules.ts'
import { parseDuration } from '../duration.ts'
import { type Cause, invalidValue } from './causes.ts'
import type { Labels, ObjectMeta } from './types.ts'

export const announceNodesAnnotation = 'rollcall.dev/announce-nodes'
export const drainLimitAnnotation = 'rollcall.dev/drain-limit'

export const trafficAnnotations: readonly string[] = [announceNodesAnnotation, drainLimitAnnotation]

/** A day: who waits longer waits for ever. */
const maxDrainMs = 86_400_000
const drainRule = 'must be a duration with its unit, like 30s or 5m, from 0s to 24h'

/** Milliseconds; undefined if there is none, or it breaks the rule. */
export function drainLimitOf (annotations: Labels | undefined): number | undefined {
  const milliseconds = parseDuration(annotations?.[drainLimitAnnotation] ?? '')
  return milliseconds === undefined || milliseconds > maxDrainMs ? undefined : milliseconds
}

/** The causes in the annotations of a Service. */
export function trafficAnnotationFaults ({ annotations }: ObjectMeta): Cause[] {
  const causes: Cause[] = []
  const drain = annotations?.[drainLimitAnnotation]
  if (drain !== undefined && drainLimitOf(annotations) === undefined) causes.push(invalidValue(path(drainLimitAnnotation), drain, drainRule))
  const nodes = annotations?.[announceNodesAnnotation]
  if (nodes !== undefined) {
    try {
      parseSelector(nodes)
    } catch (error) {
      if (!(error instanceof SelectorFault)) throw error
      causes.push(invalidValue(path(announceNodesAnnotation), nodes, `must be a label selector: ${error.message}`))
    }
  }
  return causes
}

function path (key: string): string {
  return `metadata.annotations[${key}]`
}
