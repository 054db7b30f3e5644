// What is answered when something is refused or fails.
import { Type } from 'typebox'
import { errorCatalogue } from '../../../errors.ts'
import { named } from './named.ts'

export const FieldError = named('FieldError', Type.Object({
  field: Type.String({ description: 'As in ports[0].port' }), value: Type.Optional(Type.Unknown()), rule: Type.String(),
  document: Type.Optional(Type.Integer({ description: 'In a stream of manifests: which document, from 1' })), line: Type.Optional(Type.Integer()),
  reason: Type.Optional(Type.String({ description: "In Kubernetes' words, as in FieldValueInvalid" }))
}))
export const Problem = named('Problem', Type.Object({
  type: Type.String(), title: Type.String(), status: Type.Integer(),
  code: Type.Enum(Object.keys(errorCatalogue)),
  detail: Type.String(),
  errors: Type.Optional(Type.Array(FieldError, { description: 'The first 20' })),
  moreErrors: Type.Optional(Type.Integer({ description: 'How many there are beside those in errors' }))
}, { description: 'RFC 9457' }))
