// What differs between two views of one epoch, as changes that lead from the one to the other: what live watchers are told after a load.
import type { Instance, Reason } from '../../../client-sdk/src/wire.ts'
import { splitKey } from '../../model/names.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { AppliedChange } from './change-ring.ts'
import { serviceNameLabel } from '../../model/service/types.ts'
import { manifestName, manifestOf, storedManifest } from '../services/manifests.ts'

export type Difference = Omit<AppliedChange, 'revision'>

/** Finds them in steps, between which others may go on; what is found stands in `found`. Neither view may change meanwhile. */
export function * findDifferences (before: Catalog, after: Catalog, nowMs: number, found: Difference[]): Generator<void> {
  const base = { atMs: nowMs, by: 'registry', kind: 'instance' } as const
  // A watch of a declared service gets its instances under its name, as it was and as it is.
  const touched = (...instances: readonly (Instance | undefined)[]): string[] => [...new Set(instances.filter((instance) => instance !== undefined)
    .flatMap((instance) => [before, after].flatMap((catalog) => catalog.selecting(instance).map(({ name }) => name))))]
  for (const record of before.heldInstances()) {
    const { namespace, service, id } = splitKey(record.key)
    const old = before.entry(namespace, service, id)
    if (old !== undefined && after.entry(namespace, service, id) === undefined) {
      found.push({ ...base, reason: 'deregistered', event: 'delete', target: old.instance, instance: old.instance, previous: old.instance, lease: old.lease, createdRevision: old.createdRevision, touched: touched(old.instance) })
    }
    yield
  }
  for (const namespace of after.namespaces()) {
    for (const name of after.services(namespace)) {
      for (const entry of after.registered(namespace, name)?.entries() ?? []) {
        const old = before.entry(namespace, name, entry.instance.id)
        const reason = differenceReason(old?.instance, entry.instance, old?.lease === entry.lease)
        if (reason !== undefined) {
          found.push({ ...base, reason, event: 'put', target: entry.instance, instance: entry.instance, previous: old?.instance, lease: entry.lease, createdRevision: entry.createdRevision, touched: touched(old?.instance, entry.instance) })
        }
        yield
      }
    }
  }
  yield * findServices(before, after, nowMs, found)
  yield * findHandMade(before, after, nowMs, found)
}

const nothing = { by: 'registry', instance: undefined, previous: undefined, lease: '', createdRevision: 0, touched: [] } as const

function * findServices (before: Catalog, after: Catalog, nowMs: number, found: Difference[]): Generator<void> {
  const plain = { ...nothing, atMs: nowMs, kind: 'service' } as const
  for (const namespace of before.namespaces()) {
    for (const { name, manifest } of before.declaredServices(namespace)) {
      yield
      if (after.declared(namespace, name) !== undefined) continue
      found.push({ ...plain, reason: 'removed', event: 'delete', target: { namespace, service: name, id: '' }, service: { manifest, isAnew: true } })
    }
  }
  for (const namespace of after.namespaces()) {
    for (const { name, manifest, selector } of after.declaredServices(namespace)) {
      yield
      const old = before.declared(namespace, name)
      if (old !== undefined && storedManifest(old.manifest) === storedManifest(manifest)) continue
      const isAnew = old === undefined || old.selector?.text !== selector?.text
      found.push({ ...plain, reason: 'declared', event: 'put', target: { namespace, service: name, id: '' }, service: { manifest, isAnew } })
    }
  }
}

/** Hand-written endpoints: the change names their service. */
function * findHandMade (before: Catalog, after: Catalog, nowMs: number, found: Difference[]): Generator<void> {
  for (const [one, other, event] of [[before, after, 'delete'], [after, before, 'put']] as const) {
    for (const object of one.heldObjects()) {
      yield
      const name = manifestName(object.key)
      if (name === undefined || (name.kind !== 'EndpointSlice' && name.kind !== 'Endpoints')) continue
      const rival = other.object(object.key)
      if (event === 'delete' ? rival !== undefined : rival?.body === object.body) continue
      const services = [object, ...rival === undefined ? [] : [rival]].map((each) => ownerOf(manifestOf(each)))
      const [service = '', ...touched] = [...new Set(services)]
      found.push({ ...nothing, atMs: nowMs, kind: 'endpoints', event, reason: event === 'put' ? 'declared' : 'removed', target: { namespace: name.namespace, service, id: '' }, touched })
    }
  }
}

function ownerOf (manifest: ReturnType<typeof manifestOf>): string {
  return manifest.kind === 'EndpointSlice' ? manifest.metadata.labels?.[serviceNameLabel] ?? '' : manifest.metadata.name
}

function differenceReason (old: Instance | undefined, now: Instance, sameLife: boolean): Reason | undefined {
  if (old === undefined) return 'registered'
  if (!sameLife) return 'replaced'
  if (old.suspect !== now.suspect) return now.suspect ? 'suspect' : 'renewed'
  const content = (instance: Instance): string => JSON.stringify({ ...instance, revision: 0, createdAt: '', updatedAt: '' })
  return content(old) === content(now) ? undefined : 'updated'
}
