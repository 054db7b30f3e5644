// What instances said of their load, as `kubectl top` reads it: `cpu` in cores, `memory` in bytes, whichever node heard it.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { idAnnotation, podLabels } from '../objects/pod.ts'
import type { Access } from '../../registry/core.ts'
import type { KubernetesContext } from '../context.ts'
import { shelfOf } from '../context.ts'
import { type Kind, kindAt } from '../kinds.ts'
import type { KubeObject } from '../objects/meta.ts'
import { nodeNameOf } from '../objects/node.ts'

interface Load {
  readonly instance: Instance
  readonly name: string
  readonly cpu: number
  readonly memory: number
  readonly atMs: number
}

const window = '15s'

/** The loads of pods or machines that this client may see; those that said nothing are left out. */
export async function loadsOf (context: KubernetesContext, access: Access, kind: Kind, namespace: string | undefined): Promise<readonly KubeObject[]> {
  access.permitWatch(namespace === undefined ? {} : { namespace })
  const pods = kindAt('', 'v1', 'pods')
  if (pods === undefined) throw new RangeError('there is no kind of pods')
  const shelf = await shelfOf(context, pods)
  await access.freshLoads()
  const { sight } = access
  const loads: Load[] = []
  for (const entry of shelf.list(namespace)) {
    if (sight !== undefined && !entry.isSeen(sight)) continue
    const instance = entry.mark as Instance // what a pod is made of
    const said = access.load(instance)
    const { cpu, memory } = said?.load ?? {}
    if (said === undefined || (cpu === undefined && memory === undefined)) continue
    loads.push({ instance, name: entry.name, cpu: cpu?.value ?? 0, memory: memory?.value ?? 0, atMs: said.atMs })
  }
  return kind.kind === 'PodMetrics' ? loads.map(podMetrics) : nodeMetrics(loads)
}

function podMetrics ({ instance, name, cpu, memory, atMs }: Load): KubeObject {
  const { namespace, service, id, createdAt } = instance
  return {
    apiVersion: 'metrics.k8s.io/v1beta1', kind: 'PodMetrics',
    metadata: { name, namespace, creationTimestamp: `${createdAt.slice(0, 19)}Z`, labels: podLabels(instance), annotations: { [idAnnotation]: `${service}/${id}` } },
    timestamp: timeOf(atMs), window, containers: [{ name: service, usage: usageOf(cpu, memory) }]
  }
}

function nodeMetrics (loads: readonly Load[]): readonly KubeObject[] {
  const byNode = Map.groupBy(loads.filter(({ instance }) => nodeNameOf(instance) !== undefined), ({ instance }) => nodeNameOf(instance) ?? '')
  return [...byNode].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, on]) => {
    const sum = (value: (load: Load) => number): number => on.reduce((total, load) => total + value(load), 0)
    const atMs = on.reduce((newest, load) => Math.max(newest, load.atMs), 0)
    return {
      apiVersion: 'metrics.k8s.io/v1beta1', kind: 'NodeMetrics', metadata: { name, creationTimestamp: timeOf(atMs), labels: { 'kubernetes.io/hostname': name } },
      timestamp: timeOf(atMs), window, usage: usageOf(sum(({ cpu }) => cpu), sum(({ memory }) => memory))
    }
  })
}

/** Quantities: thousandths of a core, and whole KiB. */
function usageOf (cpu: number, memory: number): object {
  return { cpu: `${Math.max(0, Math.round(cpu * 1_000))}m`, memory: `${Math.max(0, Math.ceil(memory / 1_024))}Ki` }
}

function timeOf (atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`
}
