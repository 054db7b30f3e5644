// What writes of manifests have in common: the query, and the answers as they travel.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import type { ApplyResult, DeleteAnswer, ManifestReference } from '../../../client-sdk/src/wire.ts'
import { isGlobalKind } from '../../model/service/types.ts'
import { type Applied, type ApplyAnswer, type ManifestName, cursorText } from '../../registry/core.ts'
import { setRevision } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { type ManifestBody, documentOf, setWarnings, withLines } from './manifest-media.ts'

const dryRun = Type.Optional(Type.Boolean({ rule: 'must be true or false', description: 'Say what would be done, and do nothing' }))
export const WriteQuery = Type.Object({ dryRun }, { additionalProperties: false })
export { dryRun as DryRun }

/** What writes of manifests may answer with beside what every write may. */
export const manifestErrors = ['REG_MANIFEST_INVALID', 'REG_CONFLICT', 'REG_LIMIT_REACHED'] as const

/** A result as it travels: what is unknown is absent. */
export function resultOf ({ kind, namespace, name, outcome, manifest, previous, warnings, document }: Applied): ApplyResult {
  return {
    kind, namespace, name, outcome, manifest, warnings,
    ...(previous === undefined ? {} : { previous }),
    ...(document === undefined ? {} : { document })
  }
}

/** Writes the one manifest of a body under the name of its path; an empty body stands for `fallback`, if there is one. */
export async function put (
  context: Pick<HttpContext, 'core' | 'peerOf' | 'identities'>, request: FastifyRequest, reply: FastifyReply, name: ManifestName, { dryRun }: Static<typeof WriteQuery>, fallback?: object
): Promise<ApplyResult | undefined> {
  const body = request.body as ManifestBody | undefined // the scope's parser made it
  const access = accessOf(context, request)
  let answer: ApplyAnswer
  if (body === undefined && fallback !== undefined) answer = await access.put(name, fallback, { dryRun })
  else {
    const document = await documentOf(body, name.kind)
    answer = await withLines(document, access.put(name, document.value, { dryRun }))
  }
  setRevision(reply, context.core, answer.revision)
  const [result] = answer.results
  if (result === undefined) return undefined // one manifest has one result
  setWarnings(reply, result.warnings)
  void reply.code(result.outcome === 'created' && dryRun !== true ? 201 : 200)
  return resultOf(result)
}

/** Takes manifests back. */
export async function remove (
  context: Pick<HttpContext, 'core' | 'peerOf' | 'identities'>, request: FastifyRequest, reply: FastifyReply, names: readonly ManifestName[],
  options: { readonly dryRun?: boolean | undefined, readonly ignoreMissing?: boolean | undefined }
): Promise<DeleteAnswer> {
  const { dryRun = false, ignoreMissing = false } = options
  const { revision, deleted } = await accessOf(context, request).delete(names, { dryRun, ignoreMissing })
  setRevision(reply, context.core, revision)
  return {
    revision: cursorText(context.core.position.epoch, revision),
    dryRun,
    deleted: deleted.map(({ kind, metadata: { namespace, name } }): ManifestReference => ({ kind, namespace: isGlobalKind(kind) ? '' : namespace, name }))
  }
}
