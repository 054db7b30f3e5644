// A name that was not planned before: finds its zone and its kind, plans the answer and writes it, or hands it to the chain of aliases
// and to those who are asked for names that are not ours.
import type { Zone } from '../names/zone.ts'
import { readRecordName } from '../names/record-name.ts'
import { ReverseZone } from '../names/reverse-zone.ts'
import type { Response } from '../protect/client.ts'
import type { DnsSource } from '../source.ts'
import type { Turn } from '../turn.ts'
import type { Records } from '../wire/record-set.ts'
import { headerLength, questionTailLength, rcodes } from '../wire/wire.ts'
import { Alias } from './alias.ts'
import type { AliasChain } from './alias-chain.ts'
import type { AnswerCache } from './answer-cache.ts'
import { planAnswer } from './answer-plan.ts'
import { isOfService, planService } from './service-plan.ts'
import type { PlanCache } from './plan-cache.ts'
import type { PlanService } from './plan-table.ts'
import { notInView, notReady, staleReason } from './reasons.ts'

/** The answers for clients that cluster IPs are of use to, and for the others. */
export interface AnswerCaches {
  readonly clusterIps: AnswerCache
  readonly endpoints: AnswerCache
}

export interface AnswerStepOptions {
  readonly source: DnsSource
  /** The longest name first. */
  readonly zones: readonly Zone[]
  readonly caches: AnswerCaches
  /** While the store is away. */
  readonly staleCaches: AnswerCaches
  /** What ANY gets where there are records. */
  readonly minimalAny: Records
  /** Where plans are kept for the next such question. */
  readonly plans: PlanCache
  readonly chain: AliasChain
  readonly random: () => number
}

export class AnswerStep {
  readonly #options: AnswerStepOptions

  constructor (options: AnswerStepOptions) {
    this.#options = options
  }

  answer (turn: Turn): Response {
    const { source, zones, caches, staleCaches, minimalAny, plans, chain, random } = this.#options
    const { query, clientZone, clusterIps } = turn
    const way = clusterIps ? 'clusterIps' : 'endpoints'
    const name = readRecordName(query, zones)
    if (name.kind === 'outside') return chain.answerForeign(turn, caches[way])
    if (turn.view?.permits(name) === false) return turn.writer.end(rcodes.REFUSED, notInView)
    const isStale = source.loaded && source.staleSeconds > 0
    const usedCache = (isStale ? staleCaches : caches)[way]
    const looked: PlanService[] | undefined = isOfService(name) && source.loaded && !isStale ? [] : undefined
    const plan = isOfService(name) && source.loaded
      ? planService(name, query.type, { catalog: source.catalog, cache: usedCache, minimalAny, clientZone, looked })
      : planAnswer(name, query.type, source, usedCache, minimalAny, clientZone)
    if (plan instanceof Alias) return chain.follow(turn, plan, usedCache)
    if (plan === 'not-ready' || plan === 'refused') return turn.writer.end(rcodes.SERVFAIL, notReady)
    // Addresses of others in our networks have their names elsewhere, if questions are forwarded.
    if (plan === 'no-such-name' && name.zone instanceof ReverseZone && chain.mayForward(turn)) return chain.answerForeign(turn, usedCache)
    if (looked !== undefined && typeof plan === 'object') plans.keep(query, { records: plan, zone: name.zone, client: turn }, looked)
    turn.writer.begin(isStale ? staleReason(plan) : undefined)
    turn.zone = name.zone
    if (typeof plan === 'object') plan.write(turn.writer, random)
    else name.zone.writeNegativeSoa(turn.writer, headerLength + query.questionLength - questionTailLength, source.revision)
    return turn.writer.finish(plan === 'no-such-name' ? rcodes.NXDOMAIN : rcodes.NOERROR, true)
  }
}
