// What a manifest that came, changed or went does to its namespace.
import type { ObjectManifest } from '../../model/manifest/object-kinds.ts'
import type { Manifest, Policy } from '../../model/service/types.ts'
import type { RecordChange } from '../../store/store.ts'
import type { AppliedChange } from '../feed/change-ring.ts'
import type { ManifestName } from '../services/manifests.ts'
import type { NamespaceEntry } from './namespace-entry.ts'

/** When a change was, and by whom. */
type ChangeFacts = Pick<RecordChange, 'revision' | 'atMs' | 'by' | 'reason'>

/** What services and their endpoints are made of. */
type OfServices = Exclude<Manifest, Policy | ObjectManifest>

/** A manifest came or changed. */
export function declare (owner: NamespaceEntry, { name }: ManifestName, manifest: OfServices, change: ChangeFacts): AppliedChange {
  const { revision } = change
  const made = plainChange(change, 'endpoints', { namespace: owner.name, service: name, id: '' }, false)
  switch (manifest.kind) {
    case 'Namespace':
      owner.manifest = manifest
      return { ...made, kind: 'namespace', target: { ...made.target, service: '' } }
    case 'EndpointSlice': {
      const [service = '', ...touched] = owner.declared.putSlice(manifest, revision)
      return { ...made, target: { ...made.target, service }, touched }
    }
    case 'Endpoints':
      owner.declared.setEndpoints(name, manifest, revision)
      return made
    case 'Service': {
      const { isAnew } = owner.declared.put(manifest, revision)
      owner.listed(name)
      return { ...made, kind: 'service', service: { manifest, isAnew } }
    }
  }
}

/** A manifest went. */
export function remove (owner: NamespaceEntry, { kind, name }: ManifestName & Pick<OfServices, 'kind'>, change: ChangeFacts): AppliedChange {
  const gone = plainChange(change, 'endpoints', { namespace: owner.name, service: name, id: '' }, true)
  switch (kind) {
    case 'Namespace':
      owner.manifest = undefined
      return { ...gone, kind: 'namespace', target: { ...gone.target, service: '' } }
    case 'EndpointSlice': {
      const [service = ''] = owner.declared.deleteSlice(name, change.revision)
      return { ...gone, target: { ...gone.target, service } }
    }
    case 'Endpoints':
      owner.declared.setEndpoints(name, undefined, change.revision)
      return gone
    case 'Service': {
      const service = owner.declared.delete(name)
      owner.groups.get(name)?.touch(change.revision)
      owner.listed(name)
      return { ...gone, kind: 'service', ...(service === undefined ? {} : { service: { manifest: service.manifest, isAnew: true } }) }
    }
  }
}

/** A change that touched no listed instance. */
export function plainChange (change: ChangeFacts, kind: AppliedChange['kind'], target: AppliedChange['target'], isGone: boolean): AppliedChange {
  const { revision, atMs, by, reason } = change
  return { revision, atMs, by, reason, event: isGone ? 'delete' : 'put', kind, target, instance: undefined, previous: undefined, lease: '', createdRevision: 0, touched: [] }
}
