// From a method and a path to what is done.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RegistryError } from '../errors.ts'
import { accessOf } from '../http/server/context.ts'
import { pathOf } from '../http/server/dialect.ts'
import { statusOf } from './answers/faults.ts'
import { StatusError, methodNotAllowed, noSuchPath } from './answers/status.ts'
import type { Answer, Asked, KubernetesContext } from './context.ts'
import { discovery } from './discovery/discovery.ts'
import { type Kind, kindAt } from './kinds.ts'
import { collection } from './read/collection.ts'
import { get } from './read/get.ts'
import { readAccept } from './request/accept.ts'
import { type ResourcePath, readPath } from './request/path.ts'
import { selfSubjectAccessReview, selfSubjectReview } from './reviews.ts'
import { remove, removeAll } from './writes/deletion.ts'
import { patchPod } from './writes/pod.ts'
import { writeScale } from './writes/scale.ts'
import { writeStored } from './writes/stored.ts'

const none = Buffer.alloc(0)
/** Of a warning: more is cut, as in Kubernetes. */
const maxWarningLength = 256
const maxWarnings = 32

export async function route (context: KubernetesContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const asked = readPath(pathOf(request.raw))
  if (asked === undefined) throw noSuchPath()
  if (asked.type === 'discovery') {
    if (request.method !== 'GET') throw new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
    const answer = discovery(asked.root, asked.group, asked.version, request.headers.accept)
    if (answer === undefined) throw noSuchPath()
    return reply.header('content-type', answer.media).header('vary', 'accept').serializer(JSON.stringify).send(answer.body)
  }
  const { path } = asked
  const kind = kindAt(path.group, path.version, path.resource)
  if (kind === undefined) throw noSuchPath()
  const verb = verbOf(request.method, path)
  await context.whenLoaded()
  try {
    return await answer(context, request, reply, kind, path, verb)
  } catch (error) {
    const refused = error instanceof RegistryError ? statusOf(error, { kind, namespace: path.namespace, name: path.name, verb }) : error
    context.metrics.answered(verb, kind.resource, refused instanceof StatusError ? refused.status.code : 500)
    throw refused
  }
}

/** As policies, metrics and messages of Kubernetes call what is done. */
function verbOf (method: string, { name }: ResourcePath): string {
  switch (method) {
    case 'GET': case 'HEAD': return name === undefined ? 'list' : 'get'
    case 'POST': return 'create'
    case 'PUT': return 'update'
    case 'PATCH': return 'patch'
    case 'DELETE': return name === undefined ? 'deletecollection' : 'delete'
    default: return method.toLowerCase()
  }
}

async function answer (
  context: KubernetesContext, request: FastifyRequest, reply: FastifyReply, kind: Kind, path: ResourcePath, verb: string
): Promise<FastifyReply> {
  const at = request.url.indexOf('?')
  const access = accessOf({ core: context.core, identities: context.parts.identities, peerOf: context.parts.peerOf }, request)
  const asked: Asked = {
    request, access, kind, path, actor: context.parts.identities.of(request.raw, context.parts.peerOf(request)),
    query: new URLSearchParams(at === -1 ? '' : request.url.slice(at + 1)), wanted: readAccept(request.headers.accept), body: Buffer.isBuffer(request.body) ? request.body : none
  }
  checkPath(kind, path, verb)
  if (verb === 'list') return collection(context, asked, reply)
  const { code, body, warnings = [] } = await act(context, asked, verb)
  for (const warning of warnings.slice(0, maxWarnings)) reply.raw.appendHeader('warning', `299 - ${quoted(warning)}`)
  context.metrics.answered(verb, kind.resource, code)
  return reply.code(code).type('application/json').send(`${JSON.stringify(body)}\n`)
}

/** @throws StatusError 404 for a place that such a kind has not, 405 for what is not done with it */
function checkPath (kind: Kind, { namespace, name, subresource }: ResourcePath, verb: string): void {
  if (namespace !== undefined && !kind.namespaced) throw noSuchPath()
  if (namespace === undefined && kind.namespaced && (name !== undefined || verb === 'create')) {
    throw name === undefined ? new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {}) : noSuchPath()
  }
  const own = subresource === '' ? undefined : kind.subresources.find((each) => each.name === subresource)
  if (subresource !== '' && own === undefined) throw noSuchPath()
  const verbs: readonly string[] = own?.verbs ?? kind.verbs
  if (!verbs.includes(verb)) throw methodNotAllowed(kind, verb, kind.derivedFrom)
  if (name === undefined && (verb === 'update' || verb === 'patch')) throw new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
}

async function act (context: KubernetesContext, asked: Asked, verb: string): Promise<Answer> {
  const { kind } = asked
  if (kind.kind === 'SelfSubjectReview') return selfSubjectReview(context, asked)
  if (kind.kind === 'SelfSubjectAccessReview') return selfSubjectAccessReview(context, asked)
  switch (verb) {
    case 'get': return get(context, asked)
    case 'delete': return remove(context, asked)
    case 'deletecollection': return removeAll(context, asked)
    case 'create': case 'update': case 'patch':
      if (kind.isStored) return writeStored(context, asked, verb)
      if (verb !== 'create' && asked.path.subresource === 'scale') return writeScale(context, asked, verb)
      if (verb === 'patch' && kind.kind === 'Pod') return patchPod(context, asked)
  }
  throw methodNotAllowed(kind, verb, kind.derivedFrom)
}

function quoted (text: string): string {
  // RFC 9110 5.6.4: what a quoted-string may hold.
  const plain = text.slice(0, maxWarningLength).replaceAll(/[^\t\x20-\x7e]/g, '?')
  return `"${plain.replaceAll(/["\\]/g, '\\$&')}"`
}
