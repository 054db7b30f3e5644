// Hostile datagrams against a live server: always alive, always bounded, each answer as it has to be.
import { networkInterfaces } from 'node:os'
import fc from 'fast-check'
import t from 'tap'
import { batchSettings } from '../support/dns-batches.ts'
import { type QuestionOptions, codec, opt, question } from '../support/dns-client.ts'
import { serve } from '../support/played-feed.ts'
import { Datagrams } from './datagrams.ts'
import { generatedQuery } from './generated.ts'
import { usedMemory } from './memory.ts'
import { mutant } from './mutants.ts'
import { queryOctets } from './octets.ts'
import { Random, fuzzSeed, seedHint } from './random.ts'
import { cookie, seeds } from './seeds.ts'
import { served, shop, stir } from './shop.ts'
import { noFaults, sentinelId } from './window.ts'

const mutants = 80_000
const limited = 10_000
const generated = 10_000
/** Where memory is measured first: every cache has seen every name by then. */
const warm = 20_000
/** What is kept of one message for ever, on average. A leak of the smallest object is more. */
const maxKeptOctets = 32

for (const batch of batchSettings) t.test(`${mutants} mutated messages over UDP (batch ${batch}), while services change: each is answered as it has to be, and nothing of them stays`, async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const world = shop()
  const server = await serve(t, world, { ...served, batch, random: () => random.below(1_000) / 1_000 })
  const datagrams = await Datagrams.open(t, server)
  const faults = noFaults()
  let answered = 0
  let before = 0
  for (let sent = 0; sent < mutants;) {
    const isCold = sent < warm
    const window = await datagrams.exchange(faults, () => mutant(seeds, random), mutants - sent)
    sent += window.sent
    answered += window.answered
    if (isCold && sent >= warm) before = await usedMemory()
    stir(world, random)
  }
  const kept = (await usedMemory() - before) / (mutants - warm)
  t.strictSame(faults, noFaults(), seedHint(seed))
  t.equal(server.counters.failed, 0, 'none of them met a fault of ours')
  t.ok(answered > mutants / 2, `${answered} were answered`)
  t.equal(server.counters.batchMessages > mutants / 2, batch === 'auto', `${server.counters.batchMessages} came in batches`)
  t.ok(kept < maxKeptOctets, `${kept.toFixed(1)} octets are kept of each`)
})

/** Loopback is never limited. */
const outside = Object.values(networkInterfaces()).flat().find((found) => found !== undefined && !found.internal && found.family === 'IPv4')
const limitable = { skip: outside === undefined ? 'this machine has no address but loopback' : false }

t.test(`${limited} mutated messages from an address that is limited: never more octets than came, and no fault in those`, limitable, async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const server = await serve(t, shop(), { ...served, host: outside?.address ?? '', rateLimit: 5 })
  const datagrams = await Datagrams.open(t, server)
  const options = (data: Buffer): QuestionOptions => ({ id: sentinelId, edns: { options: [{ code: 10, data }] } })
  const given = opt(codec.decode(await datagrams.ask(question('cluster.local', 'SOA', options(cookie)))))?.options?.find(({ code }) => code === 10)?.data
  datagrams.sentinel = question('cluster.local', 'SOA', options(given ?? cookie)) // who shows a cookie is not limited
  const faults = noFaults()
  const sums = { octets: 0, answeredOctets: 0 }
  for (let sent = 0; sent < limited;) {
    const window = await datagrams.exchange(faults, () => mutant(seeds, random), limited - sent, { isLimited: true })
    sent += window.sent
    sums.octets += window.octets
    sums.answeredOctets += window.answeredOctets
  }
  t.strictSame(faults, noFaults(), seedHint(seed))
  t.equal(server.counters.failed, 0, 'none of them met a fault of ours')
  t.ok(server.counters.limitedDropped > limited / 10, `${server.counters.limitedDropped} were dropped`)
  t.ok(sums.answeredOctets < sums.octets, `${sums.answeredOctets} octets for ${sums.octets}`)
})

for (const batch of batchSettings) t.test(`${generated} made-up questions over UDP (batch ${batch}), two at once: each is answered as it has to be`, async (t) => {
  const seed = fuzzSeed()
  const server = await serve(t, shop(), { ...served, batch })
  const datagrams = await Datagrams.open(t, server)
  await fc.assert(fc.asyncProperty(generatedQuery, async (query) => {
    const faults = noFaults()
    await datagrams.exchange(faults, () => queryOctets(query), 2)
    if (faults.count > 0 || server.counters.failed > 0) throw new Error(faults.list[0] ?? `our own code failed on ${queryOctets(query).toString('hex')}`)
  }), { seed, numRuns: generated })
  t.equal(server.counters.failed, 0, seedHint(seed))
})
