// The answers of a service that is found by its endpoints, headless or implicit, and the names of the endpoints of every service.
import type { Endpoint, Port } from '../../client-sdk/src/wire.ts'
import { familyOf } from '../model/address.ts'
import { maxWeight } from '../model/limits.ts'
import { type Glue, GluedRecordSet, RecordSet, type WeightedRecord, maxRecordsPerSet } from './record-set.ts'
import type { ServiceName, TransportName } from './record-name.ts'
import { type AddressType, type ServiceAnswers, addressFamily, addressRecord, addressTypes, kept, serviceRecord } from './service-records.ts'
import { headerLength, labelBytes, nameBytes, portServiceStart, questionPointer } from './wire.ts'

/** The answers of one endpoint set. Each is built when it is first asked for; all keys come from the endpoints. */
export class EndpointAnswers implements ServiceAnswers {
  readonly #endpoints: readonly Endpoint[]
  readonly #ttlSeconds: number
  readonly #addresses = new Map<AddressType, RecordSet | undefined>()
  readonly #hosts = new Map<string, RecordSet | undefined>()
  readonly #services = new Map<string, GluedRecordSet | undefined>()
  #byHostname: ReadonlyMap<string, readonly Endpoint[]> | undefined
  #ports: ReadonlySet<string> | undefined

  constructor (endpoints: readonly Endpoint[], ttlSeconds: number) {
    this.#endpoints = endpoints
    this.#ttlSeconds = ttlSeconds
  }

  /** Without answered endpoints nothing exists at or below the name of a service that is found by them. */
  get isEmpty (): boolean {
    return this.#endpoints.length === 0
  }

  addresses (type: AddressType): RecordSet | undefined {
    return kept(this.#addresses, type, () => this.#addressSet(this.#endpoints, type))
  }

  hasHost (hostname: string): boolean {
    return this.#hostnames.has(hostname)
  }

  hostAddresses (hostname: string, type: AddressType): RecordSet | undefined {
    const endpoints = this.#hostnames.get(hostname)
    return endpoints === undefined ? undefined : kept(this.#hosts, `${hostname} ${type}`, () => this.#addressSet(endpoints, type))
  }

  hasProtocol (protocol: TransportName): boolean {
    return this.#portNames.has(protocol)
  }

  hasPort (port: string, protocol: TransportName): boolean {
    return this.#portNames.has(`${port} ${protocol}`)
  }

  allPorts (name: ServiceName): GluedRecordSet | undefined {
    return kept(this.#services, name.zone.name, () => this.#serviceSet(name, headerLength, () => true))
  }

  port (name: ServiceName, port: string, protocol: TransportName): GluedRecordSet | undefined {
    if (!this.hasPort(port, protocol)) return undefined
    return kept(this.#services, `${name.zone.name} ${port} ${protocol}`, () =>
      this.#serviceSet(name, portServiceStart(port, protocol), (candidate) => candidate.name === port && candidate.protocol === protocol))
  }

  get #hostnames (): ReadonlyMap<string, readonly Endpoint[]> {
    return this.#byHostname ??= Map.groupBy(this.#endpoints, hostnameOf)
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
    return this.#ports = names
  }

  #addressSet (endpoints: readonly Endpoint[], type: AddressType): RecordSet | undefined {
    const records = this.#addressRecords(endpoints, type, questionPointer)
    return records.length === 0 ? undefined : new RecordSet(records)
  }

  /** One record per address; endpoints that share one add their weights. */
  #addressRecords (endpoints: readonly Endpoint[], type: AddressType, owner: Buffer | number): WeightedRecord[] {
    const family = addressFamily(type)
    const shares = new Map<string, Share>()
    for (const endpoint of endpoints) {
      const { address, priority, weight } = endpoint
      if (familyOf(address) === family) addShare(shares, address, { priority, weight })
    }
    return Array.from(shares, ([address, share]) => ({ ...share, bytes: addressRecord(owner, address, this.#ttlSeconds) }))
  }

  /** One record per target and port (Kubernetes: N endpoints by M ports, identical ones collapse). */
  #serviceSet ({ zone, namespace, service }: ServiceName, serviceStart: number, takes: (port: Port) => boolean): GluedRecordSet | undefined {
    const shares = new Map<string, Share & { hostname: string, port: number }>()
    for (const endpoint of this.#endpoints) {
      const { ports, priority, weight } = endpoint
      const hostname = hostnameOf(endpoint)
      for (const port of ports) {
        if (takes(port)) addShare(shares, `${hostname} ${port.port}`, { hostname, port: port.port, priority, weight })
      }
    }
    if (shares.size === 0) return undefined
    const targets = new Map<string, number>()
    const suffix = nameBytes([service, namespace, 'svc', ...zone.labels])
    const records: WeightedRecord[] = []
    const targetOf: number[] = []
    for (const { hostname, port, priority, weight } of shares.values()) {
      records.push(serviceRecord({ priority, weight, port, target: Buffer.concat([labelBytes([hostname]), suffix]) }, this.#ttlSeconds))
      const target = targets.get(hostname) ?? targets.size
      targets.set(hostname, target)
      targetOf.push(target)
    }
    return new GluedRecordSet(records, targetOf, Array.from(targets.keys(), (hostname) => this.#glue(hostname, serviceStart)))
  }

  #glue (hostname: string, serviceStart: number): Glue[] {
    const owner = Buffer.concat([labelBytes([hostname]), Buffer.from([0xc0 | (serviceStart >> 8), serviceStart & 0xff])])
    return addressTypes.flatMap((type) => {
      const records = this.#addressRecords(this.#hostnames.get(hostname) ?? [], type, owner)
      const isWhole = records.length > 0 && records.length <= maxRecordsPerSet
      return isWhole ? [{ bytes: Buffer.concat(records.map(({ bytes }) => bytes)), count: records.length }] : []
    })
  }
}

/**
 * The label of an endpoint below its service: its hostname, else its address with dashes, as CoreDNS makes it.
 * @example hostnameOf({ address: 'fd00:10::' }) // 'fd00-10--0'
 */
export function hostnameOf ({ hostname, address }: Pick<Endpoint, 'hostname' | 'address'>): string {
  if (hostname !== undefined) return hostname
  const dashed = address.replace(/[.:]/g, '-')
  // A host's name begins and ends with a letter or digit (RFC 1123 2.1): glibc takes no PTR of another form.
  return `${dashed.startsWith('-') ? '0' : ''}${dashed}${dashed.endsWith('-') ? '0' : ''}`
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
