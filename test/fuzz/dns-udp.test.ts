// Hostile datagrams against a live server: always alive, always bounded, each answer as it has to be.
import fc from 'fast-check'
import t from 'tap'
import { serve } from '../dns/world.ts'
import { Datagrams } from './datagrams.ts'
import { generatedQuery } from './generated.ts'
import { usedMemory } from './memory.ts'
import { mutant } from './mutants.ts'
import { queryOctets } from './octets.ts'
import { Random, fuzzSeed, seedHint } from './random.ts'
import { seeds } from './seeds.ts'
import { served, shop, stir } from './shop.ts'
import { noFaults } from './window.ts'

const mutants = 90_000
const generated = 10_000
/** Where memory is looked at first: every cache has seen every name by then. */
const warm = 20_000
/** What is kept of one message for ever, on average. A leak of the smallest object is more. */
const maxKeptOctets = 32

t.test(`${mutants} mutated messages over UDP, while services change: each is answered as it has to be, and nothing of them stays`, async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const world = shop()
  const server = await serve(t, world, { ...served, random: () => random.below(1_000) / 1_000 })
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
  t.ok(kept < maxKeptOctets, `${kept.toFixed(1)} octets are kept of each`)
})

t.test(`${generated} made-up questions over UDP: each is answered as it has to be`, async (t) => {
  const seed = fuzzSeed()
  const server = await serve(t, shop(), served)
  const datagrams = await Datagrams.open(t, server)
  await fc.assert(fc.asyncProperty(generatedQuery, async (query) => {
    const faults = noFaults()
    await datagrams.exchange(faults, () => queryOctets(query), 1)
    if (faults.count > 0 || server.counters.failed > 0) throw new Error(faults.list[0] ?? `our own code failed on ${queryOctets(query).toString('hex')}`)
  }), { seed, numRuns: generated })
  t.equal(server.counters.failed, 0, seedHint(seed))
})
