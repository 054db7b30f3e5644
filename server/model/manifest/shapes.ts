// What the shapes of all kinds are made of, and how what is empty is left out of an object.
import { Type, type TSchema } from 'typebox'
import { mapOf } from '../validate.ts'
import type { Labels, ObjectMeta } from '../service/types.ts'

export const text = Type.String({ rule: 'must be a text' })
export const flag = Type.Boolean({ rule: 'must be true or false' })
export const whole = Type.Integer({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1, rule: 'must be a whole number of 32 bits' })
export const textMap = mapOf(text, { rule: 'must map texts to texts' })
export const anything = Type.Unknown()

/** Every field may be left out here: what is required is said by validation, with all else that is wrong. */
export function fields (members: Record<string, TSchema>, rule = 'must be an object'): TSchema {
  return Type.Object(Object.fromEntries(Object.entries(members).map(([name, schema]) => [name, Type.Optional(schema)])), { additionalProperties: false, rule })
}

export function list (item: TSchema): TSchema {
  return Type.Array(item, { rule: 'must be a list' })
}

export const metadata = fields({
  name: text,
  namespace: text,
  labels: textMap,
  annotations: textMap,
  uid: text,
  creationTimestamp: text,
  resourceVersion: text,
  generation: Type.Integer({ rule: 'must be a whole number' }),
  generateName: text,
  // An exported object carries these; nothing here acts on them, and they are not kept.
  selfLink: anything,
  managedFields: anything,
  ownerReferences: anything,
  finalizers: anything,
  deletionTimestamp: anything,
  deletionGracePeriodSeconds: anything
})
export const typeMeta = { apiVersion: text, kind: text, metadata }

/** Not said: defaulting fills it, or validation says that it is required. The one text that no union of ours holds. */
export const blank = '' as never

export type Loose<T> = { readonly [Field in keyof T]?: T[Field] }
export type LooseObject<T> = Loose<Omit<T, 'metadata' | 'spec'>> & { readonly metadata?: Loose<ObjectMeta> } & (T extends { spec: infer S } ? { readonly spec?: Loose<S> } : unknown)

/** Metadata as it is kept: without what is empty. @param namespace stands in for an absent one */
export function metaOf (meta: Loose<ObjectMeta> = {}, namespace: string): ObjectMeta {
  const { labels, annotations, uid, creationTimestamp, resourceVersion, generation, generateName } = meta
  return compact<ObjectMeta>({
    name: meta.name ?? '',
    namespace: said(meta.namespace) ?? namespace,
    labels: filled(labels),
    annotations: filled(annotations),
    uid: said(uid),
    creationTimestamp: said(creationTimestamp),
    resourceVersion: said(resourceVersion),
    generation: generation === 0 ? undefined : generation,
    generateName: said(generateName)
  })
}

/** Leaves out the fields that are undefined: an absent field and an undefined one are the same text in the store. */
export function compact<T extends object> (value: { readonly [Field in keyof T]: T[Field] | undefined }): T {
  const result: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) if (member !== undefined) result[name] = member
  return result as T // only fields that T lets be absent can have been undefined
}

/** The value without one of its fields. */
export function without<T extends object, Field extends keyof T> (value: T, field: Field): Omit<T, Field> {
  const copy: Partial<T> = { ...value }
  delete copy[field]
  return copy as Omit<T, Field> // all others are still there
}

/**
 * The same content as the same text: object keys in order, at every depth.
 * Lists keep their order, since it has a meaning (`clusterIPs`, `ipFamilies`).
 */
export function canonical<T> (value: T): T {
  if (Array.isArray(value)) return value.map(canonical) as T // an array of what it was
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, member]) => member !== undefined).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, member]) => [key, canonical(member)])) as T // the same keys, in order
}

export function said<T extends string> (value: T | undefined): T | undefined {
  return value === '' ? undefined : value
}

export function several<T> (values: readonly T[] | undefined): readonly T[] | undefined {
  return values === undefined || values.length === 0 ? undefined : values
}

/** An empty map of a manifest is an absent one: `selector: {}` selects nothing. */
export function filled (map: Labels | undefined): Labels | undefined {
  return map === undefined || Object.keys(map).length === 0 ? undefined : map
}
