// What is asked but is no question for a name in a zone: messages that cannot be read, cookies alone, class CH, other classes, transfers
// that come by a way that brings none.
import type { Turn } from '../turn.ts'
import { explanation } from '../wire/message-writer.ts'
import type { ReadOutcome } from '../wire/query-reader.ts'
import { classChaos, classIn, extendedErrors, rcodes, recordTypes } from '../wire/wire.ts'
import type { Chaos } from './chaos.ts'

const foreignClass = explanation(extendedErrors.notSupported, 'only class IN is served')
const foreignChaosName = explanation(extendedErrors.notAuthoritative, 'class CH has version.bind, version.server, id.server and hostname.bind')
const noChaos = explanation(extendedErrors.prohibited, 'class CH is not answered here (--dns-chaos)')
const foreignOpcode = explanation(extendedErrors.notSupported, 'only queries are answered')
const noTransfer = explanation(extendedErrors.notSupported, 'a zone is transferred over TCP or TLS only')

export class OtherQuestions {
  readonly #chaos: Chaos | undefined

  /** @param chaos undefined = class CH is refused */
  constructor (chaos: Chaos | undefined) {
    this.#chaos = chaos
  }

  answer (turn: Turn, outcome: Exclude<ReadOutcome, 'silence'>): number {
    const { query, client, writer, cookie } = turn
    if (outcome !== rcodes.NOERROR) return writer.end(outcome, outcome === rcodes.NOTIMP ? foreignOpcode : undefined)
    if (query.keepaliveHasData && (client.transport === 'tcp' || client.transport === 'tls')) return writer.end(rcodes.FORMERR)
    // RFC 7873 5.4: without a question the cookie is the answer. Where there are no cookies, nothing was asked (RFC 9619).
    if (query.questionLength === 0) return writer.end(cookie === 'none' ? rcodes.FORMERR : cookie === 'invalid' ? rcodes.BADCOOKIE : rcodes.NOERROR)
    if (query.class === classChaos) return this.#answerChaos(turn)
    return writer.end(rcodes.REFUSED, query.class === classIn ? noTransfer : foreignClass)
  }

  #answerChaos ({ query, writer }: Turn): number {
    if (this.#chaos === undefined) return writer.end(rcodes.REFUSED, noChaos)
    const record = this.#chaos.record(query)
    if (record === undefined) return writer.end(rcodes.REFUSED, foreignChaosName)
    writer.begin()
    if (query.type === recordTypes.TXT || query.type === recordTypes.ANY) writer.append('answer', record, 0, record.length)
    return writer.finish(rcodes.NOERROR, true)
  }
}
