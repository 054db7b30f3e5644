// Who asks, and what it may do: `kubectl auth whoami` and `kubectl auth can-i`.
import type { Answer, Asked, KubernetesContext } from './context.ts'
import { badRequest } from './answers/status.ts'
import { kinds } from './kinds.ts'

type Members = Readonly<Record<string, unknown>>

const reading = new Set(['get', 'list', 'watch'])
/** A name that only those may use who may use any. */
const anyName = 'any-name'

export function selfSubjectReview ({ reviews }: KubernetesContext, { actor, kind }: Asked): Answer {
  const who = reviews?.whoAmI(actor)
  return { code: 201, body: { apiVersion: `${kind.group}/v1`, kind: kind.kind, metadata: { creationTimestamp: null }, status: { userInfo: { username: who?.subject ?? 'anonymous', groups: [who?.kind ?? 'anonymous'] } } } }
}

/** @throws StatusError 400 */
export function selfSubjectAccessReview ({ reviews }: KubernetesContext, { actor, kind, body }: Asked): Answer {
  const review = read(body)
  const spec = membersOf(review.spec)
  const { resourceAttributes, nonResourceAttributes } = spec
  if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined)) throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified')
  const status = resourceAttributes === undefined ? { allowed: true, reason: 'every client may ask what is served' } : judged(reviews, actor, membersOf(resourceAttributes))
  return { code: 201, body: { apiVersion: `${kind.group}/v1`, kind: kind.kind, metadata: { creationTimestamp: null }, spec, status } }
}

function judged (reviews: KubernetesContext['reviews'], actor: Asked['actor'], attributes: Members): { readonly allowed: boolean, readonly reason: string } {
  const [verb, group, resource, namespace, name] = ['verb', 'group', 'resource', 'namespace', 'name'].map((field) => text(attributes[field]))
  const kind = kinds.find((each) => each.resource === resource && each.group === (group ?? ''))
  const isRead = reading.has(verb ?? '')
  if (kind === undefined && resource !== '*') return { allowed: false, reason: `there is no resource ${JSON.stringify(resource)} here` }
  if (kind !== undefined && verb !== '*' && !(kind.verbs as readonly string[]).includes(verb ?? '')) return { allowed: false, reason: kind.derivedFrom ?? 'the verb is not served' }
  const asked = isRead ? 'read' : kind?.kind === 'Pod' ? 'operate' : kind?.kind === 'Policy' || resource === '*' ? 'admin' : 'declare'
  if (reviews === undefined) return { allowed: true, reason: 'there is no access control' }
  const { allowed, reason } = reviews.canI(actor, asked, namespace === '' || namespace === undefined ? anyName : namespace, name === '' || name === undefined ? anyName : name)
  return { allowed, reason }
}

function read (body: Buffer): Members {
  try {
    return membersOf(JSON.parse(body.toString()))
  } catch {
    throw badRequest('the body is not valid JSON')
  }
}

function membersOf (value: unknown): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Members : {} // keys are texts
}

function text (value: unknown): string {
  return typeof value === 'string' ? value : ''
}
