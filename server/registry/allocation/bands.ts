// Static and dynamic bands (KEP-3070 for cluster IPs, KEP-3668 for node ports): people choose from the lower part of a range, the
// registry from the rest, so that an explicit value is rarely one that was chosen before. Either may be asked for.
import type { AddressRange, PortRange } from '../../model/address/ranges.ts'
import { maxSlots, type SlotSet } from './slots.ts'

/** What of a range is given. Slot 0 is `first`. */
export interface Bands {
  readonly first: bigint
  /** How many slots; the static band is the first `staticSize` of them. */
  readonly size: number
  readonly staticSize: number
}

const smallestBand = 16
const addressBand = { divisor: 16, most: 256 } as const
const portBand = { divisor: 32, most: 128 } as const

/** `min(max(16, size / divisor), most)`; a range of 16 or fewer has no bands, because the static one would take it whole. */
export function staticBand (size: number, divisor: number, most: number): number {
  return size <= smallestBand ? 0 : Math.min(Math.max(smallestBand, Math.floor(size / divisor)), most)
}

/**
 * Cluster IPs. The band is counted from the whole network, as Kubernetes does; the network address (for IPv6 the anycast
 * address of the subnet's routers, RFC 4291 2.6.1) and the IPv4 broadcast address are no slots.
 */
export function clusterIpBands (range: AddressRange): Bands {
  const size = slotCount(range.size - (range.family === 4 ? 2n : 1n))
  return { first: range.first + 1n, size, staticSize: staticBand(slotCount(range.size), addressBand.divisor, addressBand.most) }
}

/** Node ports, and the health-check ports among them. */
export function nodePortBands (range: PortRange): Bands {
  return { first: BigInt(range.first), size: range.size, staticSize: staticBand(range.size, portBand.divisor, portBand.most) }
}

/** Addresses of load balancers have no bands, and all are given: a pool need not be a subnet. */
export function loadBalancerBands (range: AddressRange): Bands {
  return { first: range.first, size: slotCount(range.size), staticSize: 0 }
}

/** Beyond 2^48 addresses none is chosen, only given on request: no search reaches them. */
function slotCount (size: bigint): number {
  return size > BigInt(maxSlots) ? maxSlots : Math.max(0, Number(size))
}

/** A free slot: from a random start in the dynamic band around it, and in the static one only when that is full. */
export function pickBanded (taken: SlotSet, { size, staticSize }: Bands, random: () => number): number | undefined {
  return pickFrom(taken, staticSize, size, random) ?? pickFrom(taken, 0, staticSize, random)
}

function pickFrom (taken: SlotSet, first: number, until: number, random: () => number): number | undefined {
  if (first >= until) return undefined
  const start = first + Math.min(Math.floor(random() * (until - first)), until - first - 1)
  return taken.nextFree(start, until) ?? taken.nextFree(first, start)
}
