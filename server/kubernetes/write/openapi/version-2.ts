// OpenAPI version 2 in protobuf (the shapes of github.com/google/gnostic), as far as older clients need it: which query
// parameters a PATCH of each kind takes, where kubectl until 1.26 looks for `dryRun` before it sends one, and the schemas
// of the kinds, which it explains. Of a kind that is not stored the schema says nothing of fields: what is wrong with an
// object of it is that it cannot be written, and the registry says why.
//
//   Document = { 1: "2.0", 2: Info, 8: Paths, 9: Definitions }      Paths     = { 2: { 1: path, 2: { 8: Operation of PATCH } } }*
//   Operation = { 8: Parameter*, 13: Extension* }   Parameter = { 1: { 2: { 3: { 2: "query", 4: name, 6: type } } } }
//   Extension = { 1: name, 2: { 2: YAML } }
import { field, message } from '../protobuf/wire-writer.ts'
import { isStored, type ServedKind, typeOf } from './documents.ts'
import { addSchemas, type JsonSchema } from './schemas.ts'
import { definitionsOf, extensionOf } from './version-2-schemas.ts'

const parameters = ['dryRun', 'fieldManager', 'fieldValidation']

export function openApiVersion2 (kinds: readonly ServedKind[], version: string): Buffer {
  const paths = kinds.filter(({ verbs }) => verbs.includes('patch')).map(pathOf)
  const info = message(field(1, 'Rollcall'), field(2, version))
  return message(field(1, '2.0'), field(2, info), field(8, message(...paths)), field(9, definitionsOf(schemasOf(kinds))))
}

function schemasOf (kinds: readonly ServedKind[]): ReadonlyMap<string, JsonSchema> {
  const schemas = new Map<string, JsonSchema>()
  for (const served of kinds) {
    const { group, version, kind, verbs } = served
    if (!verbs.includes('get')) continue
    const type = typeOf(served)
    const of = { group, version, kind }
    if (isStored(kind)) addSchemas(type, schemas, of)
    else schemas.set(type.definition, { description: type.about, 'x-kubernetes-group-version-kind': [of] })
  }
  return schemas
}

function pathOf ({ group, version, kind, resource, namespaced }: ServedKind): Buffer {
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const path = `${base}${namespaced ? '/namespaces/{namespace}' : ''}/${resource}/{name}`
  const extension = extensionOf('x-kubernetes-group-version-kind', { group, kind, version })
  const operation = message(...parameters.map((name) => field(8, parameterOf(name))), field(13, extension))
  return field(2, message(field(1, path), field(2, field(8, operation))))
}

function parameterOf (name: string): Buffer {
  return field(1, field(2, field(3, message(field(2, 'query'), field(4, name), field(6, 'string')))))
}
