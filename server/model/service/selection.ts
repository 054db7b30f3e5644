// Which instances a service means. The three kinds of "empty" are three functions, so that none is taken for another:
// an empty selector text is everything, an empty selector map of a service is nothing, and of an object's label selector
// the empty one is everything and the absent one nothing.
import { type Instance, serviceLabel } from '../../../client-sdk/src/wire.ts'
import { type LabelLookup, matches, type Requirement, type Selector } from '../instance/selector.ts'
import { hasSelector } from './facts.ts'
import type { Service } from './types.ts'

/** The labels of an instance as selectors see them, the implicit one included. */
export function labelsOf (instance: Pick<Instance, 'service' | 'labels'>): LabelLookup {
  return (key) => (key === serviceLabel ? instance.service : Object.hasOwn(instance.labels, key) ? instance.labels[key] : undefined)
}

/** The selector of a declared service, for an index; undefined when it selects nothing (hand-made endpoints, ExternalName). */
export function selectorOf (service: Service): Selector | undefined {
  if (service.spec.type === 'ExternalName' || !hasSelector(service)) return undefined
  return equalities(service.spec.selector ?? {})
}

/** Whether a declared service selects an instance. They must be of one namespace. */
export function selects (service: Service, instance: Instance): boolean {
  const selector = selectorOf(service)
  return selector !== undefined && service.metadata.namespace === instance.namespace && matches(selector, labelsOf(instance))
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly { readonly key: string, readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', readonly values?: readonly string[] }[]
}

/** A structured selector of an object: `{}` selects everything, an absent one nothing (undefined). */
export function selectorOfObject (selector: LabelSelector | undefined): Selector | undefined {
  if (selector === undefined) return undefined
  const labels = equalities(selector.matchLabels ?? {})
  const requirements = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }): Requirement => {
    switch (operator) {
      case 'In': return { key, operator: 'in', values: new Set(values) }
      case 'NotIn': return { key, operator: 'notin', values: new Set(values) }
      case 'Exists': return { key, operator: 'exists' }
      case 'DoesNotExist': return { key, operator: 'absent' }
    }
  })
  return { text: [labels.text, ...requirements.map(textOf)].filter((text) => text !== '').join(','), requirements: [...labels.requirements, ...requirements] }
}

function equalities (map: Readonly<Record<string, string>>): Selector {
  const pairs = Object.entries(map)
  return {
    text: pairs.map(([key, value]) => `${key}=${value}`).join(','),
    requirements: pairs.map(([key, value]) => ({ key, operator: 'in', values: new Set([value]) }))
  }
}

function textOf (requirement: Requirement): string {
  switch (requirement.operator) {
    case 'exists': return requirement.key
    case 'absent': return `!${requirement.key}`
    case 'in':
    case 'notin': return `${requirement.key} ${requirement.operator} (${[...requirement.values].join(',')})`
    default: return `${requirement.key} ${requirement.operator === 'above' ? '>' : '<'} ${requirement.number}`
  }
}
