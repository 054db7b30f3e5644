// The answers of a service that is found by its endpoints, headless or implicit, and the names of the endpoints of every service.
import type { Endpoint, Port } from '../../../client-sdk/src/wire.ts'
import { familyOf } from '../../model/address/address.ts'
import { maxWeight } from '../../model/limits.ts'
import { type Glue, type Records, type WeightedRecord, gluedRecordSetOf, maxRecordsPerSet, recordSetOf } from '../wire/record-set.ts'
import type { ServiceName, TransportName } from '../names/service-name.ts'
import { hostnameOf } from './endpoint-host.ts'
import { EndpointIndex } from './endpoint-index.ts'
import { type BindingType, bindingRecords } from './service-binding.ts'
import {
  type AddressType, type AnswerLimits, type HostAnswers, type NamedPort, SmallMap, addressFamily, addressRecord, addressTypes, serviceRecord
} from './service-records.ts'
import { labelBytes, nameBytes, pointerTo, questionPointer } from '../wire/wire.ts'

/** Combinations of tags whose answers are kept with their endpoints; further ones are made for each question. */
export const maxKeptTags = 64

/** The answers of those endpoints that were chosen by zone or by tags. */
interface Choices {
  readonly index: EndpointIndex
  readonly zones: Map<string, EndpointAnswers>
  readonly tags: Map<string, EndpointAnswers>
}

/**
 * The answers of one small endpoint set, made whole and ready to be copied (large-answers.ts has those of large ones). Each is built when
 * it is first asked for; all keys come from the endpoints: names that none has take no memory.
 */
export class EndpointAnswers implements HostAnswers {
  readonly #endpoints: readonly Endpoint[]
  readonly #limits: AnswerLimits
  /** Of which these are a choice: a host has all its addresses, whichever were chosen. */
  readonly #whole: EndpointAnswers | undefined
  /** By the type, and for what is not at the name of the service by what it is. */
  readonly #made = new SmallMap<number | string, Records | undefined>()
  #choices: Choices | undefined
  #byHostname: ReadonlyMap<string, readonly Endpoint[]> | undefined
  #ports: ReadonlySet<string> | undefined

  constructor (endpoints: readonly Endpoint[], limits: AnswerLimits, whole?: EndpointAnswers) {
    this.#endpoints = endpoints
    this.#limits = limits
    this.#whole = whole
  }

  get isEmpty (): boolean {
    return this.#endpoints.length === 0
  }

  inZone (zone: string): EndpointAnswers | undefined {
    const { zones, index } = this.#chosen
    const known = zones.get(zone)
    if (known !== undefined) return known
    const answers = this.#choice(index.inZone(zone))
    if (answers !== undefined) zones.set(zone, answers) // as many as the endpoints have zones
    return answers
  }

  tagged (tags: readonly string[]): EndpointAnswers | undefined {
    const { tags: made, index } = this.#chosen
    const key = tags.join(' ')
    const known = made.get(key)
    if (known !== undefined) return known
    const answers = this.#choice(index.tagged(tags))
    if (answers !== undefined && made.size < maxKeptTags) made.set(key, answers)
    return answers
  }

  get #chosen (): Choices {
    return this.#choices ??= { index: new EndpointIndex(this.#endpoints), zones: new Map(), tags: new Map() }
  }

  #choice (endpoints: readonly Endpoint[]): EndpointAnswers | undefined {
    return endpoints.length === 0 ? undefined : new EndpointAnswers(endpoints, this.#limits, this.#whole ?? this)
  }

  addresses (type: AddressType): Records | undefined {
    return this.#keep(type, () => this.#addressSet(this.#endpoints, type))
  }

  hasHost (hostname: string): boolean {
    return this.#hostnames.has(hostname)
  }

  hostnames (): Iterable<string> {
    return this.#hostnames.keys()
  }

  hostAddresses (hostname: string, type: AddressType): Records | undefined {
    const endpoints = this.#hostnames.get(hostname)
    return endpoints === undefined ? undefined : this.#keep(`host ${hostname} ${type}`, () => this.#addressSet(endpoints, type))
  }

  hasProtocol (protocol: TransportName): boolean {
    return this.#portNames.has(protocol)
  }

  hasPort (port: string, protocol: TransportName): boolean {
    return this.#portNames.has(`${port} ${protocol}`)
  }

  * namedPorts (): Generator<NamedPort> {
    const seen = new Set<string>()
    for (const { ports } of this.#endpoints) {
      for (const { name, protocol } of ports) {
        const key = `${name} ${protocol}`
        if (name === '' || seen.has(key)) continue
        seen.add(key)
        yield { port: name, protocol }
      }
    }
  }

  allPorts (name: ServiceName, serviceStart: number | undefined): Records | undefined {
    return this.#keep(`${name.zone.name} ${serviceStart}`, () => this.#serviceSet(name, serviceStart, () => true))
  }

  bindings (type: BindingType): Records | undefined {
    return this.#keep(type, () => {
      const preferred = this.#endpoints.toSorted((a, b) => a.priority - b.priority || b.weight - a.weight)
      const offers = preferred.flatMap(({ ports, address }) => ports.map((port) => ({ port, addresses: [address] })))
      const records = bindingRecords(type, offers, this.#limits.ttlSeconds)
      return recordSetOf(records, this.#limits.maxRecords)
    })
  }

  port (name: ServiceName, port: string, protocol: TransportName, serviceStart: number | undefined): Records | undefined {
    if (!this.hasPort(port, protocol)) return undefined
    return this.#keep(`${name.zone.name} ${serviceStart} ${port} ${protocol}`, () =>
      this.#serviceSet(name, serviceStart, (candidate) => candidate.name === port && candidate.protocol === protocol))
  }

  /** The answers of a key; they are built now if they are not there. */
  #keep (key: number | string, make: () => Records | undefined): Records | undefined {
    const known = this.#made.get(key)
    if (known !== undefined || this.#made.has(key)) return known
    const made = make()
    this.#made.set(key, made)
    return made
  }

  get #hostnames (): ReadonlyMap<string, readonly Endpoint[]> {
    if (this.#whole !== undefined) return this.#whole.#hostnames
    if (this.#byHostname !== undefined) return this.#byHostname
    const made = Map.groupBy(this.#endpoints, hostnameOf)
    if (this.#endpoints.length > 1) this.#byHostname = made // of one it is made faster than it is worth keeping
    return made
  }

  /** Below which `_protocol` there is something, and which `port protocol` there are. */
  get #portNames (): ReadonlySet<string> {
    if (this.#ports !== undefined) return this.#ports
    const names = new Set<string>()
    for (const { ports } of this.#endpoints) {
      for (const { name, protocol } of ports) {
        if (name !== '') names.add(protocol).add(`${name} ${protocol}`)
      }
    }
    if (this.#endpoints.length > 1) this.#ports = names
    return names
  }

  #addressSet (endpoints: readonly Endpoint[], type: AddressType): Records | undefined {
    const records = this.#addressRecords(endpoints, type, questionPointer)
    return recordSetOf(records, this.#limits.maxRecords)
  }

  /** One record per address; endpoints that share one add their weights. */
  #addressRecords (endpoints: readonly Endpoint[], type: AddressType, owner: Buffer | number): WeightedRecord[] {
    const family = addressFamily(type)
    const shares = new Map<string, Share>()
    for (const endpoint of endpoints) {
      const { address, priority, weight } = endpoint
      if (familyOf(address) === family) addShare(shares, address, { priority, weight })
    }
    return Array.from(shares, ([address, share]) => ({ ...share, bytes: addressRecord(owner, address, this.#limits.ttlSeconds) }))
  }

  /** One record per target and port (Kubernetes: N endpoints by M ports, identical ones collapse). */
  #serviceSet ({ zone, namespace, service }: ServiceName, serviceStart: number | undefined, takes: (port: Port) => boolean): Records | undefined {
    const shares = new Map<string, Share & { hostname: string, port: number }>()
    for (const endpoint of this.#endpoints) {
      const { ports, priority, weight } = endpoint
      const hostname = hostnameOf(endpoint)
      // A number that an endpoint has for TCP and for UDP is one record, and weighs as much as the endpoint does.
      for (const port of new Set(ports.filter(takes).map(({ port: number }) => number))) {
        addShare(shares, `${hostname} ${port}`, { hostname, port, priority, weight })
      }
    }
    const targets = new Map<string, number>()
    const suffix = nameBytes([service, namespace, 'svc', ...zone.labels])
    const records: WeightedRecord[] = []
    const targetOf: number[] = []
    for (const { hostname, port, priority, weight } of shares.values()) {
      records.push(serviceRecord({ priority, weight, port, target: Buffer.concat([labelBytes([hostname]), suffix]) }, this.#limits.ttlSeconds))
      const target = targets.get(hostname) ?? targets.size
      targets.set(hostname, target)
      targetOf.push(target)
    }
    const owner = serviceStart === undefined ? suffix : pointerBytes(serviceStart)
    const glue = Array.from(targets.keys(), (hostname) => this.#glue(hostname, Buffer.concat([labelBytes([hostname]), owner])))
    return gluedRecordSetOf(records, targetOf, glue, this.#limits.maxRecords)
  }

  #glue (hostname: string, owner: Buffer): Glue[] {
    return addressTypes.flatMap((type) => {
      const records = this.#addressRecords(this.#hostnames.get(hostname) ?? [], type, owner)
      const isWhole = records.length > 0 && records.length <= Math.min(maxRecordsPerSet, this.#limits.maxRecords)
      return isWhole ? [{ bytes: Buffer.concat(records.map(({ bytes }) => bytes)), count: records.length }] : []
    })
  }
}

function pointerBytes (offset: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(pointerTo(offset))
  return bytes
}

export interface Share {
  priority: number
  weight: number
}

/** Endpoints behind one record: the best priority counts, and the weights of those that have it add up. */
export function addShare<T extends Share> (shares: Map<string, T>, key: string, share: T): void {
  const known = shares.get(key)
  if (known === undefined || share.priority < known.priority) shares.set(key, share)
  else if (share.priority === known.priority) known.weight = Math.min(maxWeight, known.weight + share.weight)
}
