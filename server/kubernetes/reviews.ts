// Who asks, and what it may do: `kubectl auth whoami` and `kubectl auth can-i`.
import type { Answer, Asked, KubernetesContext } from './context.ts'
import { badRequest } from './answers/status.ts'
import { kinds } from './kinds.ts'
import { anything, struct, text as textType } from '../model/fields/field-type.ts'
import { mediaOf, textOf } from './write/bodies.ts'
import { decodeMessage, protobufMedia, readEnvelope } from './write/protobuf/decode.ts'

type Members = Readonly<Record<string, unknown>>

/** What of a review is read, and its numbers in protobuf, which kubectl sends from 1.32 on. */
const reviewFields = struct('io.k8s.api.authorization.v1.SelfSubjectAccessReview', 'Whether the one who asks may do something.', {
  metadata: [1, anything, 'Is not read.'],
  spec: [2, struct('io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec', 'What is asked.', {
    resourceAttributes: [1, struct('io.k8s.api.authorization.v1.ResourceAttributes', 'Something to do with an object.', {
      namespace: [1, textType, 'Empty: all.'], verb: [2, textType, 'What.'], group: [3, textType, 'Of the resource.'], version: [4, textType, 'Of the resource.'],
      resource: [5, textType, 'With which kind.'], subresource: [6, textType, 'Of the resource.'], name: [7, textType, 'Empty: any.']
    }), 'About an object.'],
    nonResourceAttributes: [2, struct('io.k8s.api.authorization.v1.NonResourceAttributes', 'Something to do with a path.', {
      path: [1, textType, 'Which.'], verb: [2, textType, 'What.']
    }), 'About a path.']
  }), 'What is asked.'],
  status: [3, anything, 'Is not read.']
})

const reading = new Set(['get', 'list', 'watch'])
/** A name that only those may use who may use any. */
const anyName = 'any-name'

export function selfSubjectReview ({ reviews }: KubernetesContext, { actor, kind }: Asked): Answer {
  const who = reviews?.whoAmI(actor)
  return { code: 201, body: { apiVersion: `${kind.group}/v1`, kind: kind.kind, metadata: { creationTimestamp: null }, status: { userInfo: { username: who?.subject ?? 'anonymous', groups: [who?.kind ?? 'anonymous'] } } } }
}

/** @throws StatusError 400 */
export function selfSubjectAccessReview ({ reviews }: KubernetesContext, asked: Asked): Answer {
  const { actor, kind } = asked
  const review = read(asked)
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

function read ({ body, request }: Asked): Members {
  if (mediaOf(request.headers['content-type']) === protobufMedia) return decodeMessage(readEnvelope(body), reviewFields)
  try {
    return membersOf(JSON.parse(textOf(body)))
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
