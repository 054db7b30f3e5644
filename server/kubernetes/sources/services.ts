// Services, and the two forms of their endpoints. The unit is a service.
import { hash } from 'node:crypto'
import type { Endpoints, EndpointSlice } from '../../model/service/types.ts'
import { type Access, type AppliedChange, type Position, type ServiceView, type Sight } from '../../registry/core.ts'
import { endpointsObjectOf, implicitServiceObject, implicitUid, sliceObject, storedObject } from '../objects/declared.ts'
import { derivedUid } from '../objects/meta.ts'
import { isOwn } from '../own-name.ts'
import type { Made } from '../shelf/entry.ts'
import { type Source, noUnits, partsOf, unitOf } from '../shelf/source.ts'
import { found, serviceAt } from './found.ts'
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
    return [{ ...base, uid, mark: JSON.stringify(service.spec), object: (revision) => implicitServiceObject(service, revision, createdAt) }]
  }
}

/** The services whose endpoints a change may concern. */
function touchedBy ({ kind, target: { namespace, service }, touched }: AppliedChange): Iterable<string> {
  if (kind !== 'instance' && kind !== 'service' && kind !== 'endpoints') return noUnits
  const names = new Set(touched)
  if (service !== '') names.add(service)
  return [...names].map((name) => unitOf(namespace, name))
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

  * all (): Iterable<string> {
    yield * allServices(this.#core)
    for (const { namespace, service } of this.#core.handMade()) yield unitOf(namespace, service)
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
      ...base, uid, mark: markOf([shown.metadata, shown.subsets]),
      object: (revision) => endpointsObjectOf(shown, { revision, createdAt, uid }, (instance) => podNameOf(this.#pods, namespace, instance))
    }]
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

  * all (): Iterable<string> {
    yield * allServices(this.#core)
    for (const { namespace, service } of this.#core.handMade()) yield unitOf(namespace, service)
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
          namespace, name: slice.metadata.name, uid, isSeen, mark: markOf([slice.metadata, slice.endpoints, slice.ports]),
          object: (revision) => sliceObject(slice, { revision, createdAt, uid }, (instance) => podNameOf(this.#pods, namespace, instance))
        }
      })
    ]
  }
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
