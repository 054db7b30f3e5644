// Every record of a zone at one revision. What is at a name is never decided here: each name and type is planned as a question
// for it is, so that a secondary answers what this server does.
//
// A zone is taken as parts, each made from objects that never change: the parts are taken in one go, which fixes the revision, and
// their records are made later, a few at a time.
import type { EndpointSet } from '../../model/endpoints.ts'
import { isHeadless } from '../../model/service/facts.ts'
import type { Service } from '../../model/service/types.ts'
import { Alias } from '../alias.ts'
import { AnswerCache, type AnswerCacheOptions } from '../answer-cache.ts'
import { type DeclaredService, type DnsSource, minimalAnyRecords, planAnswer } from '../answer-plan.ts'
import type { DnsPolicy } from '../../model/service/dns-annotations.ts'
import type { Labels } from '../../model/service/types.ts'
import type { RecordName, ServiceName } from '../record-name.ts'
import { RecordSet, maxRecordsPerSet } from '../record-set.ts'
import { addressTypes } from '../service-records.ts'
import { nameBytes, recordTypes } from '../wire.ts'
import type { Zone } from '../zone.ts'
import { ComposedAnswers, withOwner } from './composed-answers.ts'

/** What a transfer needs of the registry beside answers. The registry's feed is one. */
export interface TransferSource extends DnsSource {
  /** Revisions of different epochs have nothing to do with each other. */
  readonly epoch: string
  readonly catalog: DnsSource['catalog'] & {
    /** In order. */
    namespaces (): readonly string[]
    /** In order, declared and implicit. */
    services (namespace: string): readonly string[]
  }
}

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
  /** It had more than a set may have (`maxRecordsPerSet`). */
  readonly isCut: boolean
}

const { A, AAAA, SRV, NS, SOA, TXT, CNAME, HTTPS, SVCB } = recordTypes
const noAny = minimalAnyRecords(0) // no question for ANY is planned
const composed = new ComposedAnswers()

/** Takes the parts of a zone as they are now. @param options also all zones: what is below one of the others is left to it */
export function zoneParts (zone: Zone, source: TransferSource, options: AnswerCacheOptions): ContentPart[] {
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
    for (const { records } of part.sets()) yield * records
  }
}

/** What is in the zone whatever is registered, and whereto the zones below it are delegated. */
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

function serviceParts (zone: Zone, children: readonly Zone[], source: TransferSource, options: AnswerCacheOptions): ContentPart[] {
  const { catalog } = source
  const parts: ContentPart[] = []
  const policies = new AnswerCache(options)
  for (const namespace of catalog.namespaces()) {
    for (const service of catalog.services(namespace)) {
      const taken = new TakenServices(catalog)
      const own = taken.take(namespace, service)
      if (own === undefined) continue
      const policy = policies.policyOf(own.declared?.manifest, own.annotations)
      for (const fallback of policy.fallbacks) taken.take(fallback.namespace, fallback.service)
      const name = { zone, namespace, service }
      parts.push({
        key: `${namespace}/${service}`, stamp: own.endpoints, others: taken.stamps,
        sets: () => serviceSets(name, children, own, policy, taken, options)
      })
    }
  }
  return parts
}

interface TakenService {
  readonly declared: DeclaredService | undefined
  readonly endpoints: EndpointSet
  readonly annotations: Labels | undefined
}

/** No name of a service is answered by address. */
const noAddresses: DnsSource['catalog']['addresses'] = {
  byClusterIp: () => [], endpointsAt: () => ({ services: new Map(), isCut: false }), hasInstance: () => false, hasWithin: () => false
}

/** A registry with a few services in it, as they are now: what is taken does not change any more. */
class TakenServices {
  readonly #catalog: DnsSource['catalog']
  readonly #services = new Map<string, TakenService>()

  constructor (catalog: DnsSource['catalog']) {
    this.#catalog = catalog
  }

  take (namespace: string, service: string): TakenService | undefined {
    const live = this.#catalog.declared(namespace, service)
    const declared = live === undefined ? undefined : { manifest: live.manifest, endpoints: live.endpoints }
    const endpoints = declared?.endpoints ?? this.#catalog.endpoints(namespace, service)
    if (endpoints === undefined) return undefined
    const taken = { declared, endpoints, annotations: this.#catalog.namespaceAnnotations(namespace) }
    this.#services.set(`${namespace}/${service}`, taken)
    return taken
  }

  /** Everything that answers are made from. */
  get stamps (): (object | undefined)[] {
    return [...this.#services.values()].flatMap(({ declared, endpoints, annotations }) => [declared?.manifest, endpoints, annotations])
  }

  get source (): DnsSource {
    const get = (namespace: string, service: string): TakenService | undefined => this.#services.get(`${namespace}/${service}`)
    return {
      loaded: true, revision: 0, staleSeconds: 0,
      catalog: {
        hasNamespace: () => true,
        declared: (namespace, service) => get(namespace, service)?.declared,
        endpoints: (namespace, service) => get(namespace, service)?.endpoints,
        view: () => undefined,
        namespaces: () => [],
        services: () => [],
        addresses: noAddresses,
        object: () => undefined,
        namespaceAnnotations: (namespace) => [...this.#services].find(([key]) => key.startsWith(`${namespace}/`))?.[1].annotations
      }
    }
  }
}

function * serviceSets (
  name: ServiceName, children: readonly Zone[], own: TakenService, policy: DnsPolicy, taken: TakenServices, options: AnswerCacheOptions
): Generator<ContentSet> {
  const cache = new AnswerCache(options) // thrown away: names that nobody asks for shall not stay in memory
  const { source } = taken
  for (const [below, type] of namesOf(name, own.declared?.manifest, own.endpoints, cache, policy)) {
    const owner = nameBytes([...below.labels, name.service, name.namespace, 'svc', ...name.zone.labels])
    if (children.some((child) => endsWith(owner, child.wire))) continue
    const set = setAt(below.name, owner, type, source, cache)
    if (set.records.length > 0) yield set
  }
}

interface NameBelow {
  readonly labels: readonly string[]
  readonly name: RecordName
}

/** Every name and type of a service that may have records. A further type at a name is a further line here. */
function * namesOf (
  name: ServiceName, manifest: Service | undefined, endpoints: EndpointSet, cache: AnswerCache, policy: DnsPolicy
): Generator<[NameBelow, number]> {
  const service: NameBelow = { labels: [], name: { kind: 'service', ...name } }
  if (manifest?.spec.type === 'ExternalName') {
    yield [service, CNAME]
    return
  }
  const hosts = cache.ofEndpoints(endpoints, policy)
  const answers = manifest === undefined || isHeadless(manifest) ? hosts : cache.ofClusterIps(manifest, policy)
  for (const type of [A, AAAA, SRV, HTTPS, SVCB]) yield [service, type]
  for (const { port, protocol } of answers.namedPorts()) {
    yield [{ labels: [`_${port}`, `_${protocol.toLowerCase()}`], name: { kind: 'port', ...name, port, protocol } }, SRV]
  }
  for (const hostname of hosts.hostnames()) {
    const host: NameBelow = { labels: [hostname], name: { kind: 'endpoint', ...name, hostname } }
    for (const type of addressTypes) yield [host, type]
  }
}

function setAt (name: RecordName, owner: Buffer, type: number, source: DnsSource, cache: AnswerCache): ContentSet {
  const plan = planAnswer(name, type, source, cache, noAny)
  if (typeof plan === 'string') return { records: [], isCut: false }
  if (plan instanceof Alias) return { records: [withOwner(owner, plan.record)], isCut: false }
  if (!(plan instanceof RecordSet)) return { records: composed.records(owner, type, plan), isCut: false }
  return { records: Array.from(plan.inOrder(), (record) => withOwner(owner, record)), isCut: plan.count > maxRecordsPerSet }
}

function isBelow (child: Zone, zone: Zone): boolean {
  return child.labels.length > zone.labels.length && endsWith(child.wire, zone.wire)
}

/** Whether a name is another one or below it; both in wire form, and the ends begin at a label in all names that are made here. */
function endsWith (name: Buffer, end: Buffer): boolean {
  for (let at = 0; at < name.length; at += 1 + name.readUInt8(at)) {
    if (name.length - at === end.length) return name.subarray(at).equals(end)
  }
  return false
}
