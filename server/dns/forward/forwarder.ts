// Asks upstreams for names that are not ours: UDP, TCP where that is not enough, the next upstream where one fails. Identical
// questions are asked once, answers are kept as long as they say. It knows no client: who may ask is the access list's business.
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import { type Explanation, explanation } from '../wire/message-writer.ts'
import { extendedErrors, maxNameLength, rcodes, recordTypes } from '../wire/wire.ts'
import { type AskEvent, Asker, type AskFailure, type Settled, isFailed } from './asker.ts'
import type { UpstreamAddress } from './exchange.ts'
import { folded, nameKey } from './folded-name.ts'
import { type Entry, ForwardCache, lifeOf, staleRetryMs } from './forward-cache.ts'
import type { ForwardRecord } from './reply-reader.ts'

export type { UpstreamAddress } from './exchange.ts'
export type { ForwardRecord } from './reply-reader.ts'

/** Of class IN: nothing else is forwarded. */
export interface ForwardQuestion {
  /** In wire form, not compressed, in whatever case the client sent it. */
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
  readonly cached: boolean
  /** An extended error (RFC 8914): the answer is stale, or the question is none to forward. */
  readonly reason?: Explanation
}

export type FailureKind = AskFailure | 'too-many'

/** There is no answer: SERVFAIL, and why. */
export interface ForwardFailure {
  readonly kind: FailureKind
  readonly reason: Explanation
}

export type Forwarded = ForwardAnswer | ForwardFailure

/** What becomes of a question, for whoever counts; `failed` = SERVFAIL for one of the reasons of `FailureKind`. */
export type ForwardEvent = 'hit' | 'miss' | 'coalesced' | 'stale' | 'failed' | AskEvent

export interface ForwarderOptions {
  /** In the order of preference, at least one. */
  readonly upstreams: readonly UpstreamAddress[]
  readonly clock: Clock
  /** Default: one that writes to stderr. */
  readonly guard?: Guard | undefined
  /** Gives so many octets that nobody can foresee; default: node:crypto. */
  readonly random?: (octets: number) => Buffer
  readonly count?: (event: ForwardEvent) => void
  /** Questions under way, default 1,000. */
  readonly maxInFlight?: number
  /** Callers that wait for them, default 10,000. */
  readonly maxWaiting?: number
  readonly maxCacheEntries?: number
  readonly maxCacheOctets?: number
}

/** Each has a socket. At a second for each question this is a thousand names a second; more is a flood. */
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
  readonly #flights = new Map<string, Promise<Settled>>()
  #waiting = 0
  #isClosed = false

  constructor (options: ForwarderOptions) {
    this.#options = options
    const { upstreams, clock, guard, random = randomBytes, count = () => undefined } = options
    this.#asker = new Asker({ upstreams, clock, guard, random, count })
    this.#cache = new ForwardCache(options.maxCacheEntries, options.maxCacheOctets)
  }

  /** What is known without asking anybody; undefined = nothing. */
  lookup (question: ForwardQuestion): Forwarded | undefined {
    return this.#lookup(question, keyOf(question))
  }

  /**
   * Answers from the cache, else asks. Ends within 4 s. Never rejects because of the network or of what an upstream sent.
   * @example const forwarded = await forwarder.resolve({ name: nameBytes(['example', 'com']), type: recordTypes.A })
   */
  async resolve (question: ForwardQuestion): Promise<Forwarded> {
    const { clock } = this.#options
    if (!isForwardable(question.type) || question.name.length > maxNameLength) {
      return { kind: 'answer', rcode: rcodes.REFUSED, answers: [], authorities: [], additionals: [], cached: false, reason: notForwarded }
    }
    const key = keyOf(question)
    const known = this.#lookup(question, key)
    if (known !== undefined) return known
    if (this.#isClosed) return this.#failure('closed')
    let flight = this.#flights.get(key)
    const isFull = flight === undefined && this.#flights.size >= (this.#options.maxInFlight ?? maxInFlight)
    if (isFull || this.#waiting >= (this.#options.maxWaiting ?? maxWaiting)) return this.#failure('too-many')
    this.#count(flight === undefined ? 'miss' : 'coalesced')
    if (flight === undefined) {
      flight = this.#fly(question, key).finally(() => this.#flights.delete(key))
      this.#flights.set(key, flight)
    }
    this.#waiting++
    try {
      const settled = await flight
      // The flight has put a stale answer back into use if it failed and there is one.
      const entry = isFailed(settled) ? this.#cache.get(key, clock.now()) : undefined
      if (entry !== undefined && isInStaleUse(entry, clock.now())) return this.#staleAnswer(entry, question)
      return settled.kind === 'reply' ? answerOf(settled, question, 0, false) : this.#failure(settled.kind)
    } finally {
      this.#waiting--
    }
  }

  /** Ends what is under way, as a failure. Calling it again does nothing. */
  close (): void {
    this.#isClosed = true
    this.#asker.close()
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

  /** Asks until somebody knows, and keeps what comes of it. */
  async #fly (question: ForwardQuestion, key: string): Promise<Settled> {
    const { type, dnssecOk = false, checkingDisabled = false } = question
    const settled = await this.#asker.ask({ name: folded(question.name), type, dnssecOk, checkingDisabled })
    const nowMs = this.#options.clock.now()
    const older = this.#cache.get(key, nowMs)
    if (isFailed(settled) && older !== undefined && !isFailed(older.settled)) older.retryAtMs = nowMs + staleRetryMs
    else this.#cache.set(key, settled, nowMs, lifeOf(settled, type))
    return settled
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
  const { rcode, answers, authorities, additionals } = settled
  return { kind: 'answer', rcode, answers: aged(answers), authorities: aged(authorities), additionals: aged(additionals), cached }
}
