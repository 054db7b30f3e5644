// What a request asks for (RFC 9112 3.2): matched as it was sent, and forwarded as it was matched. What two programs may read
// differently is refused, since one of them would let through what the other one forbids.
import { type HostName, readHost, sameAuthority } from './host-name.ts'

export interface RequestTarget {
  /** As sent, without the query. */
  readonly path: string
  /** With its `?`; empty if there is none. */
  readonly query: string
  /** `%2f` is in the path: most ingresses refuse it. */
  readonly hasEncodedSlash: boolean
  /** Of an absolute-form target: it stands above the Host header (RFC 9112 3.2.2). */
  readonly authority?: HostName
}

/** Completes "the path ...", for people. */
export interface TargetProblem {
  readonly problem: string
}

/** Nothing to look at closer: no escape, no backslash, no segment that begins with a dot. */
const plain = /^\/(?!\.)(?:(?!\/\.)[\x21\x22\x24\x26-\x3e\x40-\x5b\x5d-\x7e])*$/
const visible = /^[\x21-\x7e]*$/
const malformed = /%(?![0-9a-f]{2})/i
/** Backslash and NUL, and two-octet forms of ASCII characters, which strict decoders refuse and lenient ones read as `.`, `/` or `\`. */
const ambiguous = /\\|%5c|%00|%c[01]%[89ab][0-9a-f]/i
/** A segment `.` or `..`, written in any way, and with parameters behind it (`..;x=1`), which some servers cut off first. */
const dotSegment = /(?:^|\/|%2f)(?:\.|%2e){1,2}(?=\/|%2f|;|%3b|$)/i

/** @param text the target of the request line, or HTTP/2's `:path` */
export function readTarget (text: string, scheme: 'http' | 'https'): RequestTarget | TargetProblem {
  if (text.charCodeAt(0) === 0x2f) return originForm(text)
  const absolute = /^(https?):\/\/([^/?#]*)([/?].*)?$/i.exec(text)
  if (absolute === null) return { problem: 'must begin with "/"' }
  const [, given = '', host = '', rest = '/'] = absolute
  if (given.toLowerCase() !== scheme) return { problem: `has the scheme ${given}, and came by ${scheme}` }
  const authority = readHost(host)
  if (authority === undefined) return { problem: 'names a host that is none' }
  const target = originForm(rest.startsWith('/') ? rest : `/${rest}`)
  return 'problem' in target ? target : { ...target, authority }
}

function originForm (text: string): RequestTarget | TargetProblem {
  const at = text.indexOf('?')
  const path = at === -1 ? text : text.slice(0, at)
  const query = at === -1 ? '' : text.slice(at)
  if (query !== '' && (!visible.test(query) || query.includes('#'))) return { problem: 'has a query with "#" or with characters that are not visible ASCII' }
  if (plain.test(path)) return { path, query, hasEncodedSlash: false }
  if (!visible.test(path) || path.includes('#')) return { problem: 'holds "#", or characters that are not visible ASCII' }
  if (malformed.test(path)) return { problem: 'holds a "%" without two hexadecimal digits' }
  if (ambiguous.test(path)) return { problem: 'holds a backslash, a NUL or an overlong form of a character' }
  if (dotSegment.test(path)) return { problem: 'holds a segment "." or ".."' }
  return { path, query, hasEncodedSlash: /%2f/i.test(path) }
}

/**
 * The host that decides, of target and headers: `Host` must be there once, and must not differ from the target.
 * @returns an empty name for HTTP/1.0 without Host; or what is wrong, completing "the request ..."
 */
export function readAuthority (
  hosts: readonly string[], target: RequestTarget, scheme: 'http' | 'https', isHostOptional: boolean
): HostName | TargetProblem {
  const [text, second] = hosts
  if (second !== undefined) return { problem: 'has two Host headers' }
  if (text === undefined || text === '') {
    if (target.authority !== undefined) return text === '' ? { problem: 'has a target of another host than its Host header' } : target.authority
    return isHostOptional ? { name: '' } : { problem: 'has no Host header' }
  }
  const host = readHost(text)
  if (host === undefined) return { problem: 'has a Host header that names no host: ASCII is expected, an IDN in its "xn--" form' }
  if (target.authority !== undefined && !sameAuthority(target.authority, host, scheme)) return { problem: 'has a target of another host than its Host header' }
  return host
}
