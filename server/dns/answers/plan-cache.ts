// What a question came to, kept by the octets of the question: most questions are asked again before anything changes that they
// were answered from. An entry remembers the services that its plan was made from, and is good as long as none of them changed.
import type { DeclaredService, DnsSource } from '../source.ts'
import type { QueryReader } from '../wire/query-reader.ts'
import type { Records } from '../wire/record-set.ts'
import type { Zone } from '../names/zone.ts'
import { foldedByte } from '../wire/name.ts'
import { headerLength, questionTailLength } from '../wire/wire.ts'

/**
 * Entries of names that exist, in all types and zones, for all zones that clients are in. Past it all are forgotten, and what is
 * asked comes back. Some 200 octets each beside the records, which the answers of the service hold anyway.
 */
const maxEntries = 131_072
/** A plan of more services than this (fallbacks) is built anew after each change of the registry. */
const maxWitnesses = 8

type CatalogView = DnsSource['catalog']

/** A service as it was when a plan looked at it, and what its namespace said of all its services. */
interface Witness {
  readonly namespace: string
  readonly service: string
  readonly view: ReturnType<CatalogView['service']>
  readonly revision: number
  readonly annotations: ReturnType<CatalogView['namespaceAnnotations']>
}

export interface CachedPlan {
  /** The question in lower case. */
  readonly question: string
  readonly records: Records
  readonly zone: Zone
  /** The zone of the client whose plan it is. */
  readonly clientZone: string | undefined
  readonly catalog: CatalogView
  readonly witnesses: readonly Witness[]
  /** The revision of the registry at which it was found good. */
  revision: number
}

export class PlanCache {
  readonly #plans = new Map<number, CachedPlan>()

  get size (): number {
    return this.#plans.size
  }

  /** What the question came to before, if that still holds. */
  find (query: QueryReader, source: DnsSource, clientZone: string | undefined): CachedPlan | undefined {
    const plan = this.#plans.get(hashOf(query, clientZone))
    if (plan === undefined || plan.clientZone !== clientZone || !isSame(plan.question, query)) return undefined
    const { catalog, revision } = source
    if (plan.revision !== revision || plan.catalog !== catalog) {
      if (plan.catalog !== catalog || !areUnchanged(plan.witnesses, catalog)) return undefined
      plan.revision = revision
    }
    return plan
  }

  /** @param observed what the plan was made from. Only what services alone decide is kept: the SOA, say, has another serial with each change */
  keep (query: QueryReader, { records, zone, clientZone }: Pick<CachedPlan, 'records' | 'zone' | 'clientZone'>, source: DnsSource, observed: ObservedCatalog): void {
    const { witnesses } = observed
    if (witnesses === undefined || witnesses.length === 0) return
    if (this.#plans.size >= maxEntries) this.#plans.clear()
    const { catalog, revision } = source
    this.#plans.set(hashOf(query, clientZone), { question: textOf(query), records, zone, clientZone, catalog, witnesses, revision })
  }
}

/** A catalog that takes down which services a plan looks at. One for one plan. */
export class ObservedCatalog implements CatalogView {
  readonly #catalog: CatalogView
  #witnesses: Witness[] | undefined = []

  constructor (catalog: CatalogView) {
    this.#catalog = catalog
  }

  /** undefined = the plan looked at more than services, or at too many. */
  get witnesses (): readonly Witness[] | undefined {
    return this.#witnesses
  }

  service (namespace: string, service: string): ReturnType<CatalogView['service']> {
    this.#note(namespace, service)
    return this.#catalog.service(namespace, service)
  }

  declared (namespace: string, service: string): DeclaredService | undefined {
    this.#note(namespace, service)
    return this.#catalog.declared(namespace, service)
  }

  endpoints (namespace: string, service: string): ReturnType<CatalogView['endpoints']> {
    this.#note(namespace, service)
    return this.#catalog.endpoints(namespace, service)
  }

  /** Noted with the services of the namespace. */
  namespaceAnnotations (namespace: string): ReturnType<CatalogView['namespaceAnnotations']> {
    return this.#catalog.namespaceAnnotations(namespace)
  }

  hasNamespace (namespace: string): boolean {
    return this.#wide.hasNamespace(namespace)
  }

  namespaces (): readonly string[] {
    return this.#wide.namespaces()
  }

  services (namespace: string): readonly string[] {
    return this.#wide.services(namespace)
  }

  get addresses (): CatalogView['addresses'] {
    return this.#wide.addresses
  }

  object (key: string): ReturnType<CatalogView['object']> {
    return this.#wide.object(key)
  }

  /** For what no few services decide. */
  get #wide (): CatalogView {
    this.#witnesses = undefined
    return this.#catalog
  }

  #note (namespace: string, service: string): void {
    const witnesses = this.#witnesses
    if (witnesses === undefined || witnesses.some((known) => known.service === service && known.namespace === namespace)) return
    const view = this.#catalog.service(namespace, service)
    if (witnesses.length === maxWitnesses) this.#witnesses = undefined
    else {
      const annotations = this.#catalog.namespaceAnnotations(namespace)
      // The view's own texts, where there is one: those of the question would be kept beside them.
      witnesses.push({ namespace: view?.namespace ?? namespace, service: view?.name ?? service, view, revision: view?.revision ?? 0, annotations })
    }
  }
}

function areUnchanged (witnesses: readonly Witness[], catalog: CatalogView): boolean {
  for (const { namespace, service, view, revision, annotations } of witnesses) {
    const now = catalog.service(namespace, service)
    if (now !== view || (now !== undefined && now.revision !== revision) || catalog.namespaceAnnotations(namespace) !== annotations) return false
  }
  return true
}

/**
 * FNV-1a over the question, four octets at a time, letters in either case alike, and some other octets too: who finds two
 * questions of one hash makes them slower, not wrong.
 */
function hashOf ({ message, questionLength }: QueryReader, clientZone: string | undefined): number {
  const end = headerLength + questionLength
  const nameEnd = end - questionTailLength
  let hash = 0x811c9dc5
  if (clientZone !== undefined) for (let at = 0; at < clientZone.length; at++) hash = Math.imul(hash ^ clientZone.charCodeAt(at), 0x01000193)
  let at = headerLength
  for (; at + 3 < nameEnd; at += 4) {
    const word = (message[at] ?? 0) | ((message[at + 1] ?? 0) << 8) | ((message[at + 2] ?? 0) << 16) | ((message[at + 3] ?? 0) << 24)
    hash = Math.imul(hash ^ (word | 0x20202020), 0x01000193)
    hash ^= hash >>> 15 // the product moves what differs upwards only
  }
  for (; at < nameEnd; at++) hash = Math.imul(hash ^ ((message[at] ?? 0) | 0x20), 0x01000193)
  for (; at < end; at++) hash = Math.imul(hash ^ (message[at] ?? 0), 0x01000193) // type 65 is no letter
  return hash >> 2 // a small integer, which a Map finds without a box
}

function isSame (question: string, { message, questionLength }: QueryReader): boolean {
  if (question.length !== questionLength) return false
  const nameLength = questionLength - questionTailLength
  for (let at = 0; at < nameLength; at++) {
    const byte = message[headerLength + at] ?? 0
    const wanted = question.charCodeAt(at)
    if (byte !== wanted && foldedByte(byte) !== wanted) return false
  }
  for (let at = nameLength; at < questionLength; at++) if (question.charCodeAt(at) !== message[headerLength + at]) return false
  return true
}

function textOf ({ message, questionLength }: QueryReader): string {
  const nameEnd = headerLength + questionLength - questionTailLength
  const bytes = Buffer.allocUnsafe(questionLength)
  for (let at = 0; at < questionLength; at++) {
    const byte = message[headerLength + at] ?? 0
    bytes[at] = headerLength + at < nameEnd ? foldedByte(byte) : byte
  }
  return bytes.toString('latin1')
}
