// The sources of all kinds, by their qualified names.
import type { Access } from '../../registry/core.ts'
import type { Source } from '../shelf/source.ts'
import { DeploymentSource, LeaseSource, type NodeSource, PodSource } from './instances.ts'
import type { PodIndex } from './pod-index.ts'
import { EndpointsSource, ServiceSource, SliceSource } from './services.ts'
import { EventSource, NamespaceSource, PolicySource } from './spaces.ts'

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
    ['policies.rollcall.dev', new PolicySource(core)]
  ])
}
