// Manifests that nothing else is made of (Ingress, IngressClass, Secret, HorizontalPodAutoscaler), by kind, namespace and name, as they are
// stored. One is read once, when it comes.
import type { ObjectKind, ObjectManifest } from '../../model/manifest/object-kinds.ts'
import { type SortedNames, sortedNames, withName, withoutName } from './sorted-names.ts'

interface Space {
  readonly byName: Map<string, ObjectManifest>
  names: SortedNames | undefined
}

export class DeclaredObjects {
  readonly #kinds = new Map<ObjectKind, Map<string, Space>>()

  /** @param namespace empty for a kind without namespaces */
  get (kind: ObjectKind, namespace: string, name: string): ObjectManifest | undefined {
    return this.#kinds.get(kind)?.get(namespace)?.byName.get(name)
  }

  count (kind: ObjectKind, namespace: string): number {
    return this.#kinds.get(kind)?.get(namespace)?.byName.size ?? 0
  }

  /** Whether one of any kind is in a namespace. */
  has (namespace: string): boolean {
    for (const spaces of this.#kinds.values()) if (spaces.has(namespace)) return true
    return false
  }

  /** Ordered by namespace and name. */
  * list (kind: ObjectKind, namespace?: string): Generator<ObjectManifest> {
    const spaces = this.#kinds.get(kind)
    if (spaces === undefined) return
    for (const each of namespace === undefined ? [...spaces.keys()].sort() : [namespace]) {
      const space = spaces.get(each)
      if (space === undefined) continue
      for (const name of space.names ??= sortedNames(space.byName.keys())) {
        const found = space.byName.get(name)
        if (found !== undefined) yield found
      }
    }
  }

  put (manifest: ObjectManifest, namespace: string): void {
    const { kind, metadata: { name } } = manifest
    const spaces = this.#kinds.get(kind) ?? new Map<string, Space>()
    this.#kinds.set(kind, spaces)
    const space = spaces.get(namespace) ?? { byName: new Map<string, ObjectManifest>(), names: undefined }
    spaces.set(namespace, space)
    if (!space.byName.has(name)) space.names = withName(space.names, name)
    space.byName.set(name, manifest)
  }

  delete (kind: ObjectKind, namespace: string, name: string): void {
    const spaces = this.#kinds.get(kind)
    const space = spaces?.get(namespace)
    if (space?.byName.delete(name) !== true) return
    space.names = withoutName(space.names, name)
    if (space.byName.size === 0) spaces?.delete(namespace)
  }
}
