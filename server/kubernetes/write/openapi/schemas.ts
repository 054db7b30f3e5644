// Schemas of OpenAPI v3 from the tables of fields: what `kubectl explain` prints, and what clients make types of.
import type { FieldType, StructType } from '../../../model/fields/field-type.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

export interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

const intOrText = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString'
const numberOrName =
  { description: 'A number, or a name.', format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }

/**
 * Adds the schema of a struct, and of all that is within it. @param of the kind that it is; absent = it is a part of
 * others
 */
export function addSchemas (type: StructType, into: Map<string, JsonSchema>, of?: GroupVersionKind): void {
  if (into.has(type.definition)) return
  into.set(type.definition, {}) // it is being made
  const required = [...type.fields].filter(([, field]) => field.required).map(([name]) => name)
  const properties = [...type.fields].map(([name, { type: own, about, fallback }]): [string, JsonSchema] => {
    const schema = schemaOf(own, into)
    const described = '$ref' in schema ? { allOf: [schema], default: {} } : schema
    return [name, { description: about, ...described, ...(fallback === undefined ? {} : { default: fallback }) }]
  })
  into.set(type.definition, {
    description: type.about, type: 'object', properties: Object.fromEntries(properties),
    ...(required.length === 0 ? {} : { required }), ...(type.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(of === undefined ? {} : { 'x-kubernetes-group-version-kind': [of] })
  })
}

function schemaOf (type: FieldType, into: Map<string, JsonSchema>): JsonSchema {
  switch (type.shape) {
    case 'text': return { type: 'string' }
    case 'int32': case 'int64': return { type: 'integer', format: type.shape }
    case 'flag': return { type: 'boolean' }
    case 'time': return { type: 'string', format: 'date-time' }
    case 'bytes': return { type: 'string', format: 'byte' }
    case 'quantity': return { type: 'string' }
    case 'int-or-text':
      into.set(intOrText, numberOrName)
      return { $ref: `#/components/schemas/${intOrText}` }
    case 'any': return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
    case 'map': {
      const whole = type.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}
      return { type: 'object', additionalProperties: { type: 'string', default: '' }, ...whole }
    }
    case 'struct':
      addSchemas(type, into)
      return { $ref: `#/components/schemas/${type.definition}` }
    case 'list':
      return { type: 'array', items: itemsOf(type.of, into), ...listType(type.merge), ...patchType(type.patchKey) }
  }
}

function itemsOf (type: FieldType, into: Map<string, JsonSchema>): JsonSchema {
  const schema = schemaOf(type, into)
  return '$ref' in schema ? { allOf: [schema], default: {} } : schema
}

function listType (merge: 'atomic' | 'set' | readonly string[]): JsonSchema {
  if (!Array.isArray(merge)) return { 'x-kubernetes-list-type': merge }
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': merge }
}

function patchType (key: string | undefined): JsonSchema {
  if (key === undefined) return {}
  return { 'x-kubernetes-patch-strategy': 'merge', ...(key === '' ? {} : { 'x-kubernetes-patch-merge-key': key }) }
}
