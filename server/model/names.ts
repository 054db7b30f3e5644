// The grammars of names. Names are refused, never folded: clients find exactly the name that was registered.
import { maxGenerationLength, maxIdLength, maxLabelLength, maxPortNameLength } from './limits.ts'

/** RFC 1123 label: lower-case letters, digits and hyphens, alphanumeric at both ends, at most 63. */
export const labelPattern = `^[a-z0-9](?:[-a-z0-9]{0,${maxLabelLength - 2}}[a-z0-9])?$`
export const labelRule = 'must be an RFC 1123 label: 1-63 of a-z, 0-9 and "-", beginning and ending with a letter or digit'

/** Visible ASCII without `/`, which separates path segments; `.` and `..` would be lost when a client normalises the path. */
export const idPattern = `^(?!\\.{1,2}$)[!-.0-~]{1,${maxIdLength}}$`
export const idRule = `must be 1-${maxIdLength} visible ASCII characters without "/", and not "." or ".."`

export const generationPattern = `^[!-~]{1,${maxGenerationLength}}$`
export const generationRule = `must be 1-${maxGenerationLength} visible ASCII characters`

/** RFC 6335 5.1, in lower case: a letter somewhere, no hyphen at the ends, no two together. */
export const portNamePattern = `^(?=.*[a-z])(?!.*--)(?:[a-z0-9](?:[-a-z0-9]{0,${maxPortNameLength - 2}}[a-z0-9])?)$`
export const portNameRule = `must be 1-${maxPortNameLength} of a-z, 0-9 and "-" with at least one letter, without "--", beginning and ending with a letter or digit (RFC 6335)`

/** Kubernetes qualified name: `[prefix/]name`, prefix a DNS subdomain of at most 253, name at most 63. */
const qualifiedName = '[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?'
const subdomain = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*'
/** RFC 1123 subdomain: labels joined by dots, at most 253 in all. Names of machines are such. */
export const subdomainPattern = `^(?=.{1,253}$)${subdomain}$`
export const subdomainRule = 'must be an RFC 1123 subdomain: at most 253 of a-z, 0-9, "-" and ".", each part beginning and ending with a letter or digit'
export const labelKeyPattern = `^(?:(?=[^/]{1,253}/)${subdomain}/)?${qualifiedName}$`
export const labelKeyRule = 'must be a label key: [prefix/]name, name 1-63 of A-Z, a-z, 0-9, "-", "_" and ".", alphanumeric at both ends; prefix a DNS subdomain'

export const labelValuePattern = `^(?:${qualifiedName})?$`
export const labelValueRule = 'must be a label value: empty, or 1-63 of A-Z, a-z, 0-9, "-", "_" and ".", alphanumeric at both ends'

const matcher = (pattern: string) => {
  const expression = new RegExp(pattern)
  return (text: string): boolean => expression.test(text)
}

export const isLabel = matcher(labelPattern)
export const isId = matcher(idPattern)
export const isPortName = matcher(portNamePattern)
export const isLabelKey = matcher(labelKeyPattern)
export const isLabelValue = matcher(labelValuePattern)

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
