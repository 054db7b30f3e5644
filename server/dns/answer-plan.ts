// Name and type to what is answered. There are four endings without records; the difference between the first two is what
// musl and .NET fail whole lookups on:
//   no-such-name     NXDOMAIN, and so nothing below the name either (RFC 8020)
//   no-such-records  the name, or something below it, exists: NOERROR without answers (NODATA)
//   not-ready        the registry has not been loaded yet: ask again
//   refused          not our zone
import type { EndpointSet } from '../model/endpoints.ts'
import type { AnswerCache, ServiceAnswers } from './answer-cache.ts'
import { RecordSet, type Records, minimalAnyRdata, minimalAnyType } from './record-set.ts'
import type { RecordName, ServiceName } from './record-name.ts'
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
    /** The same object until the service changes. */
    endpoints (namespace: string, service: string): EndpointSet | undefined
  }
}

export type Ending = 'no-such-name' | 'no-such-records' | 'not-ready' | 'refused'
export type Plan = Records | Ending

const { A, AAAA, SRV, SOA, NS, TXT, ANY } = recordTypes

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
      const answers = answersOf(name, source, cache)
      return answers === undefined ? 'no-such-name' : planService(name, type, answers, minimalAny)
    }
  }
}

/** Record types at a name of a service that has something to answer. */
function planService (
  name: ServiceName & Extract<RecordName, { kind: 'service' | 'endpoint' | 'protocol' | 'port' }>, type: number, answers: ServiceAnswers, minimalAny: Records
): Plan {
  switch (name.kind) {
    case 'service':
      if (type === A || type === AAAA) return answers.addresses(type) ?? 'no-such-records'
      return type === SRV ? answers.allPorts(name) ?? 'no-such-records' : orAny(type, minimalAny)
    case 'endpoint':
      if (!answers.hasHost(name.hostname)) return 'no-such-name'
      return type === A || type === AAAA ? answers.hostAddresses(name.hostname, type) ?? 'no-such-records' : orAny(type, minimalAny)
    case 'protocol':
      return answers.hasProtocol(name.protocol) ? 'no-such-records' : 'no-such-name'
    case 'port':
      if (!answers.hasPort(name.port, name.protocol)) return 'no-such-name'
      return type === SRV ? answers.port(name, name.port, name.protocol) ?? 'no-such-records' : orAny(type, minimalAny)
  }
}

/**
 * A service of which no endpoint is answered is no name at all: the Kubernetes specification wants NXDOMAIN for a headless
 * service without ready endpoints, and then there is nothing below it either: no host, no port.
 */
function answersOf ({ namespace, service }: ServiceName, source: DnsSource, cache: AnswerCache): ServiceAnswers | undefined {
  const endpoints = source.catalog.endpoints(namespace, service)
  if (endpoints === undefined) return undefined
  const answers = cache.of(endpoints)
  return answers.isEmpty ? undefined : answers
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
