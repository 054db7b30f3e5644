// What is stored, or stands in for it, as objects: Service, Endpoints, EndpointSlice, Namespace, Policy.
import { without } from '../../model/service/schema.ts'
import { managedFieldsOf } from '../../model/fields/managed-fields.ts'
import type { Endpoints, EndpointSlice, Manifest, Service } from '../../model/service/types.ts'
import { type KubeObject, derivedUid, implicitAnnotation, wholeSeconds } from './meta.ts'

/** Of what is not stored: when it came, at which revision, and who it is. */
export interface Derived {
  readonly revision: number
  readonly createdAt: string
  readonly uid: string
}

/** The name of the pod of an instance, by `service/id`; undefined = it is none. */
export type PodNames = (instance: string) => string | undefined

const withoutGeneration: ReadonlySet<Manifest['kind']> = new Set(['Service', 'Endpoints', 'Namespace', 'Secret'] as const)
/** Of what nobody has said anything yet. */
const emptyStatus: Partial<Record<Manifest['kind'], { readonly status: object }>> = {
  Ingress: { status: { loadBalancer: {} } }, HorizontalPodAutoscaler: { status: { currentReplicas: 0, desiredReplicas: 0 } }
}

/** A stored object as it is; its times in whole seconds, and a namespace where it has one. */
export function storedObject (manifest: Manifest): KubeObject {
  const { kind, metadata: { namespace, creationTimestamp, generation, ...metadata } } = manifest
  const managedFields = managedFieldsOf(manifest)
  return {
    ...manifest,
    metadata: {
      ...metadata,
      ...(namespace === '' ? {} : { namespace }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp: wholeSeconds(creationTimestamp) }),
      ...(managedFields.length === 0 ? {} : { managedFields }),
      ...(generation === undefined || withoutGeneration.has(kind) ? {} : { generation })
    },
    ...emptyStatus[kind],
    ...('status' in manifest ? { status: manifest.status } : {}),
    ...(kind === 'Namespace' ? { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } } : {})
  }
}

function derivedObject (manifest: Manifest, { revision, createdAt, uid }: Derived, isImplicit: boolean): KubeObject {
  const { metadata } = manifest
  const object = storedObject(manifest)
  return {
    ...object,
    metadata: {
      ...object.metadata, uid, resourceVersion: String(revision), creationTimestamp: wholeSeconds(createdAt),
      ...(isImplicit ? { annotations: { ...metadata.annotations, [implicitAnnotation]: 'true' } } : {})
    }
  }
}

/** One that is there because instances registered under its name. */
export function implicitServiceObject (service: Service, revision: number, createdAt: string): KubeObject {
  const object = derivedObject(service, { revision, createdAt, uid: implicitUid(service.metadata.namespace, service.metadata.name) }, true)
  return { ...object, status: { loadBalancer: {} } }
}

export function implicitUid (namespace: string, name: string): string {
  return derivedUid('Service', namespace, name)
}

export function sliceObject (slice: EndpointSlice, derived: Derived, podName: PodNames): KubeObject {
  if (slice.metadata.uid !== undefined) return storedObject(slice)
  const object = derivedObject(slice, derived, false)
  return {
    ...object,
    metadata: { ...object.metadata, generateName: `${ownerOf(slice)}-` },
    endpoints: slice.endpoints.map((endpoint) => withPod(endpoint, podName))
  }
}

function ownerOf ({ metadata: { labels, name } }: EndpointSlice): string {
  return labels?.['kubernetes.io/service-name'] ?? name
}

export function endpointsObjectOf (endpoints: Endpoints, derived: Derived, podName: PodNames): KubeObject {
  if (endpoints.metadata.uid !== undefined) return storedObject(endpoints)
  return {
    ...derivedObject(endpoints, derived, false),
    ...(endpoints.subsets === undefined ? {} : {
      subsets: endpoints.subsets.map((subset) => ({
        ...subset,
        ...(subset.addresses === undefined ? {} : { addresses: subset.addresses.map((address) => withPod(address, podName)) }),
        ...(subset.notReadyAddresses === undefined ? {} : { notReadyAddresses: subset.notReadyAddresses.map((address) => withPod(address, podName)) })
      }))
    })
  }
}

/** The registry says `service/id` of an instance, Kubernetes the name of its pod. */
function withPod<Of extends { readonly targetRef?: { readonly kind?: string, readonly name?: string } }> (of: Of, podName: PodNames): Of {
  const { targetRef } = of
  if (targetRef?.kind !== 'Pod' || targetRef.name === undefined) return of
  const name = podName(targetRef.name)
  return name === undefined ? without(of, 'targetRef') as Of : { ...of, targetRef: { ...targetRef, name } } // it may be absent
}

/** A namespace that is there because something is in it. */
export function implicitNamespaceObject (name: string, createdAt: string, revision: number): KubeObject {
  const manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, namespace: '' } } as const
  const object = derivedObject(manifest, { revision, createdAt, uid: derivedUid('Namespace', name) }, true)
  return { ...object, metadata: { ...object.metadata, labels: { 'kubernetes.io/metadata.name': name } } }
}
