// What an endpoint is called below its service, and which endpoints can be answered at all.
import { isIP } from 'node:net'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { maxWeight } from '../../model/limits.ts'
import { dashedAddress, isDashedAddress } from '../names/dashed-address.ts'

type Named = Pick<Endpoint, 'hostname' | 'address'>

/**
 * The hostname of an endpoint, if DNS can use it. One that looks like the name made of another address is not used:
 * that name leads to the address that it says, and would join two endpoints otherwise.
 */
export function usedHostname ({ hostname, address }: Named): string | undefined {
  return hostname === undefined || (isDashedAddress(hostname) && hostname !== dashedAddress(address)) ? undefined : hostname
}

/** The label of an endpoint below its service: its hostname, else its address with dashes. */
export function hostnameOf (endpoint: Named): string {
  return usedHostname(endpoint) ?? dashedAddress(endpoint.address)
}

const hostLabel = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/
/** Of ports, and of priorities and weights of SRV (RFC 2782). */
const maxNumber = 65_535

/**
 * Whether DNS can carry it. A record that an older version wrote, or that was written past the registry, may hold anything: it is left
 * out, and the others are answered.
 */
export function isAnswerable ({ address, hostname, ports, weight, priority }: Endpoint): boolean {
  return typeof address === 'string' && isIP(address) !== 0 && !address.includes('%') &&
    (hostname === undefined || (typeof hostname === 'string' && hostLabel.test(hostname))) &&
    isNumber(weight, 0, maxWeight) && isNumber(priority, 0, maxNumber) && Array.isArray(ports) && ports.every(isPort)
}

/** Whether SRV can carry it. */
export function isPort ({ name = '', port, protocol }: { readonly name?: string, readonly port: number, readonly protocol: string }): boolean {
  return typeof name === 'string' && typeof protocol === 'string' && isNumber(port, 1, maxNumber)
}

function isNumber (value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most
}
