// One message in, one message out: read, plan, write. Both listeners share it; it knows no socket and never throws.
import { Alias, maxAliases } from './alias.ts'
import { AnswerCache } from './answer-cache.ts'
import { type DnsSource, type Plan, minimalAnyRecords, planAnswer } from './answer-plan.ts'
import { ObservedCatalog, PlanCache } from './plan-cache.ts'
import { OptionComposer } from './answer-options.ts'
import type { Client, Response } from './client.ts'
import type { ClientZones } from './client-zones.ts'
import type { DnsCounters } from './counters.ts'
import { type Explanation, MessageWriter, explanation } from './message-writer.ts'
import { QueryReader } from './query-reader.ts'
import type { Records } from './record-set.ts'
import { type Recursion, writeForwarded } from './recursion.ts'
import type { ForwardQuestion } from './forward/forwarder.ts'
import { readRecordName } from './record-name.ts'
import { classIn, ednsUdpLimit, extendedErrors, flagCheckingDisabled, flagRecursionDesired, headerLength, plainUdpLimit, pointerTo, questionTailLength, rcodes, recordTypes, tcpLimit } from './wire.ts'
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
const foreignClient = explanation(extendedErrors.prohibited, 'this client may not ask for names outside the zones')
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
  /** Names outside the zones; undefined = they are refused. */
  readonly recursion?: Recursion | undefined
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
  readonly #plans = new PlanCache()
  // The turn: whom it answers, where to, and how much the answer may hold.
  #client: Client = { transport: 'udp', address: '' }
  #writer: MessageWriter
  #limit = 0
  /** Where answers are written whose question had to wait. */
  readonly #lateWriter = new MessageWriter(tcpLimit)

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
    const isStale = source.loaded && source.staleSeconds > 0
    const clientZone = this.#options.clientZones?.zoneOf(this.#client.address)
    if (!isStale) {
      const known = this.#plans.find(query, source, clientZone)
      if (known !== undefined) {
        this.#begin(undefined)
        return this.#complete(known.records, known.zone, 0)
      }
    }
    const name = readRecordName(query, zones)
    if (name.kind !== 'outside' && (query.type === recordTypes.AXFR || query.type === recordTypes.IXFR)) return this.#end(rcodes.REFUSED, noTransfer)
    const cache = isStale ? this.#staleCache : this.#cache
    const { loaded, revision, staleSeconds } = source
    const catalog = new ObservedCatalog(source.catalog)
    const plan = planAnswer(name, query.type, { loaded, revision, staleSeconds, catalog }, cache, this.#minimalAny, clientZone)
    if (plan instanceof Alias) return this.#follow(plan, cache, clientZone)
    if (name.kind === 'outside' || plan === 'refused') return this.#recurse()
    if (plan === 'not-ready') return this.#end(rcodes.SERVFAIL, notReady)
    if (!isStale && typeof plan === 'object') this.#plans.keep(query, { records: plan, zone: name.zone, clientZone }, source, catalog)
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
    const foreign = target.kind === 'outside' && this.#mayRecurse ? this.#questionOf(targetName(chain)) : undefined
    const forwarded = foreign === undefined ? undefined : this.#options.recursion?.find(foreign)
    if (foreign !== undefined && forwarded === undefined) return this.#defer(foreign)
    this.#begin(forwarded?.reason ?? (source.staleSeconds > 0 ? staleReason(plan) : undefined))
    for (const { record, targetLength } of chain) {
      if (!writer.append('answer', record, 0, record.length)) break
      writer.owner = pointerTo(writer.position - targetLength)
    }
    if (foreign !== undefined && forwarded !== undefined) return this.#finish(writeForwarded(writer, forwarded, foreign.name, false), true)
    // Records of the apex point into their own name; who wants them asks for it.
    const isApex = target.kind === 'apex' && typeof plan === 'object'
    if (plan instanceof Alias || plan === 'refused' || plan === 'not-ready' || target.kind === 'outside' || isApex || writer.isTruncated) {
      return this.#finish(rcodes.NOERROR, true)
    }
    return this.#complete(plan, target.zone, writer.position)
  }

  /** Whether others are asked for this client: it wants that (RD), and it may. */
  get #mayRecurse (): boolean {
    return (this.#query.flags & flagRecursionDesired) !== 0 && this.#options.recursion?.permits(this.#client.address) === true
  }

  /** @param name in wire form, in memory that stays */
  #questionOf (name: Buffer): ForwardQuestion {
    const { type, dnssecOk, flags } = this.#query
    return { name, type, dnssecOk, checkingDisabled: (flags & flagCheckingDisabled) !== 0 }
  }

  /** A name outside our zones. */
  #recurse (): Response {
    const { recursion } = this.#options
    if (recursion === undefined || (this.#query.flags & flagRecursionDesired) === 0) return this.#end(rcodes.REFUSED, foreignName)
    if (!this.#mayRecurse) return this.#end(rcodes.REFUSED, foreignClient)
    const { message, questionLength } = this.#query
    const question = this.#questionOf(Buffer.from(message.subarray(headerLength, headerLength + questionLength - questionTailLength)))
    const forwarded = recursion.find(question)
    if (forwarded === undefined) return this.#defer(question)
    this.#begin(forwarded.reason)
    return this.#finish(writeForwarded(this.#writer, forwarded, question.name, true), false)
  }

  /** Asks others, and then answers the same message again, with what they said at hand. */
  async * #defer (question: ForwardQuestion): AsyncGenerator<Buffer, void> {
    const { recursion } = this.#options
    const message = Buffer.from(this.#query.message)
    const client = { ...this.#client }
    const forwarded = await recursion?.resolve(question)
    if (forwarded === undefined) return
    const length = recursion?.withArrival(question, forwarded, () => this.respond(message, client, this.#lateWriter))
    // The alias may lead elsewhere by now, so that somebody else would have to be asked: the client asks again.
    if (typeof length === 'number') yield Buffer.from(this.#lateWriter.bytes.subarray(0, length))
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
    this.#writer.recursionAvailable = this.#options.recursion?.permits(this.#client.address) === true
  }

  #finish (rcode: number, isAuthoritative: boolean): number {
    this.#options.counters.answered(this.#client.transport, this.#query.type, rcode)
    return this.#writer.finish(rcode, isAuthoritative)
  }
}

/** The last target of a chain of aliases, which ends its record. */
function targetName (chain: readonly Alias[]): Buffer {
  const last = chain.at(-1)
  return last === undefined ? Buffer.of(0) : last.record.subarray(last.record.length - last.targetLength)
}

function staleReason (plan: Plan): Explanation {
  return plan === 'no-such-name' ? staleNxdomain : stale
}
