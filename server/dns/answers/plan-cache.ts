// What a question came to, kept by the octets of the question: most questions are asked again before anything changes that they
// were answered from. An entry remembers the services that its plan was made from, and is good as long as none of them changed.
import type { DnsSource } from '../source.ts'
import type { MessageWriter } from '../wire/message-writer.ts'
import type { QueryReader } from '../wire/query-reader.ts'
import type { Records } from '../wire/record-set.ts'
import type { Zone } from '../names/zone.ts'
import { type PlanService, PlanTable, none } from './plan-table.ts'

/** A plan that looks at more services than this (fallbacks) is made anew for each question. */
const maxServices = 8
/** Zones of clients are settings: there are few. */
const maxClientZones = 0x7fff

type CatalogView = DnsSource['catalog']

export interface CachedPlan {
  readonly records: Records
  readonly zone: Zone
  /** Whose plan it is. */
  readonly client: PlanClient
}

/** What of a client makes its plans others than those of another one. */
export interface PlanClient {
  readonly clientZone: string | undefined
  readonly clusterIps: boolean
}

export class PlanCache {
  readonly #table: PlanTable
  /** By their numbers in the table. */
  readonly #zones: Zone[] = []
  readonly #clientZones = new Map<string | undefined, number>() // even ones; with cluster IPs it is one more
  readonly #source: DnsSource
  readonly #end: (() => void) | undefined
  #catalog: CatalogView | undefined
  /** At which plans were kept: they hold for no other, where the source does not tell of changes. */
  #revision = 0

  /** @param octets that all plans may take; default 16 MiB */
  constructor (source: DnsSource, octets?: number) {
    this.#source = source
    this.#table = new PlanTable(octets)
    this.#end = source.onTouched?.(this.#table.touch)
  }

  /** It is not told of changes any more, and is not to be asked. */
  close (): void {
    this.#end?.()
  }

  get size (): number {
    return this.#table.size
  }

  /** Octets that are reserved for plans. */
  get octets (): number {
    return this.#table.octets
  }

  /**
   * Writes what the question came to before, if that still holds. Gives the zone of the answer, which is to be finished; undefined = nothing
   * is begun.
   */
  write (query: QueryReader, { clientZone, clusterIps }: PlanClient, writer: MessageWriter, random: () => number): Zone | undefined {
    if (!this.#isOfNow) return undefined
    const number = this.#clientZones.get(clientZone)
    if (number === undefined) return undefined
    const entry = this.#table.find(query, number + Number(clusterIps))
    if (entry === none) return undefined
    writer.begin()
    this.#table.write(entry, writer, random)
    return this.#zones[this.#table.zoneOf(entry)]
  }

  /**
   * @param services the only ones that the plan was made from: what more decides, such as the SOA, which has another serial with each
   * change, is not kept
   */
  keep (query: QueryReader, { records, zone, client: { clientZone, clusterIps } }: CachedPlan, services: readonly PlanService[]): void {
    if (services.length > maxServices) return
    if (!this.#isOfNow) {
      this.#table.clear()
      this.#catalog = this.#source.catalog
      this.#revision = this.#source.revision
    }
    if (!this.#zones.includes(zone)) this.#zones.push(zone)
    if (!this.#clientZones.has(clientZone) && this.#clientZones.size < maxClientZones) this.#clientZones.set(clientZone, this.#clientZones.size * 2)
    const number = this.#clientZones.get(clientZone)
    if (number !== undefined) this.#table.keep(query, { records, zone: this.#zones.indexOf(zone), client: number + Number(clusterIps), services })
  }

  /** What is in the table was made from the catalog that there is. */
  get #isOfNow (): boolean {
    return this.#source.catalog === this.#catalog && (this.#end !== undefined || this.#source.revision === this.#revision)
  }
}
