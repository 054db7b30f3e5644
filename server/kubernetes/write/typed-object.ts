// From a JSON value to an object of a kind: fields of a wrong type are refused in the words of Go's reader, which
// clients
// know, and fields that the kind does not have are left out and named.
import { type FieldType, memberType } from '../../model/fields/field-type.ts'
import { isMembers, type Members } from '../../model/fields/values.ts'
import { jsonKind } from './go-text.ts'

const maxUnknown = 100

/** A value of a wrong type; the message is Go's. */
export class TypeFault extends Error {
  override readonly name = 'TypeFault'
}

export interface Fitted {
  readonly object: Members
  /** `unknown field "spec.foo"`. */
  readonly unknown: readonly string[]
}

/** Which reader of Kubernetes would have read it: each has its own words. */
export type Reader = 'json' | 'converter'

/** @throws TypeFault */
export function fitted (value: unknown, type: FieldType, reader: Reader = 'json'): Fitted {
  const unknown: string[] = []
  const object = fit(value, type, { path: [], fields: [], owner: '', reader, unknown })
  if (isMembers(object)) return { object, unknown }
  throw new TypeFault(`json: cannot unmarshal ${jsonKind(value)} into Go value of type ${type.go}`)
}

interface Place {
  /** `spec`, `ports`, `[0]`, `port`. */
  readonly path: readonly string[]
  /** The same without places in lists and keys of maps, as Go's reader says it. */
  readonly fields: readonly string[]
  /** Go's name of the struct whose field it is. */
  readonly owner: string
  readonly reader: Reader
  readonly unknown: string[]
}

function fit (value: unknown, type: FieldType, place: Place): unknown {
  if (value === null) return null
  switch (type.shape) {
    case 'struct': case 'map': {
      if (!isMembers(value)) throw wrong(value, type, place)
      const owner = type.shape === 'struct' ? type.name : place.owner
      const fittedMembers = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
        const known = memberType(type, name)
        const path = [...place.path, name]
        const fields = type.shape === 'struct' ? [...place.fields, name] : place.fields
        if (known !== undefined) return [[name, fit(member, known, { ...place, path, fields, owner })]]
        if (place.unknown.length < maxUnknown) place.unknown.push(`unknown field ${JSON.stringify(pathText(path))}`)
        return []
      })
      return Object.fromEntries(fittedMembers)
    }
    case 'list':
      if (!Array.isArray(value)) throw wrong(value, type, place)
      return value.map((item, index) => fit(item, type.of, { ...place, path: [...place.path, `[${index}]`] }))
    case 'text': case 'time': case 'bytes':
      if (typeof value !== 'string') throw wrong(value, type, place)
      return value
    case 'flag':
      if (typeof value !== 'boolean') throw wrong(value, type, place)
      return value
    case 'int32': case 'int64': {
      const limit = type.shape === 'int32' ? 2 ** 31 : Number.MAX_SAFE_INTEGER
      if (isWhole(value, limit)) return value
      throw wrong(value, type, place)
    }
    case 'quantity':
      if (typeof value === 'string' || typeof value === 'number') return value
      throw wrong(value, type, place)
    case 'int-or-text':
      if (typeof value === 'string' || isWhole(value, 2 ** 31)) return value
      throw new TypeFault(`json: cannot unmarshal ${numbered(value)} into Go value of type int32`)
    case 'any': return value
  }
}

function wrong (value: unknown, type: FieldType, { fields, owner, reader }: Place): TypeFault {
  if (reader === 'converter') return new TypeFault(converterText(value, type))
  const field = `Go struct field ${owner}.${fields.join('.')} of type ${type.go}`
  return new TypeFault(`json: cannot unmarshal ${numbered(value)} into ${field}`)
}

function isWhole (value: unknown, limit: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value < limit && value >= -limit
}

function numbered (value: unknown): string {
  return typeof value === 'number' && !isWhole(value, 2 ** 31) ? `number ${value}` : jsonKind(value)
}

function converterText (value: unknown, type: FieldType): string {
  const from = goKind(value)
  const isPlain = from !== 'map' && from !== 'slice'
  switch (type.shape) {
    case 'struct': return `cannot restore struct from: ${from}`
    case 'map': return `cannot restore map from ${from}`
    case 'list': return `cannot restore slice from ${from}`
    case 'text': case 'time': case 'bytes': return isPlain ? `cannot convert ${from} to string` : 'unrecognized type: string'
    case 'flag': return isPlain ? `cannot convert ${from} to bool` : 'unrecognized type: bool'
    default: return 'unrecognized type: int32'
  }
}

function goKind (value: unknown): string {
  if (Array.isArray(value)) return 'slice'
  switch (typeof value) {
    case 'object': return 'map'
    case 'boolean': return 'bool'
    case 'number': return Number.isInteger(value) ? 'int64' : 'float64'
    default: return 'string'
  }
}

function pathText (path: readonly string[]): string {
  return path.reduce((text, step) => (text === '' || step.startsWith('[') ? `${text}${step}` : `${text}.${step}`), '')
}
