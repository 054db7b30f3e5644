// OpenAPI version 2 in protobuf (the shapes of github.com/google/gnostic), as far as older clients need it: which query
// parameters a PATCH of each kind takes. kubectl until 1.26 looks for `dryRun` there before it sends one. It has no
// schemas: a client that has none checks nothing, and what is wrong with an object is said by the registry.
//
//   Document = { 1: "2.0", 2: Info, 8: Paths }      Paths     = { 2: { 1: path, 2: { 8: Operation of PATCH } } }*
//   Operation = { 8: Parameter*, 13: Extension* }   Parameter = { 1: { 2: { 3: { 2: "query", 4: name, 6: type } } } }
//   Extension = { 1: name, 2: { 2: YAML } }
import { field, message } from '../protobuf/wire-writer.ts'
import type { ServedKind } from './documents.ts'

const parameters = ['dryRun', 'fieldManager', 'fieldValidation']

export function openApiVersion2 (kinds: readonly ServedKind[], version: string): Buffer {
  const paths = kinds.filter(({ verbs }) => verbs.includes('patch')).map(pathOf)
  const info = message(field(1, 'Rollcall'), field(2, version))
  return message(field(1, '2.0'), field(2, info), field(8, message(...paths)))
}

function pathOf ({ group, version, kind, resource, namespaced }: ServedKind): Buffer {
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const path = `${base}${namespaced ? '/namespaces/{namespace}' : ''}/${resource}/{name}`
  const of = `group: "${group}"\nkind: ${kind}\nversion: ${version}\n`
  const extension = message(field(1, 'x-kubernetes-group-version-kind'), field(2, field(2, of)))
  const operation = message(...parameters.map((name) => field(8, parameterOf(name))), field(13, extension))
  return field(2, message(field(1, path), field(2, field(8, operation))))
}

function parameterOf (name: string): Buffer {
  return field(1, field(2, field(3, message(field(2, 'query'), field(4, name), field(6, 'string')))))
}
