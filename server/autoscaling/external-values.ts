// External metrics as autoscalers ask for them: all values under one name whose labels are selected.
import type { LabelSelector, MetricIdentifier } from '../../client-sdk/src/autoscaling-manifests.ts'
import { type ExternalMetric, externalPrefix, readExternal } from '../model/autoscaling/external-metric.ts'
import type { Store } from '../store/store.ts'
import { MetricFault } from './usage.ts'

export class ExternalValues {
  static readonly none = new ExternalValues([])
  readonly #byName: ReadonlyMap<string, readonly ExternalMetric[]>

  constructor (metrics: readonly ExternalMetric[]) {
    this.#byName = Map.groupBy(metrics, ({ namespace, name }) => `${namespace}/${name}`)
  }

  static async read (store: Pick<Store, 'readNotes'>): Promise<ExternalValues> {
    const { notes } = await store.readNotes(externalPrefix)
    return new ExternalValues(notes.flatMap((note) => readExternal(note) ?? []))
  }

  /** In thousandths. @throws MetricFault */
  of (namespace: string, { name, selector }: MetricIdentifier): readonly number[] {
    const found = (this.#byName.get(`${namespace}/${name}`) ?? []).filter(({ labels }) => selects(selector, labels))
    if (found.length === 0) throw new MetricFault('no metrics returned from external metrics API')
    return found.map(({ value }) => Math.round(value * 1_000))
  }
}

/** @throws MetricFault for an operator that Kubernetes does not have */
function selects (selector: LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {}
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) && matchExpressions.every(({ key, operator, values = [] }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined
    switch (operator) {
      case 'In': return value !== undefined && values.includes(value)
      case 'NotIn': return value === undefined || !values.includes(value)
      case 'Exists': return value !== undefined
      case 'DoesNotExist': return value === undefined
      default: throw new MetricFault(`"${operator}" is not a valid label selector operator`)
    }
  })
}
