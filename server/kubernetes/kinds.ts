// The kinds that are served, as discovery tells them and as paths name them. A new kind is a line here, an object in objects/ and its
// columns in table/.

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

export interface Subresource {
  readonly name: 'status' | 'scale'
  /** What is answered there; of `status` the object itself. */
  readonly kind: string
  readonly group: string
  readonly version: string
  readonly verbs: readonly Verb[]
}

export interface Kind {
  /** `` for the core group. */
  readonly group: string
  readonly version: string
  /** As in paths: `services`. */
  readonly resource: string
  readonly singular: string
  readonly kind: string
  readonly namespaced: boolean
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly verbs: readonly Verb[]
  readonly subresources: readonly Subresource[]
  /** Objects of it are stored as they are written; else they are derived from what is registered. */
  readonly isStored: boolean
  /** Set of a version that is only read, by clients that know no newer one: the version that it is another form of. */
  readonly olderThan?: string
  /** Why a derived one is not written. */
  readonly derivedFrom?: string
}

const stored: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const readOnly: readonly Verb[] = ['get', 'list', 'watch']

type Given = Pick<Kind, 'resource' | 'kind'> & Partial<Omit<Kind, 'resource' | 'kind'>>

function kind (given: Given): Kind {
  const isStored = given.isStored ?? false
  return {
    group: '', version: 'v1', singular: given.kind.toLowerCase(), namespaced: true, shortNames: [], categories: [],
    verbs: isStored ? stored : readOnly, subresources: [], ...given, isStored
  }
}

const status = (name: string, verbs: readonly Verb[] = ['get', 'patch', 'update']): Subresource => ({ name: 'status', kind: name, group: '', version: '', verbs })

export const kinds: readonly Kind[] = [
  kind({ resource: 'services', kind: 'Service', shortNames: ['svc'], categories: ['all'], isStored: true, subresources: [status('Service')] }),
  kind({ resource: 'endpoints', kind: 'Endpoints', shortNames: ['ep'], isStored: true }),
  kind({ resource: 'namespaces', kind: 'Namespace', namespaced: false, shortNames: ['ns'], isStored: true, subresources: [status('Namespace')] }),
  kind({
    resource: 'pods', kind: 'Pod', shortNames: ['po'], categories: ['all'], verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'watch'],
    subresources: [status('Pod', ['get'])],
    derivedFrom: 'a pod is an instance that registered itself: its process changes it. It can be deleted (which deregisters it), and its labels can be changed'
  }),
  kind({ resource: 'nodes', kind: 'Node', namespaced: false, shortNames: ['no'], subresources: [status('Node', ['get'])], derivedFrom: 'a node is there because an agent or instances are on it' }),
  kind({ resource: 'events', kind: 'Event', shortNames: ['ev'], derivedFrom: 'the registry writes its events itself' }),
  kind({
    group: 'apps', resource: 'deployments', kind: 'Deployment', shortNames: ['deploy'], categories: ['all'],
    subresources: [status('Deployment', ['get']), { name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] }],
    derivedFrom: 'a deployment is what instances have in common: the registry starts and stops no processes'
  }),
  kind({ group: 'discovery.k8s.io', resource: 'endpointslices', kind: 'EndpointSlice', isStored: true }),
  kind({
    group: 'discovery.k8s.io', version: 'v1beta1', resource: 'endpointslices', kind: 'EndpointSlice', verbs: ['get', 'list'], olderThan: 'v1',
    derivedFrom: 'this version can only be read: write discovery.k8s.io/v1'
  }),
  kind({ resource: 'secrets', kind: 'Secret', isStored: true }),
  kind({ group: 'networking.k8s.io', resource: 'ingresses', kind: 'Ingress', shortNames: ['ing'], isStored: true, subresources: [status('Ingress')] }),
  kind({ group: 'networking.k8s.io', resource: 'ingressclasses', kind: 'IngressClass', namespaced: false, isStored: true }),
  kind({
    group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers', kind: 'HorizontalPodAutoscaler', shortNames: ['hpa'], categories: ['all'],
    isStored: true, subresources: [status('HorizontalPodAutoscaler')]
  }),
  kind({ group: 'coordination.k8s.io', resource: 'leases', kind: 'Lease', derivedFrom: 'a lease is kept by the heartbeats of its instance' }),
  kind({ group: 'metrics.k8s.io', version: 'v1beta1', resource: 'nodes', kind: 'NodeMetrics', singular: '', namespaced: false, verbs: ['get', 'list'], derivedFrom: 'loads are told by heartbeats' }),
  kind({ group: 'metrics.k8s.io', version: 'v1beta1', resource: 'pods', kind: 'PodMetrics', singular: '', verbs: ['get', 'list'], derivedFrom: 'loads are told by heartbeats' }),
  kind({ group: 'authentication.k8s.io', resource: 'selfsubjectreviews', kind: 'SelfSubjectReview', namespaced: false, verbs: ['create'] }),
  kind({ group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview', namespaced: false, verbs: ['create'] }),
  kind({ group: 'rollcall.dev', resource: 'policies', kind: 'Policy', namespaced: false, isStored: true })
]

const byPath = new Map(kinds.map((each) => [`${each.group}/${each.version}/${each.resource}`, each]))

export function kindAt (group: string, version: string, resource: string): Kind | undefined {
  return byPath.get(`${group}/${version}/${resource}`)
}

/** `v1`, `apps/v1`: as objects carry it. */
export function apiVersionOf ({ group, version }: Pick<Kind, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`
}

/** `services`, `deployments.apps`: as messages name it. */
export function qualifiedName ({ group, resource }: Pick<Kind, 'group' | 'resource'>): string {
  return group === '' ? resource : `${resource}.${group}`
}

/** The groups beside the core one, in the order of their first kinds, and their versions. */
export const groups: readonly { readonly name: string, readonly versions: readonly string[] }[] =
  [...Map.groupBy(kinds.filter(({ group }) => group !== ''), ({ group }) => group)].map(([name, of]) => ({ name, versions: [...new Set(of.map(({ version }) => version))] }))
