// Instances: as they register, as they are changed, as the registry shows them.

/**
 * What an instance says of itself. Callers are sent to those that are `up` or `warning`; to a `draining` one if there
 * is no other.
 */
export type Status = 'starting' | 'up' | 'warning' | 'draining' | 'down'

export type Protocol = 'TCP' | 'UDP' | 'SCTP'

/** A port of an instance. `name` is `""` for an unnamed port; a named one is found by SRV as `_name._protocol`. */
export interface Port {
  readonly name: string
  readonly port: number
  readonly protocol: Protocol
}

/** As in a Kubernetes EndpointSlice. `serving`: it answers, also while it drains; `ready` = serving and not terminating. */
export interface Conditions {
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
}

/** An operator's word on an instance. It wins over what the instance says and survives its re-registration. */
export interface Override {
  readonly status?: 'draining' | 'down'
  readonly weight?: number
  readonly author: string
  readonly reason: string
  /** When it ends by itself; absent = until it is removed. */
  readonly until?: string
  readonly createdAt: string
}

/** One running copy of a service, as the registry shows it. */
export interface Instance {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly generation: string
  readonly address: string
  readonly ports: readonly Port[]
  readonly hostname?: string
  readonly labels: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
  readonly weight: number
  readonly priority: number
  readonly zone?: string
  readonly region?: string
  /** The machine that it runs on (an RFC 1123 subdomain), as in an EndpointSlice's `nodeName`. */
  readonly node?: string
  readonly version?: string
  /** The dialect that it registered in, as `eureka`. Absent for the registry's own API. */
  readonly source?: string
  /** The identity that registered it, as `token:web`: it alone may keep it. Absent without access control. */
  readonly owner?: string
  /** What the instance reported last. */
  readonly status: Status
  /** `override.status` if there is one, else `status`. */
  readonly effectiveStatus: Status
  /** True when the lease ran out or its session broke and the instance is not yet removed. */
  readonly suspect: boolean
  readonly conditions: Conditions
  readonly override?: Override
  readonly lease: { readonly ttlMs: number }
  readonly createdAt: string
  readonly updatedAt: string
  /** The revision of its last change. */
  readonly revision: number
  /** What its heartbeats said lately, through whichever node: only where one instance is read. No change, no revision. */
  readonly load?: Readonly<Record<string, LoadValue>>
}

/** The answer to a registration. */
export interface RegistrationAnswer extends Instance {
  /** What is odd about it, for people: it stands all the same. Absent if nothing is. */
  readonly warnings?: readonly string[]
}

/** A measure of one instance, of which the autoscaling advice is made. */
export interface LoadValue {
  readonly value: number
  /** What 100 % is. */
  readonly capacity?: number
}

/** The body of a registration. Only what has no default must be given; unknown fields are refused. */
export interface Registration {
  /** IPv4 or IPv6. Default: the address that the request comes from. */
  readonly address?: string
  readonly ports?: readonly { readonly name?: string, readonly port: number, readonly protocol?: Protocol }[]
  /** Names this life of the instance. Default: the known one, or a new random one. */
  readonly generation?: string
  readonly hostname?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly metadata?: Readonly<Record<string, string>>
  /** 0-65535, default 100. 0 = only when nothing else is left. */
  readonly weight?: number
  /** 0-65535, default 0. Lower is preferred, as in SRV (RFC 2782). */
  readonly priority?: number
  readonly zone?: string
  readonly region?: string
  /** The machine that it runs on (an RFC 1123 subdomain), as in an EndpointSlice's `nodeName`. */
  readonly node?: string
  readonly version?: string
  /** Default `up`. */
  readonly status?: Status
  /** `ttlMs` 1,000-86,400,000, default 15,000. */
  readonly lease?: { readonly ttlMs?: number }
}

/** A merge patch (RFC 7396): `null` removes a label or a metadata entry. */
export interface InstancePatch {
  readonly status?: Status
  readonly labels?: Readonly<Record<string, string | null>>
  readonly metadata?: Readonly<Record<string, string | null>>
  readonly weight?: number
}
