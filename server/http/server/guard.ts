// Who may speak to us at all. A page from somewhere on the web can make a browser on this machine send requests to a
// loopback port: with a name of its own that resolves to us (DNS rebinding: the Host header tells), or in its own name
// (cross-site request, cross-site WebSocket: the Origin header tells). Neither has business here; there are no CORS headers.
import { hostname } from 'node:os'
import { isIP } from 'node:net'
import type { onRequestHookHandler } from 'fastify'
import { RegistryError, shown } from '../../errors.ts'
import type { Closing } from './context.ts'
import { maxRememberedHosts, maxUrlLength } from './limits.ts'

/** Makes the hook that looks at Host and Origin. `trustedHosts` are names without a port; `*` trusts every name. */
export function guard (trustedHosts: readonly string[], closing: Closing): onRequestHookHandler {
  const trusted = new Set(['localhost', hostname(), ...trustedHosts].map((name) => name.toLowerCase().replace(/\.$/, '')))
  const accepted = new Set<string>()
  return (request, _reply, done) => {
    const { host, origin } = request.raw.headers
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

/** The name or address in a Host header, or undefined if it is none. */
function nameOf (host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '')
}
