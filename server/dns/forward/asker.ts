// One question to the upstreams, in turn, until one knows.
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import { rcodes, recordTypes } from '../wire/wire.ts'
import { followChain } from './answer-chain.ts'
import { type Exchanged, type UpstreamAddress, askTcp, askUdp } from './exchange.ts'
import { type ForwardRecord, type Reply, isTruncated, readReply } from './reply-reader.ts'
import { UpstreamQuery, type UpstreamQuestion } from './upstream-query.ts'
import { type Upstream, Upstreams } from './upstreams.ts'

export type AskFailure = 'timeout' | 'unreachable' | 'bad-answer' | 'closed'

/** What a question came to: a reply, which may be a refusal, or why there is none. */
export type Settled = ({ readonly kind: 'reply' } & Reply) | { readonly kind: AskFailure }

/** Of queries to upstreams, for whoever counts: sent, sent again over TCP, and what went wrong. `mismatch` = a datagram that answers nothing. */
export type AskEvent = 'asked' | 'asked-over-tcp' | 'mismatch' | 'timeout' | 'unreachable' | 'bad-answer'

/** A resolver that has to ask the roots takes a second at times; a lost datagram should leave time for another try. */
export const tryMs = 1_500
/** glibc, musl and dig give up after 5 s (resolv.conf "timeout"): the failure and its reason should be there before that. */
export const totalMs = 4_000
/** A timeout may be one lost datagram: then the same upstream gets a second one, if there is time. */
const maxRounds = 2

export interface AskerOptions {
  readonly upstreams: readonly UpstreamAddress[]
  readonly clock: Clock
  readonly guard?: Guard | undefined
  readonly random: (octets: number) => Buffer
  readonly count: (event: AskEvent) => void
}

export class Asker {
  readonly #options: AskerOptions
  readonly #upstreams: Upstreams
  /** Ends of the exchanges under way. */
  readonly #open = new Set<() => void>()
  #isClosed = false

  constructor (options: AskerOptions) {
    this.#options = options
    this.#upstreams = new Upstreams(options.upstreams, tryMs)
  }

  /** Ends within `totalMs`. Where nobody knows, a refusal (SERVFAIL, REFUSED...) is given rather than a failure of the network. */
  async ask (question: UpstreamQuestion): Promise<Settled> {
    const { clock } = this.#options
    const deadlineMs = clock.now() + totalMs
    let upstreams = this.#upstreams.order(clock.now())
    let last: Settled = { kind: 'timeout' }
    for (let round = 1; round <= maxRounds; round++) {
      const silent: Upstream[] = []
      for (const upstream of upstreams) {
        if (clock.now() >= deadlineMs) return last
        const tried = await this.#try(upstream, question, deadlineMs)
        if (tried.kind === 'closed' || !isFailed(tried)) return tried
        if (tried.kind === 'timeout') silent.push(upstream)
        if (tried.kind === 'reply' || last.kind !== 'reply') last = tried
      }
      if (last.kind === 'reply') return last
      upstreams = silent
    }
    return last
  }

  /** Ends all exchanges under way as `closed`, and what is asked from now on. */
  close (): void {
    this.#isClosed = true
    for (const end of this.#open) end()
  }

  async #try (upstream: Upstream, question: UpstreamQuestion, deadlineMs: number): Promise<Settled> {
    const { clock, count } = this.#options
    const startedAtMs = clock.now()
    const tried = await this.#upstream(upstream.address, question, deadlineMs)
    if (tried.kind === 'reply') this.#upstreams.answered(upstream)
    else if (tried.kind !== 'closed') count(tried.kind)
    // Who answers badly is there: a name with odd records must not put an upstream aside for all other names.
    if (tried.kind === 'timeout' || tried.kind === 'unreachable') this.#upstreams.failed(upstream, startedAtMs, clock.now())
    return tried
  }

  /** UDP with EDNS, without EDNS where that is not known (RFC 6891 7), and over TCP if the answer does not fit. */
  async #upstream (address: UpstreamAddress, question: UpstreamQuestion, deadlineMs: number): Promise<Settled> {
    const { random, count } = this.#options
    const withEdns = new UpstreamQuery(question, true, random)
    count('asked')
    const tried = await this.#query(address, withEdns, question, deadlineMs)
    if (tried.kind !== 'reply' || !ednsRefusals.includes(tried.rcode)) return tried
    count('asked')
    return this.#query(address, new UpstreamQuery(question, false, random), question, deadlineMs)
  }

  async #query (address: UpstreamAddress, query: UpstreamQuery, question: UpstreamQuestion, deadlineMs: number): Promise<Settled> {
    const exchanged = await this.#exchange(askUdp, address, query, deadlineMs)
    const isWhole = exchanged.kind !== 'suspicious' && !(exchanged.kind === 'reply' && isTruncated(exchanged.message))
    if (isWhole) return read(exchanged, question)
    this.#options.count('asked-over-tcp')
    return read(await this.#exchange(askTcp, address, query, deadlineMs), question)
  }

  async #exchange (ask: typeof askUdp, address: UpstreamAddress, query: UpstreamQuery, deadlineMs: number): Promise<Exchanged> {
    if (this.#isClosed) return { kind: 'closed' }
    const { clock, count, guard } = this.#options
    const timeoutMs = Math.max(0, Math.min(tryMs, deadlineMs - clock.now()))
    return ask(address, query, { clock, timeoutMs, guard, open: this.#open, mismatched: () => count('mismatch') })
  }
}

const ednsRefusals: readonly number[] = [rcodes.FORMERR, rcodes.NOTIMP, rcodes.BADVERS]

/** True if nobody could say what is there, or that nothing is. */
export function isFailed (settled: Settled): boolean {
  return settled.kind !== 'reply' || (settled.rcode !== rcodes.NOERROR && settled.rcode !== rcodes.NXDOMAIN)
}

function read (exchanged: Exchanged, question: UpstreamQuestion): Settled {
  if (exchanged.kind === 'suspicious') return { kind: 'bad-answer' }
  if (exchanged.kind !== 'reply') return { kind: exchanged.kind }
  const reply = readReply(exchanged.message, question.name)
  if (reply === undefined) return { kind: 'bad-answer' }
  const { rcode, authorities, additionals } = reply
  const answers = followChain(reply.answers, question)
  // Answers to another question, or a referral (RFC 2308 2.1) of a server that does not recurse: nothing that a client could use.
  const isReferral = authorities.some(({ type }) => type === recordTypes.NS) && !authorities.some(({ type }) => type === recordTypes.SOA)
  if (rcode === rcodes.NOERROR && answers.length === 0 && (reply.answers.length > 0 || isReferral)) return { kind: 'bad-answer' }
  return { kind: 'reply', rcode, answers: compacted(answers), authorities: compacted(authorities), additionals: compacted(additionals) }
}

/** The same records in memory of their own: as they were read, each holds a whole message, or a part of Node's pool. */
function compacted (records: readonly ForwardRecord[]): ForwardRecord[] {
  const memory = Buffer.allocUnsafeSlow(records.reduce((sum, { name, rdata }) => sum + name.length + rdata.length, 0))
  let at = 0
  const moved = (octets: Buffer): Buffer => {
    const start = at
    at += octets.copy(memory, at)
    return memory.subarray(start, at)
  }
  return records.map(({ name, type, ttl, rdata }) => ({ name: moved(name), type, ttl, rdata: moved(rdata) }))
}
