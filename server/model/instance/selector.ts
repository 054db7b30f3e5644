// Kubernetes label selectors. The grammar and the matching are rules of the SDK; here a fault becomes the registry's own error.
import { matches, parseSelector as parse, type Selector, SelectorFault } from '../../../client-sdk/src/rules.ts'
import { type Instance, serviceLabel } from '../../../client-sdk/src/wire.ts'
import { RegistryError, shown } from '../../errors.ts'

export { type LabelLookup, matches, type Requirement, type Selector } from '../../../client-sdk/src/rules.ts'

export const everything: Selector = { text: '', requirements: [] }

/** Whether a selector takes an instance: its labels, and the implicit label of its service. */
export function selects (selector: Selector, { service, labels }: Pick<Instance, 'service' | 'labels'>): boolean {
  return matches(selector, (key) => (key === serviceLabel ? service : Object.hasOwn(labels, key) ? labels[key] : undefined))
}

/** Whether a selector can take no instance, whatever its labels. */
export function selectsNothing ({ requirements }: Selector): boolean {
  return requirements.some((requirement) => requirement.operator === 'in' && requirement.values.size === 0)
}

/**
 * Reads a selector.
 * @param field names the input in the error, as in `selector` or `spec.selector`
 * @throws RegistryError REG_SELECTOR_INVALID, saying at which character and what was expected
 */
export function parseSelector (text: string, field = 'selector'): Selector {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof SelectorFault)) throw error
    const { rule, at } = error
    throw new RegistryError('REG_SELECTOR_INVALID', `${field}: ${rule}, at character ${at + 1} of ${shown(text)}`, [
      { field, value: text.slice(at, at + 64), rule: `${rule} at character ${at + 1}` }
    ])
  }
}
