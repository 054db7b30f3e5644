// The grammars of names. Names are refused, never folded: clients find exactly the name that was registered. Names that
// clients need too are rules of the SDK.
import { maxPortNameLength } from './limits.ts'

export {
  generationPattern, generationRule, idPattern, idRule, isId, isLabel, isLabelKey, isLabelValue, labelKeyPattern, labelKeyRule, labelPattern, labelRule,
  labelValuePattern, labelValueRule
} from '../../client-sdk/src/rules.ts'

/** RFC 6335 5.1, in lower case: a letter somewhere, no hyphen at the ends, no two together. */
export const portNamePattern = `^(?=.*[a-z])(?!.*--)(?:[a-z0-9](?:[-a-z0-9]{0,${maxPortNameLength - 2}}[a-z0-9])?)$`
export const portNameRule = `must be 1-${maxPortNameLength} of a-z, 0-9 and "-" with at least one letter, without "--", beginning and ending with a letter or digit (RFC 6335)`

/** RFC 1123 subdomain: labels joined by dots, at most 253 in all. Names of machines are such. */
export const subdomainPattern = '^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$'
export const subdomainRule = 'must be an RFC 1123 subdomain: at most 253 of a-z, 0-9, "-" and ".", each part beginning and ending with a letter or digit'

const portName = new RegExp(portNamePattern)

export function isPortName (text: string): boolean {
  return portName.test(text)
}

/** One instance in the whole registry: `namespace/service/id`. None of the three can hold a `/`. */
export function instanceKey (namespace: string, service: string, id: string): string {
  return `${namespace}/${service}/${id}`
}

/** The parts of an `instanceKey`. */
export function splitKey (key: string): { namespace: string, service: string, id: string } {
  const first = key.indexOf('/')
  const second = key.indexOf('/', first + 1)
  return { namespace: key.slice(0, first), service: key.slice(first + 1, second), id: key.slice(second + 1) }
}
