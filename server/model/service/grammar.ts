// The rules that values of manifests follow, each as the list of what is broken: empty when all is well.
import ipaddr from 'ipaddr.js'
import { isLabelValue, isLabelKey } from '../names.ts'
import { type Cause, invalidValue } from './causes.ts'
import { ipFamilyOf } from './facts.ts'

export type Rule<Value = string> = (value: Value) => readonly string[]

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const subdomain = `${label}(\\.${label})*`

const text1035 = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${label1035}')`
const text1123 = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${label}')`
const textSubdomain = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomain}')`
const textLabelValue = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345')"
const textQualified = "must be a qualified name: [prefix/]name, the name at most 63 alphanumeric characters, '-', '_' or '.', alphanumeric at both ends, the prefix a DNS subdomain (e.g. 'MyName', 'my.name' or 'example.com/MyName')"

/** Of a name of Kubernetes, and of DNS (RFC 1035 2.3.4). */
export const maxLabel = 63
const maxSubdomain = 253 // RFC 1035 2.3.4, without the trailing dot
/** RFC 6335 5.1 */
const maxPortName = 15

/** A pattern without back-tracking over the whole length: the length is looked at first. */
function grammar (pattern: string, most: number, text: string): Rule {
  const expression = new RegExp(`^${pattern}$`)
  return (value) => {
    if (value.length > most) return [`must be no more than ${most} characters`]
    return expression.test(value) ? [] : [text]
  }
}

/** The name of a service: its label in DNS starts with a letter (RFC 1035). */
export const dns1035Label = grammar(label1035, maxLabel, text1035)
export const dns1123Label = grammar(label, maxLabel, text1123)
export const dns1123Subdomain = grammar(subdomain, maxSubdomain, textSubdomain)

export const labelValue: Rule = (value) => {
  if (value.length > maxLabel) return [`must be no more than ${maxLabel} characters`]
  return isLabelValue(value) ? [] : [textLabelValue]
}

export const qualifiedName: Rule = (value) => (isLabelKey(value) ? [] : [textQualified])

/** One sentence per broken rule: a quoted number fails for want of a letter. */
export const portName: Rule = (value) => [
  ...(value.length > maxPortName ? [`must be no more than ${maxPortName} characters`] : []),
  ...(/^[-a-z0-9]*$/.test(value) ? [] : ['must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)']),
  ...(/[a-z]/.test(value) ? [] : ['must contain at least one letter (a-z)']),
  ...(value.includes('--') ? ['must not contain consecutive hyphens'] : []),
  ...(/^-|-$/.test(value) ? ['must not begin or end with a hyphen'] : [])
]

export const portNumber: Rule<number> = (value) => (
  Number.isInteger(value) && value >= 1 && value <= 65_535 ? [] : ['must be between 1 and 65535, inclusive']
)

export const ipAddress: Rule = (value) => (
  ipFamilyOf(value) === undefined ? ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'] : []
)

/** Octets with leading zeros and host names are refused by `ipAddress`, lengths by their digits. */
export const cidr: Rule = (value) => {
  const [address = '', length = '', ...rest] = value.split('/')
  const family = ipFamilyOf(address)
  const fits = family !== undefined && rest.length === 0 && /^(?:0|[1-9]\d{0,2})$/.test(length) && Number(length) <= (family === 'IPv4' ? 32 : 128)
  return fits ? [] : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']
}

/** Addresses that mean another host on each machine. */
export const callableAddress: Rule = (value) => {
  const address = ipaddr.process(value)
  switch (address.range()) {
    case 'unspecified': return [`may not be unspecified (${value})`]
    case 'loopback': return ['may not be in the loopback range (127.0.0.0/8, ::1/128)']
    case 'linkLocal': return ['may not be in the link-local range (169.254.0.0/16, fe80::/10)']
    case 'multicast': return isLinkLocalMulticast(address) ? ['may not be in the link-local multicast range (224.0.0.0/24, ff02::/16)'] : []
    default: return []
  }
}

function isLinkLocalMulticast (address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return address instanceof ipaddr.IPv4 ? address.match(ipaddr.IPv4.parse('224.0.0.0'), 24) : address.match(ipaddr.IPv6.parse('ff02::'), 16)
}

/** The one text of an address: RFC 5952 for IPv6. An IPv4-mapped address stays what it is, so that its family does. */
export function canonicalAddress (address: string): string {
  const parsed = ipaddr.parse(address)
  return parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString()
}

/** One cause per sentence that a rule gives of a value. */
export function broken<Value> (field: string, value: Value, ...rules: readonly Rule<Value>[]): Cause[] {
  return rules.flatMap((rule) => rule(value)).map((text) => invalidValue(field, value, text))
}
