// One message in, one message out: read, plan, write. Both listeners share it; it knows no socket and never throws.
import { Alias, maxAliases } from './alias.ts'
import { AnswerCache } from './answer-cache.ts'
import { type DnsSource, type Plan, minimalAnyRecords, planAnswer } from './answer-plan.ts'
import { OptionComposer } from './answer-options.ts'
import type { Client, Response } from './client.ts'
import type { ClientZones } from './client-zones.ts'
import type { DnsCounters } from './counters.ts'
import { type Explanation, MessageWriter, explanation } from './message-writer.ts'
import { QueryReader } from './query-reader.ts'
import type { Records } from './record-set.ts'
import { readRecordName } from './record-name.ts'
import { classIn, ednsUdpLimit, extendedErrors, headerLength, plainUdpLimit, pointerTo, questionTailLength, rcodes, recordTypes, tcpLimit } from './wire.ts'
import { type Zone, maxNegativeTtlSeconds } from './zone.ts'

/**
 * While the store is away nobody can say whether an endpoint lives; a client should ask again soon instead of keeping
 * an old address for a long configured TTL. RFC 8767 5 allows 30 s.
 */
export const maxStaleTtlSeconds = maxNegativeTtlSeconds

const stale = explanation(extendedErrors.staleAnswer, 'the store is away: last known state')
const staleNxdomain = explanation(extendedErrors.staleNxdomain, 'the store is away: last known state')
const notReady = explanation(extendedErrors.notReady, 'the registry is loading')
const foreignName = explanation(extendedErrors.notAuthoritative, 'not in a zone of this registry')
const foreignClass = explanation(extendedErrors.notSupported, 'only class IN is served')
const noTransfer = explanation(extendedErrors.notSupported, 'zone transfer is not served')

export interface ResponderOptions {
  readonly source: DnsSource
  /** The longest name first. */
  readonly zones: readonly Zone[]
  readonly ttlSeconds: number
  /** Where clients are; undefined = no client's zone is known. */
  readonly clientZones?: ClientZones
  /** What this node calls itself, for NSID. */
  readonly node: string
  readonly random: () => number
  readonly counters: DnsCounters
  /** Told when our own code failed on a message. */
  readonly failed: (error: unknown) => void
}

/** What of a turn's name comes to an end with the records of a zone of ours. */
type Answerable = Records | 'no-such-name' | 'no-such-records'

export class Responder {
  readonly #options: ResponderOptions
  readonly #query = new QueryReader()
  readonly #composer: OptionComposer
  readonly #cache: AnswerCache
  readonly #staleCache: AnswerCache
  readonly #minimalAny: Records
  // The turn: whom it answers, where to, and how much the answer may hold.
  #client: Client = { transport: 'udp', address: '' }
  #writer: MessageWriter
  #limit = 0

  constructor (options: ResponderOptions) {
    this.#options = options
    const { ttlSeconds, zones, node } = options
    this.#composer = new OptionComposer(node)
    this.#writer = new MessageWriter(0)
    this.#cache = new AnswerCache({ ttlSeconds, zones })
    this.#staleCache = this.#cache.capped(maxStaleTtlSeconds)
    this.#minimalAny = minimalAnyRecords(Math.min(ttlSeconds, maxNegativeTtlSeconds))
  }

  /** Answers one message into the writer, or later. Everything that it needs of `message` and `client` it has read when it returns. */
  respond (message: Buffer, client: Client, writer: MessageWriter): Response {
    const { counters, failed } = this.#options
    const query = this.#query
    try {
      const outcome = query.read(message)
      if (outcome === 'silence') {
        counters.drop(message.length < headerLength ? 'short' : 'response')
        return 0
      }
      this.#client = client
      this.#writer = writer
      this.#limit = client.transport !== 'udp' ? tcpLimit : query.edns ? Math.max(plainUdpLimit, Math.min(query.payloadSize, ednsUdpLimit)) : plainUdpLimit
      const response = outcome === rcodes.NOERROR ? this.#answer() : this.#end(outcome)
      if (writer.isTruncated) counters.truncated++
      if (writer.isCut) counters.cut++
      return response
    } catch (error) {
      counters.failed++
      failed(error)
      if (query.message !== message || message.length < headerLength) return 0
      this.#limit = plainUdpLimit
      return this.#end(rcodes.SERVFAIL) // the question is repeated as far as it was read; no part of what failed is used again
    }
  }

  #answer (): Response {
    const query = this.#query
    if (query.questionLength === 0) return this.#end(rcodes.NOERROR) // RFC 7873 5.4: the cookie is the answer
    if (query.class !== classIn) return this.#end(rcodes.REFUSED, foreignClass)
    const { source, zones } = this.#options
    const name = readRecordName(query, zones)
    if (name.kind !== 'outside' && (query.type === recordTypes.AXFR || query.type === recordTypes.IXFR)) return this.#end(rcodes.REFUSED, noTransfer)
    const isStale = source.loaded && source.staleSeconds > 0
    const cache = isStale ? this.#staleCache : this.#cache
    const clientZone = this.#options.clientZones?.zoneOf(this.#client.address)
    const plan = planAnswer(name, query.type, source, cache, this.#minimalAny, clientZone)
    if (plan instanceof Alias) return this.#follow(plan, cache, clientZone)
    if (name.kind === 'outside' || plan === 'refused') return this.#end(rcodes.REFUSED, foreignName)
    if (plan === 'not-ready') return this.#end(rcodes.SERVFAIL, notReady)
    this.#begin(isStale ? staleReason(plan) : undefined)
    return this.#complete(plan, name.zone, headerLength + query.questionLength - questionTailLength)
  }

  /**
   * Writes a chain of aliases and what its last name has, as far as it is in our zones (RFC 1034 4.3.2). Where it leaves them, is
   * too long or turns back on itself it ends with an alias, and the client goes on.
   */
  #follow (first: Alias, cache: AnswerCache, clientZone: string | undefined): Response {
    const { source } = this.#options
    const { type } = this.#query
    const writer = this.#writer
    const chain = [first]
    let { target } = first
    let plan: Plan = first
    if (type !== recordTypes.CNAME && type !== recordTypes.ANY) { // else the alias itself is the answer
      plan = planAnswer(target, type, source, cache, this.#minimalAny, clientZone)
      while (plan instanceof Alias && chain.length < maxAliases && !chain.includes(plan)) {
        chain.push(plan)
        target = plan.target
        plan = planAnswer(target, type, source, cache, this.#minimalAny, clientZone)
      }
    }
    this.#begin(source.staleSeconds > 0 ? staleReason(plan) : undefined)
    for (const { record, targetLength } of chain) {
      if (!writer.append('answer', record, 0, record.length)) break
      writer.owner = pointerTo(writer.position - targetLength)
    }
    // Records of the apex point into their own name; who wants them asks for it.
    const isApex = target.kind === 'apex' && typeof plan === 'object'
    if (plan instanceof Alias || plan === 'refused' || plan === 'not-ready' || target.kind === 'outside' || isApex || writer.isTruncated) {
      return this.#finish(rcodes.NOERROR, true)
    }
    return this.#complete(plan, target.zone, writer.position)
  }

  /**
   * Ends an answer with records, or with the SOA and the rcode that the last name has (RFC 6604 3).
   * @param nameEnd where that name ends in the message
   */
  #complete (plan: Answerable, zone: Zone, nameEnd: number): number {
    const { random, source } = this.#options
    if (typeof plan === 'object') plan.write(this.#writer, random)
    else zone.writeNegativeSoa(this.#writer, nameEnd, source.revision)
    return this.#finish(plan === 'no-such-name' ? rcodes.NXDOMAIN : rcodes.NOERROR, true)
  }

  /** An answer without records. */
  #end (rcode: number, reason?: Explanation): number {
    this.#begin(reason)
    return this.#finish(rcode, false)
  }

  #begin (reason: Explanation | undefined): void {
    this.#writer.begin(this.#query, this.#limit, reason, this.#composer.compose(this.#query, this.#client))
  }

  #finish (rcode: number, isAuthoritative: boolean): number {
    this.#options.counters.answered(this.#client.transport, this.#query.type, rcode)
    return this.#writer.finish(rcode, isAuthoritative)
  }
}

function staleReason (plan: Plan): Explanation {
  return plan === 'no-such-name' ? staleNxdomain : stale
}
