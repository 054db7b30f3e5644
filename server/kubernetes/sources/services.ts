// Services, and the two forms of their endpoints. The unit is a service.
import { hash } from 'node:crypto'
import type { Endpoints, EndpointSlice } from '../../model/service/types.ts'
import { type Access, type AppliedChange, type Position, type ServiceView, type Sight } from '../../registry/core.ts'
import { endpointsObjectOf, implicitServiceObject, implicitUid, sliceObject, storedObject } from '../objects/declared.ts'
import { derivedUid } from '../objects/meta.ts'
import { isOwn } from '../own-name.ts'
import { endpointBuilder, implicitService } from '../../model/service/endpoints.ts'
import { endpointsOf } from '../../model/instance/endpoints.ts'
import { possibleSliceNames } from '../../model/service/slices.ts'
import type { Entry, Made } from '../shelf/entry.ts'
import { type Gone, type Source, isUnclear, noUnits, partsOf, unitOf } from '../shelf/source.ts'
import { found, serviceAt } from './found.ts'
import { deletedName, lastOf, nameOnly, storedKind } from './gone.ts'
import type { PodIndex } from './pod-index.ts'

const pageItems = 1_000

/** All services, declared and implicit. */
export function * allServices (core: Access): Generator<string> {
  let after: Position | undefined
  do {
    const { items, next } = core.services({}, after, pageItems)
    for (const { namespace, name } of items) yield unitOf(namespace, name)
    after = next
  } while (after !== undefined)
}

const seenAs = (namespace: string, name: string) => (sight: Sight): boolean => sight.service(namespace, name)

export class ServiceSource implements Source {
  readonly #core: Access

  constructor (core: Access) {
    this.#core = core
  }

  unitsOf ({ kind, target: { namespace, service } }: AppliedChange): Iterable<string> {
    return (kind === 'instance' || kind === 'service') && service !== '' ? [unitOf(namespace, service)] : noUnits
  }

  all (): Iterable<string> {
    return allServices(this.#core)
  }

  make (unit: string): readonly Made[] {
    const { namespace, name } = partsOf(unit)
    const view = serviceAt(this.#core, namespace, name)
    if (view === undefined) return []
    const base = { namespace, name, isSeen: seenAs(namespace, name) }
    const { manifest } = view
    if (manifest !== undefined) {
      const { metadata: { uid = '', resourceVersion = '0' } } = manifest
      return [{ ...base, uid, mark: manifest, revision: Number(resourceVersion), object: () => storedObject(manifest) }]
    }
    const service = this.#core.serviceManifest(namespace, name)
    const { createdAt } = view
    const uid = implicitUid(namespace, name)
    return [{
      ...base, uid, mark: JSON.stringify(service.spec), atLeast: view.endpoints.revision,
      object: (revision) => implicitServiceObject(service, revision, createdAt)
    }]
  }

  /** Declared ones that were deleted, and the implicit one that ended with its last instance, or with a declaration of its name. */
  gone (unit: string, changes: readonly AppliedChange[], now: readonly Entry[]): readonly Gone[] | undefined {
    const { namespace, name } = partsOf(unit)
    const base = { namespace, name, isSeen: seenAs(namespace, name) }
    const gone: Gone[] = []
    const implicitEnded = (revision: number): void => {
      const uid = implicitUid(namespace, name)
      gone.push(nameOnly({ ...base, apiVersion: 'v1', kind: 'Service', uid, revision }))
    }
    for (const { kind, event, service, revision, object } of changes) {
      if (kind !== 'service') continue
      if (event === 'put') {
        if (object !== undefined && 'createdRevision' in object && object.createdRevision === revision) implicitEnded(revision)
        continue
      }
      if (service === undefined) return undefined
      const { manifest } = service
      gone.push({ ...base, uid: manifest.metadata.uid ?? '', revision, object: () => storedObject(manifest) })
    }
    if (now.length === 0) implicitEnded(lastOf(changes).revision)
    return gone
  }
}

/** The services whose endpoints a change may concern. */
function touchedBy ({ kind, target: { namespace, service }, touched }: AppliedChange): Iterable<string> {
  if (kind !== 'instance' && kind !== 'service' && kind !== 'endpoints') return noUnits
  const names = new Set(touched)
  if (service !== '') names.add(service)
  return [...names].map((name) => unitOf(namespace, name))
}

/** All services, and names under which endpoints were written by hand. */
function * withEndpoints (core: Access): Generator<string> {
  yield * allServices(core)
  for (const { namespace, service } of core.handMade()) yield unitOf(namespace, service)
}

/** Content that takes long to compare is compared by its hash. */
function markOf (content: unknown): string {
  return hash('sha1', JSON.stringify(content), 'base64url')
}

export class EndpointsSource implements Source {
  readonly #core: Access
  readonly #pods: PodIndex

  constructor (core: Access, pods: PodIndex) {
    this.#core = core
    this.#pods = pods
  }

  unitsOf (change: AppliedChange): Iterable<string> {
    return touchedBy(change)
  }

  async all (): Promise<Iterable<string>> {
    await this.#pods.begin()
    return withEndpoints(this.#core)
  }

  make (unit: string): readonly Made[] {
    const { namespace, name } = partsOf(unit)
    const view = serviceAt(this.#core, namespace, name)
    const endpoints = view === undefined || view.manifest?.spec.type === 'ExternalName' ? undefined : this.#core.endpointsObject(namespace, name)
    const stored = endpoints?.metadata.uid === undefined ? this.#handMade(namespace, name) : endpoints
    // What was written under the name is what a client may change, whether or not the service has a selector.
    const shown = stored ?? endpoints
    if (shown === undefined) return []
    const base = { namespace, name, isSeen: seenAs(namespace, name) }
    if (stored !== undefined) return [{ ...base, uid: stored.metadata.uid ?? '', mark: stored, revision: Number(stored.metadata.resourceVersion), object: () => storedObject(stored) }]
    const { createdAt } = createdOf(view)
    const uid = derivedUid('Endpoints', namespace, name)
    return [{
      ...base, uid, mark: markOf([shown.metadata, shown.subsets]), ...revisionOf(view),
      object: (revision) => endpointsObjectOf(shown, { revision, createdAt, uid }, (instance) => podNameOf(this.#pods, namespace, instance))
    }]
  }

  gone (unit: string, changes: readonly AppliedChange[], now: readonly Entry[]): readonly Gone[] | undefined {
    if (changes.some(isUnclear)) return undefined
    const { namespace, name } = partsOf(unit)
    if (now.length > 0) return []
    return [nameOnly({
      apiVersion: 'v1', kind: 'Endpoints', namespace, name, uid: derivedUid('Endpoints', namespace, name), revision: lastOf(changes).revision,
      isSeen: seenAs(namespace, name)
    })]
  }

  #handMade (namespace: string, name: string): Endpoints | undefined {
    return found(() => this.#core.manifest({ kind: 'Endpoints', namespace, name })) as Endpoints | undefined // the kind that was asked for
  }
}

export class SliceSource implements Source {
  readonly #core: Access
  readonly #pods: PodIndex

  constructor (core: Access, pods: PodIndex) {
    this.#core = core
    this.#pods = pods
  }

  unitsOf (change: AppliedChange): Iterable<string> {
    return touchedBy(change)
  }

  async all (): Promise<Iterable<string>> {
    await this.#pods.begin()
    return withEndpoints(this.#core)
  }

  make (unit: string): readonly Made[] {
    const { namespace, name } = partsOf(unit)
    const view = serviceAt(this.#core, namespace, name)
    const shown = view === undefined ? [] : this.#core.endpointSlices(namespace, name)
    // Those that were written by hand are there, too, where the service has a selector and does not use them.
    const stored = this.#core.handMade(namespace, name).map(({ manifest }) => manifest).filter((manifest): manifest is EndpointSlice => manifest.kind === 'EndpointSlice')
    const names = new Set(stored.map(({ metadata }) => metadata.name))
    const { createdAt } = createdOf(view)
    const isSeen = seenAs(namespace, name)
    return [
      ...stored.map((slice): Made => ({
        namespace, name: slice.metadata.name, uid: slice.metadata.uid ?? '', mark: slice, revision: Number(slice.metadata.resourceVersion), isSeen, object: () => storedObject(slice)
      })),
      ...shown.filter(({ metadata }) => metadata.uid === undefined && !names.has(metadata.name)).map((slice): Made => {
        const uid = derivedUid('EndpointSlice', namespace, slice.metadata.name)
        return {
          namespace, name: slice.metadata.name, uid, isSeen, mark: markOf([slice.metadata, slice.endpoints, slice.ports]), ...revisionOf(view),
          object: (revision) => sliceObject(slice, { revision, createdAt, uid }, (instance) => podNameOf(this.#pods, namespace, instance))
        }
      })
    ]
  }

  /**
   * Hand-made slices that were deleted, and what slices may have been there before instances came and went. What a service had that was
   * declared, changed or deleted itself, or mirrors an Endpoints object, nobody knows.
   */
  gone (
    unit: string, changes: readonly AppliedChange[], now: readonly Entry[], isSame: boolean
  ): readonly Gone[] | undefined {
    if (changes.some((change) => isUnclear(change) || change.kind === 'service' || storedKind(change) === 'endpoints')) return undefined
    const { namespace, name: service } = partsOf(unit)
    const gone: Gone[] = []
    const known = new Set(now.map(({ name }) => name))
    const add = (name: string, revision: number): void => {
      if (known.has(name)) return
      gone.push(nameOnly({
        apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace, name, uid: derivedUid('EndpointSlice', namespace, name), revision,
        isSeen: seenAs(namespace, service)
      }, { addressType: 'IPv4', endpoints: [], ports: [] }))
    }
    for (const change of changes) {
      const deleted = deletedName(change)
      if (deleted?.kind === 'endpointslice') add(deleted.name, change.revision)
    }
    const instances = changes.filter(({ kind }) => kind === 'instance')
    const { revision } = lastOf(changes)
    if (instances.length === 0) return gone
    if (!isSame) return undefined // which endpoints it had when the shelf began is forgotten
    for (const name of this.#possibleNames(namespace, service, instances)) add(name, revision)
    return gone
  }

  #possibleNames (namespace: string, name: string, changes: readonly AppliedChange[]): readonly string[] {
    const view = serviceAt(this.#core, namespace, name)
    const manifest = view === undefined ? implicitService(namespace, name) : this.#core.serviceManifest(namespace, name)
    const build = endpointBuilder(manifest)
    const past = changes.flatMap(({ instance, previous }) => [instance, previous]).flatMap((each) => (each === undefined ? [] : build(each) ?? []))
    return possibleSliceNames(manifest, view?.endpoints ?? endpointsOf(namespace, name, 0, []), past)
  }
}

function revisionOf (view: ServiceView | undefined): { readonly atLeast?: number } {
  return view === undefined ? {} : { atLeast: view.endpoints.revision }
}

function createdOf (view: ServiceView | undefined): { readonly createdAt: string } {
  return { createdAt: view?.createdAt ?? new Date(0).toISOString() }
}

/** @param instance `service/id` */
function podNameOf (pods: PodIndex, namespace: string, instance: string): string | undefined {
  const at = instance.indexOf('/')
  const name = { namespace, service: instance.slice(0, at), id: instance.slice(at + 1) }
  return isOwn(name) ? undefined : pods.nameOf(name)
}
