// Kinds of Kubernetes and of its extensions that are none of ours: what else stands in the files that people have. A
// stream is applied as far as it is understood; what reads like a slip of the pen is no foreign kind, and refused.
import type { ForeignKind } from '../../../client-sdk/src/wire.ts'
import { tlsType } from '../ingress/tls-secret.ts'
import { apiVersions } from '../service/types.ts'
import { isKind } from './manifest-kinds.ts'

/** An object that was passed over. */
export type ForeignObject = Omit<ForeignKind, 'count'>

/** The kinds of the group `v1` beside ours. Another word there is a slip of the pen. */
const coreKinds = new Set([
  'Binding', 'ComponentStatus', 'ConfigMap', 'Event', 'LimitRange', 'Node', 'PersistentVolume', 'PersistentVolumeClaim',
  'Pod', 'PodTemplate',
  'ReplicationController', 'ResourceQuota', 'Secret', 'ServiceAccount'
].flatMap((kind) => [kind, `${kind}List`]))

const ourGroups: ReadonlySet<string> = new Set([apiVersions.EndpointSlice, apiVersions.Policy].map(groupOf))

/** A stream with more kinds than this is told of the first ones. */
const maxKinds = 50
const group = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/v[0-9][a-z0-9]{0,30}$/
const name = /^[A-Z][A-Za-z0-9]{0,62}$/

/**
 * Whether an object is of a kind that others know: one of Kubernetes' own, or any of another group than ours. Of Secrets those are ours
 * that hold a certificate.
 */
export function isForeign ({ kind, apiVersion, type }: Readonly<Record<string, unknown>>): boolean {
  if (typeof kind !== 'string' || typeof apiVersion !== 'string' || !name.test(kind)) return false
  if (isKind(kind) && groupOf(apiVersion) === groupOf(apiVersions[kind])) return kind === 'Secret' && type !== tlsType
  if (apiVersion === 'v1') return coreKinds.has(kind)
  if (!group.test(apiVersion)) return false
  // Another version of our own group is a manifest that we should have understood.
  return !ourGroups.has(groupOf(apiVersion)) && kind !== 'List'
}

function groupOf (apiVersion: string): string {
  return apiVersion.slice(0, Math.max(0, apiVersion.lastIndexOf('/')))
}

/** Collects what a stream was passed over, one entry a kind. */
export class ForeignKinds {
  readonly #kinds = new Map<string, ForeignKind>()

  add (found: ForeignObject): void {
    const key = `${found.apiVersion} ${found.kind}`
    const known = this.#kinds.get(key)
    if (known === undefined && this.#kinds.size >= maxKinds) return
    this.#kinds.set(key, known === undefined ? { ...found, count: 1 } : { ...known, count: known.count + 1 })
  }

  /** In the order in which they were met. */
  get list (): readonly ForeignKind[] {
    return [...this.#kinds.values()]
  }
}
