// The schemas of the kinds for OpenAPI version 2 in protobuf, made of those of version 3: kubectl until 1.26 explains fields by them, and
// looks in them for what is wrong with an object that it applies.
//
//   Definitions = { 1: NamedSchema* }            NamedSchema = { 1: name, 2: Schema }
//   Schema      = { 1: $ref, 2: format, 4: description, 19: required*, 21: { 1: Schema of the values of a map }, 22: { 1: type },
//                   23: { 1: Schema of the items }, 25: { 1: NamedSchema* }, 31: Extension* }
//   Extension   = { 1: name, 2: { 2: YAML } }
import { field, message } from '../protobuf/wire-writer.ts'
import type { JsonSchema } from './schemas.ts'

const of3 = '#/components/schemas/'
const of2 = '#/definitions/'

export function definitionsOf (schemas: ReadonlyMap<string, JsonSchema>): Buffer {
  return message(...[...schemas].map(([name, schema]) => field(1, named(name, schema))))
}

function named (name: string, schema: JsonSchema): Buffer {
  return message(field(1, name), field(2, schemaOf(schema)))
}

function schemaOf (schema: JsonSchema): Buffer {
  const { $ref, allOf, oneOf, description, type, format, required, properties, items, additionalProperties, ...rest } = schema
  // Version 3 names another schema within `allOf`, where it says more; here it stands beside the description.
  const ref = $ref ?? (Array.isArray(allOf) ? (allOf[0] as JsonSchema)['$ref'] : undefined)
  const extensions = Object.entries(rest).filter(([name]) => name.startsWith('x-'))
  return message(
    ...(typeof ref === 'string' ? [field(1, ref.replace(of3, of2))] : []),
    ...texts(2, format), ...texts(4, description), ...texts(19, required),
    ...(isSchema(additionalProperties) ? [field(21, field(1, schemaOf(additionalProperties)))] : []),
    // A number or a text: version 2 knows one type only, and clients go by the format.
    ...(oneOf === undefined ? texts(1, type).map((own) => field(22, own)) : [field(22, field(1, 'string'))]),
    ...(isSchema(items) ? [field(23, field(1, schemaOf(items)))] : []),
    ...(isSchema(properties) ? [field(25, propertiesOf(properties))] : []),
    ...extensions.map(([name, value]) => field(31, extensionOf(name, value)))
  )
}

function propertiesOf (properties: JsonSchema): Buffer {
  return message(...Object.entries(properties).map(([name, schema]) => field(1, named(name, isSchema(schema) ? schema : {}))))
}

/** JSON is YAML. */
export function extensionOf (name: string, value: unknown): Buffer {
  return message(field(1, name), field(2, field(2, `${JSON.stringify(value)}\n`)))
}

/** A text, or several, under one number. */
function texts (number: number, value: unknown): Buffer[] {
  return (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string').map((each) => field(number, each))
}

function isSchema (value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
