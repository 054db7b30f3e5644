// The state of a node and of its store.
import type { Status } from './instance.ts'

/** One cheap call for a dashboard: `GET /v1/overview`. */
export interface Overview {
  readonly node: string
  readonly version: string
  readonly epoch: string
  readonly revision: string
  readonly uptimeSeconds: number
  readonly namespaces: number
  readonly services: number
  /** By effective status. */
  readonly instances: { readonly total: number, readonly suspect: number } & Readonly<Record<Status, number>>
  readonly store: { readonly kind: string, readonly location: string, readonly available: boolean, readonly reason: string, readonly since: string }
  readonly protection: {
    /** Since when no suspect is removed anywhere; absent while removal runs. */
    readonly registrySince?: string
    /** Services whose suspects are kept, at most 100. */
    readonly services: readonly { readonly namespace: string, readonly service: string, readonly since: string }[]
    /** For how long nothing expires yet. */
    readonly holdMs: number
  }
  readonly watchers: { readonly connections: number, readonly subscriptions: number }
  /** Heartbeats that wait for the store to come back. */
  readonly rememberedHeartbeats: number
  /** Records of the store that cannot be read and are in no answer; at most 100 are named. */
  readonly unreadable: { readonly count: number, readonly records: readonly { readonly key: string, readonly reason: string }[] }
  /** EndpointSlices and Endpoints that were applied by hand, and how many of them are of services that are not declared. */
  readonly handMade: { readonly total: number, readonly undeclared: number }
  /** The nodes on the store, and where the ranges that they allocate from differ from this node's; at most 100 differences. */
  readonly ranges: { readonly nodes: number, readonly different: readonly RangeDifference[] }
}

/** A flag of another node that is not that of the node that was asked. */
export interface RangeDifference {
  /** The name of the other node. */
  readonly node: string
  readonly setting: 'service-cidr' | 'node-port-range' | 'load-balancer-pool'
  /** As the setting is written; empty if there is none. */
  readonly here: string
  readonly there: string
}

/** A record of the store that cannot be read, or breaks a rule: `GET /v1/unreadable`. */
export interface UnreadableRecord {
  /** `instance/namespace/service/id`, `lease/...` where that cannot be read, or the key of an object: `override/...`, `service/...`, `claim/...`. */
  readonly key: string
  readonly reason: string
  /** Of its last change; absent if that cannot be read either. */
  readonly revision?: number
  readonly updatedAt?: string
  /** How it begins. Empty for secrets. */
  readonly content: string
  /** Characters of all of it. */
  readonly length: number
}
