// What Kubernetes knows of a field: its type, how two values of it are merged, and its number in protobuf. One table of
// these (kind-fields.ts) serves patches, field ownership, the search for unknown fields, protobuf and OpenAPI alike.

export type FieldType = ScalarType | MapType | StructType | ListType

export interface ScalarType {
  /** `bytes` is base64 in JSON. A `quantity` is a text, or a number that stands for one. */
  readonly shape: 'text' | 'int32' | 'int64' | 'flag' | 'int-or-text' | 'quantity' | 'bytes' | 'time' | 'any'
  /** Its name in Go: Kubernetes' messages about a wrong type say it. */
  readonly go: string
}

/** Texts, or octets, under keys that the user chooses. */
export interface MapType {
  readonly shape: 'map'
  readonly of: ScalarType
  /** Owned, and replaced by an apply, as a whole. */
  readonly atomic: boolean
  readonly go: string
}

export interface StructType {
  readonly shape: 'struct'
  /** As in Go and OpenAPI: `ServicePort`. */
  readonly name: string
  /** As in OpenAPI: `io.k8s.api.core.v1.ServicePort`. */
  readonly definition: string
  readonly about: string
  readonly fields: ReadonlyMap<string, Field>
  readonly atomic: boolean
  readonly go: string
}

export interface ListType {
  readonly shape: 'list'
  readonly of: FieldType
  /**
   * How an apply merges it: `atomic` replaces it whole, `set` merges texts, names of fields merge the items that agree
   * in those.
   */
  readonly merge: 'atomic' | 'set' | readonly string[]
  /**
   * How a strategic merge patch merges it: by one field of the items, as a set of texts (`''`), or not at all
   * (undefined). It is older than `merge` and not the same.
   */
  readonly patchKey: string | undefined
  readonly go: string
}

export interface Field {
  readonly type: FieldType
  /** In protobuf. */
  readonly number: number
  /** In protobuf it is a field of a message that lies in its owner under this number: what Go calls an embedded struct. */
  readonly within: number | undefined
  /** For people: what it means here. */
  readonly about: string
  readonly required: boolean
  /** What stands in for it where it is a key of its list. */
  readonly fallback: string | undefined
}

/** `number`, `type`, `about`, then what is special. */
export type FieldRow = readonly [number, FieldType, string, { readonly required?: true, readonly fallback?: string, readonly within?: number }?]

export const text: ScalarType = { shape: 'text', go: 'string' }
export const whole: ScalarType = { shape: 'int32', go: 'int32' }
export const long: ScalarType = { shape: 'int64', go: 'int64' }
export const flag: ScalarType = { shape: 'flag', go: 'bool' }
export const intOrText: ScalarType = { shape: 'int-or-text', go: 'intstr.IntOrString' }
export const quantity: ScalarType = { shape: 'quantity', go: 'resource.Quantity' }
export const bytes: ScalarType = { shape: 'bytes', go: '[]uint8' }
export const time: ScalarType = { shape: 'time', go: 'v1.Time' }
export const anything: ScalarType = { shape: 'any', go: 'v1.FieldsV1' }

/** A text that Go has a type of its own for. */
export function named (go: string): ScalarType {
  return { shape: 'text', go }
}

export function map ({ atomic = false, of = text }: { readonly atomic?: boolean, readonly of?: ScalarType } = {}): MapType {
  return { shape: 'map', of, atomic, go: `map[string]${of.go}` }
}

export function struct (
  definition: string, about: string, rows: Readonly<Record<string, FieldRow>>, { atomic = false } = {}
): StructType {
  const name = definition.slice(definition.lastIndexOf('.') + 1)
  const fields = new Map(Object.entries(rows).map(([field, row]): [string, Field] => [field, fieldOf(row)]))
  return { shape: 'struct', name, definition, about, fields, atomic, go: `v1.${name}` }
}

function fieldOf ([number, type, about, special]: FieldRow): Field {
  return { number, type, about, required: special?.required === true, fallback: special?.fallback, within: special?.within }
}

export function list (of: FieldType, merge: ListType['merge'] = 'atomic', patchKey?: string): ListType {
  return { shape: 'list', of, merge, patchKey, go: `[]${of.go}` }
}

/** The type of a member; undefined = there is no such field. */
export function memberType (type: StructType | MapType, name: string): FieldType | undefined {
  return type.shape === 'map' ? type.of : type.fields.get(name)?.type
}
