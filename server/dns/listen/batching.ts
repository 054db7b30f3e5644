// Whether datagrams are taken and sent by batches here, and how a batch is answered.
import type { Response, Transport } from '../protect/client.ts'
import type { DnsCounters } from '../counters.ts'
import type { Responder } from '../responder.ts'
import { type Libc, type LibcSeen, findLibc } from './libc.ts'
import { MessageBatch, type Sent } from './message-batch.ts'

export type BatchSetting = 'auto' | 'off'

export interface BatchAnswering {
  readonly responder: Responder
  /** Who asks now: it is written for each message. */
  readonly client: { readonly transport: Transport, address: string }
  /** Told when our own code failed on a message; those behind it are answered. */
  readonly failed: (error: unknown) => void
  /** Takes answers that come later, for the message at `index` of the batch, which is gone when it returns. */
  readonly later: (answers: Exclude<Response, number>, address: string, port: number, index: number) => void
}

/** One for each thread: all of its sockets use the same memory, one after the other. */
export class Batching {
  readonly libc: Libc
  readonly batch: MessageBatch
  readonly #counters: DnsCounters

  constructor (libc: Libc, counters: DnsCounters) {
    this.libc = libc
    this.batch = new MessageBatch(libc)
    this.#counters = counters
  }

  /** Answers the messages that were received last at a socket. */
  answer (count: number, fd: number, { responder, client, failed, later }: BatchAnswering): Sent {
    const { batch } = this
    const counters = this.#counters
    counters.batches++
    counters.batchMessages += count
    for (let index = 0; index < count; index++) {
      const message = batch.message(index)
      const port = batch.port(index)
      if (message === undefined || port === 0) { // of a forged port no answer leaves
        counters.drop(message === undefined ? 'bad-length' : 'port-zero')
        continue
      }
      client.address = batch.address(index)
      try {
        const response = responder.respond(message, client, batch.writer)
        if (typeof response !== 'number') later(response, client.address, port, index)
        else if (response > 0) batch.answer(index, response)
      } catch (error) {
        failed(error)
      }
    }
    const sent = batch.send(fd)
    for (let lost = 0; lost < sent.lost; lost++) counters.drop('send-failed')
    return sent
  }
}

/** What a thread reads by, undefined = one datagram after the other. */
export function batchingFor (setting: BatchSetting, counters: DnsCounters): Batching | undefined {
  const { libc } = setting === 'off' ? {} : findLibc()
  return libc === undefined ? undefined : new Batching(libc, counters)
}

/** What a node says of it at its start. @param seen default: what this process has */
export function batchingText (setting: BatchSetting, seen: LibcSeen = findLibc()): string {
  if (setting === 'off') return 'DNS over UDP: one datagram by one call (--dns-batch off)'
  if (seen.libc === undefined) return `DNS over UDP: one datagram by one call, as ${seen.missing ?? 'nothing else is known here'}`
  return 'DNS over UDP: datagrams that come together are taken and answered by one call (recvmmsg, sendmmsg)'
}
