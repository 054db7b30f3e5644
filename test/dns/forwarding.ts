// A forwarder in front of resolvers of the test, and its answers as text.
import { type ForwardAnswer, type ForwardRecord, type Forwarded, Forwarder, type ForwarderOptions } from '../../server/dns/forward/forwarder.ts'
import { nameBytes, recordBytes, recordTypes } from '../../server/dns/wire/wire.ts'
import { codec, text } from '../support/dns-client.ts'
import { type Answer, type UpstreamLike, response } from '../support/upstream.ts'
import { HandClock } from '../support/hand-clock.ts'

export const shop = 'www.Shop.example'
export const address = { name: shop, type: 'A', ttl: 60, data: '192.0.2.7' }
export const addressed: Answer = (query) => response(query, { answers: [{ ...address, name: query.questions[0]?.name }] })
export const withCode = (rcode: number): Answer => (query) => response(query, { rcode })

export const ask = (name = shop, type: number = recordTypes.A): { name: Buffer, type: number } => ({ name: nameBytes(name.split('.')), type })

export function answered (forwarded: Forwarded): ForwardAnswer {
  if (forwarded.kind !== 'answer') throw new Error(`no answer: ${forwarded.kind}`)
  return forwarded
}

/** Records as a zone file shows them: written as they are, and read by dns-packet. */
export function shown (records: readonly ForwardRecord[]): string[] {
  const header = Buffer.from('000080000000000000000000', 'hex')
  header.writeUInt16BE(records.length, 6)
  return text(codec.decode(Buffer.concat([header, ...records.map(({ name, type, ttl, rdata }) => recordBytes(name, type, ttl, rdata))])).answers)
}

export interface Bench {
  readonly forwarder: Forwarder
  readonly clock: HandClock
  readonly counts: Map<string, number>
}

export function open (t: { teardown (end: () => void): void }, upstreams: readonly UpstreamLike[], options: Partial<ForwarderOptions> = {}): Bench {
  const clock = new HandClock()
  const counts = new Map<string, number>()
  const forwarder = new Forwarder({
    upstreams: upstreams.map(({ address, port }) => ({ address, port })), clock,
    count: (event) => counts.set(event, (counts.get(event) ?? 0) + 1), ...options
  })
  t.teardown(() => forwarder.close())
  return { forwarder, clock, counts }
}
