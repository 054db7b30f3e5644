// Endpoints: what a caller needs of the instances of a service.
import type { Conditions, Port, Status } from './instance.ts'

/** A port as a caller needs it. `appProtocol` is the declared service's word on what is spoken there. */
export interface EndpointPort extends Port {
  readonly appProtocol?: string
}

/** What a caller needs of one instance: derived, never stored. */
export interface Endpoint {
  readonly id: string
  /** The service that the instance registered under, where a declared service may select from several: ids are unique within it. */
  readonly service?: string
  readonly address: string
  /** With a declared service: its ports by their names, each with the number that it has on this instance. */
  readonly ports: readonly EndpointPort[]
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
  readonly status: Status
  readonly suspect: boolean
  readonly conditions: Conditions
}

/** The answer to "who serves this?". */
export interface EndpointsAnswer {
  readonly namespace: string
  readonly service: string
  /** The cursor of the service's last change. */
  readonly revision: string
  /** True when every instance that could serve is suspect, and they are answered all the same. */
  readonly failOpen: boolean
  /**
   * The service is declared: its endpoints are not simply the instances that a watch of it shows. Absent for an
   * implicit one.
   */
  readonly declared?: true
  readonly endpoints: readonly Endpoint[]
}
