// rollcall autoscale: the autoscaler of the instances of a service, as `kubectl autoscale` makes it.
import type { HorizontalPodAutoscaler, MetricSpec } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { ServiceSummary } from '../../client-sdk/src/wire.ts'
import { connectionFlags, dryRunFlag, label, namespaceFlag, type Command } from './command.ts'
import { CommandError, exitCodes, UsageError } from './errors.ts'
import { outputOf } from './output.ts'
import { orNothing, path } from './paths.ts'

/** Kubernetes' own largest count is an int32; nobody means more than this. */
const maxReplicas = 1_000_000

export const autoscale: Command = {
  name: 'autoscale',
  summary: 'Declares how many instances a service may have, and at which load it needs more',
  usage: 'autoscale SERVICE --max N [flags]',
  details: `Makes or changes the HorizontalPodAutoscaler NAME of the instances that registered as SERVICE. Of one that is
there only what the flags say changes; other metrics and its behavior stay. The registry computes how many instances there
should be from the load that they report, and starts none itself: a webhook, rollcall autoscaler, KEDA or a person does.`,
  flags: {
    max: { type: 'string', metavar: 'N', what: 'The most instances that there may be' },
    min: { type: 'string', metavar: 'N', what: 'The fewest (default 1, or what an autoscaler that is there has)' },
    'cpu-percent': {
      type: 'string', metavar: 'PERCENT',
      what: 'The load `cpu` of all instances together, in percent of what they have, that is aimed at (default 80)'
    },
    name: { type: 'string', metavar: 'NAME', what: 'The name of the autoscaler (default: SERVICE)' },
    ...dryRunFlag,
    ...namespaceFlag,
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json, yaml or name: the result instead of a sentence' },
    ...connectionFlags
  },
  examples: [
    ['autoscale orders --min 2 --max 10 --cpu-percent 60', 'two to ten instances, each 60 % busy'],
    ['autoscale orders --max 20', 'later: up to twenty'],
    ['autoscale orders --max 20 --dry-run', 'the manifest that would be applied']
  ],
  run: async (call) => {
    const [text = ''] = call.arguments('SERVICE')
    const service = label('service', text)
    const name = label('--name', call.text('name') ?? service)
    const max = call.read('max', readCount)
    const min = call.read('min', readCount)
    const percent = call.read('cpu-percent', readCount)
    if (max === undefined) throw new UsageError('--max is missing')
    if (min !== undefined && min > max) throw new UsageError(`--max must not be less than --min, got ${max} and ${min}`)
    const form = outputOf(call, ['json', 'yaml', 'name'] as const)
    const api = await call.api()
    const at = ['namespaces', call.namespace] as const
    const there = await orNothing(api.get<HorizontalPodAutoscaler>(path(...at, 'horizontalpodautoscalers', name)))
    if (there !== undefined && !isOf(there, service)) {
      const { kind, name: other } = there.spec.scaleTargetRef
      const cure = 'give the new one another --name, or change it with rollcall apply'
      throw new CommandError(`autoscaler ${name} is of ${kind} ${other}: ${cure}`, exitCodes.failure)
    }
    const least = min ?? there?.spec.minReplicas ?? 1
    if (least > max) throw new UsageError(`--max must not be less than the --min of ${name}, got ${max} and ${least}`)
    if (await orNothing(api.get<ServiceSummary>(path(...at, 'services', service))) === undefined) {
      call.terminal.err(`Warning: no instance is registered as ${service} in ${call.namespace} yet`)
    }
    const metrics = metricsOf(there, percent)
    const manifest = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { ...kept(there), name, namespace: call.namespace },
      spec: {
        ...there?.spec, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: service },
        minReplicas: least, maxReplicas: max, ...(metrics === undefined ? {} : { metrics })
      }
    }
    const { applyText } = await import('./apply.ts')
    await applyText(call, api, JSON.stringify(manifest), form)
  }
}

function isOf ({ spec: { scaleTargetRef: { kind, name } } }: HorizontalPodAutoscaler, service: string): boolean {
  return kind === 'Deployment' && name === service
}

/** What was said of it: labels and annotations are no business of this command. */
function kept (there: HorizontalPodAutoscaler | undefined): Partial<HorizontalPodAutoscaler['metadata']> {
  const { labels, annotations } = there?.metadata ?? {}
  return { ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) }
}

/** undefined = what the registry takes for one that says nothing. */
function metricsOf (
  there: HorizontalPodAutoscaler | undefined, percent: number | undefined
): readonly MetricSpec[] | undefined {
  const before = there?.spec.metrics
  if (percent === undefined) return before
  const target = { type: 'Utilization', averageUtilization: percent } as const
  const others = before?.filter((metric) => metric.type !== 'Resource' || metric.resource.name !== 'cpu') ?? []
  return [{ type: 'Resource', resource: { name: 'cpu', target } }, ...others]
}

function readCount (text: string): number {
  const count = Number(text)
  const isLegal = /^\d{1,7}$/.test(text) && count >= 1 && count <= maxReplicas
  if (!isLegal) throw new Error(`must be a whole number 1-${maxReplicas}`)
  return count
}
