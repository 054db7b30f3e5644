// Every record of a zone at one revision. What is at a name is never decided here: each name and type is planned as a question
// for it is, so that a secondary answers what this server does.
//
// A zone is taken as parts, each made from objects that never change: the parts are taken in one go, which fixes the revision, and
// their records are made later, a few at a time.
import type { DnsSource, TransferSource } from '../source.ts'
import { defaultDnsPolicy } from '../../model/service/dns-annotations.ts'
import { Alias } from '../answers/alias.ts'
import { AnswerCache, type AnswerCacheOptions } from '../answers/answer-cache.ts'
import { minimalAnyRecords, planAnswer } from '../answers/answer-plan.ts'
import type { RecordName } from '../names/record-name.ts'
import type { ServiceName } from '../names/service-name.ts'
import { DrawnRecords } from '../answers/drawn-records.ts'
import { RecordSet } from '../wire/record-set.ts'
import { ReverseZone } from '../names/reverse-zone.ts'
import { type NamedPort, addressTypes } from '../answers/service-records.ts'
import { isAtOrBelow } from '../wire/name.ts'
import { nameBytes, recordTypes } from '../wire/wire.ts'
import type { Zone } from '../names/zone.ts'
import { ComposedAnswers, withOwner } from './composed-answers.ts'
import { type AddressBlock, HeldAddresses, addressBlocks, takeHolders } from './held-addresses.ts'
import { type TakenService, TakenServices, emptySource } from './taken-services.ts'

/** Records that change together. */
export interface ContentPart {
  /** Of one zone no two parts have the same. */
  readonly key: string
  /** What the records are made from: with the same objects they are the same records. */
  readonly stamp: object
  readonly others: readonly (object | undefined)[]
  /** Record sets, whole, in a stable order. */
  sets (): Iterable<ContentSet>
}

/** The records of one name and type, each `owner type class ttl rdlength rdata` without compression. */
export interface ContentSet {
  readonly records: readonly Buffer[]
  /** It had more than a set may have: `maxRecordsPerSet`, or fewer by the policy of its service. */
  readonly isCut: boolean
}

const { A, AAAA, SRV, NS, SOA, TXT, CNAME, PTR, HTTPS, SVCB } = recordTypes
const noAny = minimalAnyRecords(0) // no question for ANY is planned
const composed = new ComposedAnswers()

/**
 * Takes a zone as it is now: later changes do not show in the parts. They are found one after the other;
 * undefined = there was some work, and others may have their turn.
 * @param options also all zones: what is below one of the others is left to it
 */
export function zoneParts (zone: Zone, source: TransferSource, options: AnswerCacheOptions): Iterable<ContentPart | undefined> {
  if (zone instanceof ReverseZone) return reverseParts(zone, source, options)
  const children = options.zones.filter((other) => other !== zone && isBelow(other, zone))
    .filter((child, _, all) => !all.some((other) => other !== child && isBelow(child, other)))
  return [ownPart(zone, children, source, options), ...serviceParts(zone, children, source, options)]
}

/** The SOA record of a zone at the source's revision. */
export function soaRecord (zone: Zone, source: DnsSource, options: AnswerCacheOptions): Buffer | undefined {
  return setAt({ kind: 'apex', zone }, zone.wire, SOA, source, new AnswerCache(options)).records[0]
}

/** Everything but the SOA, in order. */
export function * zoneRecords (zone: Zone, source: TransferSource, options: AnswerCacheOptions): Generator<Buffer> {
  for (const part of zoneParts(zone, source, options)) {
    for (const { records } of part?.sets() ?? []) yield * records
  }
}

/** The fixed content of the zone, and the delegations of the zones below it. */
function ownPart (zone: Zone, children: readonly Zone[], source: DnsSource, options: AnswerCacheOptions): ContentPart {
  return {
    key: '',
    stamp: zone,
    others: [],
    * sets () {
      const cache = new AnswerCache(options)
      const at = (name: RecordName, owner: readonly string[], type: number): ContentSet => setAt(name, nameBytes(owner), type, source, cache)
      for (const each of [zone, ...children]) {
        yield at({ kind: 'apex', zone: each }, each.labels, NS)
        for (const type of addressTypes) yield at({ kind: 'name-server', zone: each }, ['ns', 'dns', ...each.labels], type)
      }
      yield at({ kind: 'version', zone }, ['dns-version', ...zone.labels], TXT)
    }
  }
}

/** The addresses in a reverse zone, as many at a time as differ in their last octet only. */
function reverseParts (zone: ReverseZone, source: TransferSource, options: AnswerCacheOptions): Iterable<ContentPart | undefined> {
  const holders = takeHolders(source.catalog)
  const serverPart: ContentPart = {
    key: '', stamp: zone, others: [],
    * sets () {
      yield setAt({ kind: 'apex', zone }, zone.wire, NS, emptySource, new AnswerCache(options))
    }
  }
  const parts = function * (): Generator<ContentPart | undefined> {
    yield serverPart
    for (const block of addressBlocks(zone, holders)) {
      if (block === undefined) yield undefined
      else yield { key: block.prefix, stamp: block.stamp, others: block.others, sets: () => addressSets(zone, block, options) }
    }
  }
  return parts()
}

function * addressSets (zone: ReverseZone, block: AddressBlock, options: AnswerCacheOptions): Generator<ContentSet> {
  const cache = new AnswerCache(options)
  const addresses = new HeldAddresses(block)
  const source: DnsSource = { ...emptySource, catalog: { ...emptySource.catalog, addresses } }
  for (const address of addresses.inOrder(zone)) {
    const name: RecordName = address === zone.address ? { kind: 'apex', zone } : { kind: 'address', zone, address }
    const set = setAt(name, nameBytes(zone.labelsOf(address)), PTR, source, cache)
    if (set.records.length > 0) yield set
  }
}

function serviceParts (zone: Zone, children: readonly Zone[], source: TransferSource, options: AnswerCacheOptions): ContentPart[] {
  const { catalog } = source
  const parts: ContentPart[] = []
  const policies = new AnswerCache(options)
  for (const namespace of catalog.namespaces()) {
    for (const service of catalog.services(namespace)) {
      const taken = new TakenServices(catalog)
      const own = taken.take(namespace, service)
      if (own === undefined) continue
      const { fallbacks } = policies.policyOf(own.declared?.manifest, own.annotations)
      for (const fallback of fallbacks) taken.take(fallback.namespace, fallback.service)
      const name = { zone, namespace, service }
      parts.push({
        key: `${namespace}/${service}`, stamp: own.endpoints, others: taken.stamps,
        sets: () => serviceSets(name, children, own, taken, options)
      })
    }
  }
  return parts
}

function * serviceSets (
  name: ServiceName, children: readonly Zone[], own: TakenService, taken: TakenServices, options: AnswerCacheOptions
): Generator<ContentSet> {
  const cache = new AnswerCache(options) // thrown away: names that are not asked for shall not stay in memory
  const { source } = taken
  for (const [below, type] of namesOf(name, own, taken, cache)) {
    const owner = nameBytes([...below.labels, name.service, name.namespace, 'svc', ...name.zone.labels])
    if (children.some((child) => isAtOrBelow(owner, child.wire))) continue
    const set = setAt(below.name, owner, type, source, cache)
    if (set.records.length > 0) yield set
  }
}

interface NameBelow {
  readonly labels: readonly string[]
  readonly name: RecordName
}

/** Every name and type of a service that may have records. A further type at a name is a further line here. */
function * namesOf (name: ServiceName, own: TakenService, taken: TakenServices, cache: AnswerCache): Generator<[NameBelow, number]> {
  const service: NameBelow = { labels: [], name: { kind: 'service', ...name } }
  if (own.declared?.manifest.spec.type === 'ExternalName') {
    yield [service, CNAME]
    return
  }
  for (const type of [A, AAAA, SRV, HTTPS, SVCB]) yield [service, type]
  const seen = new Set<string>()
  for (const each of taken.all) { // the ports of its fallback are its own then
    for (const { port, protocol } of portsOf(each, cache)) {
      const labels = [`_${port}`, `_${protocol.toLowerCase()}`]
      if (seen.has(labels.join('.'))) continue
      seen.add(labels.join('.'))
      yield [{ labels, name: { kind: 'port', ...name, port, protocol } }, SRV]
    }
  }
  for (const hostname of cache.ofEndpoints(own.endpoints, defaultDnsPolicy).hostnames()) {
    const host: NameBelow = { labels: [hostname], name: { kind: 'endpoint', ...name, hostname } }
    for (const type of addressTypes) yield [host, type]
  }
}

function portsOf ({ declared, endpoints }: TakenService, cache: AnswerCache): Iterable<NamedPort> {
  const manifest = declared?.manifest
  return (cache.isByClusterIps(manifest) ? cache.ofClusterIps(manifest, defaultDnsPolicy) : cache.ofEndpoints(endpoints, defaultDnsPolicy)).namedPorts()
}

function setAt (name: RecordName, owner: Buffer, type: number, source: DnsSource, cache: AnswerCache): ContentSet {
  const plan = planAnswer(name, type, source, cache, noAny)
  if (typeof plan === 'string') return { records: [], isCut: false }
  if (plan instanceof Alias) return { records: [withOwner(owner, plan.record)], isCut: false }
  if (!(plan instanceof RecordSet) && !(plan instanceof DrawnRecords)) return composed.records(owner, type, plan)
  const records = Array.from(plan.inOrder(), (record) => withOwner(owner, record))
  return { records, isCut: records.length < plan.count }
}

function isBelow (child: Zone, zone: Zone): boolean {
  return child.labels.length > zone.labels.length && isAtOrBelow(child.wire, zone.wire)
}
