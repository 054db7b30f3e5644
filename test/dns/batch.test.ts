// Datagrams that are taken and answered by batches: the same answers as one by one, whatever stands in memory behind a question and whatever
// the system says of one of them.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { Guard } from '../../server/guard.ts'
import { type Batching, batchingFor, batchingText } from '../../server/dns/listen/batching.ts'
import { DnsCounters } from '../../server/dns/counters.ts'
import type { Libc } from '../../server/dns/listen/libc.ts'
import type { Client, Response } from '../../server/dns/protect/client.ts'
import type { Responder } from '../../server/dns/responder.ts'
import { UdpListener } from '../../server/dns/listen/udp-listener.ts'
import type { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { mutant } from '../fuzz/mutants.ts'
import { Random, fuzzSeed, seedHint } from '../fuzz/random.ts'
import { seeds } from '../fuzz/seeds.ts'
import { batched, batchingOf } from '../support/dns-batches.ts'
import { UdpClient, codec, question } from '../support/dns-client.ts'
import { HandClock } from '../support/hand-clock.ts'
import { PlayedFeed, responderOf, serve } from '../support/played-feed.ts'
import { malformed } from './malformed.ts'

const web = 'web.shop.svc.cluster.local'
const longest = 65_507

function world (): PlayedFeed {
  const result = new PlayedFeed().load()
  for (let index = 0; index < 30; index++) {
    result.register(`shop/web-${index}/a`, { address: index % 3 === 0 ? `fd00::${index + 1}` : `10.1.0.${index}`, ports: [{ name: 'http', port: 80 }] })
  }
  return result.register('shop/web/a', { address: '10.1.0.1', ports: [{ name: 'http', port: 80 }] })
}

interface Listening {
  readonly batching: Batching
  readonly counters: DnsCounters
  readonly faults: unknown[]
  readonly listener: UdpListener
}

/** A listener whose calls of the system may be others, and whose answers too. */
async function listen (t: Tap, changed?: (libc: Libc) => Partial<Libc>, responder: Pick<Responder, 'respond'> = responderOf(world())): Promise<Listening> {
  const counters = new DnsCounters()
  const faults: unknown[] = []
  const batching = batchingOf(counters, changed)
  const guard = new Guard({ count: () => undefined, log: (error) => faults.push(error) })
  const listener = await UdpListener.listen({
    address: '127.0.0.1', family: 4, port: 0, responder: responder as Responder, counters, clock: new HandClock(), guard, batching, report: (message) => t.fail(message)
  })
  t.teardown(() => listener.close())
  return { batching, counters, faults, listener }
}
interface Tap { teardown (end: () => Promise<void> | void): void, fail (message: string): void }

/** Sends all before the listener, which is of this process, has its turn, and takes so many answers, by their ids. */
async function burst (t: Tap, { port }: { readonly port: number }, messages: readonly Buffer[], answers = messages.length): Promise<Map<number, Buffer>> {
  const client = new UdpClient(t, { port, address: '127.0.0.1' })
  for (const message of messages) void client.send(message)
  const found = new Map<number, Buffer>()
  while (found.size < answers) {
    const answer = await client.receive()
    found.set(answer.readUInt16BE(0), answer)
  }
  return found
}

const questions = (count: number): Buffer[] => Array.from({ length: count }, (_, id) => question(`web-${id % 30}.shop.svc.cluster.local`, 'ANY', { id }))

t.test('on Linux of 64 bits koffi is installed, and datagrams are read by batches; elsewhere and with `off` the log says why not', (t) => {
  const says = batchingText('auto')
  if (process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)) t.match(says, /recvmmsg/, 'npm install brings koffi')
  t.equal(batchingFor('auto', new DnsCounters()) !== undefined, says.includes('recvmmsg'))
  t.equal(batchingFor('off', new DnsCounters()), undefined)
  t.match(batchingText('off'), /one datagram by one call \(--dns-batch off\)/)
  t.match(batchingText('auto', { missing: 'this is darwin, not Linux' }), /one datagram by one call, as this is darwin, not Linux/)
  t.end()
})

t.test('what comes together is taken by batches, and a question alone by none', batched, async (t) => {
  const { counters, listener } = await listen(t)
  const client = new UdpClient(t, { port: listener.port, address: '127.0.0.1' })
  for (let index = 0; index < 5; index++) await client.query(web, 'A')
  t.same([counters.batches, counters.batchMessages, counters.batchSockets, counters.singleSockets], [0, 0, 1, 0])
  await burst(t, listener, questions(200))
  t.ok(counters.batchMessages > 150, `${counters.batchMessages} of 200 came in ${counters.batches} batches`)
  await listener.close()
  t.equal(counters.batchSockets, 0)
})

t.test('the same answers as one by one: to every question, and to every malformed message', batched, async (t) => {
  const of = world()
  const messages = [...questions(100), ...malformed.filter(([, message, expected]) => expected !== 'silence' && message.length < 2_000).map(([, message]) => message)]
    .map((message, id) => Buffer.concat([Buffer.from([id >> 8, id & 255]), message.subarray(2)]))
  const [together, alone] = await Promise.all((['auto', 'off'] as const).map((batch) => serve(t, of, { batch, chaos: false })))
  for (let at = 0; at < messages.length; at += 50) {
    const some = messages.slice(at, at + 50)
    const found = await burst(t, together ?? { port: 0 }, some)
    const single = new UdpClient(t, alone ?? { port: 0, address: '' })
    for (const message of some) {
      const wanted = await single.ask(message)
      t.equal(found.get(message.readUInt16BE(0))?.toString('hex'), wanted.toString('hex'), message.subarray(0, 80).toString('hex'))
    }
  }
  t.ok((together?.counters.batchMessages ?? 0) > messages.length / 2)
  t.equal(alone?.counters.batchMessages, 0)
})

t.test('what stands in memory behind a question changes no answer', batched, async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const messages = Array.from({ length: 2_000 }, () => mutant(seeds, random)).filter(({ length }) => length >= 12 && length < 1_400)
  const found = await Promise.all([0x00, 0xff, 0xc0, 0x01].map(async (poison) => {
    let memory = Buffer.alloc(0)
    let base = 0
    // Before each call all room for questions, heads and tails, is poisoned: the octets that come are the only others.
    const { listener } = await listen(t, (libc) => ({
      addressOf: (given) => {
        const at = libc.addressOf(given)
        if (given.byteLength > memory.length) [memory, base] = [Buffer.from(given), at]
        return at
      },
      recvmmsg: (fd, vector, count, ...rest) => {
        for (let index = 0; index < count; index++) {
          const vectors = Number(memory.readBigUInt64LE(vector - base + index * 64 + 16)) - base
          for (const one of [vectors, vectors + 16]) {
            const start = Number(memory.readBigUInt64LE(one)) - base
            memory.fill(poison, start, start + Math.min(2_000, Number(memory.readBigUInt64LE(one + 8))))
          }
        }
        return libc.recvmmsg(fd, vector, count, ...rest)
      }
    }))
    const answers: string[] = []
    const client = new UdpClient(t, { port: listener.port, address: '127.0.0.1' })
    for (let at = 0; at < messages.length; at += 40) {
      for (const message of messages.slice(at, at + 40)) void client.send(message)
      void client.send(question(web, 'A', { id: 0xfeed }))
      for (let isLast = false; !isLast;) {
        const answer = await client.receive()
        isLast = answer.length >= 2 && answer.readUInt16BE(0) === 0xfeed
        answers.push(answer.toString('hex'))
      }
    }
    return answers
  }))
  const [first, ...others] = found
  t.ok((first?.length ?? 0) > 1_000, `${first?.length} answers`)
  for (const other of others) t.strictSame(other, first, seedHint(seed))
})

t.test('a message longer than a head is read whole, up to the longest there is', batched, async (t) => {
  const lengths: number[] = []
  const responder = {
    respond: (message: Buffer, _client: Client, writer: MessageWriter): Response => {
      lengths.push(message.length)
      for (let at = 2; at < message.length; at++) if (message[at] !== (at * 7 & 255)) throw new Error(`octet ${at} of ${message.length} is another one`)
      message.copy(writer.bytes, 0, 0, 12)
      return 12
    }
  }
  const { listener, faults } = await listen(t, undefined, responder)
  const wanted = [12, 511, 512, 513, 1_500, 9_000, longest, 12, 40_000, 512]
  const messages = wanted.map((octets, id) => Buffer.from(Uint8Array.from({ length: octets }, (_, at) => (at < 2 ? id * at : at * 7))))
  await burst(t, listener, messages)
  t.same(faults, [])
  t.same(lengths, wanted)
})

t.test('answers that the system has no room for leave when it has', batched, async (t) => {
  let calls = 0
  const { listener, counters } = await listen(t, (libc) => ({
    sendmmsg: (fd, vector, count, flags) => (++calls % 2 === 1 ? libc.sendmmsg(fd, vector, Math.min(3, count), flags) : -1),
    errno: () => 11
  }))
  t.equal((await burst(t, listener, questions(60))).size, 60)
  t.equal(counters.dropped('send-failed') + counters.dropped('send-queue-full'), 0)
})

t.test('one destination that cannot be sent to loses its answer, and those behind it leave', batched, async (t) => {
  let isBad = true
  const { listener, counters } = await listen(t, (libc) => ({
    sendmmsg: (fd, vector, count, flags) => {
      if (count !== 5 || !isBad) return libc.sendmmsg(fd, vector, isBad ? Math.max(1, count - 5) : count, flags)
      isBad = calls++ < 2 // it is refused as often as it is tried
      return -1
    },
    errno: () => (isBad || calls === 3 ? 101 : 11) // ENETUNREACH
  }))
  let calls = 0
  const found = await burst(t, listener, questions(30), 29)
  t.equal(found.size, 29)
  t.equal(counters.dropped('send-failed'), 1)
})

t.test('an error that another answer left at the socket stops nothing', batched, async (t) => {
  let errors = 0
  const { listener } = await listen(t, (libc) => {
    let errno: number | undefined
    const now = <Given extends unknown[]>(call: (...given: Given) => number) => (...given: Given): number => {
      errno = ++errors % 3 === 0 ? 111 : undefined // ECONNREFUSED
      return errno === undefined ? call(...given) : -1
    }
    return {
      recvmmsg: now<Parameters<Libc['recvmmsg']>>((...given) => libc.recvmmsg(...given)),
      sendmmsg: now<Parameters<Libc['sendmmsg']>>((...given) => libc.sendmmsg(...given)),
      errno: () => errno ?? libc.errno()
    }
  })
  for (let round = 0; round < 4; round++) t.equal((await burst(t, listener, questions(100))).size, 100)
  t.ok(errors > 6, `${errors} calls, each third of which failed`)
})

t.test('a client that is gone when its answer comes takes none of the others\'', batched, async (t) => {
  const { listener } = await listen(t)
  for (let round = 0; round < 5; round++) {
    const gone = createSocket('udp4')
    gone.bind(0, '127.0.0.1')
    await once(gone, 'listening')
    for (let index = 0; index < 5; index++) gone.send(question(web, 'A'), listener.port, '127.0.0.1')
    gone.close()
    t.equal((await burst(t, listener, questions(40))).size, 40)
  }
})

t.test('a fault of ours on one message of a batch is told, and the others are answered', batched, async (t) => {
  const responder = responderOf(world())
  const { listener, faults } = await listen(t, undefined, {
    respond: (message: Buffer, client: Client, writer: MessageWriter): Response => {
      if (message.readUInt16BE(0) % 10 === 3) throw new Error('a fault of ours')
      return responder.respond(message, client, writer)
    }
  })
  const found = await burst(t, listener, questions(100), 90)
  t.notOk([...found.keys()].some((id) => id % 10 === 3))
  t.match(faults, [/a fault of ours/])
})

t.test('answers that come later leave to whoever asked, and a close waits for them', batched, async (t) => {
  const asked: (() => void)[] = []
  const { listener, counters } = await listen(t, undefined, {
    respond: (message: Buffer): Response => {
      const answer = Buffer.from(message)
      const { promise, resolve } = Promise.withResolvers<void>()
      asked.push(resolve)
      return (async function * () {
        await promise
        yield answer
      })()
    }
  })
  const clients = Array.from({ length: 4 }, () => new UdpClient(t, { port: listener.port, address: '127.0.0.1' }))
  for (let id = 0; id < 80; id++) void clients[id % 4]?.send(question(web, 'A', { id }))
  while (asked.length < 80) await new Promise((resolve) => setImmediate(resolve))
  t.equal(counters.waiting, 80)
  t.ok(counters.batchMessages > 40)
  const closing = listener.close()
  for (const answer of asked.reverse()) answer()
  await closing
  for (const [index, client] of clients.entries()) {
    const ids: number[] = []
    while (ids.length < 20) ids.push((await client.receive()).readUInt16BE(0))
    t.same(ids.map((id) => id % 4), ids.map(() => index))
  }
})

t.test('a flood is taken in turns of a few batches, so that others have theirs', batched, async (t) => {
  let inTurn = 0
  let most = 0
  let turns = 0
  const { listener } = await listen(t, (libc) => ({
    recvmmsg: (fd, vector, count, ...rest) => {
      if (inTurn++ === 0) setImmediate(() => { turns++; inTurn = 0 })
      most = Math.max(most, inTurn)
      return libc.recvmmsg(fd, vector, Math.min(count, 2), ...rest) // small ones, so that there are many
    }
  }))
  await burst(t, listener, questions(120))
  t.ok(most <= 4 + 1, `${most} calls in a turn`)
  t.ok(turns >= 2, `${turns} turns`)
})

t.test('the address is free as soon as it is closed, and a second one does not get it before', batched, async (t) => {
  const { listener } = await listen(t)
  const options = { address: '127.0.0.1', family: 4, port: listener.port, responder: responderOf(world()), clock: new HandClock(), report: () => undefined } as const
  for (const batching of [batchingOf(new DnsCounters()), undefined]) {
    await t.rejects(UdpListener.listen({ ...options, counters: new DnsCounters(), batching }), { code: 'EADDRINUSE' })
  }
  const shared = createSocket({ type: 'udp4', reuseAddr: true })
  shared.bind(listener.port, '127.0.0.1')
  t.match(await once(shared, 'error'), [{ code: 'EADDRINUSE' }], 'not by sharing it either')
  shared.close()
  await listener.close()
  const next = await UdpListener.listen({ ...options, counters: new DnsCounters(), batching: batchingOf(new DnsCounters()) })
  await next.close()
})

t.test('an IPv6 client is known by the same address both ways', batched, async (t) => {
  const seen = new Set<string>()
  const responder = { respond: (message: Buffer, { address }: Client, writer: MessageWriter): Response => {
    seen.add(address)
    return message.copy(writer.bytes)
  } } as unknown as Responder
  for (const [address, family] of [['::1', 6], ['127.0.0.1', 4], ['::ffff:127.0.0.1', 6]] as const) {
    seen.clear()
    for (const batching of [batchingOf(new DnsCounters()), undefined]) {
      const counters = new DnsCounters()
      const report = (message: string): void => void t.fail(message)
      const listener = await UdpListener.listen({ address, family, port: 0, responder, counters, clock: new HandClock(), batching, report })
      const client = new UdpClient(t, { port: listener.port, address: address === '::1' ? '::1' : '127.0.0.1' })
      for (let id = 0; id < 10; id++) void client.send(question(web, 'A', { id }))
      for (let id = 0; id < 10; id++) t.equal(codec.decode(await client.receive()).id, id)
      await listener.close()
    }
    t.same([...seen], [address])
  }
})
