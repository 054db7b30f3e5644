// What all objects of Kubernetes have in common.
import { hash } from 'node:crypto'

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly creationTimestamp?: string | null
  readonly generation?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** Set on an object of which nothing but its names is known: it has no other field. It is in no text. */
export const isNameOnly = Symbol('name only')

export interface KubeObject {
  readonly [isNameOnly]?: true
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Metadata
  readonly [field: string]: unknown
}

/** Says of an object that nobody declared it: it is there because instances are. */
export const implicitAnnotation = 'rollcall.dev/implicit'

/** A uid of what is not stored: the same on every node, another one for another life. */
export function derivedUid (...of: readonly string[]): string {
  const hex = hash('sha256', JSON.stringify(of), 'hex')
  // RFC 9562 5.8: version 8, for ids that are made in a way of one's own.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** A time as metav1.Time has it: whole seconds. */
export function wholeSeconds (iso: string): string {
  return `${iso.slice(0, 19)}Z`
}
