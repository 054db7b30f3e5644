// The grammars of names. Names are refused, never folded: clients find exactly the name that was registered.

/** RFC 1035 2.3.4: a DNS label. Service, namespace and hostname become labels of a name. */
export const maxLabelLength = 63
/** An id is a path segment and an index key; 253 is the longest DNS name, so that host names fit. */
export const maxIdLength = 253
/** Names one life of an instance: a UUID, a start time, a container id. Longer ones would only fill the store. */
export const maxGenerationLength = 64

/** RFC 1123 label: lower-case letters, digits and hyphens, alphanumeric at both ends, at most 63. */
export const labelPattern = `^[a-z0-9](?:[-a-z0-9]{0,${maxLabelLength - 2}}[a-z0-9])?$`
export const labelRule = 'must be an RFC 1123 label: 1-63 of a-z, 0-9 and "-", beginning and ending with a letter or digit'

/**
 * Visible ASCII without `/`, which separates path segments; `.` and `..` would be lost when a client normalises the
 * path.
 */
export const idPattern = `^(?!\\.{1,2}$)[!-.0-~]{1,${maxIdLength}}$`
export const idRule = `must be 1-${maxIdLength} visible ASCII characters without "/", and not "." or ".."`

export const generationPattern = `^[!-~]{1,${maxGenerationLength}}$`
export const generationRule = `must be 1-${maxGenerationLength} visible ASCII characters`

/** Kubernetes qualified name: `[prefix/]name`, prefix a DNS subdomain of at most 253, name at most 63. */
const qualifiedName = '[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?'
const subdomain = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*'
export const labelKeyPattern = `^(?:(?=[^/]{1,253}/)${subdomain}/)?${qualifiedName}$`
export const labelKeyRule = 'must be a label key: [prefix/]name, name 1-63 of A-Z, a-z, 0-9, "-", "_" and ".", alphanumeric at both ends; prefix a DNS subdomain'

export const labelValuePattern = `^(?:${qualifiedName})?$`
export const labelValueRule = 'must be a label value: empty, or 1-63 of A-Z, a-z, 0-9, "-", "_" and ".", alphanumeric at both ends'

const matcher = (pattern: string): ((value: unknown) => value is string) => {
  const expression = new RegExp(pattern)
  return (value): value is string => typeof value === 'string' && expression.test(value)
}

export const isLabel = matcher(labelPattern)
export const isId = matcher(idPattern)
export const isGeneration = matcher(generationPattern)
export const isLabelKey = matcher(labelKeyPattern)
export const isLabelValue = matcher(labelValuePattern)
