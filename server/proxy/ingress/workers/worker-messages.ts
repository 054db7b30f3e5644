// What a worker of the ingress is told by the agent, and tells it. They travel between processes as structured clones; a listening socket
// travels beside its message.
import type { Ingress, IngressClass } from '../../../../client-sdk/src/ingress-manifests.ts'
import type { ServerLimits, Pair } from '../listen/ingress-servers.ts'
import type { IngressFigures, IngressTimeouts, ServiceState } from '../ports.ts'
import type { Machine } from '../../machine.ts'

export interface WorkerSettings {
  readonly place: number
  readonly machine: Machine
  /** Networks in CIDR form. */
  readonly trusted: readonly string[]
  readonly proxied: readonly string[]
  readonly allowExternalNames: boolean
  readonly timeouts: Partial<IngressTimeouts>
  readonly limits: ServerLimits
  /** Share of requests in the access log; undefined: there is none. */
  readonly accessSample: number | undefined
  readonly logLevel: string
}

/** Certificates by secret (`namespace/name`), and that of every other name. */
export interface WorkerCertificates {
  readonly bySecret: ReadonlyMap<string, Pair>
  readonly other: Pair | undefined
  readonly ticketKeys: Uint8Array
}

/** What has changed since the message before. With `isAll` it is everything, and what is not in it is gone. */
export interface StateChanges {
  readonly isAll: boolean
  readonly ingresses: readonly Ingress[]
  readonly classes: readonly IngressClass[]
  readonly services: readonly ServiceState[]
  /** What is gone: `namespace/name`, of a class its name. */
  readonly gone: { readonly ingresses: readonly string[], readonly classes: readonly string[], readonly services: readonly string[] }
  readonly certificates?: WorkerCertificates
}

export type WorkerOrder =
  | { readonly type: 'begin', readonly settings: WorkerSettings }
  /** The next state. It is answered with `taken`. */
  | { readonly type: 'state', readonly changes: StateChanges }
  /** With a bound socket. */
  | { readonly type: 'listen', readonly id: string, readonly scheme: 'http' | 'https' }
  /** Listens there no more: whose socket it is has come back. */
  | { readonly type: 'leave', readonly id: string }
  | { readonly type: 'figures', readonly id: number }
  | { readonly type: 'end', readonly graceMs: number }

/** Counted at the listeners of one worker. */
export interface ListenerFigures {
  readonly connections: number
  readonly accepted: number
  readonly handshakes: Readonly<Record<string, number>>
  /** Connections that were closed for their PROXY protocol header. */
  readonly headersRefused: number
}

export interface WorkerFigures {
  readonly engine: IngressFigures
  readonly listeners: ListenerFigures
}

export type WorkerWord =
  /** It wants its settings. */
  | { readonly type: 'started' }
  | { readonly type: 'taken' }
  | { readonly type: 'listening', readonly id: string }
  | { readonly type: 'figures', readonly id: number, readonly figures: WorkerFigures }
