// Applying and deleting manifests.
import { Type } from 'typebox'
import { LabelName } from '../../../model/instance/instance.ts'
import { type Manifest, manifestKinds } from '../../../model/service/types.ts'
import { maxDeletedNames } from '../../server/limits.ts'
import { AnyManifest } from './manifests.ts'
import { CursorText, named } from './named.ts'

const Kinds = Type.Enum(Object.keys(manifestKinds) as Manifest['kind'][]) // they are the kinds
const manifestReference = { kind: Kinds, namespace: Type.String({ description: 'Empty for a kind without namespaces' }), name: Type.String() }
export const ApplyResult = named('ApplyResult', Type.Object({
  ...manifestReference,
  outcome: Type.Enum(['created', 'configured', 'unchanged']),
  manifest: AnyManifest,
  previous: Type.Optional(AnyManifest),
  warnings: Type.Array(Type.String()),
  document: Type.Optional(Type.Integer({ description: 'Which document of the stream, from 1' }))
}))
const ForeignKind = named('ForeignKind', Type.Object({
  kind: Type.String(), apiVersion: Type.String(), document: Type.Integer(),
  line: Type.Integer({ description: 'Of the first of them' }), count: Type.Integer()
}))
const foreign =
  Type.Optional(Type.Array(ForeignKind, { description: 'What was passed over, one entry a kind, at most 50' }))
export const ApplyAnswer = named('ApplyAnswer', Type.Object({
  revision: CursorText, dryRun: Type.Boolean(), foreign, results: Type.Array(ApplyResult)
}))
export const DeleteAnswer = named('DeleteAnswer', Type.Object({
  revision: CursorText, dryRun: Type.Boolean(), foreign, deleted: Type.Array(Type.Object(manifestReference))
}))
/** The longest name of a manifest is a DNS subdomain; its kind may want a shorter one. */
export const ManifestNameText = Type.String({
  pattern: '^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$', rule: 'must be a name: 1-253 of a-z, 0-9, "-" and ".", beginning and ending with a letter or digit'
})
export const DeletedNames = Type.Object({
  names: Type.Array(Type.Object({
    kind: Kinds, namespace: Type.Optional(LabelName), name: ManifestNameText
  }, { additionalProperties: false }), { minItems: 1, maxItems: maxDeletedNames, rule: `must name 1-${maxDeletedNames} manifests` })
}, { additionalProperties: false })
/** Manifests, or their names. */
export const DeleteBody = named('DeleteBody', Type.Union([DeletedNames, AnyManifest], { examples: [{ names: [{ kind: 'Service', namespace: 'shop', name: 'webui' }] }] }))
