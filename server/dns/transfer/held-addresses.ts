// Who has which address, as it was in one moment: the answer to PTR is planned from this as it is from the registry, so that a reverse
// zone has what its questions answer.
//
// The registry's own way from an address to its holders changes with each change, and a walk over all addresses takes many turns of
// the loop. So the way is made anew, from the services of one moment. Addresses that differ in their last octet only are a block; one in
// which was not changed is the same block in the next version of the zone.
import { beside } from '../../beside.ts'
import type { AddressSource, DnsSource, ServiceOfAddress } from '../source.ts'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { addressKey, keyAddress } from '../../model/address/address-key.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Service } from '../../model/service/types.ts'
import { clusterIpsOf } from '../../model/service/cluster-ips.ts'
import type { ReverseZone } from '../names/reverse-zone.ts'
import { takeService } from './taken-services.ts'

/** Of the key of an address: its last octet. */
const blockDigits = 2
/**
 * Of an address that more endpoints share some are left out, so that a machine on which thousands of tests run does not hold up the
 * loop. A question looks at 256 instances, and each may be in several services.
 */
const maxEndpointsPerAddress = 4_096

/** A service with what it had in that moment. */
export interface Holder extends ServiceOfAddress {
  readonly endpoints: EndpointSet
}

/** What a service has in one block; the same object as long as its endpoints, or its manifest, are. */
interface Share {
  readonly clusterIps: readonly string[]
  readonly endpoints: readonly Endpoint[]
}

/** Addresses that differ in their last octet only. */
export interface AddressBlock {
  /** How the keys of its addresses begin. */
  readonly prefix: string
  readonly stamp: object
  /** What else its answers are made from. */
  readonly others: readonly (object | undefined)[]
  /** In the order of their names. */
  readonly holders: readonly (readonly [Holder, Share])[]
}

type Shares = ReadonlyMap<string, Share>

/** By block. What a registry holds no more takes its shares with it. */
const sharesOfEndpoints = beside<EndpointSet, Shares>()
const sharesOfManifests = beside<Service, Shares>()
const noShares: Shares = new Map()

/** All services, in the order of their names. */
export function takeHolders (catalog: DnsSource['catalog']): Holder[] {
  const holders: Holder[] = []
  for (const namespace of catalog.namespaces()) {
    for (const name of catalog.services(namespace)) {
      const taken = takeService(catalog, namespace, name)
      if (taken === undefined) continue
      const manifest = taken.declared?.manifest
      holders.push({ namespace, name, endpoints: taken.endpoints, ...(manifest === undefined ? {} : { manifest }) })
    }
  }
  return holders
}

/** The blocks of a zone that have addresses, in their order; undefined = there was some work. */
export function * addressBlocks (zone: ReverseZone, holders: readonly Holder[]): Generator<AddressBlock | undefined> {
  const blocks = new Map<string, (readonly [Holder, Share])[]>()
  for (const holder of holders) {
    yield undefined
    for (const shares of [sharesOfManifest(holder.manifest), yield * sharesOf(holder.endpoints)]) {
      for (const [prefix, share] of shares) {
        if (!zone.meets(prefix)) continue
        const block = blocks.get(prefix)
        if (block === undefined) blocks.set(prefix, [[holder, share]])
        else block.push([holder, share])
      }
    }
  }
  for (const prefix of [...blocks.keys()].sort()) {
    const own = blocks.get(prefix) ?? []
    const [, ...others] = own
    const [first] = own
    if (first === undefined) continue
    yield { prefix, stamp: first[1], others: [first[0].manifest, ...others.flatMap(([{ manifest }, share]) => [manifest, share])], holders: own }
  }
}

function sharesOfManifest (manifest: Service | undefined): Shares {
  if (manifest === undefined) return noShares
  const known = sharesOfManifests.get(manifest)
  if (known !== undefined) return known
  const byBlock = Map.groupBy(clusterIpsOf(manifest), blockOf)
  const shares = byBlock.size === 0 ? noShares : new Map(Array.from(byBlock, ([prefix, clusterIps]) => [prefix, { clusterIps, endpoints: [] }]))
  sharesOfManifests.set(manifest, shares)
  return shares
}

function * sharesOf (set: EndpointSet): Generator<undefined, Shares> {
  const known = sharesOfEndpoints.get(set)
  if (known !== undefined) return known
  const shares = new Map<string, { readonly clusterIps: readonly string[], readonly endpoints: Endpoint[] }>()
  for (const endpoint of set.answered) {
    const prefix = blockOf(endpoint.address)
    const share = shares.get(prefix)
    if (share === undefined) shares.set(prefix, { clusterIps: [], endpoints: [endpoint] })
    else share.endpoints.push(endpoint)
    yield undefined
  }
  sharesOfEndpoints.set(set, shares)
  return shares
}

function blockOf (address: string): string {
  return addressKey(address).slice(0, -blockDigits)
}

interface Held {
  readonly given: Holder[]
  readonly services: Map<Holder, Set<Endpoint>>
  /** In all of them. */
  count: number
}

/** The holders of the addresses of a block. */
export class HeldAddresses implements AddressSource {
  readonly #held = new Map<string, Held>()

  constructor ({ holders }: AddressBlock) {
    for (const [holder, { clusterIps, endpoints }] of holders) {
      for (const address of clusterIps) this.#at(address).given.push(holder)
      for (const endpoint of endpoints) {
        const held = this.#at(endpoint.address)
        if (held.count++ >= maxEndpointsPerAddress) continue
        const known = held.services.get(holder)
        if (known === undefined) held.services.set(holder, new Set([endpoint]))
        else known.add(endpoint)
      }
    }
  }

  /** The addresses that are in a zone. */
  inOrder (zone: ReverseZone): string[] {
    return Array.from(this.#held.keys(), addressKey).filter((key) => zone.has(key)).sort().map(keyAddress)
  }

  byClusterIp (address: string): readonly Holder[] {
    return this.#held.get(address)?.given ?? []
  }

  endpointsAt (address: string): { readonly services: ReadonlyMap<Holder, ReadonlySet<Endpoint>>, readonly isCut: boolean } {
    const held = this.#held.get(address)
    return { services: held?.services ?? new Map<Holder, ReadonlySet<Endpoint>>(), isCut: (held?.count ?? 0) > maxEndpointsPerAddress }
  }

  /** Instances have no names of their own in a reverse zone. */
  hasInstance (): boolean {
    return false
  }

  /** Names without records are in no transfer. */
  hasWithin (): boolean {
    return false
  }

  #at (address: string): Held {
    const known = this.#held.get(address)
    if (known !== undefined) return known
    const held: Held = { given: [], services: new Map(), count: 0 }
    this.#held.set(address, held)
    return held
  }
}
