// Hostile messages over TCP, pipelined, in pieces, and behind lengths that lie: always alive, always bounded, each answer as it has to be.
import fc from 'fast-check'
import t from 'tap'
import type { DnsServer } from '../../server/dns/server.ts'
import { TcpClient, framed } from '../support/dns-client.ts'
import { serve } from '../support/played-feed.ts'
import { generatedQuery } from './generated.ts'
import { usedMemory } from './memory.ts'
import { mutant } from './mutants.ts'
import { queryOctets, u16 } from './octets.ts'
import { Random, fuzzSeed, seedHint } from './random.ts'
import { seeds } from './seeds.ts'
import { served, shop, stir } from './shop.ts'
import { type Faults, Window, noFaults, orGiveUp, sentinel, sentinelId } from './window.ts'

const mutants = 80_000
const generated = 10_000
/** Behind lengths that lie. The server may do with the bytes after such a length what it likes, as long as it lives. */
const lies = 10_000
const warm = 20_000
/** What is kept of one message for ever, on average. A leak of the smallest object is more. */
const maxKeptOctets = 32
const maxWindow = 100
const windowsOfConnection = 10
/** On one connection, which ends with the first length that lies. */
const fewer = 20
/** What a server takes for a query over TCP: RFC 1035 4.1.1, and a limit of ours. */
const [shortest, longest] = [12, 4_096]

/** A connection that is ended by hand: one that the test kept until its end would be memory that stays. */
async function open (server: DnsServer): Promise<TcpClient> {
  const client = await TcpClient.open({ teardown: () => undefined }, server)
  client.socket.setNoDelay() // each piece leaves at once
  return client
}

/** In a few pieces that the server reads one by one. They end anywhere, mostly where a message does or a little before or after. */
async function writeInPieces (client: TcpClient, messages: readonly Buffer[], random: Random): Promise<void> {
  const octets = Buffer.concat(messages)
  let written = 0
  for (let pieces = random.below(4); pieces > 0; pieces--) {
    const whole = Buffer.concat(messages.slice(0, random.below(messages.length))).length
    const end = random.below(3) === 0 ? random.below(octets.length) : whole - 3 + random.below(7)
    if (end <= written) continue
    client.socket.write(octets.subarray(written, end))
    written = end
    await new Promise((resolve) => setImmediate(resolve)) // the server is in this process: it has had its turn
  }
  client.socket.write(octets.subarray(written))
}

/** Sends, and takes the answers until all have come, and the one to the good question behind them. */
async function exchange (client: TcpClient, window: Window, messages: readonly Buffer[], random: Random): Promise<void> {
  await writeInPieces(client, [...messages, sentinel].map(framed), random)
  const receive = async (): Promise<void> => {
    for (let isLast = false; !isLast || window.due > 0;) {
      const answer = await client.receive()
      if (answer === undefined) break
      if (answer.length >= 2 && answer.readUInt16BE(0) === sentinelId) isLast = true
      else window.take(answer)
    }
  }
  await orGiveUp(receive(), () => messages.map((message) => message.toString('hex')).join(' '))
  window.end()
}

function fits (message: Buffer): Buffer {
  return message.length < shortest ? Buffer.concat([message, Buffer.alloc(shortest)]) : message.subarray(0, longest)
}

/** Waits until the server knows that all connections but so many are gone. */
async function untilLeft (client: TcpClient, server: DnsServer, count: number): Promise<void> {
  while (server.counters.connections > count) {
    client.send(sentinel)
    await client.receive()
  }
}

async function sendWindow (client: TcpClient, faults: Faults, next: () => Buffer, count: number, random: Random): Promise<Window> {
  const window = new Window('tcp', faults)
  await exchange(client, window, Array.from({ length: count }, () => window.add(fits(next()))), random)
  return window
}

t.test(`${mutants} mutated messages over TCP, while services change: each is answered as it has to be, and nothing of them stays`, async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const world = shop()
  const server = await serve(t, world, { ...served, random: () => random.below(1_000) / 1_000 })
  const faults = noFaults()
  let answered = 0
  let before = 0
  for (let sent = 0; sent < mutants;) {
    const client = await open(server)
    for (let windows = 0; windows < windowsOfConnection && sent < mutants; windows++, sent += maxWindow) {
      answered += (await sendWindow(client, faults, () => mutant(seeds, random), maxWindow, random)).answered
      stir(world, random)
    }
    if (random.below(2) === 0) client.socket.resetAndDestroy()
    else client.socket.end()
    await client.closed
    if (before === 0 && sent >= warm) before = await usedMemory()
  }
  const last = await TcpClient.open(t, server)
  await untilLeft(last, server, 1)
  const kept = (await usedMemory() - before) / (mutants - warm)
  t.strictSame(faults, noFaults(), seedHint(seed))
  t.equal(server.counters.failed, 0, 'none of them met a fault of ours')
  t.ok(answered > mutants / 2, `${answered} were answered`)
  t.ok(kept < maxKeptOctets, `${kept.toFixed(1)} octets are kept of each`)
})

t.test(`${generated} made-up questions over TCP, several at once: each is answered as it has to be`, async (t) => {
  const seed = fuzzSeed()
  const server = await serve(t, shop(), served)
  const client = await open(server)
  t.teardown(() => client.socket.destroy())
  const together = 5
  await fc.assert(fc.asyncProperty(fc.array(generatedQuery, { minLength: together, maxLength: together }), fc.nat(), async (queries, pieces) => {
    const faults = noFaults()
    const messages = queries.map(queryOctets)
    await sendWindow(client, faults, () => messages.pop() ?? Buffer.alloc(0), together, new Random(pieces))
    if (faults.count > 0 || server.counters.failed > 0) throw new Error(faults.list[0] ?? 'our own code failed on one of these')
  }), { seed, numRuns: generated / together })
  t.equal(server.counters.failed, 0, seedHint(seed))
})

t.test(`${lies} messages behind lengths that may lie: the connection ends, and the next one is answered`, async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const server = await serve(t, shop(), served)
  const faults: string[] = []
  for (let sent = 0; sent < lies; sent += fewer) {
    const client = await open(server)
    const messages = Array.from({ length: fewer }, () => mutant(seeds, random))
    const lie = (truth: number): number => random.one([0, 1, 11, 12, truth + 1, 255, 4_096, 4_097, 0xffff])
    const octets = messages.flatMap((message) => [u16(random.below(fewer) > 0 ? message.length : lie(message.length)), message])
    await writeInPieces(client, octets, random)
    client.socket.end()
    const receive = async (): Promise<void> => {
      for (let answer = await client.receive(); answer !== undefined; answer = await client.receive()) {
        if (answer.length < shortest || (answer.readUInt8(2) & 0x80) === 0) faults.push(answer.toString('hex'))
      }
    }
    await orGiveUp(receive(), () => Buffer.concat(octets).toString('hex'))
    client.socket.destroy()
  }
  const last = await TcpClient.open(t, server)
  await untilLeft(last, server, 1)
  t.strictSame(faults, [], seedHint(seed))
  t.equal(server.counters.failed, 0, 'none of them met a fault of ours')
})
