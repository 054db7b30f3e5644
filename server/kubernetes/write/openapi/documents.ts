// The documents of OpenAPI v3, one for each version of a group: `/openapi/v3` names them. kubectl looks in them for
// three
// things: the kind of a path, the schema of that kind (`explain`), and whether a PATCH takes `fieldValidation`.
import { createHash } from 'node:crypto'
import { kindFields } from '../../../model/fields/kind-fields.ts'
import { type StructType, struct } from '../../../model/fields/field-type.ts'
import { typeMeta } from '../../../model/fields/service-fields.ts'
import { applyMedia, jsonPatchMedia, mergePatchMedia, strategicMedia } from '../patched.ts'
import { scaleFields } from '../scale.ts'
import { addSchemas, type GroupVersionKind, type JsonSchema } from './schemas.ts'

/** A kind as it is served. */
export interface ServedKind extends GroupVersionKind {
  readonly resource: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
  /** Of a kind that is not stored: what it stands for. */
  readonly derivedFrom?: string | undefined
}

const jsonMedia = 'application/json'
const patchMedia = [applyMedia, jsonPatchMedia, mergePatchMedia, strategicMedia]
const queryTexts: Readonly<Record<string, string>> = {
  dryRun: 'All: say what would be done, and do nothing.',
  fieldManager: 'Who writes. Required for a server-side apply.',
  fieldValidation: 'Ignore, Warn (default) or Strict: what becomes of fields that are not known, or are there twice.'
}

/** The documents of all kinds that are served, as texts, each made when it is asked for first. */
export class OpenApiDocuments {
  readonly #byPath: ReadonlyMap<string, readonly ServedKind[]>
  readonly #texts = new Map<string, string>()
  #index: string | undefined

  constructor (kinds: readonly ServedKind[]) {
    this.#byPath =
      Map.groupBy(kinds, ({ group, version }) => (group === '' ? `api/${version}` : `apis/${group}/${version}`))
  }

  /** Where they are. The hash in the address changes with the document, so that clients may keep it. */
  get index (): string {
    if (this.#index !== undefined) return this.#index
    const paths = [...this.#byPath.keys()].map((path): [string, JsonSchema] => {
      const hash = createHash('sha256').update(this.at(path) ?? '').digest('hex').slice(0, 32).toUpperCase()
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]
    })
    return this.#index = JSON.stringify({ paths: Object.fromEntries(paths) })
  }

  /** The one at `/openapi/v3/PATH`; undefined = there is none. @param path `api/v1`, `apis/discovery.k8s.io/v1` */
  at (path: string): string | undefined {
    const kinds = this.#byPath.get(path)
    const known = this.#texts.get(path)
    if (kinds === undefined || known !== undefined) return known
    const text = JSON.stringify(openApiDocument(kinds))
    this.#texts.set(path, text)
    return text
  }
}

function openApiDocument (kinds: readonly ServedKind[]): JsonSchema {
  const schemas = new Map<string, JsonSchema>()
  const paths = kinds.flatMap((kind) => pathsOf(kind, schemas))
  const sorted = [...schemas].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    openapi: '3.0.0', info: { title: 'Rollcall', version: kinds[0]?.version ?? 'v1' },
    paths: Object.fromEntries(paths), components: { schemas: Object.fromEntries(sorted) }
  }
}

function pathsOf (served: ServedKind, schemas: Map<string, JsonSchema>): [string, JsonSchema][] {
  const { group, version, kind, resource, namespaced, verbs } = served
  const of = { group, version, kind }
  const type = typeOf(served)
  addSchemas(type, schemas, of)
  // What is derived has more fields than its table, which is about what can be written.
  const open = { 'x-kubernetes-preserve-unknown-fields': true }
  if (!isStored(kind)) schemas.set(type.definition, { ...schemas.get(type.definition), ...open })
  if (kind === 'Deployment') addSchemas(scaleFields, schemas, { group: 'autoscaling', version: 'v1', kind: 'Scale' })
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const content = { [jsonMedia]: { schema: { $ref: `#/components/schemas/${type.definition}` } } }
  const bodyOf = (media: readonly string[]): JsonSchema =>
    ({ required: true, content: Object.fromEntries(media.map((each) => [each, content[jsonMedia]])) })
  const operation = (action: string, media: readonly string[] = []): JsonSchema => ({
    tags: [kind], 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': of,
    ...(media.length === 0 ? {} : { parameters: parametersOf(action), requestBody: bodyOf(media) }),
    responses: { 200: { description: 'OK', content } }
  })
  const ofVerb: Readonly<Record<string, readonly ['list' | 'one', string, JsonSchema]>> = {
    list: ['list', 'get', operation('list')],
    create: ['list', 'post', operation('post', [jsonMedia])],
    get: ['one', 'get', operation('get')],
    update: ['one', 'put', operation('put', [jsonMedia])],
    patch: ['one', 'patch', operation('patch', patchMedia)],
    delete: ['one', 'delete', operation('delete')]
  }
  const operations = verbs.flatMap((verb) => ofVerb[verb] === undefined ? [] : [ofVerb[verb]])
  const at = (place: 'list' | 'one'): JsonSchema =>
    Object.fromEntries(operations.filter(([where]) => where === place).map(([, method, what]) => [method, what]))
  const place = namespaced ? `${base}/namespaces/{namespace}/${resource}` : `${base}/${resource}`
  return [[place, at('list')], [`${place}/{name}`, at('one')]]
}

function parametersOf (action: string): readonly JsonSchema[] {
  const parameter = (name: string, description: string, type = 'string'): JsonSchema =>
    ({ name, in: 'query', description, schema: { type, uniqueItems: true } })
  const named = Object.entries(queryTexts).map(([name, description]) => parameter(name, description))
  const force = parameter('force', 'Of a server-side apply: take over what others manage.', 'boolean')
  return action === 'patch' ? [...named, force] : named
}

export function typeOf ({ group, version, kind, derivedFrom = 'it is made of what is registered' }: ServedKind): StructType {
  if (isStored(kind)) return kindFields[kind]
  const domain = group === '' ? 'core' : group.split('.')[0] ?? group
  const about = `Not stored here, but made of what is registered: ${derivedFrom}.`
  return struct(`io.k8s.api.${domain}.${version}.${kind}`, about, typeMeta)
}

export function isStored (kind: string): kind is keyof typeof kindFields {
  return Object.hasOwn(kindFields, kind)
}
