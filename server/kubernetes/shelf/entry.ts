// One object as a shelf keeps it: what it is called and what it was made of; the object itself is made when somebody
// wants it.
import type { Sight } from '../../registry/core.ts'
import type { KubeObject } from '../objects/meta.ts'

export interface Entry {
  /** Empty for kinds without one. */
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** Its resource version. */
  readonly revision: number
  /**
   * Its resource version is its own, and says when it changed last; else it is that of a change that may have concerned
   * it.
   */
  readonly isOwn: boolean
  /** What it was made of: objects of equal marks are the same. */
  readonly mark: unknown
  /** Whether one who sees only part of the registry sees it. */
  isSeen (sight: Sight): boolean
  /** The whole object, made anew at each call. */
  object (): KubeObject
}

/** What a source makes of a unit: the shelf adds the revision. */
export type Made = Omit<Entry, 'revision' | 'isOwn' | 'object'> & {
  /** Its own resource version, where it has one; else that of the change that made it. */
  readonly revision?: number
  /** Without one: that of what it was made of, which is the same on every node. */
  readonly atLeast?: number
  object (revision: number): KubeObject
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

export interface ShelfEvent {
  readonly revision: number
  readonly type: EventType
  /** As it is after the change; with DELETED its last form, at the revision of its end. */
  readonly entry: Entry
  /** As it was before; undefined with ADDED. */
  readonly previous: Entry | undefined
  /** What changed. */
  readonly unit: string
  /** Of what was before the shelf began: how the object was before, and whether there was one, is not known. */
  readonly isVague?: true
}

/** The object of an entry, under the revision of what became of it. */
export function withRevision (entry: Pick<Entry, 'object'>, revision: number): KubeObject {
  const object = entry.object()
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
}
