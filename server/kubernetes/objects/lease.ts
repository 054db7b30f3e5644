// The lease of an instance as a Lease. Heartbeats are no changes here, so that no time of the last one is told.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { type KubeObject, derivedUid, wholeSeconds } from './meta.ts'
import { podLabels, podUid } from './pod.ts'

export function leaseOf (instance: Instance, name: string, revision: number): KubeObject {
  const { namespace, service, id, createdAt, lease, owner } = instance
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name, namespace, uid: derivedUid('Lease', namespace, service, id, createdAt), resourceVersion: String(revision), creationTimestamp: wholeSeconds(createdAt),
      labels: podLabels(instance),
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid: podUid(instance) }]
    },
    spec: {
      holderIdentity: owner ?? `${service}/${id}`,
      leaseDurationSeconds: Math.max(1, Math.round(lease.ttlMs / 1_000)),
      acquireTime: `${createdAt.slice(0, -1)}000Z` // microseconds, as metav1.MicroTime has them
    }
  }
}
