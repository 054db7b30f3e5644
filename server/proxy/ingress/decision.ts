// What becomes of a request, before an endpoint is chosen: an answer of the ingress, or a backend and the path that it gets. A pure
// function of the request's head and the route table: the engine acts on it, and `rollcall explain route` shows it.
import { contains, type Ip } from '../../model/address/ranges.ts'
import type { IngressCanary } from '../../model/ingress/annotations.ts'
import type { Answer } from './answers.ts'
import { readAuthority, readTarget, type RequestTarget } from './request-target.ts'
import type { Found, RouteTable } from './route-table.ts'
import type { BackendRef, IngressEntry, Route } from './rules.ts'

export interface Asked {
  readonly method: string
  readonly target: string
  readonly hosts: readonly string[]
  /** Of the connection. */
  readonly scheme: 'http' | 'https'
  /** What the client used, where a trusted proxy stands in front. */
  readonly clientScheme: 'http' | 'https'
  readonly sni?: string | undefined
  readonly client: Ip | undefined
  /** HTTP/1.0: without Host it is for the rules of every host. */
  readonly isHostOptional: boolean
  readonly fields: number
  readonly hasUnknownCoding?: boolean
  readonly hasUnknownExpectation?: boolean
  readonly contentLength?: number | undefined
  /** The value of a field by its name in lower case. */
  readonly header: (name: string) => string | undefined
}

/** Of what is known by then; all that a log can say of a refused request. */
export interface Refused {
  readonly answer: Answer
  readonly host: string
  readonly path: string
  readonly owner?: IngressEntry
}

export interface Forward {
  readonly host: string
  readonly target: RequestTarget
  readonly owner: IngressEntry
  readonly route?: Route
  readonly backend: BackendRef
  /** It goes to the canary. */
  readonly isCanary: boolean
  /** Path and query for the endpoint. */
  readonly path: string
  /** The part of the path that a rewrite took away. */
  readonly prefix?: string
}

const maxFields = 100
/** TRACE shows fields that were added on the way, CONNECT would make a tunnel: neither has a meaning behind an ingress. */
const refusedMethods = new Set(['TRACE', 'CONNECT'])

export function decide (table: RouteTable, asked: Asked, random: () => number): Forward | Refused {
  const { method, hosts, scheme, clientScheme } = asked
  const refused = (answer: Answer, host = '', path = '', owner?: IngressEntry): Refused => ({ answer, host, path, ...(owner === undefined ? {} : { owner }) })
  if (asked.fields > maxFields) return refused({ reason: 'head-too-large', message: `the request has more than ${maxFields} header fields` })
  if (asked.hasUnknownCoding === true) return refused({ reason: 'bad-request', message: 'the body has a coding that is not passed on' })
  if (asked.hasUnknownExpectation === true) return refused({ reason: 'unknown-expectation', message: 'nothing but 100-continue can be expected' })
  if (refusedMethods.has(method)) return refused({ reason: 'method-not-allowed', message: `${method} is not passed on` })
  const isAsterisk = asked.target === '*' && method === 'OPTIONS' // RFC 9110 9.3.7: of the server, not of a resource
  const target = isAsterisk ? { path: '*', query: '', hasEncodedSlash: false } : readTarget(asked.target, scheme)
  if ('problem' in target) return refused({ reason: 'bad-target', message: `the path ${target.problem}` })
  const { path } = target
  const authority = readAuthority(hosts, target, scheme, asked.isHostOptional)
  if ('problem' in authority) return refused({ reason: 'bad-host', message: `the request ${authority.problem}` }, '', path)
  const host = authority.name
  if (asked.sni !== undefined && asked.sni !== host && table.secretOf(asked.sni) !== table.secretOf(host)) {
    return refused({ reason: 'other-certificate', message: `this connection shows the certificate of another host than ${host}` }, host, path)
  }
  if (isAsterisk) return refused({ reason: 'answered', message: '', headers: ['Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'] }, host, path)
  const found = table.find(host, path)
  if (found === undefined) return refused({ reason: 'no-route', message: `no rule is for ${host}${path}` }, host, path)
  const { owner } = found
  const answer = policyAnswer(owner, asked, host, target, clientScheme)
  if (answer !== undefined) return refused(answer, host, path, owner)
  return { ...chosen(found, asked, random), host, target, ...rewritten(found, target) }
}

/** What the annotations of the ingress say against it. */
function policyAnswer ({ annotations }: IngressEntry, asked: Asked, host: string, target: RequestTarget, clientScheme: string): Answer | undefined {
  const { allowedSources, redirectsToHttps, allowsEncodedSlash, maxBodyBytes } = annotations
  const { client, contentLength } = asked
  if (allowedSources !== undefined && (client === undefined || !allowedSources.some((range) => contains(range, client)))) {
    return { reason: 'source-not-allowed', message: `${client?.text ?? 'this client'} may not ask for ${host}` }
  }
  if (redirectsToHttps === true && clientScheme === 'http') {
    if (host === '') return { reason: 'bad-host', message: 'the request has no Host header, and is to be sent on to https' }
    const location = `https://${host}${target.path}${target.query}`
    return { reason: 'redirect', message: location, headers: ['Location', location] }
  }
  if (target.hasEncodedSlash && allowsEncodedSlash !== true) return { reason: 'bad-target', message: 'the path holds an encoded slash' }
  if (maxBodyBytes !== undefined && contentLength !== undefined && contentLength > maxBodyBytes) {
    return { reason: 'body-too-large', message: `the body has ${contentLength} octets, of at most ${maxBodyBytes}` }
  }
  return undefined
}

function chosen ({ backend, owner, route }: Found, { header }: Asked, random: () => number): Pick<Forward, 'owner' | 'route' | 'backend' | 'isCanary'> {
  const { canary } = owner.annotations
  const isCanary = canary !== undefined && owner.canary !== undefined && goesToCanary(canary, header, random)
  return { owner, ...(route === undefined ? {} : { route }), backend: isCanary && owner.canary !== undefined ? owner.canary : backend, isCanary }
}

/** By its header, whatever the weight; else by chance. */
function goesToCanary ({ weight, header }: IngressCanary, valueOf: Asked['header'], random: () => number): boolean {
  const value = header === undefined ? undefined : valueOf(header.name)
  if (value !== undefined && (header?.value === undefined || header.value === value)) return true
  return weight > 0 && random() * 100 < weight
}

function rewritten ({ owner, route }: Found, { path, query }: RequestTarget): Pick<Forward, 'path' | 'prefix'> {
  const { rewritePrefix } = owner.annotations
  if (rewritePrefix === undefined || route === undefined) return { path: path + query }
  const rest = path.slice(route.matched.length)
  const base = rewritePrefix.endsWith('/') ? rewritePrefix.slice(0, -1) : rewritePrefix
  const replaced = base + rest
  return { path: (replaced === '' ? '/' : replaced) + query, prefix: route.matched === '' ? '/' : route.matched }
}
