// Chains of aliases (RFC 1034 4.3.2): out of our zones, into them, and back. Of a name in a zone of ours our own data are asked, of any
// other name an upstream, if the client may ask for such; the answer has every alias on the way and what the last name has.
import type { ForwardStep } from '../forward/forward-step.ts'
import type { Forwarded, ForwardQuestion } from '../forward/forwarder.ts'
import { writeForwarded, writeLeading } from '../forward/forwarded-records.ts'
import { type RecordName, recordNameOf } from '../names/record-name.ts'
import { ReverseZone } from '../names/reverse-zone.ts'
import type { Zone } from '../names/zone.ts'
import type { Response } from '../protect/client.ts'
import type { DnsSource } from '../source.ts'
import type { Turn } from '../turn.ts'
import type { Explanation } from '../wire/message-writer.ts'
import { labelTexts, nameKey } from '../wire/name.ts'
import type { Records } from '../wire/record-set.ts'
import { flagRecursionDesired, headerLength, pointerLimit, pointerTo, questionTailLength, rcodes, recordTypes } from '../wire/wire.ts'
import { Alias, maxAliases } from './alias.ts'
import type { AnswerCache } from './answer-cache.ts'
import { planAnswer } from './answer-plan.ts'
import type { Ending } from './plan.ts'
import { foreignClient, foreignName, notReady, staleReason } from './reasons.ts'

/** Of one answer: a chain out, in, and out again is an accident of two people; each lookup may take seconds. */
export const maxLookups = 3

export interface AliasChainOptions {
  readonly source: DnsSource
  /** The longest name first. */
  readonly zones: readonly Zone[]
  /** What ANY gets where there are records. */
  readonly minimalAny: Records
  /** Names in no zone of ours; undefined = they are not forwarded. */
  readonly forward: ForwardStep | undefined
  readonly random: () => number
}

/** A name on the way. */
interface Place {
  readonly wire: Buffer
  readonly name: RecordName
}

/** What an upstream said of a name. */
interface Lookup {
  readonly question: ForwardQuestion
  readonly forwarded: Forwarded
}

/** How the chain ends: with what a zone of ours has, as the last upstream said, or where the client goes on. */
type End = { readonly plan: Records | Ending, readonly name: RecordName } | 'as-forwarded' | 'goes-on'

export class AliasChain {
  readonly #options: AliasChainOptions

  constructor (options: AliasChainOptions) {
    this.#options = options
  }

  /** Whether others are asked for this client: it wants that (RD), and it may. */
  mayForward ({ query, mayForward }: Turn): boolean {
    return mayForward && (query.flags & flagRecursionDesired) !== 0
  }

  /** Answers a question for a name that is an alias of ours. */
  follow (turn: Turn, first: Alias, cache: AnswerCache): Response {
    const { type } = turn.query
    if (type === recordTypes.CNAME || type === recordTypes.ANY) return this.#write(turn, [first], 'goes-on') // the alias itself is the answer
    return this.#walk(turn, [first], this.#targetOf(first, type), cache)
  }

  /** Answers a question for a name of which our zones have nothing. */
  answerForeign (turn: Turn, cache: AnswerCache): Response {
    const { query, writer } = turn
    if (this.#options.forward === undefined || (query.flags & flagRecursionDesired) === 0) return writer.end(rcodes.REFUSED, foreignName)
    if (!turn.mayForward) return writer.end(rcodes.REFUSED, foreignClient)
    return this.#walk(turn, [], { wire: questionName(turn), name: { kind: 'outside' } }, cache)
  }

  #walk (turn: Turn, links: (Alias | Lookup)[], start: Place, cache: AnswerCache): Response {
    const { source, zones, minimalAny, forward } = this.#options
    const { query: { type }, clientZone } = turn
    const seen = new Set(links.length === 0 ? [] : [nameKey(questionName(turn))])
    for (let place = start; ;) {
      const { name, wire } = place
      if (seen.has(nameKey(wire))) return this.#write(turn, links, 'goes-on') // it turns back on itself
      seen.add(nameKey(wire))
      if (turn.view?.permits(name) === false) return this.#write(turn, links, 'goes-on') // who may see the alias need not see what it stands for
      const plan = name.kind === 'outside' ? 'refused' : planAnswer(name, type, source, cache, minimalAny, clientZone)
      if (plan instanceof Alias) {
        if (links.includes(plan) || links.filter((link) => link instanceof Alias).length >= maxAliases) return this.#write(turn, links, 'goes-on')
        links.push(plan)
        place = this.#targetOf(plan, type)
        continue
      }
      const isForeign = name.kind === 'outside' || (plan === 'no-such-name' && name.zone instanceof ReverseZone && this.mayForward(turn))
      if (!isForeign) return this.#write(turn, links, { plan, name })
      const lookups = links.filter((link) => !(link instanceof Alias)).length
      if (forward === undefined || !this.mayForward(turn) || lookups >= maxLookups) return this.#write(turn, links, 'goes-on')
      const question = forward.questionOf(turn, wire)
      const forwarded = forward.find(question)
      if (forwarded === undefined) return forward.defer(turn, question)
      links.push({ question, forwarded })
      const target = forwarded.kind === 'answer' ? forwarded.target : undefined
      if (target === undefined) return this.#write(turn, links, 'as-forwarded')
      place = { wire: target, name: recordNameOf(labelTexts(target), zones, type) }
    }
  }

  #targetOf ({ record, targetLength, target }: Alias, type: number): Place {
    const wire = record.subarray(record.length - targetLength)
    const name = type === recordTypes.DS ? recordNameOf(labelTexts(wire), this.#options.zones, type) : target // the parent answers for DS
    return { wire, name }
  }

  #write (turn: Turn, links: readonly (Alias | Lookup)[], end: End): number {
    const { source, random } = this.#options
    const { writer } = turn
    const isOurs = links[0] instanceof Alias // whose the question's name is: AA is about the first owner (RFC 1034 6.2.7)
    writer.begin(this.#reason(links, end))
    let nameEnd = writer.position
    for (const [index, link] of links.entries()) {
      if (!(link instanceof Alias) && index === links.length - 1 && end === 'as-forwarded') {
        const rcode = writeForwarded(writer, link.forwarded, link.question, writer.owner)
        return writer.finish(rcode, isOurs && (rcode === rcodes.NOERROR || rcode === rcodes.NXDOMAIN)) // that others failed is not ours to say
      }
      const start = link instanceof Alias ? writeAlias(turn, link) : writeLeading(writer, link.forwarded, link.question, writer.owner)
      if (start < 0 || start >= pointerLimit) return writer.finish(rcodes.NOERROR, isOurs)
      writer.owner = pointerTo(start)
      nameEnd = start + (link instanceof Alias ? link.targetLength : targetLengthOf(link))
    }
    if (typeof end === 'string' || end.name.kind === 'outside' || end.plan === 'refused') return writer.finish(rcodes.NOERROR, isOurs)
    if (end.plan === 'not-ready') return writer.finish(rcodes.SERVFAIL, false)
    // Records of the apex point into their own name; who wants them asks for it.
    if (end.name.kind === 'apex' && typeof end.plan === 'object') return writer.finish(rcodes.NOERROR, isOurs)
    turn.zone = end.name.zone
    if (typeof end.plan === 'object') end.plan.write(writer, random)
    else end.name.zone.writeNegativeSoa(writer, nameEnd, source.revision) // RFC 6604 3
    return writer.finish(end.plan === 'no-such-name' ? rcodes.NXDOMAIN : rcodes.NOERROR, isOurs)
  }

  #reason (links: readonly (Alias | Lookup)[], end: End): Explanation | undefined {
    const { source } = this.#options
    if (typeof end === 'object' && end.plan === 'not-ready') return notReady
    for (const link of links.toReversed()) if (!(link instanceof Alias) && link.forwarded.reason !== undefined) return link.forwarded.reason
    const isStale = source.loaded && source.staleSeconds > 0 && (links[0] instanceof Alias || typeof end === 'object')
    return isStale ? staleReason(typeof end === 'object' ? end.plan : 'no-such-records') : undefined
  }
}

/** Gives where the target stands in the message, -1 if it does not fit. */
function writeAlias ({ writer }: Turn, { record, targetLength }: Alias): number {
  return writer.append('answer', record, 0, record.length) ? writer.position - targetLength : -1
}

function targetLengthOf ({ forwarded }: Lookup): number {
  return forwarded.kind === 'answer' ? forwarded.target?.length ?? 0 : 0
}

/** In memory that stays. */
function questionName ({ query: { message, questionLength } }: Turn): Buffer {
  return Buffer.from(message.subarray(headerLength, headerLength + questionLength - questionTailLength))
}
