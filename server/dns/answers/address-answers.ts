// From an address back to names, and names that are made of an address.
//
//   PTR = pointer-to-question type IN ttl rdlength target       the target is not compressed: the zones have nothing in common
//
// Which names an address has, and in which order, never changes by chance: callers take the first one and log it.
//   1. A cluster IP has the name of its service, and no other.
//   2. Else each answered endpoint with the address has the name that it has below its service.
//      a. If a service among them has the annotation `primary`, only those that have it count.
//      b. Hostnames before dashed addresses, services without cluster IPs before those with, then by namespace, service and host.
import type { AddressSource, ServiceOfAddress } from '../source.ts'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { familyOf } from '../../model/address/address.ts'
import { pointerPolicyOf } from '../../model/service/pointer-policy.ts'
import { isHeadless } from '../../model/service/facts.ts'
import type { PodName } from '../names/browse-name.ts'
import { hostnameOf, isAnswerable, usedHostname } from './endpoint-host.ts'
import type { MessageWriter } from '../wire/message-writer.ts'
import { type Records, RecordSet, maxRecordsPerSet } from '../wire/record-set.ts'
import { addressFamily, addressRecord } from './service-records.ts'
import { nameBytes, questionPointer, recordBytes, recordTypes } from '../wire/wire.ts'
import type { ConsulZone } from '../names/consul-zone.ts'
import type { Zone } from '../names/zone.ts'

/**
 * Of an address that more instances than these share some may be left out: all of them would cost a millisecond and more per
 * question, and no answer could hold them. So many instances on one address differ by their ports.
 */
const maxHolders = 256

/** Records that come in their order, always. */
class OrderedRecords implements Records {
  readonly #records: readonly Buffer[]

  constructor (records: readonly Buffer[]) {
    this.#records = records
  }

  write (writer: MessageWriter): void {
    if (this.#records.length > maxRecordsPerSet) writer.isCut = true
    for (const record of this.#records.slice(0, maxRecordsPerSet)) if (!writer.append('answer', record, 0, record.length)) return
  }
}

/** The names of an address. `no-such-records` = there may be some, but too many hold the address to know. */
export function planAddress ({ target, consul }: { readonly target: Zone, readonly consul?: ConsulZone | undefined }, address: string, source: AddressSource, ttlSeconds: number): Records | 'no-such-name' | 'no-such-records' {
  const record = (labels: readonly string[]): Buffer =>
    recordBytes(questionPointer, recordTypes.PTR, ttlSeconds, nameBytes([...labels, 'svc', ...target.labels]))
  const given = source.byClusterIp(address).filter((service) => pointerPolicyOf(service.manifest) !== 'none').sort(byName)
  if (given[0] !== undefined) return new OrderedRecords([record([given[0].name, given[0].namespace])])
  const { services, isCut } = source.endpointsAt(address, maxHolders)
  const pointers = pointersOf(services)
  if (pointers.length === 0) return isCut ? 'no-such-records' : 'no-such-name'
  const records = pointers.map(({ host, name, namespace }) => record([host, name, namespace]))
  if (consul === undefined) return new OrderedRecords(records)
  // Behind the names of services, which callers take: the machine, as Consul calls it.
  const [node] = [...services.values()].flatMap((endpoints) => [...endpoints]).flatMap((endpoint) => endpoint.node ?? []).sort()
  return new OrderedRecords([...records, recordBytes(questionPointer, recordTypes.PTR, ttlSeconds, nameBytes(consul.nodeName(node ?? address)))])
}

/** @param prefix how the keys of the addresses in the network begin */
export function planNetwork (prefix: string, source: AddressSource): 'no-such-name' | 'no-such-records' {
  return source.hasWithin(prefix) ? 'no-such-records' : 'no-such-name'
}

/** The name of an instance by its address: it is registered, with any status. */
export function planPod (
  { namespace, address }: Extract<PodName, { kind: 'pod' }>, type: number, source: AddressSource, ttlSeconds: number
): Records | 'no-such-name' | 'no-such-records' | 'has-records' {
  if (!source.hasInstance(namespace, address)) return 'no-such-name'
  if (type !== recordTypes.A && type !== recordTypes.AAAA) return 'has-records'
  if (familyOf(address) !== addressFamily(type)) return 'no-such-records'
  return new RecordSet([{ bytes: addressRecord(questionPointer, address, ttlSeconds), priority: 0, weight: 0 }])
}

interface Pointer {
  readonly host: string
  readonly name: string
  readonly namespace: string
  readonly rank: number
  readonly isPrimary: boolean
}

function pointersOf (services: ReadonlyMap<ServiceOfAddress, ReadonlySet<Endpoint>>): Pointer[] {
  const found = new Map<string, Pointer>()
  for (const [{ name, namespace, manifest }, endpoints] of services) {
    const policy = pointerPolicyOf(manifest)
    if (policy === 'none') continue
    const isFoundByIt = manifest === undefined || isHeadless(manifest) // its endpoints are what it is found by
    for (const endpoint of endpoints) {
      const isCalled = usedHostname(endpoint) !== undefined
      if (!isAnswerable(endpoint) || (policy === 'hostnames' && !isCalled)) continue
      const host = hostnameOf(endpoint)
      const rank = (isCalled ? 0 : 2) + (isFoundByIt ? 0 : 1)
      found.set(`${namespace}/${name}/${host}`, { host, name, namespace, rank, isPrimary: policy === 'primary' })
    }
  }
  const all = [...found.values()]
  const primary = all.filter(({ isPrimary }) => isPrimary)
  return (primary.length > 0 ? primary : all).sort((a, b) => a.rank - b.rank || byName(a, b) || compare(a.host, b.host))
}

function byName (a: { readonly namespace: string, readonly name: string }, b: { readonly namespace: string, readonly name: string }): number {
  return compare(a.namespace, b.namespace) || compare(a.name, b.name)
}

function compare (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
