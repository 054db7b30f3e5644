// One message in, one message out: read, plan, write, and hold back what is too much. Both listeners share it; it knows no socket and never throws.
import { Alias, maxAliases } from './answers/alias.ts'
import { AnswerCache } from './answers/answer-cache.ts'
import { type DnsSource, type Plan, minimalAnyRecords, planAnswer } from './answers/answer-plan.ts'
import type { Clock } from '../clock.ts'
import { ObservedCatalog, PlanCache } from './answers/plan-cache.ts'
import { OptionComposer } from './wire/answer-options.ts'
import { Chaos } from './answers/chaos.ts'
import { ClientAddress } from './protect/client-address.ts'
import type { Client, Response } from './protect/client.ts'
import type { ClientZones } from './protect/client-zones.ts'
import { ServerCookies } from './protect/cookies.ts'
import type { DnsCounters } from './counters.ts'
import { type Explanation, MessageWriter, explanation } from './wire/message-writer.ts'
import { type QueryLog, questionFacts } from './query-log.ts'
import { QueryReader } from './wire/query-reader.ts'
import { type RateLimiter, kindOf } from './protect/rate-limit.ts'
import type { Records } from './wire/record-set.ts'
import { type Recursion, writeForwarded } from './forward/recursion.ts'
import type { ForwardQuestion } from './forward/forwarder.ts'
import { readRecordName } from './names/record-name.ts'
import { ReverseZone } from './names/reverse-zone.ts'
import { observedTransfer, rcodeOf } from './transfer/observed-transfer.ts'
import type { ZoneTransfers } from './transfer/transfer.ts'
import type { SignedQuery } from './transfer/tsig.ts'
import {
  classChaos, classIn, ednsUdpLimit, extendedErrors, flagCheckingDisabled, flagRecursionDesired, headerLength, plainUdpLimit, pointerTo, questionPointer,
  questionTailLength, rcodeText, rcodes, recordTypes, tcpLimit
} from './wire/wire.ts'
import { type Zone, maxNegativeTtlSeconds } from './names/zone.ts'

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
const foreignChaosName = explanation(extendedErrors.notAuthoritative, 'class CH has version.bind, version.server, id.server and hostname.bind')
const foreignOpcode = explanation(extendedErrors.notSupported, 'only queries are answered')
const foreignClient = explanation(extendedErrors.prohibited, 'this client may not ask for names outside the zones')
const noTransfer = explanation(extendedErrors.notSupported, 'a zone is transferred over TCP or TLS only')

export interface ResponderOptions {
  readonly source: DnsSource
  /** The longest name first. */
  readonly zones: readonly Zone[]
  readonly ttlSeconds: number
  /** Where clients are; undefined = no client's zone is known. */
  readonly clientZones?: ClientZones | undefined
  /** What this node calls itself, for NSID and class CH. */
  readonly node: string
  /** Of this program, for class CH. */
  readonly version: string
  readonly clock: Clock
  /** Of answers over UDP; undefined = none. */
  /** Whole zones, and the keys of signatures; undefined = nobody gets a zone, and signatures are not looked at. */
  readonly transfers?: ZoneTransfers | undefined
  readonly limiter?: RateLimiter | undefined
  readonly queryLog?: QueryLog | undefined
  /** Names outside the zones; undefined = they are refused. */
  readonly recursion?: Recursion | undefined
  readonly random: () => number
  readonly counters: DnsCounters
  /** Told when our own code failed on a message. */
  readonly failed: (error: unknown) => void
}

/** The time of one answer in so many is taken: two looks at the clock cost up to two hundredths of an answer over UDP. */
const timedEach = 8
/** No answer, because it is none of our questions. */
const silence = 'silence'
/** All errors of a network are limited together: they cost as much and say as little. */
const errorKind = 0

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
  readonly #chaos: Chaos
  readonly #address = new ClientAddress()
  // The turn: whom it answers, where to, how much the answer may hold, and what it came to.
  #client: Client = { transport: 'udp', address: '' }
  #writer: MessageWriter
  #limit = 0
  #rcode = 0
  #turn = 0
  /** Of whose name there was nothing, or something. */
  #zone: Zone | undefined
  /** Where answers are written whose question had to wait. */
  readonly #lateWriter = new MessageWriter(tcpLimit)

  constructor (options: ResponderOptions) {
    this.#options = options
    const { source, ttlSeconds, zones, node, version, clock, counters } = options
    this.#composer = new OptionComposer(node, new ServerCookies({ source, nowMs: () => clock.now() }))
    this.#chaos = new Chaos({ version, node })
    const built = (): void => { counters.builds++ }
    this.#writer = new MessageWriter(0)
    this.#cache = new AnswerCache({ ttlSeconds, zones, built })
    this.#staleCache = this.#cache.capped(maxStaleTtlSeconds)
    this.#minimalAny = minimalAnyRecords(Math.min(ttlSeconds, maxNegativeTtlSeconds))
  }

  /** Answers one message into the writer, or later. Everything that it needs of `message` and `client` it has read when it returns. */
  respond (message: Buffer, client: Client, writer: MessageWriter): Response {
    const { counters, queryLog } = this.#options
    const isTimed = this.#turn === 0
    this.#turn = (this.#turn + 1) % timedEach
    const began = isTimed || queryLog !== undefined ? performance.now() : 0
    const response = this.#respond(message, client, writer)
    if (response === silence) return 0
    if (typeof response !== 'number') return response // whoever waited for others asks here once more
    if (isTimed) counters.took((performance.now() - began) / 1_000)
    if (response > 0) {
      counters.answered(client.transport, this.#query.type, this.#rcode)
      if (writer.isTruncated) counters.truncated++
      if (writer.isCut) counters.cut++
    }
    if (queryLog?.sample() === true) this.#log(queryLog, response, performance.now() - began)
    return response
  }

  #respond (message: Buffer, client: Client, writer: MessageWriter): Response | typeof silence {
    const { counters, failed } = this.#options
    const query = this.#query
    this.#client = client
    this.#writer = writer
    this.#zone = undefined
    try {
      const outcome = query.read(message)
      if (outcome === 'silence') {
        counters.drop(message.length < headerLength ? 'short' : 'response')
        return silence
      }
      this.#limit = client.transport !== 'udp' ? tcpLimit : query.edns ? Math.max(plainUdpLimit, Math.min(query.payloadSize, ednsUdpLimit)) : plainUdpLimit
      const { transfers } = this.#options
      const isTransfer = outcome === rcodes.NOERROR && query.class === classIn && isTransferType(query.type) && client.transport !== 'https'
      if (isTransfer && transfers !== undefined) return this.#transfer(message, transfers)
      const signed = query.tsigStart === 0 ? undefined : transfers?.check(message)
      return signed === undefined ? this.#limited(this.#outcome(outcome)) : this.#answerSigned(signed, outcome)
    } catch (error) {
      counters.failed++
      failed(error)
      if (query.message !== message || message.length < headerLength) return silence
      this.#limit = plainUdpLimit
      return this.#end(rcodes.SERVFAIL) // the question is repeated as far as it was read; no part of what failed is used again
    }
  }

  #outcome (outcome: number): Response {
    return outcome === rcodes.NOERROR ? this.#answer() : this.#end(outcome, outcome === rcodes.NOTIMP ? foreignOpcode : undefined)
  }

  /** RFC 8945 5.3: who signs gets a signed answer, or one that says what is wrong with the signature. */
  #answerSigned (signed: SignedQuery, outcome: number): Response {
    this.#limit -= signed.octets
    // The address of who has a key is not forged: nothing is held back.
    const response = signed.rcode === rcodes.NOERROR ? this.#outcome(outcome) : this.#limited(this.#end(signed.rcode))
    if (typeof response !== 'number' || response === 0) return response // what is answered later comes here once more
    const { bytes } = this.#writer
    return signed.sign(Buffer.from(bytes.subarray(0, response))).copy(bytes)
  }

  /** AXFR and IXFR check and make signatures by themselves, one for each message of a stream. */
  #transfer (message: Buffer, transfers: ZoneTransfers): Response {
    const { queryLog, source } = this.#options
    const { transport, address } = this.#client
    const { type } = this.#query
    const answer = transport === 'udp' ? transfers.datagram(message, address) : transfers.stream(message, address)
    if (!Buffer.isBuffer(answer)) {
      const stale = source.loaded && source.staleSeconds > 0
      const facts = queryLog?.sample() === true ? { ...questionFacts(this.#query, this.#client), stale } : undefined
      return observedTransfer(answer, { transport, type, facts }, this.#options)
    }
    this.#begin(undefined)
    this.#rcode = rcodeOf(answer)
    return this.#limited(answer.copy(this.#writer.bytes))
  }

  /** Holds back what may be too much for whoever lives at the address that a datagram gives as its own. */
  #limited (response: Response): Response {
    const { limiter, counters, clock } = this.#options
    if (limiter === undefined || this.#client.transport !== 'udp' || typeof response !== 'number') return response
    const address = this.#address.read(this.#client.address)
    if (address.isLoopback) return response
    const { cookie } = this.#composer
    if (cookie === 'valid') return response
    const verdict = limiter.check(address, this.#kind(), clock.now())
    if (verdict === 'pass') return response
    if (verdict === 'drop') {
      counters.limitedDropped++
      return 0
    }
    if (cookie !== 'none') {
      counters.limitedBadCookie++
      return this.#end(rcodes.BADCOOKIE) // RFC 7873 5.2.3: with the cookie that it brings it is answered
    }
    counters.limitedSlipped++
    this.#begin(undefined)
    this.#writer.isTruncated = true
    return this.#finish(rcodes.NOERROR, false)
  }

  /** What is limited together: the answers of a name, those that there is no such name in a zone, all errors. */
  #kind (): number {
    const { message, questionLength } = this.#query
    const rcode = this.#rcode
    if (rcode === rcodes.NXDOMAIN && this.#zone !== undefined) return ~kindOf(this.#zone.wire, 0, this.#zone.wire.length)
    return rcode === rcodes.NOERROR ? kindOf(message, headerLength, headerLength + questionLength - questionTailLength) : errorKind
  }

  #log (queryLog: QueryLog, octets: number, ms: number): void {
    const { source } = this.#options
    const query = this.#query
    queryLog.write({
      ...questionFacts(query, this.#client),
      ...(octets > 0 ? { rcode: rcodeText(this.#rcode) } : {}),
      octets,
      truncated: octets > 0 && this.#writer.isTruncated,
      stale: source.loaded && source.staleSeconds > 0,
      microseconds: Math.round(ms * 1_000)
    })
  }

  #answer (): Response {
    const query = this.#query
    if (query.keepaliveHasData && (this.#client.transport === 'tcp' || this.#client.transport === 'tls')) return this.#end(rcodes.FORMERR)
    if (query.questionLength === 0) return this.#cookieAlone()
    if (query.class === classChaos) return this.#answerChaos()
    if (query.class !== classIn) return this.#end(rcodes.REFUSED, foreignClass)
    if (isTransferType(query.type)) return this.#end(rcodes.REFUSED, noTransfer)
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
    const cache = isStale ? this.#staleCache : this.#cache
    const observed = 'service' in name && !isStale ? new ObservedCatalog(source.catalog) : undefined
    const { loaded, revision, staleSeconds } = source
    const seen = observed === undefined ? source : { loaded, revision, staleSeconds, catalog: observed }
    const plan = planAnswer(name, query.type, seen, cache, this.#minimalAny, clientZone)
    if (plan instanceof Alias) return this.#follow(plan, cache, clientZone)
    if (name.kind === 'outside' || plan === 'refused') return this.#recurse()
    if (plan === 'not-ready') return this.#end(rcodes.SERVFAIL, notReady)
    // Addresses of others in our networks have their names elsewhere, where somebody is asked for such.
    if (plan === 'no-such-name' && name.zone instanceof ReverseZone && this.#mayRecurse) return this.#recurse()
    if (observed !== undefined && typeof plan === 'object') this.#plans.keep(query, { records: plan, zone: name.zone, clientZone }, source, observed)
    this.#begin(isStale ? staleReason(plan) : undefined)
    return this.#complete(plan, name.zone, headerLength + query.questionLength - questionTailLength)
  }

  /** RFC 7873 5.4: without a question the cookie is the answer. Where there are no cookies, nothing was asked (RFC 9619). */
  #cookieAlone (): number {
    const { cookie } = this.#composer.compose(this.#query, this.#client)
    return this.#end(cookie === 'none' ? rcodes.FORMERR : cookie === 'invalid' ? rcodes.BADCOOKIE : rcodes.NOERROR)
  }

  #answerChaos (): number {
    const { type } = this.#query
    const record = this.#chaos.record(this.#query)
    if (record === undefined) return this.#end(rcodes.REFUSED, foreignChaosName)
    this.#begin(undefined)
    if (type === recordTypes.TXT || type === recordTypes.ANY) this.#writer.append('answer', record, 0, record.length)
    return this.#finish(rcodes.NOERROR, true)
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
    if (foreign !== undefined && forwarded !== undefined) {
      const rcode = writeForwarded(writer, forwarded, foreign, writer.owner)
      return this.#finish(rcode, rcode === rcodes.NOERROR || rcode === rcodes.NXDOMAIN) // the alias is ours to say; that others failed is not
    }
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
    return this.#finish(writeForwarded(this.#writer, forwarded, question, questionPointer), false)
  }

  /** Asks others, and then answers the same message again, with what they said at hand. */
  #defer (question: ForwardQuestion): Response {
    return this.#answerLater(question, Buffer.from(this.#query.message), { ...this.#client })
  }

  async * #answerLater (question: ForwardQuestion, message: Buffer, client: Client): AsyncGenerator<Buffer, void> {
    const { recursion } = this.#options
    const forwarded = await recursion?.resolve(question)
    if (forwarded === undefined) return
    const response = recursion?.withArrival(question, forwarded, () => this.respond(message, client, this.#lateWriter))
    // The alias may lead elsewhere by now, so that somebody else would have to be asked: the client shall ask again.
    const length = typeof response === 'number' ? response : this.#end(rcodes.SERVFAIL)
    if (length > 0) yield Buffer.from(this.#lateWriter.bytes.subarray(0, length))
  }

  /**
   * Ends an answer with records, or with the SOA and the rcode that the last name has (RFC 6604 3).
   * @param nameEnd where that name ends in the message
   */
  #complete (plan: Answerable, zone: Zone, nameEnd: number): number {
    const { random, source } = this.#options
    this.#zone = zone
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
    this.#rcode = rcode
    return this.#writer.finish(rcode, isAuthoritative)
  }
}

function isTransferType (type: number): boolean {
  return type === recordTypes.AXFR || type === recordTypes.IXFR
}

/** The last target of a chain of aliases, which ends its record. */
function targetName (chain: readonly Alias[]): Buffer {
  const last = chain.at(-1)
  return last === undefined ? Buffer.of(0) : last.record.subarray(last.record.length - last.targetLength)
}

function staleReason (plan: Plan): Explanation {
  return plan === 'no-such-name' ? staleNxdomain : stale
}
