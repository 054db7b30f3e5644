// The sources of all kinds, by their qualified names.
import type { Access, ListedKind } from '../../registry/core.ts'
import type { Source } from '../shelf/source.ts'
import { DeploymentSource, LeaseSource, type NodeSource, PodSource } from './instances.ts'
import type { PodIndex } from './pod-index.ts'
import { EndpointsSource, ServiceSource, SliceSource } from './services.ts'
import { DeclaredSource, EventSource, NamespaceSource } from './spaces.ts'

const declared: readonly (readonly [string, ListedKind])[] = [
  ['policies.rollcall.dev', 'Policy'], ['ingresses.networking.k8s.io', 'Ingress'], ['ingressclasses.networking.k8s.io', 'IngressClass'], ['secrets', 'Secret'],
  ['horizontalpodautoscalers.autoscaling', 'HorizontalPodAutoscaler']
]

/** @param core everything of the registry: what a client may see is looked at when it asks */
export function sourcesOf (core: Access, pods: PodIndex, nodes: NodeSource): ReadonlyMap<string, Source> {
  return new Map<string, Source>([
    ['services', new ServiceSource(core)],
    ['endpoints', new EndpointsSource(core, pods)],
    ['endpointslices.discovery.k8s.io', new SliceSource(core, pods)],
    ['namespaces', new NamespaceSource(core)],
    ['pods', new PodSource(pods)],
    ['nodes', nodes],
    ['deployments.apps', new DeploymentSource(core)],
    ['leases.coordination.k8s.io', new LeaseSource(pods)],
    ['events', new EventSource(core, pods)],
    ...declared.map(([resource, kind]): [string, Source] => [resource, new DeclaredSource(core, kind)])
  ])
}
