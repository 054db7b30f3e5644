// The name of a service, and of the transports that names of its ports stand below.
import type { Zone } from './zone.ts'

export type TransportName = 'TCP' | 'UDP' | 'SCTP'

export interface ServiceName {
  readonly zone: Zone
  readonly namespace: string
  readonly service: string
}

/** By the label that ports of a transport are below. */
export const transports: ReadonlyMap<string, TransportName> = new Map([['_tcp', 'TCP'], ['_udp', 'UDP'], ['_sctp', 'SCTP']])
