// What lists hold: services, namespaces, overrides, hand-made endpoints, and the page of any list.
import type { Endpoints, EndpointSlice, Namespace, Service } from '../manifests.ts'
import type { Override, Status } from './instance.ts'

export interface ServiceSummary {
  readonly namespace: string
  readonly name: string
  /** It is not declared: it exists because instances registered under its name. */
  readonly implicit: boolean
  readonly instances: { readonly total: number, readonly ready: number, readonly suspect: number } & Readonly<Record<Status, number>>
  /** What callers get: of a declared service the instances that it selects and can use, or hand-written endpoints. */
  readonly endpoints: { readonly total: number, readonly ready: number }
  /** When it was declared; of an implicit one, when the oldest of its instances registered. */
  readonly createdAt: string
  /** Since when removal of its suspects is held back, and absent otherwise. */
  readonly protectedSince?: string
  /** The declared service: the manifest that was applied, with what was allocated. Absent for an implicit one. */
  readonly manifest?: Service
  /**
   * Where one service is read: addresses and node ports that it has and that are in no range of the asked node, for people.
   * Absent if all are.
   */
  readonly warnings?: readonly string[]
  readonly revision: number
}

export interface NamespaceSummary {
  readonly name: string
  readonly services: number
  readonly instances: number
  /** Its manifest, where one namespace is read. Absent for one that exists because something is in it. */
  readonly manifest?: Namespace
}

/** An override, as the list of all of them shows it. */
export interface ListedOverride {
  readonly namespace: string
  readonly service: string
  readonly id: string
  /** Whether the instance is registered now. */
  readonly registered: boolean
  /** Since when it is not, as far as this node knows. */
  readonly absentSince?: string
  readonly override: Override
}

/**
 * Whether hand-made endpoints are their service's; if not, why: no such service is declared, it has a selector or is an
 * ExternalName, or the slice mirrors an Endpoints object, which counts instead.
 */
export type HandMadeUse = 'used' | 'undeclared' | 'selector' | 'externalName' | 'mirror'

/** An EndpointSlice or Endpoints that was applied by hand, whether or not its service exists. */
export interface HandMadeEndpoints {
  readonly namespace: string
  readonly kind: 'EndpointSlice' | 'Endpoints'
  readonly name: string
  /** The service that it was made for. */
  readonly service: string
  readonly use: HandMadeUse
  readonly manifest: EndpointSlice | Endpoints
}

export interface Page<Item> {
  readonly revision: string
  readonly items: readonly Item[]
  /** Pass it back as `?cursor=`; absent on the last page. */
  readonly next?: string
}
