// Zones out (AXFR, RFC 5936; IXFR, RFC 1995): one query in, one or many messages out, for clients on the list.
//
//   AXFR = SOA *record SOA
//   IXFR = SOA                                          the client has this version
//        | SOA(new) SOA(old) *deleted SOA(new) *added SOA(new)
//        | AXFR                                         the client's version is not held, or more changed than stayed
import type { TransferRule, TsigKey } from './peers.ts'
import type { Clock } from '../../clock.ts'
import { DnsCounters } from '../counters.ts'
import { readRecordName } from '../names/record-name.ts'
import { type Explanation, MessageWriter, explanation } from '../wire/message-writer.ts'
import { QueryReader } from '../wire/query-reader.ts'
import { classIn, ednsUdpLimit, extendedErrors, headerLength, plainUdpLimit, rcodes, recordTypes, tcpLimit } from '../wire/wire.ts'
import type { Zone } from '../names/zone.ts'
import { TransferAccess } from './transfer-access.ts'
import { TransferMessages, serialOfQuery } from './transfer-messages.ts'
import { type SignedQuery, TsigKeys, checkQuery, notAuth } from './tsig.ts'
import type { TransferSource } from '../source.ts'
import { type ZoneVersion, TooManyRecords, ZoneVersions, difference, isNewerOrSame, nextTurn, recordsOf, serialOf } from './zone-versions.ts'

/** At the same time. Each holds a version of a zone for as long as its client takes to read it; secondaries ask again later. */
export const maxTransfers = 4

const prohibited = explanation(18, 'not on the list of --dns-transfer-to') // RFC 8914 4.19
const notApex = explanation(extendedErrors.notAuthoritative, 'not the name of a zone of this registry')
const notOverUdp = explanation(extendedErrors.notSupported, 'a zone is transferred over TCP only')
const notReady = explanation(extendedErrors.notReady, 'the registry is loading')
const busy = explanation(0, 'too many zone transfers at once: try again later')
const tooLarge = explanation(0, 'the zone has more records than a transfer may have')

export interface ZoneTransferOptions {
  readonly source: TransferSource
  /** The longest name first. */
  readonly zones: readonly Zone[]
  readonly ttlSeconds: number
  /** Services with cluster IPs are in zones with these, default; false: with their endpoints. */
  readonly clusterIps?: boolean
  readonly keys: readonly TsigKey[]
  /** Without rules no client gets a zone. */
  readonly allowed: readonly TransferRule[]
  readonly clock: Pick<Clock, 'now'>
  readonly counters?: DnsCounters
  /** At the same time, default 4. */
  readonly maxTransfers?: number
  /** Told when our own code failed on a transfer. */
  readonly failed?: (error: unknown) => void
}

export class ZoneTransfers {
  readonly counters: DnsCounters
  readonly #options: ZoneTransferOptions
  readonly #versions: ZoneVersions
  readonly #keys: TsigKeys
  readonly #access: TransferAccess
  readonly #writer = new MessageWriter(tcpLimit)
  #running = 0

  constructor (options: ZoneTransferOptions) {
    this.#options = options
    this.counters = options.counters ?? new DnsCounters()
    this.#versions = new ZoneVersions(options.source, options)
    this.#keys = new TsigKeys(options.keys)
    this.#access = new TransferAccess(options.allowed)
  }

  /** Transfers under way. */
  get running (): number {
    return this.#running
  }

  /** Checks the signature of a query for anything else, with the same keys. undefined = it has none. */
  check (message: Buffer): SignedQuery | undefined {
    return checkQuery(message, this.#keys, this.#now)
  }

  /**
   * Answers a query for AXFR or IXFR that came over TCP: in one message what is known at once, an error or the SOA alone, else in
   * messages that follow. A message is made when the one before is taken; a reader that stops before
   * the end must call `return` (leaving a `for await` does), so that others find a place. Throws only after the first
   * message, for a fault of ours: the connection must be ended then, so that the client does not take a part for the whole.
   * @param message is copied
   * @param address of the client
   */
  stream (message: Buffer, address: string): Buffer | AsyncGenerator<Buffer, void, undefined> {
    const query = new QueryReader()
    const copy = Buffer.from(message)
    const outcome = query.read(copy)
    const signed = this.check(copy)
    const zone = this.#refusal(query, outcome, signed, address)
    if (zone instanceof Refusal) return this.#refuse(query, signed, zone, tcpLimit)
    const has = query.type === recordTypes.IXFR ? serialOfQuery(query) : undefined
    if (has !== undefined && isNewerOrSame(has, serialOf(this.#options.source.revision))) {
      this.counters.transfersCurrent++
      return this.#soaAlone(query, signed, zone, tcpLimit)
    }
    return this.#stream(query, signed, zone, has)
  }

  /** Answers such a query that came over UDP, in one message: the SOA for IXFR (RFC 1995 2), a refusal for AXFR. */
  datagram (message: Buffer, address: string): Buffer {
    const query = new QueryReader()
    const outcome = query.read(message)
    const signed = this.check(message)
    const refusal = this.#refusal(query, outcome, signed, address)
    const offered = query.edns ? Math.max(plainUdpLimit, Math.min(query.payloadSize, ednsUdpLimit)) : plainUdpLimit
    const limit = offered - (signed?.bytes ?? 0)
    if (refusal instanceof Refusal) return this.#refuse(query, signed, refusal, limit)
    if (query.type === recordTypes.AXFR) return this.#refuse(query, signed, new Refusal(rcodes.REFUSED, notOverUdp), limit)
    return this.#soaAlone(query, signed, refusal, limit)
  }

  async * #stream (query: QueryReader, signed: SignedQuery | undefined, zone: Zone, has: number | undefined): AsyncGenerator<Buffer, void, undefined> {
    if (this.#running >= (this.#options.maxTransfers ?? maxTransfers)) {
      yield this.#refuse(query, signed, new Refusal(rcodes.SERVFAIL, busy), tcpLimit)
      return
    }
    this.#running++
    try {
      yield * this.#zone(query, signed, zone, has)
    } finally {
      this.#running--
    }
  }

  async * #zone (query: QueryReader, signed: SignedQuery | undefined, zone: Zone, has: number | undefined): AsyncGenerator<Buffer, void, undefined> {
    let records: Iterable<Buffer>
    try {
      records = await this.#records(zone, has)
    } catch (error) {
      const isTooLarge = error instanceof TooManyRecords
      if (!isTooLarge) this.#options.failed?.(error)
      yield this.#refuse(query, signed, new Refusal(rcodes.SERVFAIL, isTooLarge ? tooLarge : undefined), tcpLimit)
      return
    }
    const messages = new TransferMessages(query, (message) => signed?.sign(message) ?? message)
    for (const record of records) {
      this.counters.transferRecords++
      const full = messages.add(record)
      if (full === undefined) continue
      yield full
      await nextTurn() // a client that takes everything at once shall not keep others from their turn
    }
    yield messages.end()
  }

  /** @param has the serial that the client has, if it wants differences */
  async #records (zone: Zone, has: number | undefined): Promise<Iterable<Buffer>> {
    const { counters } = this
    const from = has === undefined ? undefined : this.#versions.held(zone, has)
    const version = await this.#versions.current(zone)
    const changes = from === undefined ? undefined : await difference(from, version)
    if (from === undefined || changes === undefined) {
      counters.transfersFull++
      counters.transferCutSets += version.cutSets
      return wholeZone(version)
    }
    counters.transfersDifference++
    return [version.soa, from.soa, ...changes.deleted, version.soa, ...changes.added, version.soa]
  }

  /** The zone that is asked for, or why it is not given. */
  #refusal (query: QueryReader, outcome: ReturnType<QueryReader['read']>, signed: SignedQuery | undefined, address: string): Zone | Refusal {
    if (outcome !== rcodes.NOERROR) return new Refusal(outcome === 'silence' ? rcodes.FORMERR : outcome)
    if (signed !== undefined && signed.rcode !== rcodes.NOERROR) return new Refusal(signed.rcode)
    if (query.class !== classIn || !this.#access.allows(address, signed?.key)) return new Refusal(rcodes.REFUSED, prohibited)
    if (query.type === recordTypes.IXFR && serialOfQuery(query) === undefined) return new Refusal(rcodes.FORMERR)
    const name = readRecordName(query, this.#options.zones)
    if (name.kind !== 'apex') return new Refusal(notAuth, notApex) // RFC 5936 2.2.1
    return this.#options.source.loaded ? name.zone : new Refusal(rcodes.SERVFAIL, notReady)
  }

  #refuse (query: QueryReader, signed: SignedQuery | undefined, { rcode, reason }: Refusal, limit: number): Buffer {
    this.counters.transfersRefused++
    this.#writer.open(query, limit)
    return this.#signed(signed, this.#writer.end(rcode, reason))
  }

  #soaAlone (query: QueryReader, signed: SignedQuery | undefined, zone: Zone, limit: number): Buffer {
    this.#writer.open(query, limit)
    this.#writer.begin()
    zone.writeSoa(this.#writer, this.#options.source.revision)
    return this.#signed(signed, this.#writer.finish(rcodes.NOERROR, true))
  }

  #signed (signed: SignedQuery | undefined, length: number): Buffer {
    const message = Buffer.from(this.#writer.bytes.subarray(0, Math.max(length, headerLength)))
    return signed?.sign(message) ?? message
  }

  readonly #now = (): number => this.#options.clock.now()
}

class Refusal {
  readonly rcode: number
  readonly reason: Explanation | undefined

  constructor (rcode: number, reason?: Explanation) {
    this.rcode = rcode
    this.reason = reason
  }
}

function * wholeZone ({ soa, blocks }: ZoneVersion): Generator<Buffer> {
  yield soa
  for (const block of blocks.values()) yield * recordsOf(block)
  yield soa
}
