// What the answers of services are made of: their records as bytes.
//
//   A, AAAA  = pointer-to-question type IN ttl rdlength address
//   SRV      = pointer-to-question type IN ttl rdlength priority(2) weight(2) port(2) target     RFC 2782
//              the target is never compressed: c-ares, which is in Node, refuses a compressed one
//   CNAME    = pointer-to-question type IN ttl rdlength target
//              uncompressed too: what follows is owned by a pointer to it
//   glue     = [HOSTNAME] pointer-to-service type IN ttl rdlength address
import { familyOf } from '../../model/address/address.ts'
import { octetsOf } from '../../model/address/octets.ts'
import type { ServiceName, TransportName } from '../names/service-name.ts'
import type { Records, WeightedRecord } from '../wire/record-set.ts'
import type { BindingType } from './service-binding.ts'
import { questionPointer, recordBytes, recordTypes } from '../wire/wire.ts'

export const addressTypes = [recordTypes.A, recordTypes.AAAA] as const
export type AddressType = (typeof addressTypes)[number]

export interface NamedPort {
  readonly port: string
  readonly protocol: TransportName
}

/** What is at the name of a service and at the names of its ports. */
export interface ServiceAnswers {
  addresses (type: AddressType): Records | undefined
  /** A named port is below `_protocol`. */
  hasProtocol (protocol: TransportName): boolean
  hasPort (port: string, protocol: TransportName): boolean
  /** The named ports that `hasPort`, each once. */
  namedPorts (): Iterable<NamedPort>
  /**
   * SRV of all ports, at the name of the service.
   * @param serviceStart where the name of the service begins in the question; undefined if it is asked for under another name
   */
  allPorts (name: ServiceName, serviceStart: number | undefined): Records | undefined
  /** SRV of one named port, undefined if there is none. */
  port (name: ServiceName, port: string, protocol: TransportName, serviceStart: number | undefined): Records | undefined
  /** Where HTTP is spoken. */
  bindings (type: BindingType): Records | undefined
}

/** What is at the names of the endpoints of a service, and of those that were chosen by zone or by tags, too. */
export interface HostAnswers extends ServiceAnswers {
  /** Without answered endpoints nothing exists at or below the name of a service that is found by them. */
  readonly isEmpty: boolean
  /** The answers of those in a zone, undefined if there are none. @param zone in lower case */
  inZone (zone: string): HostAnswers | undefined
  /** The answers of those that have all of the tags, undefined if there are none. @param tags sorted, in lower case */
  tagged (tags: readonly string[]): HostAnswers | undefined
  hasHost (hostname: string): boolean
  /** The hostnames that `hasHost`, in the order of the endpoints. */
  hostnames (): Iterable<string>
  hostAddresses (hostname: string, type: AddressType): Records | undefined
}

/** Builds the answers of one service. */
export interface AnswerLimits {
  readonly ttlSeconds: number
  /** Records of a set in one answer. */
  readonly maxRecords: number
}

interface Keeper<K, V> {
  has (key: K): boolean
  get (key: K): V | undefined
  set (key: K, value: V): unknown
}

/** A map for what mostly has one entry: an empty Map alone takes a fifth of a kilobyte. */
export class SmallMap<K, V> {
  #key: K | undefined
  #value: V | undefined
  #others: Map<K, V> | undefined

  has (key: K): boolean {
    return this.#key === key || this.#others?.has(key) === true
  }

  get (key: K): V | undefined {
    return this.#key === key ? this.#value : this.#others?.get(key)
  }

  set (key: K, value: V): void {
    if (this.#key === undefined || this.#key === key) {
      this.#key = key
      this.#value = value
    } else {
      (this.#others ??= new Map()).set(key, value)
    }
  }
}

/** The value of a key, made when it is first asked for. */
export function kept<K, V> (keeper: Keeper<K, V>, key: K, make: () => V): V {
  const known = keeper.get(key)
  if (known !== undefined || keeper.has(key)) return known as V // a key that it has was given a V, which may be undefined
  const made = make()
  keeper.set(key, made)
  return made
}

export function addressFamily (type: AddressType): 4 | 6 {
  return type === recordTypes.A ? 4 : 6
}

/** An A or AAAA record. @param owner a name in wire form, or a pointer */
export function addressRecord (owner: Buffer | number, address: string, ttlSeconds: number): Buffer {
  const type = familyOf(address) === 4 ? recordTypes.A : recordTypes.AAAA
  return recordBytes(owner, type, ttlSeconds, octetsOf(address))
}

export interface ServiceTarget {
  readonly priority: number
  readonly weight: number
  readonly port: number
  /** In wire form. */
  readonly target: Buffer
}

export function serviceRecord ({ priority, weight, port, target }: ServiceTarget, ttlSeconds: number): WeightedRecord {
  const rdata = Buffer.alloc(6 + target.length)
  rdata.writeUInt16BE(priority, 0)
  rdata.writeUInt16BE(weight, 2)
  rdata.writeUInt16BE(port, 4)
  target.copy(rdata, 6)
  return { priority, weight, bytes: recordBytes(questionPointer, recordTypes.SRV, ttlSeconds, rdata) }
}
