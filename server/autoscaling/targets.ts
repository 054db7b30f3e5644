// From a `scaleTargetRef` to the instances that it means, and from an object to what its instances report together.
import type { MetricIdentifier, ScaleTargetReference } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { Instance } from '../../client-sdk/src/wire.ts'
import { parseSelector } from '../model/instance/selector.ts'
import { isLabel } from '../model/names.ts'
import type { Access, InstanceFilter, KeptLoad, Position } from '../registry/core.ts'
import { type CountedInstance, measureOf } from './samples.ts'
import { MetricFault } from './usage.ts'

/** The instances of one workload share their service's name, or this label (as their virtual Deployment does). */
const workloadLabel = 'app'
const pageItems = 1_000
/** A word is as old as the lease that it came with at most, which is two missed heartbeats; shorter leases have the time of one round. */
const leastStaleMs = 15_000

export interface TargetParts {
  readonly core: Pick<Access, 'instances' | 'members' | 'service'>
  readonly loadOf: (instance: Instance) => KeptLoad | undefined
}

/** The living instances of a target; text = there is no such thing, in the words of Kubernetes. */
export function instancesOf (parts: TargetParts, namespace: string, { apiVersion = '', kind, name }: ScaleTargetReference): readonly CountedInstance[] | string {
  const [group = ''] = apiVersion.includes('/') ? apiVersion.split('/') : []
  if (kind === 'Deployment' && (group === 'apps' || apiVersion === '')) return workload(parts.core, namespace, name).filter(isCounted).map(counted(parts))
  if (kind === 'Service' && group === '') return parts.core.members(namespace, name).filter(isCounted).map(counted(parts))
  return `no matches for kind "${kind}" in group "${group}": what can be scaled is a Deployment (apps/v1) or a Service (v1)`
}

/** `deployments.apps "orders" not found` */
export function notFoundText ({ kind, name }: ScaleTargetReference): string {
  return `${kind === 'Service' ? 'services' : 'deployments.apps'} "${name}" not found`
}

/** The sum of what the instances of an object report, in thousandths. @throws MetricFault */
export function objectValue (
  parts: TargetParts, namespace: string, object: ScaleTargetReference, { name }: MetricIdentifier, nowMs: number
): number {
  const instances = instancesOf(parts, namespace, object)
  if (typeof instances === 'string') throw new MetricFault(`the registry has loads of Services and Deployments only, not of ${object.kind}`)
  let sum = 0
  let said = 0
  for (const instance of instances) {
    const milli = measureOf(instance, name, nowMs)
    if (milli === undefined) continue
    sum += milli
    said += 1
  }
  if (said === 0) throw new MetricFault('no instance reports it')
  return sum
}

/** Those that registered under a service's name or, where there is no such name, those with the label `app`. */
function workload (core: TargetParts['core'], namespace: string, name: string): readonly Instance[] {
  const own = all(core, { namespace, service: name })
  return own.length > 0 || !isLabel(name) ? own : all(core, { namespace, selector: parseSelector(`${workloadLabel}=${name}`) })
}

function all (core: TargetParts['core'], filter: InstanceFilter): readonly Instance[] {
  const found: Instance[] = []
  let after: Position | undefined
  do {
    const { items, next } = core.instances(filter, after, pageItems)
    found.push(...items)
    after = next
  } while (after !== undefined)
  return found
}

/** One that is going is none any more, or a rolling update would count its instances twice. */
function isCounted ({ conditions: { terminating } }: Instance): boolean {
  return !terminating
}

function counted ({ loadOf }: TargetParts) {
  return (instance: Instance): CountedInstance => {
    const { id, createdAt, updatedAt, conditions: { ready }, effectiveStatus, lease: { ttlMs } } = instance
    const said = loadOf(instance)
    return {
      name: id, startedAtMs: Date.parse(createdAt), changedAtMs: Date.parse(updatedAt), isReady: ready, isPending: effectiveStatus === 'starting',
      load: said?.load, loadAtMs: said?.atMs ?? 0, staleAfterMs: Math.max(ttlMs, leastStaleMs)
    }
  }
}
