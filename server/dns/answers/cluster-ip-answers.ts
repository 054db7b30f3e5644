// The answers of a service that is found by its cluster IPs. They depend on its manifest alone: which instances are
// behind it, if any, is not the caller's concern.
import { isIP } from 'node:net'
import { familyOf } from '../../model/address/address.ts'
import type { Service, ServicePort } from '../../model/service/types.ts'
import { isPort } from './endpoint-host.ts'
import type { ServiceName, TransportName } from '../names/service-name.ts'
import { type Glue, type Records, gluedRecordSetOf, recordSetOf } from '../wire/record-set.ts'
import { type BindingType, bindingRecords } from './service-binding.ts'
import {
  type AddressType, type AnswerLimits, type NamedPort, type ServiceAnswers, SmallMap, addressFamily, addressRecord, addressTypes, kept, serviceRecord
} from './service-records.ts'
import { nameBytes, pointerTo, questionPointer } from '../wire/wire.ts'

/** There is one target only, so nothing to choose from: the values of CoreDNS for one answer. */
const priority = 0
const weight = 100

export class ClusterIpAnswers implements ServiceAnswers {
  readonly #addresses: readonly string[]
  readonly #ports: readonly ServicePort[]
  readonly #limits: AnswerLimits
  /** By the type, and for SRV by the port and what its name is. */
  readonly #made = new SmallMap<number | string, Records | undefined>()

  constructor ({ spec }: Service, limits: AnswerLimits) {
    const { clusterIPs = spec.clusterIP === undefined ? [] : [spec.clusterIP], ports = [] } = spec
    this.#addresses = clusterIPs.filter((address) => isIP(address) !== 0)
    this.#ports = ports.filter(isPort)
    this.#limits = limits
  }

  addresses (type: AddressType): Records | undefined {
    return kept(this.#made, type, () => {
      const records = this.#records(type, questionPointer)
      return recordSetOf(records.map((bytes) => ({ bytes, priority, weight })), this.#limits.maxRecords)
    })
  }

  bindings (type: BindingType): Records | undefined {
    return kept(this.#made, type, () => {
      const records = bindingRecords(type, this.#ports.map((port) => ({ port, addresses: this.#addresses })), this.#limits.ttlSeconds)
      return recordSetOf(records, this.#limits.maxRecords)
    })
  }

  hasProtocol (protocol: TransportName): boolean {
    return this.#ports.some((port) => port.name !== undefined && port.protocol === protocol)
  }

  hasPort (port: string, protocol: TransportName): boolean {
    return this.#ports.some((own) => own.name === port && own.protocol === protocol)
  }

  * namedPorts (): Generator<NamedPort> {
    for (const { name, protocol } of this.#ports) if (name !== undefined) yield { port: name, protocol }
  }

  allPorts (name: ServiceName, serviceStart: number | undefined): Records | undefined {
    return kept(this.#made, `${name.zone.name} ${serviceStart}`, () => this.#serviceSet(name, serviceStart, this.#ports))
  }

  port (name: ServiceName, port: string, protocol: TransportName, serviceStart: number | undefined): Records | undefined {
    if (!this.hasPort(port, protocol)) return undefined
    return kept(this.#made, `${name.zone.name} ${serviceStart} ${port} ${protocol}`, () =>
      this.#serviceSet(name, serviceStart, this.#ports.filter((own) => own.name === port && own.protocol === protocol)))
  }

  /** One record per port: the service itself is the target, in both families (Kubernetes: dual stack is ONE record). */
  #serviceSet ({ zone, namespace, service }: ServiceName, serviceStart: number | undefined, ports: readonly ServicePort[]): Records | undefined {
    const numbers = [...new Set(ports.map(({ port }) => port))] // a port of TCP and UDP alike is one record (RFC 2181 5)
    const target = nameBytes([service, namespace, 'svc', ...zone.labels])
    const records = numbers.map((port) => serviceRecord({ priority, weight, port, target }, this.#limits.ttlSeconds))
    const glue = this.#glue(serviceStart === undefined ? target : pointerTo(serviceStart))
    return gluedRecordSetOf(records, records.map(() => 0), [glue], this.#limits.maxRecords)
  }

  #glue (owner: Buffer | number): Glue[] {
    return addressTypes.flatMap((type) => {
      const records = this.#records(type, owner)
      return records.length === 0 ? [] : [{ bytes: Buffer.concat(records), count: records.length }]
    })
  }

  #records (type: AddressType, owner: Buffer | number): Buffer[] {
    const family = addressFamily(type)
    return this.#addresses.filter((address) => familyOf(address) === family).map((address) => addressRecord(owner, address, this.#limits.ttlSeconds))
  }
}
