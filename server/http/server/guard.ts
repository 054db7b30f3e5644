// Who may speak to us at all. A page from somewhere on the web can make a browser on this machine send requests to a
// loopback port: with a name of its own that resolves to us (DNS rebinding: the Host header tells), or in its own name
// (cross-site request, cross-site WebSocket: the Origin header tells). Neither has business here; there are no CORS headers.
// Two Host headers, or a target that names another host than the header (RFC 9112 3.2.2), are how an attacker lets a proxy see another
// server than the next: both are refused.
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { RegistryError, invalid, shown } from '../../errors.ts'
import type { Closing } from './closing.ts'
import { maxRememberedHosts, maxUrlLength } from './limits.ts'

const tokenInUrl = /[?&](?:access_|api_|auth_)?token=/i
const tokensInUrl = /([?&](?:access_|api_|auth_)?token=)[^&#]*/gi

/** A URL as it may be written down. */
export function withoutTokens (url: string): string {
  return url.replaceAll(tokensInUrl, '$1***')
}

/** Looks at Host and Origin of each request. */
export class HostGuard {
  readonly #trusted: ReadonlySet<string>
  readonly #accepted = new Set<string>()
  readonly #closing: Closing

  /** @param trustedHosts names without a port; `*` trusts every name */
  constructor (trustedHosts: readonly string[], closing: Closing) {
    this.#trusted = new Set(['localhost', hostname(), ...trustedHosts].map((name) => name.toLowerCase().replace(/\.$/, '')))
    this.#closing = closing
  }

  /** Whether a request with this Host header was let in lately. */
  knows (host: string): boolean {
    return this.#accepted.has(host)
  }

  /** Why a request is refused; undefined = it may come in. */
  refusal ({ headers: { host, origin }, rawHeaders, url = '' }: IncomingMessage): RegistryError | undefined {
    if (hostCount(rawHeaders) > 1) return invalid([{ field: 'Host', rule: 'must be given once (RFC 9112 3.2)' }])
    const target = url.startsWith('/') ? undefined : /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1]
    if (target !== undefined && target.toLowerCase() !== host?.toLowerCase()) {
      return new RegistryError('REG_HOST_REFUSED', `the target of the request must name the same host as its Host header, got ${shown(target)} and ${shown(host)}`)
    }
    // HTTP/1.1 without Host does not pass the parser, and no browser speaks HTTP/1.0.
    if (host !== undefined && !this.#accepted.has(host)) {
      const name = nameOf(host)
      if (name === undefined || !(isIP(name) !== 0 || this.#trusted.has(name) || name.endsWith('.localhost') || this.#trusted.has('*'))) {
        return new RegistryError('REG_HOST_REFUSED', `the Host header must be an IP address, localhost or a trusted host, got ${shown(host)}; name it as a trusted host if it is this server`)
      }
      if (this.#accepted.size >= maxRememberedHosts) this.#accepted.clear()
      this.#accepted.add(host)
    }
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      return new RegistryError('REG_ORIGIN_REFUSED', `requests of the web page ${shown(origin)} are refused: it is not served from here`)
    }
    // A token there stands in histories, in logs of proxies and in Referer headers: it is burnt, and must not work.
    if (tokenInUrl.test(url)) return invalid([{ field: 'token', rule: 'must not be in a URL, which others write down: send it as "authorization: Bearer ...", and revoke this one' }])
    if (url.length > maxUrlLength) return new RegistryError('REG_URI_TOO_LONG', `path and query must not be longer than ${maxUrlLength} characters, got ${url.length}`)
    if (this.#closing.ended) return new RegistryError('REG_SHUTTING_DOWN', 'this node is shutting down, ask another one')
    return undefined
  }
}

/** Node joins or drops a header that came twice; the raw list of names and values has both. */
function hostCount (rawHeaders: readonly string[] | undefined): number {
  let count = 0
  for (let at = 0; at < (rawHeaders?.length ?? 0); at += 2) if (rawHeaders?.[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') count++
  return count
}

/** The name or address in a Host header, or undefined if it is none. */
function nameOf (host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '')
}
