// What a service offers to those who browse (RFC 6763): for each named port the labels of those who have it, and of each label
// where it is and what is to be known of it. Built when it is first browsed, and kept as long as the endpoints that it
// was made from.
//
//   LABEL = SERVICE | HOSTNAME_SERVICE
//   TXT   = *(length(1) key "=" value), at least one, empty if there is nothing to say      RFC 6763 6.1, RFC 1464
import { beside } from '../../beside.ts'
import type { DnsSource } from '../source.ts'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import { none, type Service } from '../../model/service/types.ts'
import type { BrowseProtocol } from '../names/browse-name.ts'
import { type Share, addShare } from '../answers/endpoint-answers.ts'
import { answerable } from '../answers/answer-part.ts'
import { hostnameOf } from '../answers/endpoint-host.ts'
import { kept } from '../answers/service-records.ts'
import { maxLabelBytes } from '../wire/wire.ts'

/** A port's name and protocol as one word, `http TCP`. */
export function typeKey (name: string, protocol: BrowseProtocol): string {
  return `${name} ${protocol}`
}

export interface Offer {
  /** Of the endpoint below its service; undefined = the service itself. */
  readonly host: string | undefined
  readonly ports: readonly (Share & { readonly port: number })[]
  readonly addresses: readonly string[]
  /** RDATA of TXT. */
  readonly text: Buffer
}

export interface Offers {
  /** The same list as long as the service has the same endpoints, or the same manifest. */
  readonly types: readonly string[]
  labels (type: string): readonly string[]
  find (type: string, label: string): Offer | undefined
  /** What it cost to make. */
  readonly size: number
}

/** RFC 6763 6.1 wants few hundred octets, 1300 at most; with the rest of the answer this fits what an answer over UDP may hold. */
const maxTextBytes = 1_000
const maxStringBytes = 255
const nothingToSay = Buffer.from([0])

const noOffers: Offers = { types: [], size: 0, labels: () => [], find: () => undefined }
const ofEndpoints = beside<EndpointSet, Offers>()
const ofManifests = beside<Service, Offers>()

/**
 * The offers of a service, undefined if there is no such service.
 * @param isByClusterIps whether a service is found by its cluster IPs
 * @param made gets what building them cost, if they were not there
 */
export function offersOf (
  catalog: DnsSource['catalog'], namespace: string, service: string, isByClusterIps: (manifest: Service) => boolean, made: (size: number) => void = () => undefined
): Offers | undefined {
  const manifest = catalog.declared(namespace, service)?.manifest
  if (manifest?.spec.type === 'ExternalName') return noOffers
  const make = (offers: Offers): Offers => {
    made(offers.size)
    return offers
  }
  if (manifest !== undefined && isByClusterIps(manifest)) return kept(ofManifests, manifest, () => make(new ServiceOffers(service, manifest)))
  const endpoints = catalog.endpoints(namespace, service)
  return endpoints === undefined ? undefined : kept(ofEndpoints, endpoints, () => make(new EndpointOffers(service, answerable(endpoints))))
}

/** The endpoints of a service without cluster IPs, each for itself. */
class EndpointOffers implements Offers {
  readonly types: readonly string[]
  readonly size: number
  readonly #byType = new Map<string, Map<string, Endpoint[]>>()
  readonly #labels = new Map<string, readonly string[]>()

  constructor (service: string, endpoints: readonly Endpoint[]) {
    this.size = endpoints.length
    for (const endpoint of endpoints) {
      const label = `${hostnameOf(endpoint)}_${service}`
      for (const { name, protocol } of endpoint.ports) {
        if (!isType(name, protocol)) continue
        const labels = kept(this.#byType, typeKey(name, protocol), () => new Map<string, Endpoint[]>())
        if (label.length > maxLabelBytes) continue // DNS has no such name; the type exists all the same
        const known = labels.get(label)
        if (known === undefined) labels.set(label, [endpoint])
        else if (known.at(-1) !== endpoint) known.push(endpoint)
      }
    }
    this.types = [...this.#byType.keys()]
  }

  labels (type: string): readonly string[] {
    return kept(this.#labels, type, () => [...this.#byType.get(type)?.keys() ?? []])
  }

  find (type: string, label: string): Offer | undefined {
    const endpoints = this.#byType.get(type)?.get(label)
    const [first] = endpoints ?? []
    if (endpoints === undefined || first === undefined) return undefined
    const ports = new Map<string, Share & { port: number }>()
    for (const { ports: all, priority, weight } of endpoints) {
      const own = all.filter(({ name, protocol }) => isType(name, protocol) && typeKey(name, protocol) === type)
      for (const port of new Set(own.map(({ port: number }) => number))) addShare(ports, String(port), { port, priority, weight })
    }
    return { host: hostnameOf(first), ports: [...ports.values()], addresses: [...new Set(endpoints.map(({ address }) => address))], text: textOf(first) }
  }
}

/** A service with cluster IPs: it is the one to call. */
class ServiceOffers implements Offers {
  readonly types: readonly string[]
  readonly size = 1
  readonly #service: string
  readonly #spec: Service['spec']

  constructor (service: string, { spec }: Service) {
    this.#service = service
    this.#spec = spec
    this.types = (spec.ports ?? []).flatMap(({ name = '', protocol }) => (isType(name, protocol) ? [typeKey(name, protocol)] : []))
  }

  labels (type: string): readonly string[] {
    return this.types.includes(type) ? [this.#service] : []
  }

  find (type: string, label: string): Offer | undefined {
    if (label !== this.#service || !this.types.includes(type)) return undefined
    const { clusterIP, clusterIPs = clusterIP === undefined ? [] : [clusterIP], ports = [] } = this.#spec
    const own = ports.filter(({ name = '', protocol }) => isType(name, protocol) && typeKey(name, protocol) === type)
    return {
      host: undefined,
      ports: own.map(({ port }) => ({ port, priority: 0, weight: 100 })),
      addresses: clusterIPs.filter((address) => address !== none && address !== ''),
      text: nothingToSay
    }
  }
}

/** SCTP has no names in DNS-SD (RFC 6763 7), and `_dns-sd._udp` is its own. A name of 63 has no room for the underscore. */
function isType (name: string, protocol: string): protocol is BrowseProtocol {
  return name !== '' && name.length < maxLabelBytes && (protocol === 'TCP' || (protocol === 'UDP' && name !== 'dns-sd'))
}

/** Version, zone and metadata, as many as fit; what DNS cannot carry is left out and not cut. */
function textOf ({ version, zone, metadata }: Endpoint): Buffer {
  const own = Object.entries({ version, zone }).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
  const strings: Buffer[] = []
  const keys = new Set<string>()
  let bytes = 0
  for (const [key, value] of [...own, ...Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))]) {
    const folded = key.toLowerCase() // RFC 6763 6.4: keys are the same in either case, and only the first one counts
    if (!/^[ -<>-~]+$/.test(key) || keys.has(folded)) continue
    const text = Buffer.from(`${key}=${value}`)
    if (text.length > maxStringBytes || bytes + 1 + text.length > maxTextBytes) continue
    keys.add(folded)
    bytes += 1 + text.length
    strings.push(Buffer.from([text.length]), text)
  }
  return strings.length === 0 ? nothingToSay : Buffer.concat(strings)
}
