// Asks upstreams for names that are not ours: UDP, TCP where that is not enough, the next upstream where one fails. Identical
// questions are asked once, answers are kept as long as they say. It knows no client: who may ask is the access list's business.
import { randomBytes } from 'node:crypto'
import { type Guard, standaloneGuard } from '../../guard.ts'
import type { Clock } from '../../clock.ts'
import { type Explanation, explanation } from '../wire/message-writer.ts'
import { extendedErrors, maxNameLength, rcodes, recordTypes } from '../wire/wire.ts'
import { type AskEvent, Asker, type AskFailure, type Settled, isFailed } from './asker.ts'
import { Shares } from '../protect/shares.ts'
import type { IsOurs } from './answer-chain.ts'
import type { UpstreamAddress } from './exchange.ts'
import { folded, nameKey } from '../wire/name.ts'
import { type Entry, ForwardCache, lifeOf, staleRetryMs } from './forward-cache.ts'
import type { ForwardRecord } from './reply-reader.ts'
import { StartQueue } from './start-queue.ts'

export type { UpstreamAddress } from './exchange.ts'
export type { ForwardRecord } from './reply-reader.ts'

/** Of class IN: nothing else is forwarded. */
export interface ForwardQuestion {
  /** In wire form, not compressed, in the case of letters in which the client sent it. */
  readonly name: Buffer
  readonly type: number
  /** Default false. */
  readonly dnssecOk?: boolean
  /** The CD bit of the query; default false. */
  readonly checkingDisabled?: boolean
}

export interface ForwardAnswer {
  readonly kind: 'answer'
  /** May have 12 bits: the upper 8 belong into OPT. */
  readonly rcode: number
  /**
   * Of the question's name and of the names that its aliases lead to, aliases first. A record of the question's name has
   * `name === question.name`, so that its owner can be written as a pointer.
   */
  readonly answers: readonly ForwardRecord[]
  readonly authorities: readonly ForwardRecord[]
  /** Without OPT. */
  readonly additionals: readonly ForwardRecord[]
  /** The name in a zone of ours that the last alias leads to, in lower case: from there the answer is ours to give. */
  readonly target?: Buffer | undefined
  readonly cached: boolean
  /** An extended error (RFC 8914): the answer is stale, or the question may not be forwarded. */
  readonly reason?: Explanation
}

export type FailureKind = AskFailure | 'too-many'

/** There is no answer: SERVFAIL, and why. */
export interface ForwardFailure {
  readonly kind: FailureKind
  readonly reason: Explanation
}

export type Forwarded = ForwardAnswer | ForwardFailure

/** The result of a question, for the metrics; `failed` = SERVFAIL for one of the reasons of `FailureKind`. */
export type ForwardEvent = 'hit' | 'miss' | 'coalesced' | 'stale' | 'failed' | AskEvent

export interface ForwarderOptions {
  /** In the order of preference, at least one. */
  readonly upstreams: readonly UpstreamAddress[]
  readonly clock: Clock
  /** Default: one that writes to stderr. */
  readonly guard?: Guard | undefined
  /** Gives so many unpredictable bytes; default: node:crypto. */
  readonly random?: (bytes: number) => Buffer
  readonly count?: (event: ForwardEvent) => void
  /** Questions under way, default 1,000. Beyond it the client with most of them gives up its oldest. */
  readonly maxInFlight?: number
  /** Callers that wait for them, default 10,000. Beyond it the client with most of them gives up its oldest. */
  readonly maxWaiting?: number
  readonly maxCacheEntries?: number
  readonly maxCacheBytes?: number
  /** What is at or below a zone of ours, which no upstream has a say in. Default: nothing. */
  readonly isOurs?: IsOurs
  /** Default true. */
  readonly mixesCase?: boolean
  /** Told when our own code failed on a question. */
  readonly failed?: (error: unknown) => void
}

/**
 * Each has a socket. At a second for each question this is a thousand names a second; at more the client that has most of them under
 * way gives up its oldest.
 */
export const maxInFlight = 1_000
/** Ten for each question under way, about a kilobyte each. */
export const maxWaiting = 10_000
/** RFC 8767 4. */
const staleTtlSeconds = 30
const reasons: Readonly<Record<FailureKind, Explanation>> = {
  timeout: explanation(extendedErrors.noReachableAuthority, 'no upstream answered in time'),
  unreachable: explanation(extendedErrors.noReachableAuthority, 'no upstream can be reached'),
  'bad-answer': explanation(extendedErrors.networkError, 'an upstream answered what cannot be read'),
  'too-many': explanation(0, 'too many questions are being forwarded'),
  closed: explanation(extendedErrors.notReady, 'the server is shutting down')
}
const stale = explanation(extendedErrors.staleAnswer, 'no upstream answers: last known answer')
const staleNxdomain = explanation(extendedErrors.staleNxdomain, 'no upstream answers: last known answer')
const notForwarded = explanation(extendedErrors.notSupported, 'questions of this type are not forwarded')

/** Zone transfers need TCP from end to end; the others are between two neighbours, or no questions (RFC 6895 3.1). ANY is one. */
const isForwardable = (type: number): boolean => type > 0 && type !== recordTypes.OPT && (type < 249 || type >= recordTypes.ANY)

export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #asker: Asker
  readonly #cache: ForwardCache
  readonly #flights = new Map<string, Flight>()
  /** By the client that asked first, or that asked later and has fewer under way. */
  readonly #flightsOf = new Shares<Flight>()
  readonly #waitersOf = new Shares<Waiter>()
  readonly #starts: StartQueue<Flight>
  #isClosed = false

  constructor (options: ForwarderOptions) {
    this.#options = options
    const { upstreams, clock, guard, random = randomBytes, count = () => undefined, isOurs = () => false, mixesCase = true } = options
    this.#asker = new Asker({ upstreams, clock, guard, random, count, isOurs, mixesCase })
    this.#starts = new StartQueue(guard ?? standaloneGuard)
    this.#cache = new ForwardCache(options.maxCacheEntries, options.maxCacheBytes)
  }

  /** What is known without asking an upstream; undefined = nothing. */
  lookup (question: ForwardQuestion): Forwarded | undefined {
    return this.#lookup(question, keyOf(question))
  }

  /**
   * Answers from the cache, else asks, at the latest some turns of the loop later. Ends within 4 s of that.
   * Never rejects because of the network or of what an upstream sent.
   * @param client whose share it is of what may be under way
   * @example const forwarded = await forwarder.resolve({ name: nameBytes(['example', 'com']), type: recordTypes.A })
   */
  async resolve (question: ForwardQuestion, client = ''): Promise<Forwarded> {
    const { clock } = this.#options
    if (!isForwardable(question.type) || question.name.length > maxNameLength) {
      return { kind: 'answer', rcode: rcodes.REFUSED, answers: [], authorities: [], additionals: [], cached: false, reason: notForwarded }
    }
    const key = keyOf(question)
    const known = this.#lookup(question, key)
    if (known !== undefined) return known
    if (this.#isClosed) return this.#failure('closed')
    const settled = await this.#join(question, key, client)
    if (settled.kind === 'too-many') return this.#failure('too-many')
    // The flight has put a stale answer back into use if it failed and there is one.
    const entry = isFailed(settled) ? this.#cache.get(key, clock.now()) : undefined
    if (entry !== undefined && isInStaleUse(entry, clock.now())) return this.#staleAnswer(entry, question)
    return settled.kind === 'reply' ? answerOf(settled, question, 0, false) : this.#failure(settled.kind)
  }

  /** Ends what is under way, as a failure. Calling it again does nothing. */
  close (): void {
    this.#isClosed = true
    this.#asker.close()
    for (const flight of this.#flights.values()) {
      if (this.#starts.remove(flight, flight.owner)) flight.start() // ends as `closed` at once
      else flight.abort()
    }
  }

  /** Waits for the question, which is asked if it is not under way. */
  #join (question: ForwardQuestion, key: string, client: string): Promise<Outcome> {
    const { maxInFlight: flights = maxInFlight, maxWaiting: waiting = maxWaiting } = this.#options
    let flight = this.#flights.get(key)
    this.#count(flight === undefined ? 'miss' : 'coalesced')
    if (flight === undefined) {
      if (this.#flights.size >= flights) for (const oldest of first(this.#flightsOf.ofMost())) this.#giveUp(oldest)
      flight = this.#fly(question, key, client)
    } else if (this.#flightsOf.count(client) + 1 < this.#flightsOf.count(flight.owner)) {
      this.#own(flight, client) // a flood's question that others wait for too is not the flood's to lose
    }
    if (this.#waitersOf.size >= waiting) for (const { giveUp } of first(this.#waitersOf.ofMost())) giveUp()
    const { waiters } = flight
    return new Promise((resolve) => {
      const end = (outcome: Outcome): void => {
        waiters.delete(waiter)
        this.#waitersOf.remove(client, waiter)
        resolve(outcome)
      }
      const waiter: Waiter = { settle: end, giveUp: () => end({ kind: 'too-many' }) }
      waiters.add(waiter)
      this.#waitersOf.add(client, waiter)
    })
  }

  #own (flight: Flight, client: string): void {
    this.#flightsOf.remove(flight.owner, flight)
    const waits = this.#starts.remove(flight, flight.owner)
    flight.owner = client
    this.#flightsOf.add(client, flight)
    if (waits) this.#starts.add(flight)
  }

  /** Ends a question for the sake of others. */
  #giveUp (flight: Flight): void {
    for (const { giveUp } of flight.waiters) giveUp()
    this.#land(flight)
    flight.abort()
  }

  #land (flight: Flight): void {
    this.#starts.remove(flight, flight.owner)
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key)
    this.#flightsOf.remove(flight.owner, flight)
  }

  #lookup (question: ForwardQuestion, key: string): Forwarded | undefined {
    const nowMs = this.#options.clock.now()
    const entry = this.#cache.get(key, nowMs)
    if (entry === undefined) return undefined
    const { settled, storedAtMs, lifeMs } = entry
    const ageMs = nowMs - storedAtMs
    if (ageMs >= lifeMs) return isInStaleUse(entry, nowMs) ? this.#staleAnswer(entry, question) : undefined
    this.#count('hit')
    return settled.kind === 'reply' ? answerOf(settled, question, Math.floor(ageMs / 1_000), true) : { kind: settled.kind, reason: reasons[settled.kind] }
  }

  #staleAnswer ({ settled }: Entry, question: ForwardQuestion): Forwarded {
    if (settled.kind !== 'reply') return this.#failure(settled.kind)
    this.#count('stale')
    const answer = answerOf(settled, question, 0, true, staleTtlSeconds)
    return { ...answer, reason: settled.rcode === rcodes.NXDOMAIN ? staleNxdomain : stale }
  }

  #failure (kind: FailureKind): ForwardFailure {
    this.#count('failed')
    return { kind, reason: reasons[kind] }
  }

  #count (event: ForwardEvent): void {
    this.#options.count?.(event)
  }

  /** Asks until an upstream knows, caches the result and answers the clients that wait. */
  #fly (question: ForwardQuestion, key: string, owner: string): Flight {
    const { type, dnssecOk = false, checkingDisabled = false } = question
    const open = new Set<() => void>()
    const failed = (error: unknown): Settled => {
      this.#options.failed?.(error)
      return { kind: 'bad-answer' }
    }
    const start = (): void => {
      void this.#asker.ask({ name: folded(question.name), type, dnssecOk, checkingDisabled }, open).catch(failed).then((settled) => {
        this.#keep(key, settled, type)
        this.#land(flight)
        for (const { settle } of flight.waiters) settle(settled)
      })
    }
    const flight: Flight = { key, owner, start, waiters: new Set(), abort: () => { for (const end of open) end() } }
    this.#flights.set(key, flight)
    this.#flightsOf.add(owner, flight)
    this.#starts.add(flight)
    return flight
  }

  #keep (key: string, settled: Settled, type: number): void {
    if (settled.kind === 'closed') return
    const nowMs = this.#options.clock.now()
    const older = this.#cache.get(key, nowMs)
    if (isFailed(settled) && older !== undefined && !isFailed(older.settled)) older.retryAtMs = nowMs + staleRetryMs
    else this.#cache.set(key, settled, nowMs, lifeOf(settled, type))
  }
}

/** What a caller that waited gets. */
type Outcome = Settled | { readonly kind: 'too-many' }

/** A question under way. */
interface Flight {
  readonly key: string
  /** Whose share it is. */
  owner: string
  /** Asks the upstreams: once. */
  readonly start: () => void
  readonly waiters: Set<Waiter>
  readonly abort: () => void
}

interface Waiter {
  readonly settle: (settled: Settled) => void
  readonly giveUp: () => void
}

/** The first one, if there is one. */
function * first<Item> (items: Iterable<Item>): Generator<Item> {
  for (const item of items) {
    yield item
    return
  }
}

function isInStaleUse (entry: Entry, nowMs: number): boolean {
  return nowMs - entry.storedAtMs >= entry.lifeMs && nowMs < entry.retryAtMs
}

function keyOf ({ name, type, dnssecOk = false, checkingDisabled = false }: ForwardQuestion): string {
  return `${type},${dnssecOk ? 1 : 0}${checkingDisabled ? 1 : 0},${nameKey(name)}`
}

/** The answer as one client gets it: its own spelling of the name, and what is left of the TTLs. */
function answerOf (
  settled: Extract<Settled, { kind: 'reply' }>, { name }: ForwardQuestion, ageSeconds: number, cached: boolean, fixedTtl?: number
): ForwardAnswer {
  const key = folded(name)
  const aged = (records: readonly ForwardRecord[]): ForwardRecord[] => records.map((record) => ({
    name: record.name.equals(key) ? name : record.name,
    type: record.type,
    ttl: fixedTtl ?? Math.max(0, record.ttl - ageSeconds),
    rdata: record.rdata
  }))
  const { rcode, answers, authorities, additionals, target } = settled
  return { kind: 'answer', target, rcode, answers: aged(answers), authorities: aged(authorities), additionals: aged(additionals), cached }
}
