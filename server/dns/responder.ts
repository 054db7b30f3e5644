// One message in, one message out, as a list of steps: read, transfer, verify, what is no question for a name, what is known already,
// answer (choose the zone, plan, forward, write), limit. All listeners share it; it knows no socket and never throws.
import type { Clock } from '../clock.ts'
import { AliasChain } from './answers/alias-chain.ts'
import { AnswerCache } from './answers/answer-cache.ts'
import { minimalAnyRecords } from './answers/answer-plan.ts'
import { type AnswerCaches, AnswerStep } from './answers/answer-step.ts'
import { Chaos } from './answers/chaos.ts'
import { OtherQuestions } from './answers/other-questions.ts'
import { PlanCache } from './answers/plan-cache.ts'
import type { DnsCounters } from './counters.ts'
import { ForwardStep } from './forward/forward-step.ts'
import type { Recursion } from './forward/recursion.ts'
import { type Zone, maxNegativeTtlSeconds } from './names/zone.ts'
import type { Client, Response } from './protect/client.ts'
import type { ClientReach } from './protect/client-reach.ts'
import type { ClientZones } from './protect/client-zones.ts'
import { SightView, type View, type Views } from './protect/views.ts'
import { ServerCookies } from './protect/cookies.ts'
import { LimitStep } from './protect/limit-step.ts'
import type { RateLimiter } from './protect/rate-limit.ts'
import { type QueryLog, questionFacts } from './query-log.ts'
import type { EndpointSet } from '../model/instance/endpoints.ts'
import type { DnsSource } from './source.ts'
import { TransferStep } from './transfer/transfer-step.ts'
import type { ZoneTransfers } from './transfer/transfer.ts'
import { Turn } from './turn.ts'
import { OptionComposer } from './wire/answer-options.ts'
import { type MessageWriter, noOptions } from './wire/message-writer.ts'
import { classIn, ednsUdpLimit, headerLength, plainUdpLimit, rcodeText, rcodes, recordTypes, tcpLimit } from './wire/wire.ts'

/**
 * While the store is away the node cannot say whether an endpoint lives; a client should ask again soon instead of
 * keeping an old address for a long configured TTL. RFC 8767 5 allows 30 s.
 */
export const maxStaleTtlSeconds = maxNegativeTtlSeconds

export interface ResponderOptions {
  readonly source: DnsSource
  /** The longest name first. */
  readonly zones: readonly Zone[]
  readonly ttlSeconds: number
  /** Where clients are; undefined = no client's zone is known. */
  readonly clientZones?: ClientZones | undefined
  /** What clients may look up; undefined = everything. */
  readonly views?: Views | undefined
  /** To whom cluster IPs are of use; undefined = they are answered to every client. */
  readonly clientReach?: ClientReach | undefined
  /** What this node calls itself, for NSID and class CH. */
  readonly node: string
  /** Of this program, for class CH. */
  readonly version: string
  /** Class CH is answered, default true. */
  readonly chaos?: boolean
  readonly clock: Clock
  /** Whole zones, and the keys of signatures; undefined = no client gets a zone, and signatures are not checked. */
  readonly transfers?: ZoneTransfers | undefined
  /** Of answers over UDP; undefined = none. */
  readonly limiter?: RateLimiter | undefined
  readonly queryLog?: QueryLog | undefined
  /** Names outside the zones; undefined = they are refused. */
  readonly recursion?: Recursion | undefined
  readonly random: () => number
  readonly counters: DnsCounters
  /** Told when our own code failed on a message. */
  readonly failed: (error: unknown) => void
  /** Told once of each service with endpoints that DNS cannot carry. */
  readonly warn?: (message: string) => void
}

/**
 * One answer in so many is timed: two readings of the clock cost up to a fiftieth of an answer over UDP.
 */
const timedEach = 8
/** Services with unreadable endpoints that are named in the log. More say nothing new. */
const maxTold = 100
/** No answer, because the message is not a question. */
const silence = 'silence'

export class Responder {
  readonly #options: ResponderOptions
  readonly #turn = new Turn()
  readonly #composer: OptionComposer
  readonly #plans: PlanCache
  readonly #transfer: TransferStep | undefined
  readonly #other: OtherQuestions
  readonly #answer: AnswerStep
  readonly #limit: LimitStep | undefined
  #count = 0
  /** Services that were warned of. */
  readonly #told = new Set<string>()

  constructor (options: ResponderOptions) {
    this.#options = options
    const { source, ttlSeconds, zones, node, version, clock, counters, limiter, transfers, recursion, random, chaos = true } = options
    const plans = this.#plans = new PlanCache(source)
    const cache = new AnswerCache({ ttlSeconds, zones, built: () => { counters.builds++ }, leftOut: (set, count) => this.#leftOut(set, count) })
    const caches = bothWays(cache)
    const staleCaches = bothWays(cache.capped(maxStaleTtlSeconds))
    const minimalAny = minimalAnyRecords(Math.min(ttlSeconds, maxNegativeTtlSeconds))
    const forward = recursion === undefined ? undefined : new ForwardStep({ recursion, again: (...message) => this.respond(...message) })
    const chain = new AliasChain({ source, zones, minimalAny, forward, random })
    this.#composer = new OptionComposer(node, new ServerCookies({ source, nowMs: () => clock.now() }))
    this.#transfer = transfers === undefined ? undefined : new TransferStep({ ...options, transfers })
    this.#other = new OtherQuestions(chaos ? new Chaos({ version, node }) : undefined)
    this.#answer = new AnswerStep({ source, zones, caches, staleCaches, minimalAny, plans, chain, random })
    this.#limit = limiter === undefined ? undefined : new LimitStep({ limiter, counters, clock })
  }

  /** It is not told of changes any more, and answers nothing. */
  close (): void {
    this.#plans.close()
  }

  /** Answers one message into the writer, or later. Everything that it needs of `message` and `client` it has read when it returns. */
  respond (message: Buffer, client: Client, writer: MessageWriter): Response {
    const { counters, queryLog } = this.#options
    const isTimed = this.#count === 0
    this.#count = (this.#count + 1) % timedEach
    const began = isTimed || queryLog !== undefined ? performance.now() : 0
    const response = this.#steps(message, client, writer)
    if (response === silence) return 0
    if (typeof response !== 'number') return response // a message that waited for others comes here once more
    if (isTimed) counters.took((performance.now() - began) / 1_000)
    if (response > 0) {
      counters.answered(client.transport, this.#turn.query.type, writer.rcode)
      if (writer.isTruncated) counters.truncated++
      if (writer.isCut) counters.cut++
    }
    if (queryLog?.sample() === true) this.#log(queryLog, response, performance.now() - began)
    return response
  }

  #steps (message: Buffer, client: Client, writer: MessageWriter): Response | typeof silence {
    const { counters, failed, transfers, source, random } = this.#options
    const turn = this.#turn
    const { query } = turn
    turn.client = client
    turn.writer = writer
    turn.zone = undefined
    try {
      const outcome = query.read(message)
      if (outcome === silence) {
        counters.drop(message.length < headerLength ? 'short' : 'response')
        return silence
      }
      const isOfNames = outcome === rcodes.NOERROR && query.class === classIn && query.questionLength > 0
      const isTransfer = isOfNames && (query.type === recordTypes.AXFR || query.type === recordTypes.IXFR)
      if (isTransfer && client.transport !== 'https' && this.#transfer !== undefined) {
        this.#open(0)
        const response = this.#transfer.answer(turn, message)
        return typeof response === 'number' ? this.#limited(response) : response
      }
      const signed = query.tsigStart === 0 ? undefined : transfers?.check(message)
      this.#open(signed?.bytes ?? 0)
      let response: Response
      if (signed !== undefined && signed.rcode !== rcodes.NOERROR) response = writer.end(signed.rcode)
      else if (!isOfNames || isTransfer || (query.keepaliveHasData && isStream(client))) response = this.#other.answer(turn, outcome)
      else {
        const mayBeKnown = source.loaded && source.staleSeconds === 0 && turn.view === undefined
        const known = mayBeKnown ? this.#plans.write(query, turn, writer, random) : undefined
        turn.zone = known
        response = known === undefined ? this.#answer.answer(turn) : writer.finish(rcodes.NOERROR, true)
      }
      if (typeof response !== 'number') return response // what is answered later comes here once more
      if (signed?.rcode !== rcodes.NOERROR) response = this.#limited(response) // the address of a client with a key is not forged
      // RFC 8945 5.3: a signed query gets a signed answer, or one that says what is wrong with the signature.
      return signed === undefined || response === 0 ? response : signed.sign(Buffer.from(writer.bytes.subarray(0, response))).copy(writer.bytes)
    } catch (error) {
      counters.failed++
      failed(error)
      if (query.message !== message || message.length < headerLength) return silence
      writer.open(query, plainUdpLimit)
      return writer.end(rcodes.SERVFAIL) // the question is repeated as far as it was read; no part of what failed is used again
    }
  }

  /** Holds back answers that may be too many for the host whose address, perhaps forged, a datagram has. */
  #limited (response: number): number {
    const { client: { transport, address }, cookie } = this.#turn
    const isProven = transport !== 'udp' || cookie === 'valid' || isLoopback(address)
    return isProven || this.#limit === undefined ? response : this.#limit.check(this.#turn, response)
  }

  /** @param tail octets of the signature that follows */
  #open (tail: number): void {
    const { recursion, clientZones, clientReach, views } = this.#options
    const turn = this.#turn
    const { query, client, writer } = turn
    const offered = query.edns ? Math.max(plainUdpLimit, Math.min(query.payloadSize, ednsUdpLimit)) : plainUdpLimit
    writer.open(query, client.transport === 'udp' ? offered : tcpLimit, query.edns ? this.#composer.compose(query, client) : noOptions, tail)
    // RFC 7830 6: over what others can read it would be of no use. Whether HTTP is encrypted is the proxy's to know.
    writer.pads = query.isPadded && (client.transport === 'tls' || client.transport === 'https')
    writer.recursionAvailable = turn.mayForward = recursion?.permits(client.address) === true
    turn.cookie = query.edns ? this.#composer.cookie : 'none'
    turn.clientZone = clientZones?.zoneOf(client.address)
    turn.view = client.transport === 'https' ? viewOf(client) : views?.of(client.address) // over HTTP access control decides
    turn.clusterIps = clientReach === undefined || clientReach.reaches(client.address)
  }

  #leftOut ({ namespace, service }: EndpointSet, count: number): void {
    const { counters, warn } = this.#options
    counters.unanswerable += count
    const path = `${namespace}/${service}`
    if (this.#told.has(path) || this.#told.size >= maxTold) return
    this.#told.add(path)
    warn?.(`DNS: ${count} endpoints of ${path} are left out of the answers: their records have what DNS cannot carry (a port, a weight, a name or an address)`)
  }

  #log (queryLog: QueryLog, bytes: number, ms: number): void {
    const { source } = this.#options
    const { query, client, writer } = this.#turn
    queryLog.write({
      ...questionFacts(query, client),
      ...(bytes > 0 ? { rcode: rcodeText(writer.rcode) } : {}),
      octets: bytes,
      truncated: bytes > 0 && writer.isTruncated,
      stale: source.loaded && source.staleSeconds > 0,
      microseconds: Math.round(ms * 1_000)
    })
  }
}

function bothWays (cache: AnswerCache): AnswerCaches {
  return { clusterIps: cache.for(true), endpoints: cache.for(false) }
}

function isStream ({ transport }: Client): boolean {
  return transport === 'tcp' || transport === 'tls'
}

function viewOf ({ sight }: Client): View | undefined {
  return sight === undefined ? undefined : new SightView(sight)
}

/** As a socket gives it, without a look at its octets. */
function isLoopback (address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.')
}
