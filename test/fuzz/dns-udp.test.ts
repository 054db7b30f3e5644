// Hostile datagrams against a live server: always alive, always bounded, each answer as it has to be.
import { type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import type { DnsServer } from '../../server/dns/dns-server.ts'
import { serve } from '../dns/world.ts'
import { generatedQuery } from './generated.ts'
import { usedMemory } from './memory.ts'
import { mutant } from './mutants.ts'
import { queryOctets } from './octets.ts'
import { Random, fuzzSeed, seedHint } from './random.ts'
import { seeds } from './seeds.ts'
import { shop } from './shop.ts'
import { type Faults, Window, noFaults, orGiveUp, sentinel, sentinelId } from './window.ts'

const mutants = 90_000
const generated = 10_000
/** Where memory is looked at first: every cache has seen every name by then. */
const warm = 20_000
/** What is kept of one message for ever, on average. A leak of the smallest object is more. */
const maxKeptOctets = 32
/** A window fits the receive buffers of both sides, so that nothing is lost on the way: Linux gives 208 KiB, and counts its own head of each. */
const maxWindow = 64
const maxWindowOctets = 60_000

class Datagrams {
  readonly #socket: Socket
  #take: ((answer: Buffer) => void) | undefined

  static async open (t: { teardown (end: () => void): void }, server: DnsServer): Promise<Datagrams> {
    const socket = createSocket('udp4')
    const connected = once(socket, 'connect')
    socket.connect(server.port, server.address)
    await connected
    t.teardown(() => socket.close())
    return new Datagrams(socket)
  }

  constructor (socket: Socket) {
    this.#socket = socket
    socket.on('message', (answer) => this.#take?.(answer))
  }

  /** Sends, and ends when the good question behind it all is answered: over UDP the server answers in order. */
  async send (messages: readonly Buffer[], take: (answer: Buffer) => void): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#take = (answer) => {
        if (answer.length >= 2 && answer.readUInt16BE(0) === sentinelId) resolve()
        else take(answer)
      }
    })
    for (const message of messages) this.#socket.send(message)
    this.#socket.send(sentinel)
    await orGiveUp(done, () => messages.map((message) => message.toString('hex')).join(' '))
  }
}

async function sendWindow (datagrams: Datagrams, faults: Faults, next: () => Buffer, count: number): Promise<Window & { readonly sent: number }> {
  const window = new Window('udp', faults)
  const messages: Buffer[] = []
  while (messages.length < Math.min(count, maxWindow) && window.octets < maxWindowOctets) messages.push(window.add(next()))
  await datagrams.send(messages, (answer) => window.take(answer))
  window.end()
  return Object.assign(window, { sent: messages.length })
}

t.test(`${mutants} mutated messages over UDP: each is answered as it has to be, and nothing of them stays`, async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const server = await serve(t, shop(), { random: () => random.below(1_000) / 1_000, zones: ['cluster.local', 'cluster.internal'] })
  const datagrams = await Datagrams.open(t, server)
  const faults = noFaults()
  let answered = 0
  let before = 0
  let sent = 0
  while (sent < mutants) {
    const isCold = sent < warm
    const window = await sendWindow(datagrams, faults, () => mutant(seeds, random), mutants - sent)
    sent += window.sent
    answered += window.answered
    if (isCold && sent >= warm) before = await usedMemory()
  }
  const kept = (await usedMemory() - before) / (sent - warm)
  t.strictSame(faults, noFaults(), seedHint(seed))
  t.equal(server.counters.failed, 0, 'none of them met a fault of ours')
  t.ok(answered > mutants / 2, `${answered} were answered`)
  t.ok(kept < maxKeptOctets, `${kept.toFixed(1)} octets are kept of each`)
})

t.test(`${generated} made-up questions over UDP: each is answered as it has to be`, async (t) => {
  const seed = fuzzSeed()
  const server = await serve(t, shop(), { zones: ['cluster.local', 'cluster.internal'] })
  const datagrams = await Datagrams.open(t, server)
  await fc.assert(fc.asyncProperty(generatedQuery, async (query) => {
    const faults = noFaults()
    await sendWindow(datagrams, faults, () => queryOctets(query), 1)
    if (faults.count > 0 || server.counters.failed > 0) throw new Error(faults.list[0] ?? `our own code failed on ${queryOctets(query).toString('hex')}`)
  }), { seed, numRuns: generated })
  t.equal(server.counters.failed, 0, seedHint(seed))
})
