// AXFR and IXFR as one step of a message's way: they check and make signatures by themselves, one for each message of a stream.
import { type QueryLog, questionFacts } from '../query-log.ts'
import type { DnsCounters } from '../counters.ts'
import type { Response } from '../protect/client.ts'
import type { DnsSource } from '../source.ts'
import type { Turn } from '../turn.ts'
import { observedTransfer, rcodeOf } from './observed-transfer.ts'
import type { ZoneTransfers } from './transfer.ts'

export interface TransferStepOptions {
  readonly transfers: ZoneTransfers
  readonly source: DnsSource
  readonly queryLog?: QueryLog | undefined
  readonly counters: DnsCounters
  readonly failed: (error: unknown) => void
}

export class TransferStep {
  readonly #options: TransferStepOptions

  constructor (options: TransferStepOptions) {
    this.#options = options
  }

  answer ({ query, client, writer }: Turn, message: Buffer): Response {
    const { transfers, queryLog, source } = this.#options
    const { transport, address } = client
    const answer = transport === 'udp' ? transfers.datagram(message, address) : transfers.stream(message, address)
    if (!Buffer.isBuffer(answer)) {
      const stale = source.loaded && source.staleSeconds > 0
      const facts = queryLog?.sample() === true ? { ...questionFacts(query, client), stale } : undefined
      return observedTransfer(answer, { transport, type: query.type, facts }, this.#options)
    }
    writer.rcode = rcodeOf(answer)
    return answer.copy(writer.bytes)
  }
}
