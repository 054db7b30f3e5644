// Name and type to what is answered: records, an alias, or one of four endings without records; the
// difference between the first two is what musl and .NET fail whole lookups on:
//   no-such-name     NXDOMAIN, and so nothing below the name either (RFC 8020)
//   no-such-records  the name, or something below it, exists: NOERROR without answers (NODATA)
//   not-ready        the registry has not been loaded yet: ask again
//   refused          not our zone
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Labels, Service } from '../../model/service/types.ts'
import type { Alias } from './alias.ts'
import type { AnswerCache } from './answer-cache.ts'
import { planAddress, planNetwork, planPod } from './address-answers.ts'
import { planBrowse } from '../browse/browse-answers.ts'
import { RecordSet, type Records, minimalAnyRdata, minimalAnyType } from '../wire/record-set.ts'
import type { RecordName } from '../names/record-name.ts'
import { ReverseZone } from '../names/reverse-zone.ts'
import { planService } from './service-plan.ts'
import { questionPointer, recordBytes, recordTypes } from '../wire/wire.ts'
import type { ComposedRecords } from '../wire/dns2-codec.ts'
import { writeFixed } from '../names/zone.ts'

/** What DNS needs of the registry. The registry's feed is one. */
export interface DnsSource {
  /** False before the first full load. */
  readonly loaded: boolean
  /** Grows with each change; the serial of every zone. */
  readonly revision: number
  /** 0 while the store is there, else how long it has been away. */
  readonly staleSeconds: number
  /** Asked for with every question: after a resynchronisation it is another object. */
  readonly catalog: {
    hasNamespace (namespace: string): boolean
    /** Of the namespace's manifest: defaults of its services. The same object until it is declared anew. */
    namespaceAnnotations (namespace: string): Labels | undefined
    /** In order; the same list until one comes or goes. */
    namespaces (): readonly string[]
    /** In order, declared and implicit; the same list until one comes or goes. */
    services (namespace: string): readonly string[]
    /** Of a declared or an implicit service. The same object until they change. */
    endpoints (namespace: string, service: string): EndpointSet | undefined
    /** A service that somebody declared; it hides what is registered under the same name. */
    declared (namespace: string, service: string): DeclaredService | undefined
    /** A lasting object of the store by its key: the secret of cookies. The same object until it changes. */
    object (key: string): { readonly body: string } | undefined
    /** What stands under a name, declared or implicit: the same object for its life, with the revision of the last change that concerned it. */
    service (namespace: string, service: string): { readonly namespace: string, readonly name: string, readonly revision: number } | undefined
    readonly addresses: AddressSource
  }
}

/** Who has an address. */
export interface AddressSource {
  /** The declared services that have a cluster IP. */
  byClusterIp (address: string): readonly ServiceOfAddress[]
  /** The answered endpoints at an address. @param limit of how many holders of the address are looked at */
  endpointsAt (address: string, limit: number): {
    readonly services: ReadonlyMap<ServiceOfAddress, ReadonlySet<Endpoint>>
    /** More hold it than were looked at. */
    readonly isCut: boolean
  }
  /** Whether an instance of a namespace has the address, whatever its status. */
  hasInstance (namespace: string, address: string): boolean
  /** Whether anything has an address whose key begins so, answered or not. */
  hasWithin (prefix: string): boolean
}

export interface ServiceOfAddress {
  readonly namespace: string
  readonly name: string
  /** Of a declared service. */
  readonly manifest?: Service
}

/** Each part is the same object until it changes: answers are kept with the part that they were made from, not with the whole. */
export interface DeclaredService {
  /** As stored: with its defaults and cluster IPs. */
  readonly manifest: Service
  readonly endpoints: EndpointSet
}

export type Ending = 'no-such-name' | 'no-such-records' | 'not-ready' | 'refused'
/** What is asked on for is at the alias' target, unless the alias itself was asked for. */
export type Plan = Records | Alias | Ending

const { SOA, NS, TXT, PTR, ANY } = recordTypes

/**
 * @param minimalAny what ANY gets where there are records
 * @param clientZone the zone that the client is in, in lower case, whose endpoints it is given first; undefined = not known
 */
export function planAnswer (name: RecordName, type: number, source: DnsSource, cache: AnswerCache, minimalAny: Records, clientZone?: string): Plan {
  if (name.kind === 'outside') return 'refused'
  if (!source.loaded) return 'not-ready' // even where the answer is fixed: its serial is not known yet
  switch (name.kind) {
    case 'unknown':
      return 'no-such-name'
    case 'apex':
      if (type === SOA) return { write: (writer) => name.zone.writeSoa(writer, source.revision) }
      if (type === NS) return fixed(name.zone.nameServers)
      if (type === PTR && name.zone instanceof ReverseZone) return planReverseApex(name.zone, source, cache)
      return orAny(type, minimalAny)
    case 'version':
      return type === TXT ? fixed(name.zone.version) : orAny(type, minimalAny)
    case 'name-server': {
      const addresses = name.zone.nameServerAddress
      const found = addresses.get(type)
      return found !== undefined ? fixed(found) : addresses.size > 0 ? orAny(type, minimalAny) : 'no-such-records'
    }
    case 'name-servers':
    case 'services':
      return 'no-such-records'
    case 'namespace':
      return source.catalog.hasNamespace(name.namespace) ? 'no-such-records' : 'no-such-name'
    case 'address': {
      const found = planAddress(name.zone, name.address, source.catalog.addresses, cache.ttlSeconds)
      return type === PTR || typeof found === 'string' ? found : orAny(type, minimalAny)
    }
    case 'network':
      return planNetwork(name.prefix, source.catalog.addresses)
    case 'pods':
      return 'no-such-records'
    case 'pod-namespace':
      return source.catalog.hasNamespace(name.namespace) ? 'no-such-records' : 'no-such-name'
    case 'pod':
      return orMinimal(planPod(name, type, source.catalog.addresses, cache.ttlSeconds), type, minimalAny)
    case 'browse-part':
    case 'types':
    case 'domains':
    case 'type-protocol':
    case 'type':
    case 'offer':
      return orMinimal(planBrowse(name, type, source, cache), type, minimalAny)
    case 'service':
    case 'endpoint':
    case 'protocol':
    case 'port':
    case 'selection-branch':
    case 'selection':
      return planService(name, type, { catalog: source.catalog, cache, minimalAny, clientZone })
  }
}

/** The apex exists, whoever has its address. */
function planReverseApex ({ address, target }: ReverseZone, source: DnsSource, cache: AnswerCache): Plan {
  const found = address === undefined ? 'no-such-records' : planAddress({ target }, address, source.catalog.addresses, cache.ttlSeconds)
  return found === 'no-such-name' ? 'no-such-records' : found
}

/** @param found `has-records` = there are some, of another type */
function orMinimal (found: Plan | 'has-records', type: number, minimalAny: Records): Plan {
  return found === 'has-records' ? orAny(type, minimalAny) : found
}

function orAny (type: number, minimalAny: Records): Plan {
  return type === ANY ? minimalAny : 'no-such-records'
}

function fixed (records: ComposedRecords): Records {
  return { write: (writer) => writeFixed(writer, records) }
}

/** What ANY gets: one HINFO (RFC 8482 4.2). */
export function minimalAnyRecords (ttlSeconds: number): Records {
  return new RecordSet([{ bytes: recordBytes(questionPointer, minimalAnyType, ttlSeconds, minimalAnyRdata), priority: 0, weight: 0 }])
}
