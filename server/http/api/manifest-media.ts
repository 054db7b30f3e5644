// Manifests over HTTP: bodies in YAML or JSON, answers in the one that `Accept` prefers, warnings as headers. Bodies are read as
// text, so that a fault can say on which line it stands.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { RegistryError, invalid, shown } from '../../errors.ts'
import { clientKey } from '../../shares.ts'
import type { ForeignKinds } from '../../model/manifest/foreign-kinds.ts'
import type { ManifestDocument } from '../../model/manifest/manifest-document.ts'
import { located } from '../../model/manifest/manifest-faults.ts'
import { type ManifestOptions, readManifests, readingManifests } from '../../model/manifest/manifest-stream.ts'
import { apiVersions } from '../../model/service/types.ts'
import type { InSlices, Kind } from '../../registry/core.ts'
import { answer } from '../server/conditional.ts'
import { type HttpContext, callerOf } from '../server/context.ts'
import type { DialectParts } from '../server/dialect.ts'
import { type Shape, scan } from '../server/json-scan.ts'
import { parseJson, refusedMedia, textOf } from '../server/json-body.ts'
import { maxManifestEntries, maxWarningLength, maxWarnings, readAtOnceLength } from '../server/limits.ts'
import { LongStreams } from '../server/long-streams.ts'
import { Slices } from '../server/slices.ts'
import { ManifestText, yamlOf } from './schemas.ts'
import { compileValidator } from './validator.ts'

const jsonMedia = 'application/json'
export const yamlMedia = 'application/yaml' // RFC 9512
const yamlMedias = [yamlMedia, 'text/yaml', 'application/x-yaml', 'text/x-yaml']

/** What a route of this scope gets as its body. */
export interface ManifestBody {
  readonly text: string
  readonly isJson: boolean
  /** Who sent it: long streams are read in turns. */
  readonly client: string
  /** Whether the connection has ended meanwhile: work for nobody is left. */
  readonly isGone: () => boolean
}

/** Registers routes whose bodies are manifests. */
export async function manifestScope (app: FastifyInstance, parts: DialectParts, register: (scope: FastifyInstance) => void): Promise<void> {
  await app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers()
    parts.bodies.refuse(scope, '*', refusedMedia(`YAML or JSON with content-type ${yamlMedia} or ${jsonMedia}`))
    parts.bodies.parse(scope, [jsonMedia, ...yamlMedias], (bytes, request): ManifestBody => ({
      text: textOf(bytes, request), isJson: request.mediaType === jsonMedia, client: clientKey(callerOf(request)),
      isGone: () => request.raw.socket.destroyed
    }))
    // The schema of a body is for the document: its text is not read yet.
    scope.setValidatorCompiler((route) => (route.httpPart === 'body' ? () => true : compileValidator(route)))
    register(scope)
    done()
  })
}

/** A body in both forms, for OpenAPI. */
export function manifestContent (description: string, schema: TSchema): object {
  return { description, content: { [jsonMedia]: { schema }, [yamlMedia]: { schema: ManifestText }, 'text/yaml': { schema: ManifestText } } }
}

/**
 * @param foreign told of objects of other kinds, which are passed over; absent: they are refused
 * @throws RegistryError REG_INVALID where there is no body, and as `readManifests`
 */
export async function documentsOf (
  body: ManifestBody | undefined, foreign?: ForeignKinds
): Promise<readonly ManifestDocument[]> {
  if (body === undefined) throw bodyRequired()
  const { text, client, isGone } = body
  const options: ManifestOptions = foreign === undefined ? {} : { foreign: (found) => { foreign.add(found) } }
  const documents = text.length <= readAtOnceLength
    ? readManifests(text, options)
    : await reading.run(client, text.length, () => whileThere(isGone, readingManifests(text, options)))
  const hasOthers = foreign !== undefined && foreign.list.length > 0
  if (documents.length > 0 || hasOthers) return documents
  throw invalid([{ field: 'body', rule: 'must hold a manifest, it holds none' }])
}

/** A long stream takes seconds to read: meanwhile heartbeats, watches and others' streams have their turns. Of the whole process, as its loop is. */
const reading = new Slices()

/** How the manifests of a body are planned; undefined = in one go, being few. */
export function slicesOf (body: ManifestBody | undefined): InSlices | undefined {
  if (body === undefined || body.text.length <= readAtOnceLength) return undefined
  const { client, text, isGone } = body
  return (work) => reading.run(client, text.length, () => whileThere(isGone, work()))
}

/** Of the whole process, as its memory is. */
const streams = new LongStreams()

/** Does all that a body asks for, from reading to writing, when it has its place: few long streams are in work at a time. */
export async function inPlace<Result> (body: ManifestBody | undefined, work: () => Promise<Result>): Promise<Result> {
  return body === undefined ? await work() : await streams.within(body.client, body.text.length, body.isGone, work)
}

/** The same work, which ends where nobody waits for it any more. */
function * whileThere<Result> (isGone: () => boolean, work: Generator<unknown, Result>): Generator<unknown, Result> {
  for (;;) {
    if (isGone()) throw new RegistryError('REG_OVERLOADED', 'the client has gone: nothing was done')
    const { done, value } = work.next()
    if (done === true) return value
    yield value
  }
}

/**
 * The one manifest of a body, of the kind that its path is for.
 * @throws RegistryError REG_BODY_SYNTAX, REG_INVALID
 */
export async function documentOf (body: ManifestBody | undefined, kind: Kind): Promise<ManifestDocument> {
  if (body?.isJson === true) parseJson(body.text, { maxStrange: maxManifestEntries }) // says more of broken JSON than a reader of YAML can
  const documents = await documentsOf(body)
  const [document] = documents
  if (document === undefined || documents.length > 1) throw invalid([{ field: 'body', value: documents.length, rule: 'must be one manifest: a stream of several goes to /v1/apply' }])
  if (document.kind !== kind) throw invalid(located(document, [{ field: 'kind', value: document.kind, rule: `must be "${kind}" (${apiVersions[kind]}) at this path` }]))
  return document
}

/** Adds document and line to the faults of what was read from a document. */
export async function withLines<Result> (document: ManifestDocument, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof RegistryError) || error.errors === undefined) throw error
    const faults = error.errors.flatMap((fault): readonly FieldError[] => (fault.line === undefined ? located(document, [fault]) : [fault]))
    throw new RegistryError(error.code, error.message, faults, { cause: error.cause, moreErrors: error.moreErrors })
  }
}

function bodyRequired (): RegistryError {
  return invalid([{ field: 'body', rule: `is required: YAML or JSON with content-type ${yamlMedia} or ${jsonMedia}` }])
}

/** Whether `Accept` names YAML, and prefers it. */
export function prefersYaml (request: FastifyRequest): boolean {
  const { accept } = request.headers
  if (accept === undefined || !accept.includes('yaml')) return false
  let [yaml, json] = [0, 0]
  for (const [index, part] of accept.split(',').entries()) {
    const [media = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const q = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
    const rank = q > 0 ? q - index * 1e-6 : 0 // of equals the first
    if (yamlMedias.includes(media)) yaml = Math.max(yaml, rank)
    else if (media === jsonMedia) json = Math.max(json, rank)
  }
  return yaml > json
}

/** Answers a read with a manifest, as JSON or as YAML. */
export function answerManifest (context: HttpContext, request: FastifyRequest, reply: FastifyReply, tag: string, make: () => unknown): FastifyReply {
  void reply.header('vary', 'accept')
  if (!prefersYaml(request)) return answer(context, request, reply, tag, make)
  return answer(context, request, reply, `${tag}-yaml`, make, { media: yamlMedia, write: yamlOf })
}

/** RFC 7234 5.5, as Kubernetes uses it: code 299 for what does not pass. */
export function setWarnings (reply: FastifyReply, warnings: readonly string[]): void {
  if (warnings.length === 0) return
  const texts = warnings.slice(0, maxWarnings).map((text) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, maxWarningLength))
  void reply.header('warning', texts.map((text) => `299 - "${text.replace(/["\\]/g, '\\$&')}"`).join(', '))
}

/**
 * The one member of a JSON object; undefined if the body is another thing.
 * @param shape how long its lists may be
 * @throws RegistryError REG_INVALID for a longer one, and for other members beside it
 */
export function jsonMember (body: ManifestBody, member: string, shape: Shape): unknown {
  if (!body.isJson || !body.text.includes(`"${member}"`)) return undefined
  const { limit } = scan(body.text, 'body', shape, maxManifestEntries)
  if (limit !== undefined) throw invalid([limit])
  let value: unknown
  try {
    value = JSON.parse(body.text)
  } catch {
    return undefined // several objects, or broken: the reader of manifests says where
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member) || Object.hasOwn(value, 'kind')) return undefined
  const fields = parseJson(body.text, { maxStrange: maxManifestEntries }) as Readonly<Record<string, unknown>> // just checked: it begins with a brace
  const other = Object.keys(fields).find((field) => field !== member)
  if (other !== undefined) throw invalid([{ field: other, value: shown(fields[other]), rule: 'is not a known field' }])
  return fields[member]
}
