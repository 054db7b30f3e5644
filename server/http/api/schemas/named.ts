// Schemas by their name in OpenAPI, and the small ones that many of them use.
import { type Static, type TSchema, type TUnsafe, Type } from 'typebox'

/** Every named schema, by its name in OpenAPI. */
export const components = new Map<string, TSchema>()

/** Names a schema and gives a reference that has its type. */
export function named<Schema extends TSchema> (name: string, schema: Schema): TUnsafe<Static<Schema>> {
  components.set(name, schema)
  return Type.Unsafe<Static<Schema>>({ $ref: `${name}#` })
}

export const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' })
export const CursorText = Type.String({ description: 'epoch.revision' })
export const Texts = Type.Record(Type.String(), Type.String())
export const Count = Type.Integer({ minimum: 0 })

/** A page of a list. */
export const page = <Item extends TSchema>(name: string, item: Item): TUnsafe<{ revision: string, items: Static<Item>[], next?: string }> =>
  named(name, Type.Object({
    revision: CursorText,
    items: Type.Array(item),
    next: Type.Optional(Type.String({ description: 'Pass it back as ?cursor=; absent on the last page' }))
  })) // the generic item hides what Static would say
