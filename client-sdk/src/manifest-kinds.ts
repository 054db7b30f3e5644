// All kinds of manifests, and what each of them is called.
import type { HorizontalPodAutoscaler } from './autoscaling-manifests.ts'
import type { Ingress, IngressClass, Secret } from './ingress-manifests.ts'
import type { Endpoints, EndpointSlice, Namespace, Policy, Service } from './manifests.ts'

export type Manifest =
  | Service | EndpointSlice | Endpoints | Namespace | Policy | Ingress | IngressClass | Secret | HorizontalPodAutoscaler

export interface KindNames {
  /** The one version that is stored. */
  readonly apiVersion: string
  /** Of many of them, in paths: `services`. */
  readonly plural: string
  /** Objects of it are of no namespace. */
  readonly isGlobal: boolean
}

/** The kinds that can be applied. A List is expanded before. */
export const manifestKinds = {
  Namespace: { apiVersion: 'v1', plural: 'namespaces', isGlobal: true },
  Service: { apiVersion: 'v1', plural: 'services', isGlobal: false },
  Endpoints: { apiVersion: 'v1', plural: 'endpoints', isGlobal: false },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', plural: 'endpointslices', isGlobal: false },
  Policy: { apiVersion: 'rollcall.dev/v1', plural: 'policies', isGlobal: true },
  Ingress: { apiVersion: 'networking.k8s.io/v1', plural: 'ingresses', isGlobal: false },
  IngressClass: { apiVersion: 'networking.k8s.io/v1', plural: 'ingressclasses', isGlobal: true },
  Secret: { apiVersion: 'v1', plural: 'secrets', isGlobal: false },
  HorizontalPodAutoscaler: { apiVersion: 'autoscaling/v2', plural: 'horizontalpodautoscalers', isGlobal: false }
} as const satisfies Record<Manifest['kind'], KindNames>

export type GlobalKind = { [Kind in Manifest['kind']]: (typeof manifestKinds)[Kind]['isGlobal'] extends true ? Kind : never }[Manifest['kind']]

/** The version of each kind. */
export const apiVersions: Readonly<Record<Manifest['kind'], string>> =
  Object.fromEntries(Object.entries(manifestKinds).map(([kind, { apiVersion }]) => [kind, apiVersion])) as Record<Manifest['kind'], string> // the same keys

/** Kinds whose objects are of no namespace. */
export function isGlobalKind (kind: Manifest['kind']): kind is GlobalKind {
  return manifestKinds[kind].isGlobal
}
