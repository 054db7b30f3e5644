// How manifests lie in the store: one object each, `kind/namespace/name`, whose body is the canonical text of what was declared.
// The times and the resource version are the record's own, so that the same content is the same text.
import { type ManagedFieldsEntry, managedFieldsOf, withManagedFields } from '../../model/fields/managed-fields.ts'
import { isObjectKind, type ObjectKind } from '../../model/manifest/object-kinds.ts'
import { type Manifest, isGlobalKind } from '../../model/service/types.ts'
import { canonical, without } from '../../model/service/schema.ts'
import { noStatus } from '../../model/service/update.ts'
import { splitKey } from '../../model/names.ts'
import type { ObjectRecord } from '../../store/store.ts'

export type Kind = Manifest['kind']

export interface ManifestName {
  readonly kind: Kind
  /** Empty for a kind without namespaces. */
  readonly namespace: string
  readonly name: string
}

/** How keys of a kind begin. What begins with `secret/` are values that the nodes share (object-keys.ts). */
const prefixes = {
  Service: 'service', EndpointSlice: 'endpointslice', Endpoints: 'endpoints', Namespace: 'namespace', Policy: 'policy',
  Ingress: 'ingress', IngressClass: 'ingressclass', Secret: 'tlssecret', HorizontalPodAutoscaler: 'autoscaler'
} as const satisfies Record<Kind, string>

/** Kinds of changes of objects that nothing else is made of. */
export type ObjectChangeKind = (typeof prefixes)[ObjectKind]

const kinds: ReadonlyMap<string, Kind> = new Map(Object.entries(prefixes).map(([kind, prefix]) => [prefix, kind as Kind])) // they are the kinds

/** As a change of an object is called: `ingress`. */
export function objectChangeKind (kind: ObjectKind): ObjectChangeKind {
  return prefixes[kind]
}

/** The kind of the objects that changes of this kind are about; undefined = of others. */
export function changedObjectKind (changeKind: string): ObjectKind | undefined {
  const kind = kinds.get(changeKind)
  return kind !== undefined && isObjectKind(kind) ? kind : undefined
}

/** @example manifestKey({ kind: 'Service', namespace: 'shop', name: 'web' }) // 'service/shop/web'; a Namespace: 'namespace/shop/', a Policy: 'policy/team/' */
export function manifestKey ({ kind, namespace, name }: ManifestName): string {
  return isGlobalKind(kind) ? `${prefixes[kind]}/${name}/` : `${prefixes[kind]}/${namespace}/${name}`
}

/** undefined = the object is no manifest. */
export function manifestName (key: string): ManifestName | undefined {
  const { namespace: prefix, service, id } = splitKey(key)
  const kind = kinds.get(prefix)
  if (kind === undefined) return undefined
  return isGlobalKind(kind) ? { kind, namespace: '', name: service } : { kind, namespace: service, name: id }
}

/** The stored text of a manifest. */
export function storedManifest (manifest: Manifest): string {
  const managedFields = managedFieldsOf(manifest)
  const own = without(without(manifest.metadata, 'creationTimestamp'), 'resourceVersion')
  const metadata = managedFields.length === 0 ? own : { ...own, managedFields }
  return JSON.stringify(canonical({ ...manifest, metadata }))
}

/** The manifest of an object, with what the record knows of it. */
export function manifestOf (object: ObjectRecord): Manifest {
  const stored = JSON.parse(object.body) as Stored
  const { managedFields = [], ...own } = stored.metadata
  const manifest = manifestWith(stored, object, own)
  return managedFields.length === 0 ? manifest : withManagedFields(manifest, managedFields)
}

/** As `storedManifest` writes it. */
type Stored = Manifest & { readonly metadata: { readonly managedFields?: readonly ManagedFieldsEntry[] } }

function manifestWith (stored: Manifest, object: ObjectRecord, own: Manifest['metadata']): Manifest {
  const metadata = { ...own, creationTimestamp: new Date(object.createdAtMs).toISOString(), resourceVersion: String(object.revision) }
  // One from an older version may lie there without a status: it is shown, and compared, with the one that it has.
  if (stored.kind === 'Service' && stored.status === undefined) return { ...stored, metadata, status: noStatus }
  return { ...stored, metadata }
}
