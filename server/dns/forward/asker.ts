// One question to the upstreams, in turn, until one knows.
import type { Guard } from '../../guard.ts'
import type { Clock } from '../../clock.ts'
import { rcodes, recordTypes } from '../wire/wire.ts'
import { type IsOurs, besides, followChain } from './answer-chain.ts'
import { type Exchanged, type UpstreamAddress, askTcp, askUdp } from './exchange.ts'
import { type ForwardRecord, type Reply, isTruncated, readReply } from './reply-reader.ts'
import { UpstreamQuery, type UpstreamQuestion } from './upstream-query.ts'
import { type Upstream, Upstreams } from './upstreams.ts'

export type AskFailure = 'timeout' | 'unreachable' | 'bad-answer' | 'closed'

/** A reply without what is ours to say. */
export interface ForeignReply extends Reply {
  readonly kind: 'reply'
  /**
   * The name in a zone of ours that the last alias leads to, in lower case. The code of the upstream does not count
   * then.
   */
  readonly target: Buffer | undefined
}

interface Failure {
  readonly kind: AskFailure
  /** It has answered something, over UDP: that it failed is a fault of this question alone. */
  readonly isThere?: true
}

/** The result of a question: a reply, which may be a refusal, or why there is no reply. */
export type Settled = ForeignReply | Failure

/**
 * Of queries to upstreams, for the metrics: sent, sent again over TCP, and what went wrong. `mismatch` = a datagram
 * that answers nothing.
 */
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
  readonly random: (bytes: number) => Buffer
  readonly count: (event: AskEvent) => void
  readonly isOurs: IsOurs
  /** Letters go out in a random case, and must come back in it. */
  readonly mixesCase: boolean
}

export class Asker {
  readonly #options: AskerOptions
  readonly #upstreams: Upstreams
  #isClosed = false

  constructor (options: AskerOptions) {
    this.#options = options
    this.#upstreams = new Upstreams(options.upstreams, tryMs)
  }

  /**
   * Ends within `totalMs`. If no upstream has the answer, a refusal (SERVFAIL, REFUSED...) is preferred to a failure of
   * the network.
   * @param open what is under way for it; calling one of them ends it, as `closed`
   */
  async ask (question: UpstreamQuestion, open: Set<() => void>): Promise<Settled> {
    const { clock } = this.#options
    const deadlineMs = clock.now() + totalMs
    let upstreams = this.#upstreams.order(clock.now())
    let last: Settled = { kind: 'timeout' }
    for (let round = 1; round <= maxRounds; round++) {
      const silent: Upstream[] = []
      for (const upstream of upstreams) {
        if (clock.now() >= deadlineMs) return last
        const tried = await this.#try(upstream, question, { deadlineMs, open })
        if (tried.kind === 'closed' || !isFailed(tried)) return tried
        if (tried.kind === 'timeout') silent.push(upstream)
        if (tried.kind === 'reply' || last.kind !== 'reply') last = tried
      }
      if (last.kind === 'reply') return last
      upstreams = silent
    }
    return last
  }

  /** Ends what is asked from now on as `closed`. */
  close (): void {
    this.#isClosed = true
  }

  async #try (upstream: Upstream, question: UpstreamQuestion, under: Bounds): Promise<Settled> {
    const { clock, count } = this.#options
    const startedAtMs = clock.now()
    const tried = await this.#upstream(upstream.address, question, under)
    if (tried.kind === 'reply') this.#upstreams.answered(upstream)
    else if (tried.kind !== 'closed') count(tried.kind)
    // An upstream that answers badly is there: a name with odd records must not put it aside for all other names.
    if ((tried.kind === 'timeout' || tried.kind === 'unreachable') && tried.isThere !== true) this.#upstreams.failed(upstream, startedAtMs, clock.now())
    return tried
  }

  /** UDP with EDNS, without EDNS where that is not known (RFC 6891 7), and over TCP if the answer does not fit. */
  async #upstream (address: UpstreamAddress, question: UpstreamQuestion, under: Bounds): Promise<Settled> {
    const { random, count, mixesCase } = this.#options
    const withEdns = new UpstreamQuery(question, true, random, mixesCase)
    count('asked')
    const tried = await this.#query(address, withEdns, question, under)
    if (tried.kind !== 'reply' || !ednsRefusals.includes(tried.rcode)) return tried
    count('asked')
    return this.#query(address, new UpstreamQuery(question, false, random, mixesCase), question, under)
  }

  async #query (address: UpstreamAddress, query: UpstreamQuery, question: UpstreamQuestion, under: Bounds): Promise<Settled> {
    const exchanged = await this.#exchange(askUdp, address, query, under)
    const isWhole = exchanged.kind !== 'suspicious' && !(exchanged.kind === 'reply' && isTruncated(exchanged.message))
    if (isWhole) return this.#read(exchanged, question)
    this.#options.count('asked-over-tcp')
    const whole = this.#read(await this.#exchange(askTcp, address, query, under), question)
    return whole.kind === 'reply' ? whole : { kind: whole.kind, isThere: true }
  }

  async #exchange (ask: typeof askUdp, address: UpstreamAddress, query: UpstreamQuery, { deadlineMs, open }: Bounds): Promise<Exchanged> {
    if (this.#isClosed) return { kind: 'closed' }
    const { clock, count, guard } = this.#options
    const timeoutMs = Math.max(0, Math.min(tryMs, deadlineMs - clock.now()))
    return ask(address, query, { clock, timeoutMs, guard, open, mismatched: () => count('mismatch') })
  }

  #read (exchanged: Exchanged, question: UpstreamQuestion): Settled {
    const { isOurs } = this.#options
    if (exchanged.kind === 'suspicious' || exchanged.kind === 'odd') return { kind: 'bad-answer' }
    if (exchanged.kind !== 'reply') return { kind: exchanged.kind }
    const reply = readReply(exchanged.message, question.name)
    if (reply === undefined) return { kind: 'bad-answer' }
    const { rcode } = reply
    const chain = followChain(reply.answers, question, isOurs)
    const { answers, target } = chain
    // Answers to another question, or a referral (RFC 2308 2.1) of a server that does not recurse: nothing that a client could use.
    const isReferral = reply.authorities.some(({ type }) => type === recordTypes.NS) && !reply.authorities.some(({ type }) => type === recordTypes.SOA)
    if (rcode === rcodes.NOERROR && answers.length === 0 && (reply.answers.length > 0 || isReferral)) return { kind: 'bad-answer' }
    const { authorities, additionals } = besides(reply, question, chain, isOurs)
    return {
      kind: 'reply', target, rcode: target === undefined ? rcode : rcodes.NOERROR,
      answers: compacted(answers), authorities: compacted(authorities), additionals: compacted(additionals)
    }
  }
}

/** Of one question: when it is over, and what is under way for it. */
interface Bounds {
  readonly deadlineMs: number
  readonly open: Set<() => void>
}

const ednsRefusals: readonly number[] = [rcodes.FORMERR, rcodes.NOTIMP, rcodes.BADVERS]

/** True if no upstream could say whether there are records. */
export function isFailed (settled: Settled): boolean {
  return settled.kind !== 'reply' || (settled.rcode !== rcodes.NOERROR && settled.rcode !== rcodes.NXDOMAIN)
}

/** The same records in memory of their own: as they were read, each holds a whole message, or a part of Node's pool. */
function compacted (records: readonly ForwardRecord[]): ForwardRecord[] {
  const memory = Buffer.allocUnsafeSlow(records.reduce((sum, { name, rdata }) => sum + name.length + rdata.length, 0))
  let at = 0
  const moved = (bytes: Buffer): Buffer => {
    const start = at
    at += bytes.copy(memory, at)
    return memory.subarray(start, at)
  }
  return records.map(({ name, type, ttl, rdata }) => ({ name: moved(name), type, ttl, rdata: moved(rdata) }))
}
