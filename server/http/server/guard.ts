// Who may speak to us at all. A page from somewhere on the web can make a browser on this machine send requests to a
// loopback port: with a name of its own that resolves to us (DNS rebinding: the Host header tells), or in its own name
// (cross-site request, cross-site WebSocket: the Origin header tells). Neither has business here; there are no CORS headers.
// Two Host headers, or a target that names another host than the header (RFC 9112 3.2.2), are how an attacker lets a proxy see another
// server than the next: both are refused.
import { hostname } from 'node:os'
import { isIP } from 'node:net'
import type { onRequestHookHandler } from 'fastify'
import { RegistryError, invalid, shown } from '../../errors.ts'
import type { Closing } from './closing.ts'
import { maxRememberedHosts, maxUrlLength } from './limits.ts'

/** Makes the hook that looks at Host and Origin. `trustedHosts` are names without a port; `*` trusts every name. */
export function guard (trustedHosts: readonly string[], closing: Closing): onRequestHookHandler {
  const trusted = new Set(['localhost', hostname(), ...trustedHosts].map((name) => name.toLowerCase().replace(/\.$/, '')))
  const accepted = new Set<string>()
  return (request, _reply, done) => {
    const { host, origin } = request.raw.headers
    if (hostCount(request.raw.rawHeaders) > 1) return done(invalid([{ field: 'Host', rule: 'must be given once (RFC 9112 3.2)' }]))
    const target = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(request.raw.url ?? '')?.[1]
    if (target !== undefined && target.toLowerCase() !== host?.toLowerCase()) {
      return done(new RegistryError('REG_HOST_REFUSED', `the target of the request must name the same host as its Host header, got ${shown(target)} and ${shown(host)}`))
    }
    // HTTP/1.1 without Host does not pass the parser, and no browser speaks HTTP/1.0.
    if (host !== undefined && !accepted.has(host)) {
      const name = nameOf(host)
      if (name === undefined || !(isIP(name) !== 0 || trusted.has(name) || name.endsWith('.localhost') || trusted.has('*'))) {
        return done(new RegistryError('REG_HOST_REFUSED', `the Host header must be an IP address, localhost or a trusted host, got ${shown(host)}; name it as a trusted host if it is this server`))
      }
      if (accepted.size >= maxRememberedHosts) accepted.clear()
      accepted.add(host)
    }
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      return done(new RegistryError('REG_ORIGIN_REFUSED', `requests of the web page ${shown(origin)} are refused: it is not served from here`))
    }
    if (request.url.length > maxUrlLength) return done(new RegistryError('REG_URI_TOO_LONG', `path and query must not be longer than ${maxUrlLength} characters, got ${request.url.length}`))
    if (closing.ended) return done(new RegistryError('REG_SHUTTING_DOWN', 'this node is shutting down, ask another one'))
    done()
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
