// What is wrong with a selector of Kubernetes in its structured form.
import { type Cause, forbidden, invalidValue, required } from '../service/causes.ts'
import { broken, qualifiedName } from '../service/grammar.ts'
import { labelFaults } from '../service/metadata.ts'
import type { LabelSelector } from '../service/types.ts'

/** In the words of Kubernetes (apimachinery/pkg/apis/meta/v1/validation). */
export function selectorFaults (field: string, { matchLabels, matchExpressions = [] }: LabelSelector): Cause[] {
  const causes = labelFaults(`${field}.matchLabels`, matchLabels)
  for (const [index, { key = '', operator = '', values = [] }] of (matchExpressions as readonly Partial<NonNullable<LabelSelector['matchExpressions']>[number]>[]).entries()) {
    const at = `${field}.matchExpressions[${index}]`
    switch (operator) {
      case 'In': case 'NotIn':
        if (values.length === 0) causes.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
        break
      case 'Exists': case 'DoesNotExist':
        if (values.length > 0) causes.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
        break
      default: causes.push(invalidValue(`${at}.operator`, operator, 'not a valid selector operator'))
    }
    causes.push(...broken(`${at}.key`, key, qualifiedName))
  }
  return causes
}
