// Name and type to what is answered: records, an alias, or one of four endings without records; the
// difference between the first two is what musl and .NET fail whole lookups on:
//   no-such-name     NXDOMAIN, and so nothing below the name either (RFC 8020)
//   no-such-records  the name, or something below it, exists: NOERROR without answers (NODATA)
//   not-ready        the registry has not been loaded yet: ask again
//   refused          not our zone
import type { EndpointSet } from '../model/endpoints.ts'
import { isHeadless } from '../model/service/facts.ts'
import type { Service } from '../model/service/types.ts'
import type { Alias } from './alias.ts'
import type { AnswerCache } from './answer-cache.ts'
import type { EndpointAnswers } from './endpoint-answers.ts'
import { RecordSet, type Records, minimalAnyRdata, minimalAnyType } from './record-set.ts'
import type { RecordName } from './record-name.ts'
import type { ServiceAnswers } from './service-records.ts'
import { questionPointer, recordBytes, recordTypes } from './wire.ts'
import type { ComposedRecords } from './dns2-codec.ts'
import { writeFixed } from './zone.ts'

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
    /** Of a declared or an implicit service. The same object until they change. */
    endpoints (namespace: string, service: string): EndpointSet | undefined
    /** A service that somebody declared; it hides what is registered under the same name. */
    declared (namespace: string, service: string): DeclaredService | undefined
    /** A lasting object of the store by its key: the secret of cookies. The same object until it changes. */
    object (key: string): { readonly body: string } | undefined
    /** What stands under a name, declared or implicit: the same object for its life, with the revision of the last change that concerned it. */
    view (namespace: string, service: string): { readonly revision: number } | undefined
  }
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

const { A, AAAA, SRV, SOA, NS, TXT, ANY } = recordTypes

type NameOfService = Extract<RecordName, { kind: 'service' | 'endpoint' | 'protocol' | 'port' }>

/** @param minimalAny what ANY gets where there are records */
export function planAnswer (name: RecordName, type: number, source: DnsSource, cache: AnswerCache, minimalAny: Records): Plan {
  if (name.kind === 'outside') return 'refused'
  if (!source.loaded) return 'not-ready' // even where the answer is fixed: its serial is not known yet
  switch (name.kind) {
    case 'unknown':
      return 'no-such-name'
    case 'apex':
      if (type === SOA) return { write: (writer) => name.zone.writeSoa(writer, source.revision) }
      return type === NS ? fixed(name.zone.nameServers) : orAny(type, minimalAny)
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
    case 'service':
    case 'endpoint':
    case 'protocol':
    case 'port': {
      const declared = source.catalog.declared(name.namespace, name.service)
      return declared === undefined ? planImplicit(name, type, source, cache, minimalAny) : planDeclared(name, type, declared, cache, minimalAny)
    }
  }
}

function planImplicit (name: NameOfService, type: number, source: DnsSource, cache: AnswerCache, minimalAny: Records): Plan {
  const endpoints = source.catalog.endpoints(name.namespace, name.service)
  return endpoints === undefined ? 'no-such-name' : planByEndpoints(name, type, cache.ofEndpoints(endpoints), minimalAny)
}

function planDeclared (name: NameOfService, type: number, { manifest, endpoints }: DeclaredService, cache: AnswerCache, minimalAny: Records): Plan {
  if (manifest.spec.type === 'ExternalName') return name.kind === 'service' ? cache.ofAlias(manifest) ?? 'no-such-records' : 'no-such-name'
  const hosts = cache.ofEndpoints(endpoints)
  return isHeadless(manifest) ? planByEndpoints(name, type, hosts, minimalAny) : planService(name, type, cache.ofClusterIps(manifest), hosts, minimalAny)
}

/**
 * A headless or implicit service of which no endpoint is answered is no name at all: the Kubernetes specification wants NXDOMAIN,
 * and then there is nothing below it either: no host, no port.
 */
function planByEndpoints (name: NameOfService, type: number, answers: EndpointAnswers, minimalAny: Records): Plan {
  return answers.isEmpty ? 'no-such-name' : planService(name, type, answers, answers, minimalAny)
}

/** Record types at a name of a service that exists. */
function planService (name: NameOfService, type: number, answers: ServiceAnswers, hosts: EndpointAnswers, minimalAny: Records): Plan {
  switch (name.kind) {
    case 'service':
      if (type === A || type === AAAA) return answers.addresses(type) ?? 'no-such-records'
      if (type === SRV) return answers.allPorts(name) ?? 'no-such-records'
      return orAny(type, minimalAny)
    case 'endpoint':
      if (!hosts.hasHost(name.hostname)) return 'no-such-name'
      return type === A || type === AAAA ? hosts.hostAddresses(name.hostname, type) ?? 'no-such-records' : orAny(type, minimalAny)
    case 'protocol':
      return answers.hasProtocol(name.protocol) ? 'no-such-records' : 'no-such-name'
    case 'port':
      if (!answers.hasPort(name.port, name.protocol)) return 'no-such-name'
      return type === SRV ? answers.port(name, name.port, name.protocol) ?? 'no-such-records' : orAny(type, minimalAny)
  }
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
