// What the ingress engine needs and gives, as types: the objects that it routes by, what the listeners tell of a connection, what it counts.
// It knows neither how objects arrive nor who listens: the agent puts state in, the listeners hand requests over.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Ingress, IngressClass } from '../../../client-sdk/src/ingress-manifests.ts'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import type { AddressRange } from '../../model/address/ranges.ts'
import type { Service } from '../../model/service/types.ts'
import type { Machine } from '../machine.ts'

/** A service as `view: endpoints` tells of it: a `ServiceEndpoints` frame is one. */
export interface ServiceState {
  readonly namespace: string
  /** The name of the service. */
  readonly service: string
  /** Absent for an implicit service: its ports are those of its endpoints, by name or number. */
  readonly manifest?: Service
  readonly endpoints: readonly Endpoint[]
}

/** Everything that the engine knows. */
export interface IngressState {
  readonly ingresses: readonly Ingress[]
  readonly classes: readonly IngressClass[]
  /** By `namespace/name`. */
  readonly services: ReadonlyMap<string, ServiceState>
}

/** What a listener knows of the connection that a request came over. One object for each connection: the engine keeps notes by it. */
export interface ConnectionFacts {
  readonly scheme: 'http' | 'https'
  /** The name that the client asked for in its TLS greeting, lower case. Absent: it asked for none, or there is no TLS. */
  readonly sni?: string
  /** Canonical: of the PROXY protocol where a balancer stands in front, else of the socket. */
  readonly clientAddress: string
  readonly clientPort: number
  /** The port that the client has connected to: of the PROXY protocol, else of the listener. */
  readonly localPort: number
}

export type EngineRequest = IncomingMessage | Http2ServerRequest
export type EngineResponse = ServerResponse | Http2ServerResponse

/** Milliseconds. */
export interface IngressTimeouts {
  readonly connectMs: number
  /** From the request (or the last octet of its body) to the head of the response; an ingress has its own by annotation. */
  readonly responseMs: number
  /** Without an octet of a body, in either direction. Streams of events and gRPC have no such limit. */
  readonly bodyIdleMs: number
  /** An unused connection to an endpoint that does not say how long it keeps one. */
  readonly upstreamIdleMs: number
}

export interface IngressLimits {
  readonly headBytes: number
  /** Requests and upgraded connections at once, in this process. */
  readonly exchanges: number
  /** Connections to one endpoint at once, in this process; more requests go to another one, or get 503. */
  readonly endpointConnections: number
}

/** One line of the access log: plain values, ready for JSON. */
export interface AccessRecord {
  readonly time: string
  readonly id: string
  readonly client: string
  readonly scheme: 'http' | 'https'
  readonly protocol: string
  readonly method: string
  readonly host: string
  /** As sent, without the query: that may hold secrets. */
  readonly path: string
  readonly status: number
  /** Why the ingress answered by itself; absent: an endpoint answered. */
  readonly reason?: string
  readonly ingress?: string
  readonly service?: string
  readonly endpoint?: string
  readonly retries: number
  readonly ms: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly userAgent?: string
}

export interface EngineOptions {
  readonly clock: Clock
  readonly guard: Guard
  /** From 0 to below 1. */
  readonly random: () => number
  /** With `takesLoopback` where services of this machine at 127.0.0.1 may be called. */
  readonly machine: Machine
  /** Proxies in front whose X-Forwarded-* and request ids are believed. */
  readonly trusted: readonly AddressRange[]
  /** Whether backends of type ExternalName are called: they lead wherever a manifest says. Default false. */
  readonly allowExternalNames?: boolean
  readonly timeouts?: Partial<IngressTimeouts>
  readonly limits?: Partial<IngressLimits>
  readonly accessLog?: {
    /** Share of requests that are told, 0 to 1. What the ingress refused with 5xx is always told. */
    readonly sample: number
    readonly write: (record: AccessRecord) => void
  }
}

/** Counted by one engine, in plain numbers: those of several processes can be added (`sumFigures`). */
export interface IngressFigures {
  /** `namespace/ingress namespace/service code`; `-` where there is none. */
  readonly requests: Readonly<Record<string, number>>
  /** `namespace/ingress` -> how many took at most so long (`latencyBounds`), the last but one above all bounds, the last the sum in seconds. */
  readonly latency: Readonly<Record<string, readonly number[]>>
  /** Refusals and failures that the ingress answered, by its reason. */
  readonly reasons: Readonly<Record<string, number>>
  /** By service: open now. */
  readonly upstreamConnections: Readonly<Record<string, number>>
  /** By service: opened since the start. */
  readonly upstreamConnects: Readonly<Record<string, number>>
  readonly retries: Readonly<Record<string, number>>
  readonly ejections: Readonly<Record<string, number>>
  /** By service: endpoints that get no requests now, because they failed. */
  readonly ejected: Readonly<Record<string, number>>
  /** WebSockets and other upgraded connections that are open. */
  readonly upgraded: number
  /** Requests that are being answered. */
  readonly active: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Something of an ingress that is not served as it says, and why: for its events and status. */
export interface IngressNotice {
  /** `namespace/name`. */
  readonly ingress: string
  readonly reason: 'PathTaken' | 'NoSuchService' | 'NoSuchPort' | 'NoEndpoints' | 'ExternalNameRefused' | 'ProtocolNotSpoken' | 'ClassNotServed' | 'TooManyRules'
  /** A sentence. */
  readonly message: string
}

/** Which rule answers a request, and who would be asked. */
export interface RouteExplanation {
  readonly url: string
  readonly method: string
  /** What the ingress answers by itself; absent: it asks an endpoint. */
  readonly answer?: { readonly status: number, readonly reason: string, readonly message: string, readonly location?: string }
  readonly ingress?: string
  /** The rule's own words; absent for a default backend. */
  readonly rule?: { readonly host: string, readonly path: string, readonly pathType: string }
  readonly isDefaultBackend?: boolean
  readonly service?: string
  readonly port?: number | string
  /** The path that the endpoint gets. */
  readonly forwardedPath?: string
  readonly endpoints: readonly {
    readonly id: string, readonly address: string, readonly port: number
    /** Its part of the requests, 0 to 1. */
    readonly share: number
    /** Why it gets none, or anything else to know. */
    readonly note?: string
  }[]
  /** Other rules that were looked at and lost, and why; the other service of a canary. */
  readonly notes: readonly string[]
}

/** What happens with requests. Made by `new IngressEngine(options)` of engine.ts. */
export interface Engine {
  /** The whole state at once: what is not in it goes. */
  setState: (state: IngressState) => void
  putIngress: (ingress: Ingress) => void
  removeIngress: (namespace: string, name: string) => void
  putClass: (ingressClass: IngressClass) => void
  removeClass: (name: string) => void
  /** New endpoints rebuild no route. */
  putService: (service: ServiceState) => void
  removeService: (namespace: string, name: string) => void
  /** Answers a request, whatever becomes of it. Also for `checkContinue` and `checkExpectation`. */
  handle: (request: EngineRequest, response: EngineResponse, facts: ConnectionFacts) => void
  /** Whether a request that asks for an upgrade gets one (a server's `shouldUpgradeCallback`): h2c does not, and is answered as a plain request. */
  isUpgrade: (request: IncomingMessage) => boolean
  /** For a server's `upgrade`. */
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, facts: ConnectionFacts) => void
  /** For a server's `clientError`: what its parser refused, answered by 400, 408 or 431. */
  clientError: (error: Error & { readonly code?: string }, socket: Duplex) => void
  /** Which secret (`namespace/name`) holds the certificate of a host, by `spec.tls` of the ingresses; undefined: the default certificate. */
  secretOf: (host: string) => string | undefined
  /** Every secret that an ingress names, `namespace/name`. */
  secrets: () => ReadonlySet<string>
  notices: () => readonly IngressNotice[]
  explain: (url: string, method: string, headers?: Readonly<Record<string, string>>) => RouteExplanation
  figures: () => IngressFigures
  /** Takes no new requests on connections that are there (they get `Connection: close`), waits, then cuts what is left. Resolves when all is gone. */
  close: (graceMs: number) => Promise<void>
}

/** What `serveWith` of server-handlers.ts needs from a listener. */
export type FactsOf = (socket: Socket) => ConnectionFacts
