// A transfer as one answer of this server: counted, and logged when it ends.
import type { Transport } from '../protect/client.ts'
import type { DnsCounters } from '../counters.ts'
import type { QueryLine, QueryLog } from '../query-log.ts'
import { rcodeText } from '../wire/wire.ts'

export interface TransferObserver {
  readonly counters: DnsCounters
  readonly queryLog?: QueryLog | undefined
  /** Told when our own code failed on it. */
  readonly failed: (error: unknown) => void
}

export interface ObservedQuery {
  readonly transport: Transport
  readonly type: number
  /** What the log says of it beside the answer; undefined = it is not logged. */
  readonly facts: Pick<QueryLine, 'client' | 'transport' | 'name' | 'type' | 'stale'> | undefined
}

export function rcodeOf (message: Buffer): number {
  return message.readUInt16BE(2) & 0x0f
}

/** Passes the messages on. The code is the first one's, the octets are all, and the time is that from the first look to the end. */
export async function * observedTransfer (
  messages: AsyncIterable<Buffer>, { transport, type, facts }: ObservedQuery, { counters, queryLog, failed }: TransferObserver
): AsyncGenerator<Buffer, void> {
  const began = performance.now()
  let bytes = 0
  let rcode = 0
  try {
    for await (const message of messages) {
      if (bytes === 0) {
        rcode = rcodeOf(message)
        counters.answered(transport, type, rcode)
      }
      bytes += message.length
      yield message
    }
  } catch (error) {
    counters.failed++
    failed(error)
    throw error // the connection must end: a part is not the whole
  } finally {
    if (facts !== undefined && bytes > 0) {
      queryLog?.write({ ...facts, rcode: rcodeText(rcode), octets: bytes, truncated: false, microseconds: Math.round((performance.now() - began) * 1_000) })
    }
  }
}
