// npm run test:fuzz -- --minutes N [--seed S] [--store sqlite|redis] [--length N]: seeds one after the other, both
// stores in turn unless told
// otherwise; --seed without --minutes is that seed alone. With --known: how many seeds each known disagreement takes,
// and its shortest list.
import { parseArgs } from 'node:util'
import { noRedis } from '../../support/redis-server.ts'
import type { StoreKind } from './generate.ts'
import { told } from './comparison.ts'
import { known } from './known.ts'
import { listing } from './operations.ts'
import { firstSeedOf, report, runSeed, shrunk, usualLength } from './session.ts'
import { startRedis } from './world.ts'

const { values } = parseArgs(
  {
    options: {
      minutes: { type: 'string' }, seed: { type: 'string' }, store: { type: 'string' }, length: { type: 'string' },
      known: { type: 'boolean' }
    }
  }
)
const isAlone = values.seed !== undefined && values.minutes === undefined
const [minutes, length, first] = [
  Number(values.minutes ?? 1), Number(values.length ?? usualLength), Number(values.seed ?? 1)
]
if (![minutes, length, first].every((number) => number >= 0)) {
  throw new RangeError('--minutes, --length and --seed must be numbers')
}
if (values.store !== undefined && values.store !== 'sqlite' && values.store !== 'redis') {
  throw new RangeError('--store must be sqlite or redis')
}
const wanted: readonly StoreKind[] = values.store === undefined ? ['sqlite', 'redis'] : [values.store]
if (wanted.includes('redis') && noRedis !== false) throw new Error(noRedis)
/** Of a known disagreement so many seeds are tried. */
const maxSeeds = 30
const redis = wanted.includes('redis') ? await startRedis() : undefined

if (values.known === true) {
  for (const entry of known) {
    const found = await firstSeedOf(entry, maxSeeds)
    const says = found === undefined ? `not in ${maxSeeds} seeds` : `${found.seed} seeds\n${listing(found.list)}`
    console.log(`${entry.title} (${entry.issue}): ${says}`)
  }
  await redis?.dispose()
  process.exit()
}

const end = performance.now() + minutes * 60_000
const sum = { seeds: 0, operations: 0, compared: 0, disagreements: 0, known: 0 }
/** More of one kind say nothing new, and shrinking takes longer than finding. */
const maxShown = 20
try {
  for (let seed = first; performance.now() < end || seed === first; seed++) {
    for (const store of wanted) {
      const options = { store, redis, length }
      const result = await runSeed(seed, options)
      const [disagreement] = result.disagreements
      sum.seeds++
      sum.operations += result.operations
      sum.compared += result.compared
      sum.known += result.known
      sum.disagreements += disagreement === undefined ? 0 : 1
      const says = disagreement === undefined ? 'no disagreement' : 'a disagreement'
      console.log(`seed ${seed} on ${store}: ${result.operations} operations, ${result.compared} comparisons, ${says}`)
      if (disagreement === undefined || sum.disagreements > maxShown) continue
      console.log(told(disagreement))
      const shorter = await shrunk(result, disagreement, options)
      console.log(report(seed, store, shorter.list, shorter.disagreement))
    }
    if (isAlone) break
  }
} finally {
  await redis?.dispose()
}
const all = `${sum.seeds} runs, ${sum.operations} operations, ${sum.compared} comparisons`
console.log(`${all}, ${sum.disagreements} disagreements, ${sum.known} known ones set aside`)
process.exitCode = sum.disagreements === 0 ? 0 : 1
