// The objects of the Kubernetes Service model, as types only: this file imports nothing, so that the SDK can publish it as it is.
// What is optional here is absent when it is empty or has no meaning for the type; it is never null.

export type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
export type TransportProtocol = 'TCP' | 'UDP' | 'SCTP'
export type IpFamily = 'IPv4' | 'IPv6'
export type IpFamilyPolicy = 'SingleStack' | 'PreferDualStack' | 'RequireDualStack'
export type TrafficPolicy = 'Cluster' | 'Local'
export type TrafficDistribution = 'PreferClose' | 'PreferSameZone' | 'PreferSameNode'
export type Labels = Readonly<Record<string, string>>

export interface ObjectMeta {
  readonly name: string
  readonly namespace: string
  readonly labels?: Labels
  readonly annotations?: Labels
  /** The four below are the registry's: a manifest may carry them, as an exported one does. */
  readonly uid?: string
  readonly creationTimestamp?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly generateName?: string
}

export interface ServicePort {
  /** Absent = unnamed, which only a single port may be. */
  readonly name?: string
  readonly protocol: TransportProtocol
  readonly port: number
  /** A number, or the name of a port of the instance. */
  readonly targetPort: number | string
  readonly nodePort?: number
  readonly appProtocol?: string
}

export interface ServiceSpec {
  readonly type: ServiceType
  readonly ports?: readonly ServicePort[]
  /** Absent: the endpoints are made by hand. */
  readonly selector?: Labels
  /** `None` = headless. */
  readonly clusterIP?: string
  readonly clusterIPs?: readonly string[]
  readonly ipFamilyPolicy?: IpFamilyPolicy
  readonly ipFamilies?: readonly IpFamily[]
  readonly sessionAffinity: 'None' | 'ClientIP'
  readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } }
  readonly internalTrafficPolicy?: TrafficPolicy
  readonly externalTrafficPolicy?: TrafficPolicy
  readonly healthCheckNodePort?: number
  readonly allocateLoadBalancerNodePorts?: boolean
  readonly loadBalancerClass?: string
  readonly loadBalancerIP?: string
  readonly loadBalancerSourceRanges?: readonly string[]
  readonly externalIPs?: readonly string[]
  readonly externalName?: string
  readonly publishNotReadyAddresses?: true
  readonly trafficDistribution?: TrafficDistribution
}

export interface LoadBalancerIngress {
  readonly ip?: string
  readonly ipMode?: 'VIP' | 'Proxy'
  readonly hostname?: string
}

export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  readonly lastTransitionTime?: string
}

export interface ServiceStatus {
  readonly loadBalancer: { readonly ingress?: readonly LoadBalancerIngress[] }
  readonly conditions?: readonly Condition[]
}

export interface Service {
  readonly apiVersion: 'v1'
  readonly kind: 'Service'
  readonly metadata: ObjectMeta
  readonly spec: ServiceSpec
  readonly status?: ServiceStatus
}

/** `port` absent means all ports of the endpoint. */
export interface SlicePort {
  readonly name?: string
  readonly protocol: TransportProtocol
  readonly port?: number
  readonly appProtocol?: string
}

export interface ObjectReference {
  readonly apiVersion?: string
  readonly kind?: string
  readonly namespace?: string
  readonly name?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly fieldPath?: string
}

export interface SliceEndpoint {
  readonly addresses: readonly string[]
  /** A missing `ready` is true, a missing `serving` as ready, a missing `terminating` false. */
  readonly conditions?: { readonly ready?: boolean, readonly serving?: boolean, readonly terminating?: boolean }
  readonly hostname?: string
  readonly targetRef?: ObjectReference
  readonly nodeName?: string
  readonly zone?: string
  readonly hints?: { readonly forZones?: readonly { readonly name: string }[], readonly forNodes?: readonly { readonly name: string }[] }
  readonly deprecatedTopology?: Labels
}

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

export interface EndpointSlice {
  readonly apiVersion: 'discovery.k8s.io/v1'
  readonly kind: 'EndpointSlice'
  readonly metadata: ObjectMeta & { readonly ownerReferences?: readonly OwnerReference[] }
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN'
  readonly endpoints: readonly SliceEndpoint[]
  readonly ports: readonly SlicePort[]
}

export interface EndpointAddress {
  readonly ip: string
  readonly hostname?: string
  readonly nodeName?: string
  readonly targetRef?: ObjectReference
}

export interface EndpointSubset {
  readonly addresses?: readonly EndpointAddress[]
  readonly notReadyAddresses?: readonly EndpointAddress[]
  readonly ports?: readonly { readonly name?: string, readonly protocol: TransportProtocol, readonly port: number, readonly appProtocol?: string }[]
}

/** The older form of hand-made endpoints; it has the name of its service. */
export interface Endpoints {
  readonly apiVersion: 'v1'
  readonly kind: 'Endpoints'
  readonly metadata: ObjectMeta
  readonly subsets?: readonly EndpointSubset[]
}

/** Has no namespace of its own: `metadata.namespace` is empty. */
export interface Namespace {
  readonly apiVersion: 'v1'
  readonly kind: 'Namespace'
  readonly metadata: ObjectMeta
}

/**
 * What a policy may permit. `register`: one's own instances; `operate`: everybody's (drain, weight, override); `declare`: services,
 * namespaces, endpoints by hand.
 */
export type Verb = 'read' | 'register' | 'operate' | 'declare' | 'metrics' | 'admin'
/** Verbs that go together: docs/reference/access.md has the table. */
export type Role = 'agent' | 'reader' | 'operator' | 'proxy' | 'admin'

/** Permits a role or some verbs on the services that fit. In a name `*` stands for any characters; reserved names must be written out. */
export interface PolicyRule {
  readonly role?: Role
  readonly verbs?: readonly Verb[]
  /** Required but with the role `admin` or the verbs `admin` and `metrics`, which have no namespace. */
  readonly namespaces?: readonly string[]
  /** Absent = all. */
  readonly services?: readonly string[]
  /** Networks whose addresses may be registered or declared; absent = all. */
  readonly addresses?: readonly string[]
}

export interface PolicySpec {
  /** Who: `anonymous`, `token:NAME`, `jwt:NAME`, `certificate:NAME`; `*` stands for any characters. */
  readonly subjects: readonly string[]
  readonly rules: readonly PolicyRule[]
}

/** Who may do what. Has no namespace, as a Namespace. What no policy permits is refused. */
export interface Policy {
  readonly apiVersion: 'rollcall.dev/v1'
  readonly kind: 'Policy'
  readonly metadata: ObjectMeta
  readonly spec: PolicySpec
}

export const verbs = ['read', 'register', 'operate', 'declare', 'metrics', 'admin'] as const satisfies readonly Verb[]
export const roles = ['agent', 'reader', 'operator', 'proxy', 'admin'] as const satisfies readonly Role[]

export const serviceTypes = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] as const satisfies readonly ServiceType[]
export const transportProtocols = ['SCTP', 'TCP', 'UDP'] as const satisfies readonly TransportProtocol[]
export const ipFamilies = ['IPv4', 'IPv6'] as const satisfies readonly IpFamily[]
export const ipFamilyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'] as const satisfies readonly IpFamilyPolicy[]
export const trafficPolicies = ['Cluster', 'Local'] as const satisfies readonly TrafficPolicy[]
export const trafficDistributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone'] as const satisfies readonly TrafficDistribution[]

/** Says of a slice which service it belongs to. */
export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const headlessLabel = 'service.kubernetes.io/headless'
/** `clusterIP` of a headless service. */
export const none = 'None'
