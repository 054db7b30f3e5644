// The answers of a service of many endpoints. They are kept in runs (answer-part.ts): a change makes one of them anew, and an answer
// makes the records that it shows. What is answered is what endpoint-answers.ts would answer.
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { familyOf } from '../../model/address/address.ts'
import { octetLengths, octetsOf, writeIPv4 } from '../../model/address/octets.ts'
import type { ServiceName, TransportName } from '../names/service-name.ts'
import { type Records, maxRecordsPerSet, maxSetBytes, recordSetOf } from '../wire/record-set.ts'
import type { MessageWriter } from '../wire/message-writer.ts'
import { labelBytes, nameBytes, pointerTo, questionPointer } from '../wire/wire.ts'
import { type AnswerPart, type Takes, type Unit, byPreference, numbersOf } from './answer-part.ts'
import { DrawnRecords, type Turn, sharedWeight } from './drawn-records.ts'
import { hostnameOf } from './endpoint-host.ts'
import { type Share, addShare } from './endpoint-answers.ts'
import { type BindingType, bindingRecords } from './service-binding.ts'
import { type AddressType, type AnswerLimits, type HostAnswers, type NamedPort, addressFamily, addressRecord, addressTypes, serviceRecord } from './service-records.ts'

/** Octets of an address record before its address, and of an SRV record before its target. */
const addressHead = 12
const serviceHead = 18

export class LargeAnswers implements HostAnswers {
  readonly #parts: readonly AnswerPart[]
  readonly #limits: AnswerLimits
  readonly #turn: Turn
  /** Of which these are a choice: a host has all its addresses, whichever were chosen. */
  readonly #whole: LargeAnswers
  readonly #made = new Map<number | string, Records | undefined>()
  /** By host, once somebody has asked for all of them: that one asks for each next. A single question looks into the runs. */
  #hosts: ReadonlyMap<string, readonly Endpoint[]> | undefined

  constructor (parts: readonly AnswerPart[], limits: AnswerLimits, turn: Turn, whole?: LargeAnswers) {
    this.#parts = parts.filter(({ endpoints }) => endpoints.length > 0)
    this.#limits = limits
    this.#turn = turn
    this.#whole = whole ?? this
  }

  get isEmpty (): boolean {
    return this.#parts.length === 0
  }

  inZone (zone: string): LargeAnswers | undefined {
    return this.#choice(this.#parts.flatMap((part) => part.inZone(zone) ?? []))
  }

  tagged (tags: readonly string[]): LargeAnswers | undefined {
    return this.#choice(this.#parts.map((part) => part.tagged(tags)))
  }

  addresses (type: AddressType): Records | undefined {
    return this.#keep(type, () => {
      const family = addressFamily(type)
      const units = this.#parts.map((part) => part.addresses(family)).filter(({ distinct }) => distinct.length > 0)
      const template = addressRecord(questionPointer, family === 4 ? '0.0.0.0' : '::', this.#limits.ttlSeconds)
      // The writer copies the record before the next one is made.
      const record = ({ key }: Unit): Buffer => {
        if (family === 4) writeIPv4(key, template, addressHead)
        else octetsOf(key).copy(template, addressHead)
        return template
      }
      return units.length === 0 ? undefined : new DrawnRecords(units, { width: this.#width(addressHead + octetLengths[family]), record }, this.#turn)
    })
  }

  hasHost (hostname: string): boolean {
    return this.#endpointsAt(hostname).length > 0
  }

  hostnames (): Iterable<string> {
    const whole = this.#whole
    whole.#hosts ??= Map.groupBy(whole.#parts.flatMap(({ endpoints }) => endpoints), hostnameOf)
    return whole.#hosts.keys()
  }

  hostAddresses (hostname: string, type: AddressType): Records | undefined {
    return recordSetOf(this.#hostRecords(hostname, type, questionPointer), this.#limits.maxRecords)
  }

  hasProtocol (protocol: TransportName): boolean {
    return this.#parts.some(({ ports }) => ports.has(protocol))
  }

  hasPort (port: string, protocol: TransportName): boolean {
    return this.#parts.some(({ ports }) => ports.has(`${port} ${protocol}`))
  }

  * namedPorts (): Generator<NamedPort> {
    const seen = new Set<string>()
    for (const { endpoints } of this.#parts) {
      for (const { ports } of endpoints) {
        for (const { name, protocol } of ports) {
          const key = `${name} ${protocol}`
          if (name === '' || seen.has(key)) continue
          seen.add(key)
          yield { port: name, protocol }
        }
      }
    }
  }

  allPorts (name: ServiceName, serviceStart: number | undefined): Records | undefined {
    return this.#keep(`${name.zone.name} ${serviceStart}`, () => this.#services(name, serviceStart, 'all', () => true))
  }

  port (name: ServiceName, port: string, protocol: TransportName, serviceStart: number | undefined): Records | undefined {
    if (!this.hasPort(port, protocol)) return undefined
    const key = `${port} ${protocol}`
    return this.#keep(`${name.zone.name} ${serviceStart} ${key}`, () =>
      this.#services(name, serviceStart, key, (candidate) => candidate.name === port && candidate.protocol === protocol))
  }

  bindings (type: BindingType): Records | undefined {
    return this.#keep(type, () => {
      const preferred = this.#parts.flatMap(({ offers }) => offers).sort(byPreference)
      const offers = preferred.flatMap(({ ports, address }) => ports.map((port) => ({ port, addresses: [address] })))
      return recordSetOf(bindingRecords(type, offers, this.#limits.ttlSeconds), this.#limits.maxRecords)
    })
  }

  #choice (parts: readonly AnswerPart[]): LargeAnswers | undefined {
    const answers = new LargeAnswers(parts, this.#limits, this.#turn, this.#whole)
    return answers.isEmpty ? undefined : answers
  }

  #keep (key: number | string, make: () => Records | undefined): Records | undefined {
    if (!this.#made.has(key)) this.#made.set(key, make())
    return this.#made.get(key)
  }

  /** How many records of a length an answer shows. */
  #width (length: number): number {
    return Math.min(this.#limits.maxRecords, Math.floor(maxSetBytes / length))
  }

  #services ({ zone, namespace, service }: ServiceName, serviceStart: number | undefined, what: string, takes: Takes): Records | undefined {
    const units = this.#parts.map((part) => part.services(what, takes)).filter(({ distinct }) => distinct.length > 0)
    if (units.length === 0) return undefined
    const suffix = nameBytes([service, namespace, 'svc', ...zone.labels])
    const owner = serviceStart === undefined ? suffix : pointerBytes(serviceStart)
    const longest = units.reduce((length, { distinct }) => distinct.reduce((most, { key }) => Math.max(most, key.indexOf(' ')), length), 1)
    return new DrawnRecords(units, {
      width: this.#width(serviceHead + 1 + longest + suffix.length),
      record: ({ key, endpoint, port }) => {
        const hostname = hostnameOf(endpoint)
        const alike = this.#parts.flatMap(({ hosts }) => hosts.get(hostname) ?? []).filter((each) => numbersOf(each, takes).includes(port))
        const share = sharedWeight(alike.map((each) => ({ key, endpoint: each, port })))
        return serviceRecord({ ...share, port, target: Buffer.concat([labelBytes([hostname]), suffix]) }, this.#limits.ttlSeconds).bytes
      },
      beside: (writer, written) => {
        for (const hostname of new Set(written.map(({ endpoint }) => hostnameOf(endpoint)))) {
          this.#writeGlue(writer, hostname, Buffer.concat([labelBytes([hostname]), owner]))
        }
      }
    }, this.#turn)
  }

  /** A set that does not fit is left out whole: part of it would be taken for all of it (RFC 2181 9). */
  #writeGlue (writer: MessageWriter, hostname: string, owner: Buffer): void {
    for (const type of addressTypes) {
      const records = this.#hostRecords(hostname, type, owner)
      if (records.length === 0 || records.length > Math.min(maxRecordsPerSet, this.#limits.maxRecords)) continue
      const bytes = Buffer.concat(records.map((record) => record.bytes))
      writer.append('additional', bytes, 0, bytes.length, records.length)
    }
  }

  /** One record per address; endpoints that share one add their weights. */
  #hostRecords (hostname: string, type: AddressType, owner: Buffer | number): (Share & { readonly bytes: Buffer })[] {
    const family = addressFamily(type)
    const shares = new Map<string, Share>()
    for (const { address, priority, weight } of this.#endpointsAt(hostname)) if (familyOf(address) === family) addShare(shares, address, { priority, weight })
    return Array.from(shares, ([address, share]) => ({ ...share, bytes: addressRecord(owner, address, this.#limits.ttlSeconds) }))
  }

  #endpointsAt (hostname: string): readonly Endpoint[] {
    const whole = this.#whole
    return whole.#hosts === undefined ? whole.#parts.flatMap(({ hosts }) => hosts.get(hostname) ?? []) : whole.#hosts.get(hostname) ?? []
  }
}

function pointerBytes (offset: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(pointerTo(offset))
  return bytes
}
