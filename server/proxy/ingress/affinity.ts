// A cookie that keeps a client at its endpoint (`rollcall.dev/ingress-affinity-cookie`). It names the endpoint by a digest, the same on
// every machine: a cookie with an address of the inner network would show it to everybody.
import { createHash } from 'node:crypto'
import type { EndpointGroup } from './endpoint-group.ts'
import { cookieOf, type RequestHead } from './request-head.ts'
import type { Upstream } from './upstream.ts'

const digests = new WeakMap<Upstream, string>()
export function affinityNameOf (upstream: Upstream): string {
  const known = digests.get(upstream)
  if (known !== undefined) return known
  const made = createHash('sha256').update(`rollcall ingress ${upstream.key}`).digest('base64url').slice(0, 22)
  digests.set(upstream, made)
  return made
}

/** Where the client's cookie leads, if that may still be chosen. */
export function pinned (group: EndpointGroup, head: RequestHead, cookie: string, nowMs: number): Upstream | undefined {
  const value = cookieOf(head.cookies, cookie)
  if (value === undefined) return undefined
  return group.choosable.find((each) => affinityNameOf(each) === value && !each.isEjected(nowMs))
}

/** The field that pins the client; undefined if it is pinned there already. */
export function pinOf (head: RequestHead, cookie: string, upstream: Upstream, isSecure: boolean): string | undefined {
  const name = affinityNameOf(upstream)
  if (cookieOf(head.cookies, cookie) === name) return undefined
  return `${cookie}=${name}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
}
