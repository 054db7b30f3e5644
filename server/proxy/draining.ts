// Connections that may go on for a while: what outlives the agent's process of them.
import { parseIp } from '../model/address/ranges.ts'

/** An endpoint that has left a front end (TCP), and until when its connections may go on. */
export interface Draining {
  readonly address: string
  readonly port: number
  readonly endpoint: string
  readonly endpointPort: number
  /** Wall clock. */
  readonly endsAtMs: number
}

/** Whether a value of a file is one. */
export function isDraining (value: unknown): value is Draining {
  const { address, port, endpoint, endpointPort, endsAtMs } = (value ?? {}) as Partial<Record<keyof Draining, unknown>>
  const isAddress = (each: unknown): boolean => typeof each === 'string' && !('problem' in parseIp(each))
  const isPort = (each: unknown): boolean => Number.isInteger(each) && Number(each) > 0 && Number(each) < 65_536
  return isAddress(address) && isAddress(endpoint) && isPort(port) && isPort(endpointPort) && Number.isFinite(endsAtMs)
}
