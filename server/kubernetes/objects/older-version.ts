// EndpointSlices as discovery.k8s.io/v1beta1 has them: kubectl 1.20 describes one in this version, and knows no other.
import { type Kind, apiVersionOf } from '../kinds.ts'
import type { KubeObject } from './meta.ts'

interface SliceEndpoint {
  readonly nodeName?: string
  readonly zone?: string
  readonly [field: string]: unknown
}

/** An object in the version in which it is asked for. */
export function inVersion (kind: Kind, object: KubeObject): KubeObject {
  if (kind.olderThan === undefined) return object
  const endpoints = (object['endpoints'] as readonly SliceEndpoint[] | undefined ?? []).map(olderEndpoint) // the only such kind
  return { ...object, apiVersion: apiVersionOf(kind), endpoints }
}

/** Where an endpoint is was a map of its own. */
function olderEndpoint ({ zone, ...endpoint }: SliceEndpoint): object {
  const topology = {
    ...(endpoint.nodeName === undefined ? {} : { 'kubernetes.io/hostname': endpoint.nodeName }),
    ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone })
  }
  return Object.keys(topology).length === 0 ? endpoint : { ...endpoint, topology }
}
