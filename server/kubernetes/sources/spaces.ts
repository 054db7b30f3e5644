// Namespaces, what is shown as it was declared, and events.
import { isGlobalKind, type Manifest } from '../../model/service/types.ts'
import { type Access, type AppliedChange, isTold, type ListedKind, objectChangeKind, type Position, type Sight } from '../../registry/core.ts'
import { implicitNamespaceObject, storedObject } from '../objects/declared.ts'
import { eventOf } from '../objects/event.ts'
import { derivedUid } from '../objects/meta.ts'
import { podNameOfId } from '../objects/pod.ts'
import { defaultNamespace } from '../own-name.ts'
import type { Entry, Made } from '../shelf/entry.ts'
import { type Gone, type Source, noUnits, partsOf, unitOf } from '../shelf/source.ts'
import { found } from './found.ts'
import { lastOf, nameOnly } from './gone.ts'
import type { PodIndex } from './pod-index.ts'

const pageItems = 1_000
/** Kubernetes forgets events after an hour; here the newest of all are kept. */
export const maxEventObjects = 2_000

/** The unit is a namespace. */
export class NamespaceSource implements Source {
  readonly #core: Access

  constructor (core: Access) {
    this.#core = core
  }

  unitsOf ({ kind, target: { namespace } }: AppliedChange): Iterable<string> {
    return kind === 'claim' || kind === 'secret' || namespace === '' ? noUnits : [unitOf('', namespace)]
  }

  * all (): Iterable<string> {
    let after: Position | undefined
    do {
      const { items, next } = this.#core.namespaces(after, pageItems)
      for (const { name } of items) yield unitOf('', name)
      after = next
    } while (after !== undefined)
    yield unitOf('', defaultNamespace)
  }

  make (unit: string): readonly Made[] {
    const { name } = partsOf(unit)
    const summary = found(() => this.#core.namespace(name))
    if (summary === undefined && name !== defaultNamespace) return []
    const base = { namespace: '', name, isSeen: (sight: Parameters<Made['isSeen']>[0]) => sight.namespace(name) }
    const manifest = summary?.manifest
    if (manifest !== undefined) return [{ ...base, uid: manifest.metadata.uid ?? '', mark: manifest, revision: Number(manifest.metadata.resourceVersion), object: () => withName(storedObject(manifest)) }]
    const { items } = summary === undefined ? { items: [] } : this.#core.services({ namespace: name }, undefined, 100)
    const createdAt = items.reduce((oldest, each) => (oldest === '' || each.createdAt < oldest ? each.createdAt : oldest), '')
    return [{
      ...base, uid: derivedUid('Namespace', name), mark: 'implicit', atLeast: items.reduce((first, each) => Math.min(first, each.revision), items[0]?.revision ?? 1),
      object: (revision) => implicitNamespaceObject(name, createdAt === '' ? new Date(0).toISOString() : createdAt, revision)
    }]
  }

  gone (unit: string, changes: readonly AppliedChange[], now: readonly Entry[]): readonly Gone[] {
    const { name } = partsOf(unit)
    if (now.length > 0) return []
    return [nameOnly({
      apiVersion: 'v1', kind: 'Namespace', namespace: '', name, uid: derivedUid('Namespace', name), revision: lastOf(changes).revision,
      isSeen: (sight) => sight.namespace(name)
    })]
  }
}

/** Every namespace carries its name as a label, for selectors of controllers. */
function withName (object: ReturnType<typeof storedObject>): ReturnType<typeof storedObject> {
  return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name } } }
}

/** Objects of a kind that are shown as they were declared. */
export class DeclaredSource implements Source {
  readonly #core: Access
  readonly #kind: ListedKind
  readonly #changeKind: AppliedChange['kind']

  constructor (core: Access, kind: ListedKind) {
    this.#core = core
    this.#kind = kind
    this.#changeKind = kind === 'Policy' ? 'policy' : objectChangeKind(kind)
  }

  unitsOf ({ kind, target: { namespace, id } }: AppliedChange): Iterable<string> {
    return kind === this.#changeKind ? [unitOf(namespace, id)] : noUnits
  }

  all (): Iterable<string> {
    return this.#core.manifests(this.#kind).map(({ kind, metadata: { namespace, name } }) => unitOf(isGlobalKind(kind) ? '' : namespace, name))
  }

  make (unit: string): readonly Made[] {
    const { namespace, name } = partsOf(unit)
    const manifest: Manifest | undefined = found(() => this.#core.manifest({ kind: this.#kind, namespace, name }))
    if (manifest === undefined) return []
    return [{
      namespace, name, uid: manifest.metadata.uid ?? '', mark: manifest, revision: Number(manifest.metadata.resourceVersion),
      isSeen: (sight) => isDeclaredSeen(sight, this.#changeKind, namespace), object: () => storedObject(manifest)
    }]
  }

  gone (unit: string, changes: readonly AppliedChange[], now: readonly Entry[]): readonly Gone[] {
    const { name } = partsOf(unit)
    if (now.length > 0) return []
    return [nameOnly({
      apiVersion: 'rollcall.dev/v1', kind: 'Policy', namespace: '', name, uid: derivedUid('Policy', name), revision: lastOf(changes).revision,
      isSeen: (sight) => sight.whole('*')
    })]
  }
}

/** Policies are for those who see everything, classes of ingresses for everybody. */
function isDeclaredSeen (sight: Sight, kind: AppliedChange['kind'], namespace: string): boolean {
  if (kind === 'policy') return sight.whole('*')
  return kind === 'ingressclass' || sight.namespace(namespace)
}

/** The unit is a revision. */
export class EventSource implements Source {
  readonly #core: Access
  readonly #pods: PodIndex
  /** The newest ones, oldest first. */
  readonly #changes = new Map<string, AppliedChange>()

  constructor (core: Access, pods: PodIndex) {
    this.#core = core
    this.#pods = pods
  }

  unitsOf (change: AppliedChange): Iterable<string> {
    if (!isTold(change)) return noUnits
    const units = [this.#keep(change)]
    for (const oldest of this.#changes.keys()) {
      if (this.#changes.size <= maxEventObjects) break
      this.#changes.delete(oldest)
      units.push(oldest)
    }
    return units
  }

  async all (): Promise<Iterable<string>> {
    await this.#pods.begin()
    this.#changes.clear()
    const { changes } = await this.#core.events({ limit: maxEventObjects })
    const since = [...this.#changes.values()] // what came while older ones were read
    this.#changes.clear()
    for (const change of [...changes.toReversed(), ...since]) this.#keep(change)
    return this.#changes.keys()
  }

  make (unit: string): readonly Made[] {
    const change = this.#changes.get(unit)
    if (change === undefined) return []
    const { target: { namespace: of, service } } = change
    const namespace = of === '' ? defaultNamespace : of
    const object = eventOf(change, namespace, ({ target: { namespace, service, id } }) => (id === '' ? podNameOfId(service) : this.#pods.nameOf({ namespace, service, id })))
    if (object === undefined) return []
    return [{
      namespace, name: object.metadata.name, uid: object.metadata.uid ?? '', mark: change, revision: change.revision,
      isSeen: (sight) => (service === '' ? isDeclaredSeen(sight, change.kind, namespace) : sight.service(namespace, service)),
      object: () => object
    }]
  }

  #keep (change: AppliedChange): string {
    const unit = `${change.revision}/${change.target.namespace}`
    this.#changes.set(unit, change)
    return unit
  }
}
