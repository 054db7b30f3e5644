// Draining: what has arrived is answered, what is under way may leave, and then the port is closed.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import type { Client, Response } from '../../server/dns/protect/client.ts'
import { DnsCounters } from '../../server/dns/counters.ts'
import type { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { Responder } from '../../server/dns/responder.ts'
import { UdpListener } from '../../server/dns/listen/udp-listener.ts'
import { Zone } from '../../server/dns/names/zone.ts'
import { batchSettings } from '../support/dns-batches.ts'
import { UdpClient, question } from '../support/dns-client.ts'
import { type HandClock } from '../support/hand-clock.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const web = 'web.shop.svc.cluster.local'

function world (): PlayedFeed {
  return new PlayedFeed().load().register('shop/web/a', { address: '10.1.0.1', ports: [{ name: 'http', port: 80 }] })
}

for (const batch of batchSettings) t.test(`what has arrived when it closes is answered (batch ${batch})`, async (t) => {
  const server = await serve(t, world(), { batch })
  const client = new UdpClient(t, server)
  await client.query(web, 'A')
  const count = 100 // more than the loop takes from a socket in one turn
  await Promise.all(Array.from({ length: count }, (_, id) => client.send(question(web, 'A', { id }))))
  await server.close()
  const ids = new Set<number>()
  while (ids.size < count) ids.add((await client.receive()).readUInt16BE(0))
  t.equal(ids.size, count)
  const again = createSocket('udp4')
  again.bind(server.port, server.address)
  await once(again, 'listening')
  t.equal(again.address().port, server.port, 'the port is free')
  again.close()
})

/** Answers later: when the test says so. */
class SlowResponder extends Responder {
  readonly asked: ((answer: Buffer) => void)[] = []

  override respond (message: Buffer, _client: Client, _writer: MessageWriter): Response {
    const { promise, resolve } = Promise.withResolvers<Buffer>()
    this.asked.push(resolve)
    const answer = Buffer.from(message)
    answer.writeUInt8(0x84, 2)
    return (async function * () {
      yield await promise
    })()
  }
}

async function slowly (t: Tap): Promise<{ clock: HandClock, responder: SlowResponder, listener: UdpListener, client: UdpClient, counters: DnsCounters }> {
  const of = world()
  const { clock } = of
  const counters = new DnsCounters()
  const zones = [new Zone('cluster.local', { ttlSeconds: 5, addresses: [] })]
  const failed = (error: unknown): void => t.fail(String(error))
  const responder = new SlowResponder({ source: of.feed, zones, ttlSeconds: 5, node: '', version: '', clock, random: () => 0, counters, failed })
  const listener = await UdpListener.listen({ address: '127.0.0.1', family: 4, port: 0, responder, counters, clock, report: failed })
  t.teardown(() => {
    clock.advance(2_000)
    return listener.close()
  })
  const client = new UdpClient(t, { port: listener.port, address: '127.0.0.1' })
  return { clock, responder, listener, client, counters }
}
interface Tap { teardown (end: () => Promise<void> | void): void, fail (message: string): void }

async function turns (isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

t.test('an answer that others are asked for may still leave, and no further question is heard', async (t) => {
  const { responder, listener, client } = await slowly(t)
  await client.send(question(web, 'A', { id: 7 }))
  await turns(() => responder.asked.length === 1)
  let isClosed = false
  const closing = listener.close().then(() => { isClosed = true })
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  t.notOk(isClosed, 'it waits')
  await client.send(question(web, 'A', { id: 8 }))
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  t.equal(responder.asked.length, 1)
  responder.asked[0]?.(question(web, 'A', { id: 7 }))
  await closing
  t.equal((await client.receive()).readUInt16BE(0), 7)
})

t.test('an answer that does not come holds the end for two seconds and no longer', async (t) => {
  const { clock, responder, listener, client, counters } = await slowly(t)
  await client.send(question(web, 'A'))
  await turns(() => responder.asked.length === 1)
  const closing = listener.close()
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  clock.advance(2_000)
  await closing
  responder.asked[0]?.(question(web, 'A'))
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  t.equal(counters.dropped('send-failed'), 0, 'it comes too late, and nobody minds')
})
