// DNS-based service discovery (RFC 6763): where to browse, which types of services there are, who offers one, and what of each.
//
//   PTR to a domain or type = pointer-to-question PTR IN ttl rdlength name
//   PTR to an offer         = pointer-to-question PTR IN ttl rdlength label pointer-to-question
//   SRV, TXT of an offer    = pointer-to-question type IN ttl rdlength rdata; behind a PTR the owner is a pointer to its rdata
import type { DnsSource } from '../source.ts'
import type { AnswerCache } from '../answers/answer-cache.ts'
import type { BrowseName } from '../names/browse-name.ts'
import { type Taken, newWork } from './browse-index.ts'
import type { MessageWriter } from '../wire/message-writer.ts'
import { type Offer, type Offers, typeKey } from './offers.ts'
import { type Glue, GluedRecordSet, type Records, RecordSet, maxRecordsPerSet } from '../wire/record-set.ts'
import { addressRecord, serviceRecord } from '../answers/service-records.ts'
import { labelBytes, maxNameLength, nameBytes, pointerLimit, pointerTo, questionPointer, recordBytes, recordTypes } from '../wire/wire.ts'
import type { Zone } from '../names/zone.ts'

const { PTR, SRV, TXT } = recordTypes
/** Of a PTR record: owner, type, class, TTL and length of the data. */
const pointerHeaderLength = 12

/** `has-records` = there are some, but of another type. */
export function planBrowse (
  name: BrowseName, type: number, source: DnsSource, cache: AnswerCache
): Records | 'no-such-name' | 'no-such-records' | 'has-records' {
  const { catalog, revision } = source
  const { browsed, ttlSeconds } = cache
  const offersOf = (namespace: string, service: string): Offers | undefined => browsed.offersOf(catalog, namespace, service)
  if ('namespace' in name && name.namespace !== undefined && !catalog.hasNamespace(name.namespace)) return 'no-such-name'
  const pointers = ({ items, isCut }: Taken, target: (item: string, group: number) => readonly string[]): Records | 'no-such-records' => {
    if (items.length === 0) return 'no-such-records'
    return new PointerRecords(items.map(({ item, group }) => [...target(item, group), 'svc', ...name.zone.labels]), isCut, ttlSeconds)
  }
  switch (name.kind) {
    case 'browse-part': // These exist at every name that can be browsed.
      return 'no-such-records'
    case 'domains': {
      if (type !== PTR) return 'has-records'
      const namespaces = catalog.namespaces()
      const taken = browsed.domains.take(namespaces.length, (index) => (hasServices(catalog, namespaces[index]) ? namespaces.slice(index, index + 1) : []))
      return pointers(taken, (namespace) => [namespace])
    }
    case 'types': {
      if (type !== PTR) return 'has-records'
      const work = newWork()
      const typesOf = (namespace: string): readonly string[] => {
        const types = browsed.namespace(catalog, namespace)
        types.refresh(catalog, revision, work)
        return types.types(catalog)
      }
      const { namespace } = name
      if (namespace !== undefined) {
        const types = typesOf(namespace)
        return pointers(browsed.namespace(catalog, namespace).turn.take(1, () => types), (key) => [...typeLabels(key), namespace])
      }
      const namespaces = catalog.namespaces()
      return pointers(browsed.types.take(namespaces.length, (index) => typesOf(namespaces[index] ?? '')), (key, index) => [...typeLabels(key), namespaces[index] ?? ''])
    }
    case 'type-protocol': {
      if (name.protocol === 'UDP') return 'no-such-records' // `_dns-sd` is below it
      const types = browsed.namespace(catalog, name.namespace)
      const isWhole = types.refresh(catalog, revision, newWork())
      return types.hasProtocol(catalog, name.protocol) || !isWhole ? 'no-such-records' : 'no-such-name'
    }
    case 'type': {
      const types = browsed.namespace(catalog, name.namespace)
      const isWhole = types.refresh(catalog, revision, newWork())
      const key = typeKey(name.type, name.protocol)
      if (!types.has(catalog, key)) return isWhole ? 'no-such-name' : 'no-such-records'
      if (type !== PTR) return 'has-records'
      const { labels, isCut } = types.labels(catalog, key)
      if (labels.length === 0) return 'no-such-records'
      const suffix = nameBytes([...typeLabels(key), name.namespace, 'svc', ...name.zone.labels]).length
      const offers = labels.flatMap(({ service, label }) => {
        if (1 + label.length + suffix > maxNameLength) return [] // as one whose label is too long: it has no name
        const offer = offersOf(name.namespace, service)?.find(key, label)
        return offer === undefined ? [] : [new OfferRecords(offer, label, service, name.namespace, name.zone, ttlSeconds)]
      })
      return offers.length === 0 ? 'no-such-records' : new BrowseRecords(offers, isCut, ttlSeconds)
    }
    case 'offer': {
      const service = name.label.slice(name.label.indexOf('_') + 1)
      const offer = offersOf(name.namespace, service)?.find(typeKey(name.type, name.protocol), name.label)
      if (offer === undefined) return 'no-such-name'
      const records = new OfferRecords(offer, name.label, service, name.namespace, name.zone, ttlSeconds)
      return type === SRV ? records.services() : type === TXT ? records.text() : 'has-records'
    }
  }
}

function hasServices (catalog: DnsSource['catalog'], namespace = ''): boolean {
  return catalog.services(namespace).length > 0
}

/** @example typeLabels('http TCP') // ['_http', '_tcp'] */
function typeLabels (key: string): readonly [string, string] {
  const [name = '', protocol = ''] = key.split(' ')
  return [`_${name}`, `_${protocol.toLowerCase()}`]
}

class PointerRecords implements Records {
  readonly #records: readonly Buffer[]
  readonly #isCut: boolean

  constructor (targets: readonly (readonly string[])[], isCut: boolean, ttlSeconds: number) {
    this.#records = targets.map((labels) => recordBytes(questionPointer, PTR, ttlSeconds, nameBytes(labels)))
    this.#isCut = isCut
  }

  write (writer: MessageWriter): void {
    writer.isCut = this.#isCut
    for (const record of this.#records) if (!writer.append('answer', record, 0, record.length)) return
  }
}

/** The records of one offer. */
class OfferRecords {
  readonly label: string
  readonly #offer: Offer
  readonly #target: Buffer
  readonly #ttlSeconds: number

  constructor (offer: Offer, label: string, service: string, namespace: string, zone: Zone, ttlSeconds: number) {
    this.label = label
    this.#offer = offer
    this.#target = nameBytes([...offer.host === undefined ? [] : [offer.host], service, namespace, 'svc', ...zone.labels])
    this.#ttlSeconds = ttlSeconds
  }

  services (): Records {
    const records = this.#serviceRecords()
    return new GluedRecordSet(records, records.map(() => 0), [this.#glue()])
  }

  text (): Records {
    return new RecordSet([{ bytes: this.#textRecord(), priority: 0, weight: 0 }])
  }

  /** SRV, TXT and addresses, as sets, for the additional section (RFC 6763 12.1). @param owner a pointer to the offer's name */
  sets (owner: number): Glue[] {
    const owned = [this.#serviceRecords().map(({ bytes }) => bytes), [this.#textRecord()]]
    for (const bytes of owned.flat()) bytes.writeUInt16BE(owner, 0)
    return [...owned.map((records) => ({ bytes: Buffer.concat(records), count: records.length })), ...this.#glue()]
  }

  #serviceRecords (): ReturnType<typeof serviceRecord>[] {
    return this.#offer.ports.map((port) => serviceRecord({ ...port, target: this.#target }, this.#ttlSeconds))
  }

  #textRecord (): Buffer {
    return recordBytes(questionPointer, TXT, this.#ttlSeconds, this.#offer.text)
  }

  #glue (): Glue[] {
    const sets = Map.groupBy(this.#offer.addresses, (address) => address.includes(':'))
    return Array.from(sets.values(), (addresses) => {
      const records = addresses.slice(0, maxRecordsPerSet + 1).map((address) => addressRecord(this.#target, address, this.#ttlSeconds))
      return { bytes: Buffer.concat(records), count: records.length }
    }).filter(({ count }) => count <= maxRecordsPerSet)
  }
}

/** Those who offer a type, and as much of what each offers as fits. */
class BrowseRecords implements Records {
  readonly #offers: readonly OfferRecords[]
  readonly #isCut: boolean
  readonly #ttlSeconds: number

  constructor (offers: readonly OfferRecords[], isCut: boolean, ttlSeconds: number) {
    this.#offers = offers
    this.#isCut = isCut
    this.#ttlSeconds = ttlSeconds
  }

  write (writer: MessageWriter): void {
    writer.isCut = this.#isCut
    const type = Buffer.from([writer.owner >> 8, writer.owner & 0xff])
    const names: number[] = []
    for (const { label } of this.#offers) {
      const name = writer.position + pointerHeaderLength
      const record = recordBytes(questionPointer, PTR, this.#ttlSeconds, Buffer.concat([labelBytes([label]), type]))
      if (!writer.append('answer', record, 0, record.length)) return
      names.push(name)
    }
    for (const [index, offer] of this.#offers.entries()) {
      const name = names[index] ?? pointerLimit
      if (name >= pointerLimit) return
      for (const { bytes, count } of offer.sets(pointerTo(name))) if (!writer.append('additional', bytes, 0, bytes.length, count)) return
    }
  }
}
