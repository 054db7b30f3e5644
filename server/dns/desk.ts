// Questions that do not come over DNS itself: a message over HTTP, or `rollcall resolve`, which asks for the reasons
// too.
import type { DnsAnswer, DnsTraceStep } from '../../client-sdk/src/wire.ts'
import { invalid } from '../errors.ts'
import type { Sight } from '../registry/core.ts'
import { answerText, extendedErrorOf, typeNumber } from './wire/answer-text.ts'
import { nameText } from './wire/name.ts'
import type { Client } from './protect/client.ts'
import type { Reach } from './protect/client-reach.ts'
import { MessageWriter } from './wire/message-writer.ts'
import type { Responder } from './responder.ts'
import type { Tracer } from './trace.ts'
import { classIn, ednsUdpLimit, flagRecursionDesired, maxLabelBytes, maxNameLength, nameBytes, recordTypes, tcpLimit, typeText } from './wire/wire.ts'

export interface DeskQuestion {
  /** With a dot at the end it is meant as it stands; without one `namespace` may complete it. */
  readonly name: string
  /** `A`, `SRV`, `TYPE65280`. */
  readonly type: string
  /** Completes the name as a resolver's search path does: NAMESPACE.svc.ZONE, svc.ZONE, ZONE. */
  readonly namespace?: string | undefined
  /** Whose question it is, for answers that prefer the caller's zone. */
  readonly client: string
  /** The real client, if it asks on behalf of another: it gets nothing that it would not get itself. */
  readonly caller?: string
  /** What the caller may read; undefined = everything. */
  readonly sight?: Sight | undefined
}

export interface DeskOptions {
  readonly responder: Responder
  readonly tracer: Tracer
}

export class DnsDesk {
  readonly #options: DeskOptions
  readonly #writer = new MessageWriter(tcpLimit)

  constructor (options: DeskOptions) {
    this.#options = options
  }

  /** Answers one message as it came. undefined = it deserves silence. Zone transfers are for TCP. */
  async answer (message: Buffer, client: Client): Promise<Buffer | undefined> {
    const response = this.#options.responder.respond(message, client, this.#writer)
    if (typeof response === 'number') return response === 0 ? undefined : Buffer.from(this.#writer.bytes.subarray(0, response))
    for await (const answer of response) return answer
    return undefined
  }

  /** Whether a client is answered cluster IPs, and why. */
  reach (client: string): Reach {
    return this.#options.tracer.reach(client)
  }

  /**
   * Answers a person: what DNS answers, and the rules that made it so.
   * @throws RegistryError REG_INVALID for a name or a type that is not valid
   */
  async explain ({ name, type, namespace, client, caller = client, sight }: DeskQuestion): Promise<Omit<DnsAnswer, 'revision'>> {
    const number = typeNumber(type)
    if (number === undefined || number === recordTypes.AXFR || number === recordTypes.IXFR || number === recordTypes.OPT) {
      throw invalid([{ field: 'type', value: type, rule: 'must be a type of records, like A, AAAA, SRV, PTR or TYPE65280' }])
    }
    const { tracer } = this.#options
    if (client !== caller && tracer.permits(client) && !tracer.permits(caller)) {
      throw invalid([{ field: 'client', value: client, rule: 'must not be one for whom names are forwarded: they are not for you (--dns-forward-from)' }])
    }
    const candidates = this.#candidates(name, namespace).map((candidate) => labelsOf(candidate, name))
    const answers: Omit<DnsAnswer, 'revision'>[] = []
    for (const labels of candidates) {
      const answer = await this.#explain(labels, number, { transport: 'https', address: client, sight })
      if (answer.rcode !== 'NXDOMAIN') return { ...answer, trace: [...answers.map(({ question }) => passed(question.name)), ...answer.trace] }
      answers.push(answer)
    }
    const [first, ...others] = answers
    if (first === undefined) throw new Error('a name has no form to ask for')
    return { ...first, trace: [...first.trace, ...others.map(({ question }) => passed(question.name))] }
  }

  /** The forms in which a resolver asks for a name, in its order. */
  #candidates (name: string, namespace: string | undefined): string[] {
    const plain = name.replace(/\.$/, '')
    const { zones, firstZone, forwards } = this.#options.tracer
    const isWhole = zones.some((zone) => plain.toLowerCase() === zone.name || plain.toLowerCase().endsWith(`.${zone.name}`))
    if (name.endsWith('.') || namespace === undefined || isWhole || firstZone === undefined) return [plain]
    const below = [`${plain}.${namespace}.svc.${firstZone.name}`, `${plain}.svc.${firstZone.name}`, `${plain}.${firstZone.name}`]
    return forwards ? [...below, plain] : below
  }

  async #explain (labels: readonly string[], type: number, client: Client): Promise<Omit<DnsAnswer, 'revision'>> {
    const wire = nameBytes(labels)
    const message = await this.answer(queryOf(wire, type), client)
    if (message === undefined) throw new Error('a question of our own was met with silence')
    const reason = extendedErrorOf(message, wire)
    const answer = answerText(message, wire)
    return {
      question: { name: nameText(wire).text, type: typeText(type) },
      ...answer,
      ...(reason === undefined ? {} : { extendedError: reason }),
      trace: this.#options.tracer.trace(labels, type, client, answer)
    }
  }
}

function passed (name: string): DnsTraceStep {
  return { rule: 'search path', message: `${name} does not exist` }
}

function labelsOf (text: string, given: string): string[] {
  const labels = text === '' ? [] : text.toLowerCase().split('.')
  const isName = labels.every((label) => label.length > 0 && label.length <= maxLabelBytes && /^[\x21-\x7e]+$/.test(label))
  if (!isName || nameBytes(labels).length > maxNameLength) {
    throw invalid([{ field: 'name', value: given, rule: 'must be a DNS name: labels of 1-63 characters of ASCII, 253 characters in all with what completes it' }])
  }
  return labels
}

/** A query as dig sends it: RD, and OPT so that the answer may say why. */
function queryOf (name: Buffer, type: number): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(flagRecursionDesired, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(1, 10)
  const tail = Buffer.alloc(4 + 11)
  tail.writeUInt16BE(type, 0)
  tail.writeUInt16BE(classIn, 2)
  tail.writeUInt16BE(recordTypes.OPT, 5)
  tail.writeUInt16BE(ednsUdpLimit, 7)
  return Buffer.concat([header, name, tail])
}
