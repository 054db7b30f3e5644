// Streams of manifests: apply them, or take back what they name; all or nothing.
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type, type Static } from 'typebox'
import type { ApplyAnswer, ForeignKind } from '../../../client-sdk/src/wire.ts'
import { shown } from '../../errors.ts'
import { LabelName } from '../../model/instance/instance.ts'
import { ForeignKinds } from '../../model/manifest/foreign-kinds.ts'
import type { ManifestDocument } from '../../model/manifest/manifest-document.ts'
import { located, streamInvalid } from '../../model/manifest/manifest-faults.ts'
import { isGlobalKind } from '../../model/service/types.ts'
import { checked, checker } from '../../model/validate.ts'
import { FaultList } from '../../refusal.ts'
import { type Applied, type ManifestName, cursorText, defaultNamespace } from '../../registry/core.ts'
import { setRevision } from '../server/conditional.ts'
import { jsonList, streamed } from '../server/streamed.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { shapeOf } from '../server/json-scan.ts'
import { maxManifestBytes } from '../server/limits.ts'
import { type ManifestBody, documentsOf, inPlace, jsonMember, manifestContent, slicesOf } from './manifest-media.ts'
import { DryRun, manifestErrors, remove, resultOf } from './manifest-writes.ts'
import {
  ApplyAnswer as ApplyAnswerSchema, DeleteAnswer, DeleteBody, DeletedNames, ManifestNameText, ServiceManifest, answerOf, errorResponses,
  exampleApplyResult, exampleDeleteAnswer, writeErrors
} from './schemas.ts'

const namespace = Type.Optional({ ...LabelName, description: `Of manifests that name none, default ${defaultNamespace}` })
const foreign = Type.Optional(Type.Enum(['refuse', 'skip'], {
  description: 'Kinds of Kubernetes and its extensions that are none of ours: refuse the stream (default), or skip them and say so in the answer'
}))
const onlyNamespace = Type.Optional(Type.Boolean({
  rule: 'must be true or false', description: 'Refuse manifests that name another namespace than ?namespace'
}))
const ApplyQuery = Type.Object({ dryRun: DryRun, namespace, onlyNamespace, foreign }, { additionalProperties: false })
const DeleteQuery = Type.Object({
  dryRun: DryRun,
  namespace,
  onlyNamespace,
  foreign,
  ignoreMissing: Type.Optional(Type.Boolean({ rule: 'must be true or false', description: 'What is not there is no error' }))
}, { additionalProperties: false })

const checkNames = checker(DeletedNames)
const checkName = checker(ManifestNameText)
const checkNamespace = checker(LabelName)
const namesShape = shapeOf(DeletedNames)

export function registerApply (app: FastifyInstance, context: HttpContext): void {
  const { core } = context
  const tags = ['manifests']

  app.post<{ Body: ManifestBody | undefined, Querystring: Static<typeof ApplyQuery> }>('/v1/apply', {
    bodyLimit: maxManifestBytes,
    schema: {
      tags,
      operationId: 'apply',
      summary: 'Apply a stream of manifests, all or nothing',
      description: 'Namespace, Service, EndpointSlice, Endpoints, Policy, and List of them: YAML documents separated by ---, or JSON objects one behind the other. Up to 4 MiB.',
      querystring: ApplyQuery,
      body: manifestContent('Manifests', ServiceManifest),
      response: {
        200: answerOf('What became of each', ApplyAnswerSchema, { revision: 'q7Zk2.17', dryRun: false, results: [{ ...exampleApplyResult, document: 1 }] } satisfies ApplyAnswer),
        ...errorResponses(...writeErrors, ...manifestErrors)
      }
    }
  }, (request, reply): Promise<ApplyAnswer | FastifyReply> => inPlace(request.body, async () => {
    const { dryRun = false, namespace } = request.query
    const { documents, foreign } = await readStream(request.body, request.query)
    const { revision, results } = await accessOf(context, request).apply(documents, {
      dryRun, namespace, inSlices: slicesOf(request.body)
    })
    setRevision(reply, core, revision)
    const head = { revision: cursorText(core.position.epoch, revision), dryRun, ...foreign }
    if (results.length <= resultsAtOnce) return { ...head, results: results.map(resultOf) }
    return reply.header('content-type', 'application/json; charset=utf-8').send(streamed(answerText(head, results)))
  }))

  app.post<{ Body: ManifestBody | undefined, Querystring: Static<typeof DeleteQuery> }>('/v1/delete', {
    bodyLimit: maxManifestBytes,
    schema: {
      tags,
      operationId: 'delete',
      summary: 'Take manifests back, all or nothing',
      description: 'The body names them: manifests, of which only kind and name count, or {"names":[...]} in JSON. A service takes its hand-made endpoints along.',
      querystring: DeleteQuery,
      body: manifestContent('Manifests or names', DeleteBody),
      response: {
        200: answerOf('What went', DeleteAnswer, exampleDeleteAnswer),
        ...errorResponses(...writeErrors, 'REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND', 'REG_MANIFEST_NOT_FOUND', 'REG_CONFLICT', 'REG_LIMIT_REACHED')
      }
    }
  }, (request, reply) => inPlace(request.body, async () => {
    const { dryRun, ignoreMissing } = request.query
    const { names, foreign } = await namesOf(request.body, request.query)
    return { ...await remove(context, request, reply, names, { dryRun, ignoreMissing }), ...foreign }
  }))
}

/** Results that are written in one go; those of thousands are megabytes, and go as they are read. */
const resultsAtOnce = 100

function * answerText (head: Omit<ApplyAnswer, 'results'>, results: readonly Applied[]): Generator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"results":`
  yield * jsonList(results, (result) => [resultOf(result)])
  yield '}'
}

interface StreamQuery {
  readonly namespace?: string
  readonly onlyNamespace?: boolean
  readonly foreign?: 'refuse' | 'skip'
}

interface Foreign {
  /** To be spread into the answer. */
  readonly foreign: { readonly foreign?: readonly ForeignKind[] }
}

/** The documents of a body, as the query wants them read. */
async function readStream (
  body: ManifestBody | undefined, query: StreamQuery
): Promise<Foreign & { readonly documents: readonly ManifestDocument[] }> {
  const kinds = query.foreign === 'skip' ? new ForeignKinds() : undefined
  const documents = await documentsOf(body, kinds)
  if (query.onlyNamespace === true) refuseOthers(documents, query.namespace ?? defaultNamespace)
  return { documents, foreign: kinds === undefined || kinds.list.length === 0 ? {} : { foreign: kinds.list } }
}

/** As kubectl does with `-n`: who names a namespace beside the manifests means that one and no other. */
function refuseOthers (documents: readonly ManifestDocument[], namespace: string): void {
  const faults = new FaultList()
  for (const document of documents) {
    const { metadata } = document.value
    const said: unknown = typeof metadata === 'object' && metadata !== null && 'namespace' in metadata
      ? metadata.namespace
      : undefined
    if (isGlobalKind(document.kind) || typeof said !== 'string' || said === '' || said === namespace) continue
    const rule = `must be absent or "${namespace}": the namespace from the provided object ${shown(said)} does not match the namespace "${namespace}"`
    faults.addAll([{ field: 'metadata.namespace', value: said, rule }], 0, (found) => located(document, found))
  }
  if (!faults.isEmpty) throw streamInvalid(faults.faults, faults.more)
}

async function namesOf (
  body: ManifestBody | undefined, query: StreamQuery
): Promise<Foreign & { readonly names: readonly ManifestName[] }> {
  const { namespace = defaultNamespace } = query
  const names = body === undefined ? undefined : jsonMember(body, 'names', namesShape)
  if (names === undefined) {
    const { documents, foreign } = await readStream(body, query)
    return { names: namesOfDocuments(documents, namespace), foreign }
  }
  const given = checked<typeof DeletedNames>(checkNames, { names }).names
  return {
    foreign: {},
    names: given.map(({ kind, name, namespace: own = namespace }) => ({ kind, namespace: isGlobalKind(kind) ? '' : own, name }))
  }
}

/** Of a manifest that goes only its name is read: what else it says may be wrong by now. */
function namesOfDocuments (documents: readonly ManifestDocument[], namespace: string): readonly ManifestName[] {
  const faults = new FaultList()
  const names: ManifestName[] = []
  for (const document of documents) {
    const { metadata } = document.value
    const { name, namespace: own }: { readonly name?: unknown, readonly namespace?: unknown } = typeof metadata === 'object' && metadata !== null ? metadata : {}
    const fault = (field: string, value: unknown, rule: string): void => {
      faults.addAll([{ field, ...(value === undefined ? {} : { value }), rule }], 0, (found) => located(document, found))
    }
    const said = own === undefined || own === null || own === '' ? namespace : own
    const wrongName = name === undefined ? 'is required' : checkName(name)?.faults[0].rule
    const wrongNamespace = isGlobalKind(document.kind) ? undefined : checkNamespace(said)?.faults[0].rule
    if (wrongName !== undefined) fault('metadata.name', name, wrongName)
    if (wrongNamespace !== undefined) fault('metadata.namespace', said, wrongNamespace)
    if (wrongName === undefined && wrongNamespace === undefined) {
      names.push({ kind: document.kind, namespace: isGlobalKind(document.kind) ? '' : said as string, name: name as string }) // both have just been checked
    }
  }
  if (!faults.isEmpty) throw streamInvalid(faults.faults, faults.more)
  return names
}
