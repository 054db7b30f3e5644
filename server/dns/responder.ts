// One message in, one message out: read, plan, write. Both listeners share it; it knows no socket and never throws.
import { Alias, maxAliases } from './alias.ts'
import { AnswerCache } from './answer-cache.ts'
import { type DnsSource, type Plan, minimalAnyRecords, planAnswer } from './answer-plan.ts'
import type { DnsCounters, Transport } from './counters.ts'
import type { Records } from './record-set.ts'
import { readRecordName } from './record-name.ts'
import {
  type Explanation, type MessageWriter, QueryReader, classIn, ednsUdpLimit, explanation, extendedErrors, headerLength,
  plainUdpLimit, pointerTo, questionTailLength, rcodes, recordTypes, tcpLimit
} from './wire.ts'
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
  readonly random: () => number
  readonly counters: DnsCounters
  /** Told when our own code failed on a message. */
  readonly failed: (error: unknown) => void
}

export class Responder {
  readonly #options: ResponderOptions
  readonly #query = new QueryReader()
  readonly #cache: AnswerCache
  readonly #staleCache: AnswerCache
  readonly #minimalAny: Records

  constructor (options: ResponderOptions) {
    this.#options = options
    const { ttlSeconds, zones } = options
    this.#cache = new AnswerCache({ ttlSeconds, zones })
    this.#staleCache = ttlSeconds > maxStaleTtlSeconds ? new AnswerCache({ ttlSeconds: maxStaleTtlSeconds, zones }) : this.#cache
    this.#minimalAny = minimalAnyRecords(Math.min(ttlSeconds, maxNegativeTtlSeconds))
  }

  /** Answers one message into the writer. Gives the length of the answer, 0 for silence. */
  respond (message: Buffer, transport: Transport, writer: MessageWriter): number {
    const { counters, failed } = this.#options
    const query = this.#query
    try {
      const outcome = query.read(message)
      if (outcome === 'silence') {
        counters.drop(message.length < headerLength ? 'short' : 'response')
        return 0
      }
      const limit = transport === 'tcp' ? tcpLimit : query.edns ? Math.max(plainUdpLimit, Math.min(query.payloadSize, ednsUdpLimit)) : plainUdpLimit
      const length = outcome === rcodes.NOERROR ? this.#answer(query, limit, writer, transport) : this.#end(query, limit, writer, transport, outcome)
      if (writer.isTruncated) counters.truncated++
      if (writer.isCut) counters.cut++
      return length
    } catch (error) {
      counters.failed++
      failed(error)
      // The question is repeated as far as it was read; no part of what failed is used again.
      return query.message === message && message.length >= headerLength ? this.#end(query, plainUdpLimit, writer, transport, rcodes.SERVFAIL) : 0
    }
  }

  #answer (query: QueryReader, limit: number, writer: MessageWriter, transport: Transport): number {
    if (query.class !== classIn) return this.#end(query, limit, writer, transport, rcodes.REFUSED, foreignClass)
    const { source, zones } = this.#options
    const name = readRecordName(query, zones)
    if (name.kind !== 'outside' && (query.type === recordTypes.AXFR || query.type === recordTypes.IXFR)) {
      return this.#end(query, limit, writer, transport, rcodes.REFUSED, noTransfer)
    }
    const isStale = source.loaded && source.staleSeconds > 0
    const cache = isStale ? this.#staleCache : this.#cache
    const plan = planAnswer(name, query.type, source, cache, this.#minimalAny)
    if (plan instanceof Alias) return this.#follow(query, limit, writer, transport, plan, cache)
    if (name.kind === 'outside' || plan === 'refused') return this.#end(query, limit, writer, transport, rcodes.REFUSED, foreignName)
    if (plan === 'not-ready') return this.#end(query, limit, writer, transport, rcodes.SERVFAIL, notReady)
    writer.begin(query, limit, isStale ? staleReason(plan) : undefined)
    return this.#complete(query, writer, transport, plan, name.zone, headerLength + query.questionLength - questionTailLength)
  }

  /**
   * Writes a chain of aliases and what its last name has, as far as it is in our zones (RFC 1034 4.3.2). Where it leaves them, is
   * too long or turns back on itself it ends with an alias, and the client goes on.
   */
  #follow (query: QueryReader, limit: number, writer: MessageWriter, transport: Transport, first: Alias, cache: AnswerCache): number {
    const { source } = this.#options
    const chain = [first]
    let { target } = first
    let plan: Plan = first
    if (query.type !== recordTypes.CNAME && query.type !== recordTypes.ANY) { // else the alias itself is the answer
      plan = planAnswer(target, query.type, source, cache, this.#minimalAny)
      while (plan instanceof Alias && chain.length < maxAliases && !chain.includes(plan)) {
        chain.push(plan)
        target = plan.target
        plan = planAnswer(target, query.type, source, cache, this.#minimalAny)
      }
    }
    writer.begin(query, limit, source.staleSeconds > 0 ? staleReason(plan) : undefined)
    for (const { record, targetLength } of chain) {
      if (!writer.append('answer', record, 0, record.length)) break
      writer.owner = pointerTo(writer.position - targetLength)
    }
    // Records of the apex point into their own name; who wants them asks for it.
    const isApex = target.kind === 'apex' && typeof plan === 'object'
    if (plan instanceof Alias || plan === 'refused' || plan === 'not-ready' || target.kind === 'outside' || isApex || writer.isTruncated) {
      return this.#finish(query, writer, transport, rcodes.NOERROR, true)
    }
    return this.#complete(query, writer, transport, plan, target.zone, writer.position)
  }

  /** Ends an answer with records, or with the SOA and the rcode that the last name has (RFC 6604 3). */
  #complete (query: QueryReader, writer: MessageWriter, transport: Transport, plan: Records | 'no-such-name' | 'no-such-records', zone: Zone, nameEnd: number): number {
    if (typeof plan === 'object') plan.write(writer, this.#options.random)
    else zone.writeNegativeSoa(writer, nameEnd, this.#options.source.revision)
    return this.#finish(query, writer, transport, plan === 'no-such-name' ? rcodes.NXDOMAIN : rcodes.NOERROR, true)
  }

  /** An answer without records. */
  #end (query: QueryReader, limit: number, writer: MessageWriter, transport: Transport, rcode: number, reason?: Explanation): number {
    writer.begin(query, limit, reason)
    return this.#finish(query, writer, transport, rcode, false)
  }

  #finish (query: QueryReader, writer: MessageWriter, transport: Transport, rcode: number, isAuthoritative: boolean): number {
    this.#options.counters.answered(transport, query.type, rcode)
    return writer.finish(rcode, isAuthoritative)
  }
}

function staleReason (plan: Plan): Explanation {
  return plan === 'no-such-name' ? staleNxdomain : stale
}
