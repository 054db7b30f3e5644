// The host that a request is for, of its Host header, its :authority or its target (RFC 9110 7.2, RFC 3986 3.2).
//
//   host [ ":" port ]     host = a DNS name in ASCII (an IDN in its "xn--" form) | an IPv4 address | "[" an IPv6 address "]"
import { isIP } from 'node:net'

export interface HostName {
  /** Lower case, without port and without the dot at the end; an IPv6 address in its brackets. */
  readonly name: string
  /** As written, in lower case: what a comparison of two may look at. */
  readonly port?: number
}

/** Underscores are in names of machines, whatever the grammar of host names says. */
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const maxName = 253
/** Parsed hosts that are kept: a server has few, and what an attacker invents must not pile up. */
const maxKept = 1_000

const kept = new Map<string, HostName | null>()

/** @returns undefined if it is none: the request is refused */
export function readHost (text: string): HostName | undefined {
  const known = kept.get(text)
  if (known !== undefined) return known ?? undefined
  const read = parse(text.toLowerCase())
  if (kept.size >= maxKept) kept.clear()
  kept.set(text, read ?? null)
  return read
}

function parse (text: string): HostName | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::(\d{1,5})?)?$/.exec(text)
  const [, host = '', portText] = match ?? []
  const port = portText === undefined ? undefined : Number(portText)
  if (match === null || (port !== undefined && port > 65_535)) return undefined
  const name = host.endsWith('.') ? host.slice(0, -1) : host
  const isName = name.startsWith('[')
    ? isIP(name.slice(1, -1)) === 6
    : name.length <= maxName && name.split('.').every((each) => label.test(each))
  return isName ? { name, ...(port === undefined ? {} : { port }) } : undefined
}

/** Whether two authorities mean one place, the default port of the scheme said or not. */
export function sameAuthority (one: HostName, other: HostName, scheme: 'http' | 'https'): boolean {
  const standard = scheme === 'https' ? 443 : 80
  return one.name === other.name && (one.port ?? standard) === (other.port ?? standard)
}
