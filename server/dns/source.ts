// What DNS needs of the core, and nothing else of it: reads of services, endpoints, addresses and annotations, where the view stands,
// and to hear of changes. The registry's feed is one, and so is its mirror in a thread. No other file of dns/ knows the registry.
import type { Endpoint } from '../../client-sdk/src/wire.ts'
import type { EndpointSet } from '../model/instance/endpoints.ts'
import type { Labels, Service } from '../model/service/types.ts'
import type { Commands, CorePosition, Reads } from '../registry/core.ts'

/** The registry as answers are made of it. */
export interface DnsSource {
  /** False before the first full load. */
  readonly loaded: boolean
  /** Grows with each change; the serial of every zone. */
  readonly revision: number
  /** 0 while the store is there, else how long it has been away. */
  readonly staleSeconds: number
  /** Asked for with every question: after a resynchronisation it is another object. */
  readonly catalog: DnsCatalog
  /**
   * Tells of each service whose answers may be others from now on, before anything else is answered; undefined = of all services of the
   * namespace. Of another catalog it tells nothing. Gives a function that ends it. Without it plans are kept for one revision.
   */
  onTouched? (tell: TouchedListener): () => void
}

/** Told of a service that changed, or came or went. */
export type TouchedListener = (namespace: string, service: string | undefined) => void

/** Everything that is registered, declared and given. */
export interface DnsCatalog {
  hasNamespace (namespace: string): boolean
  /** Of the namespace's manifest: defaults of its services. The same object until it is declared anew. */
  namespaceAnnotations (namespace: string): Labels | undefined
  /** In order; the same list until one comes or goes. */
  namespaces (): readonly string[]
  /** In order, declared and implicit; the same list until one comes or goes. */
  services (namespace: string): readonly string[]
  /** Of a declared or an implicit service. The same object until they change. */
  endpoints (namespace: string, service: string): EndpointSet | undefined
  /** A declared service; it hides the implicit one of the same name. */
  declared (namespace: string, service: string): DeclaredService | undefined
  /** A lasting object of the store by its key: the secret of cookies. The same object until it changes. */
  object (key: string): SourceObject | undefined
  readonly addresses: AddressSource
}

export interface SourceObject {
  readonly body: string
}

/** Each part is the same object until it changes: answers are kept with the part that they were made from, not with the whole. */
export interface DeclaredService {
  /** As stored: with its defaults and cluster IPs. */
  readonly manifest: Service
  readonly endpoints: EndpointSet
}

/** Which services and instances have an address. */
export interface AddressSource {
  /** The declared services that have a cluster IP. */
  byClusterIp (address: string): readonly ServiceOfAddress[]
  /** The answered endpoints at an address. @param limit how many holders of the address are read at most */
  endpointsAt (address: string, limit: number): EndpointsOfAddress
  /** Whether an instance of a namespace has the address, with any status. */
  hasInstance (namespace: string, address: string): boolean
  /** Whether anything has an address whose key begins so, answered or not. */
  hasWithin (prefix: string): boolean
}

export interface ServiceOfAddress {
  readonly namespace: string
  readonly name: string
  /** Of a declared service. */
  readonly manifest?: Service
}

export interface EndpointsOfAddress {
  readonly services: ReadonlyMap<ServiceOfAddress, ReadonlySet<Endpoint>>
  /** More instances have it than were read. */
  readonly isCut: boolean
}

/** What a transfer needs beside answers. */
export interface TransferSource extends DnsSource {
  /** Revisions of different epochs have nothing to do with each other. */
  readonly epoch: string
  /** Resolves when everything that is read is of one revision; undefined, or absent = it is. */
  readonly settled?: Promise<void> | undefined
}

/** Tells of changes, so that secondaries can be notified. */
export interface FollowedSource extends TransferSource {
  /** Gives a function that ends it. */
  listen (listener: SourceListener): () => void
  /** Calls back as soon as the revision is applied, at once if it is. Gives a function that gives up waiting. */
  whenApplied (revision: number, done: () => void): () => void
}

export interface SourceListener {
  /** Of the listener, for what goes wrong in it. */
  readonly name?: string
  changed? (): void
  /** The whole view may differ. */
  reset? (): void
  /** The catalog is another one. */
  loaded? (): void
}

/** Where the secret of cookies is kept, as the node itself has it. */
export type SecretCore = Pick<Reads & Commands, 'secret' | 'keepSecret'>

export type SourcePosition = Pick<CorePosition, 'loaded'>
