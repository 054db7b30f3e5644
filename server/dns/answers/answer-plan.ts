// From a name and a type to records, for all kinds of names.
import type { DnsSource } from '../source.ts'
import type { AnswerCache } from './answer-cache.ts'
import { planAddress, planNetwork, planPod } from './address-answers.ts'
import { planConsul } from './consul-answers.ts'
import { planBrowse } from '../browse/browse-answers.ts'
import { RecordSet, type Records, minimalAnyRdata, minimalAnyType } from '../wire/record-set.ts'
import type { RecordName } from '../names/record-name.ts'
import { ReverseZone } from '../names/reverse-zone.ts'
import type { Plan } from './plan.ts'
import { planService } from './service-plan.ts'
import { questionPointer, recordBytes, recordTypes } from '../wire/wire.ts'
import type { ComposedRecords } from '../wire/dns2-codec.ts'
import { writeFixed } from '../names/zone.ts'

const { SOA, NS, TXT, PTR, ANY } = recordTypes

/**
 * @param minimalAny what ANY gets where there are records
 * @param clientZone the zone that the client is in, in lower case, whose endpoints come first; undefined = not known
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
    case 'cut':
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
    case 'consul-branch':
    case 'consul-service':
    case 'consul-node':
    case 'consul-address':
      return planConsul(name, type, source, cache, minimalAny)
    case 'service':
    case 'endpoint':
    case 'protocol':
    case 'port':
    case 'selection-branch':
    case 'selection':
      return planService(name, type, { catalog: source.catalog, cache, minimalAny, clientZone })
  }
}

/** The apex exists, also where its address is not known. */
function planReverseApex ({ address, target, consul }: ReverseZone, source: DnsSource, cache: AnswerCache): Plan {
  const found = address === undefined ? 'no-such-records' : planAddress({ target, consul }, address, source.catalog.addresses, cache.ttlSeconds)
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
