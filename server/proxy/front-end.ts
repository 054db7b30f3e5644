// The desired state of a machine: where connections are accepted, and which endpoints they may be carried to.
import type { Family } from '../model/address/ranges.ts'

export type Transport = 'tcp' | 'udp' | 'sctp'

/** What an address of a service is (Kubernetes Service.spec and status). */
export type FrontEndKind = 'cluster-ip' | 'node-port' | 'load-balancer' | 'external-ip'

/** An endpoint that a connection may be carried to. */
export interface Target {
  /** Canonical. */
  readonly address: string
  readonly port: number
  /** Its share of new connections, above 0. */
  readonly weight: number
}

/** Where the connections of one kind of client go. */
export interface Choice {
  readonly targets: readonly Target[]
  /** Without a target: `refuse` tells the client at once (RST, ICMP), `drop` tells nothing. */
  readonly whenNone: 'refuse' | 'drop'
  /** The endpoint sees the client's own address (`externalTrafficPolicy: Local`). */
  readonly keepSource: boolean
}

export interface FrontEnd {
  readonly family: Family
  /** Canonical. */
  readonly address: string
  readonly port: number
  readonly transport: Transport
  readonly kind: FrontEndKind
  /** `namespace/name` of the service, for people. */
  readonly service: string
  /** For connections of other machines. */
  readonly outside: Choice
  /** For connections of programs on this machine; the same object as `outside` where the rules are the same. */
  readonly inside: Choice
  /** `sessionAffinity: ClientIP`: so many seconds a client stays with its endpoint. Absent: it doesn't. */
  readonly affinitySeconds?: number
  /** How long connections to an endpoint that has left may go on; absent: as long as they like. */
  readonly drainLimitMs?: number
  /** Networks that may connect (`loadBalancerSourceRanges`), canonical. Absent: all. */
  readonly sources?: readonly string[]
}

/** Something of a service that is not carried, and why. */
export interface Condition {
  readonly service: string
  readonly reason: 'Unreadable' | 'EndpointRefused' | 'AddressRefused' | 'AddressTaken' | 'TooLarge' | 'NodePortTaken' | 'NoSuchProtocol' |
    'NotAnnounced' | 'AddressForeign'
  /** A sentence. */
  readonly message: string
}

export interface HealthCheck {
  readonly namespace: string
  readonly name: string
  readonly port: number
  readonly localEndpoints: number
}

/** What one machine carries of one service. */
export interface Carried {
  /** Where balancers ask whether this machine has an endpoint (`healthCheckNodePort`), and how many it has. */
  readonly healthCheck?: HealthCheck
  readonly frontEnds: readonly FrontEnd[]
  readonly conditions: readonly Condition[]
}

/** Names a front end: no two of a machine have the same. */
export function frontEndKey ({ address, transport, port }: Pick<FrontEnd, 'address' | 'transport' | 'port'>): string {
  return `${address} ${transport} ${port}`
}
