// Runs by seed: what was compared, what disagrees, and of each disagreement the shortest list.
import type { RedisServer } from '../../support/redis-server.ts'
import { Random } from '../random.ts'
import { finalOf, reordered } from './again.ts'
import { Comparison, type Disagreement, told } from './comparison.ts'
import { type StoreKind, generate } from './generate.ts'
import { type Known, isKnown } from './known.ts'
import { type Operation, listing } from './operations.ts'
import { type Result, runList } from './run.ts'
import { shortest } from './shrink.ts'

export interface SessionOptions {
  readonly store: StoreKind
  readonly redis?: RedisServer | undefined
  /** Operations of one seed. */
  readonly length: number
}

export interface SeedResult extends Result {
  readonly list: readonly Operation[]
}

/** @throws what a surface throws, with the seed */
export async function runSeed (seed: number, { store, redis, length }: SessionOptions): Promise<Result & {
  readonly list: readonly Operation[]
}> {
  const list = generate(new Random(seed), { store, length })
  try {
    const first = await runList(list, { store, redis, isKnown: (each) => isKnown(each), again: true })
    return {
      ...first.disagreements.length > 0 || seed % 4 !== 0 ? first : await inAnotherOrder(
        seed, list, first, { store, redis, length }
      ),
      list
    }
  } catch (cause) {
    throw new Error(`seed ${seed} on ${store}: ${String(cause)}`, { cause })
  }
}

/**
 * What commutes changes nothing by its order. Each order agrees with the model of it, so that it is enough to compare
 * the models.
 */
async function inAnotherOrder (
  seed: number, list: readonly Operation[], first: Result, { store, redis }: SessionOptions
): Promise<Result> {
  const other = await runList(
    reordered(new Random(seed), list), { store, redis, isKnown: (each) => isKnown(each) }
  )
  const comparison = new Comparison()
  comparison.same('order', 'the end, whatever the order of what commutes', finalOf(other.model), finalOf(first.model))
  return {
    ...first,
    operations: first.operations + other.operations,
    compared: first.compared + other.compared + comparison.compared,
    known: first.known + other.known,
    disagreements: other.disagreements.length > 0 ? other.disagreements : comparison.disagreements
  }
}

/** The shortest list that shows a disagreement of the same surface about a thing of the same kind. */
export async function shrunk (
  result: SeedResult, first: Disagreement, { store, redis }: SessionOptions
): Promise<{ readonly list: readonly Operation[], readonly disagreement: Disagreement }> {
  const list = result.list.slice(0, result.operations)
  if (first.surface === 'order') return { list, disagreement: first } // of two runs
  let disagreement = first
  const kind = kindOf(first)
  const options = { store, redis, isKnown: (each: Disagreement) => isKnown(each), again: result.isAgain }
  const shows = async (shorter: readonly Operation[]): Promise<boolean> => {
    const found = (await runList([...shorter, { type: 'look' }], options)).disagreements.find((each) => kindOf(each) === kind)
    disagreement = found ?? disagreement
    return found !== undefined
  }
  return { list: await shortest(list.at(-1)?.type === 'look' ? list.slice(0, -1) : list, shows), disagreement }
}

/** Whether a list shows what is known, on SQLite. */
export async function showsKnown (entry: Known, list: readonly Operation[]): Promise<boolean> {
  const isOther = (each: Disagreement): boolean => isKnown(each, entry)
  const options = { store: 'sqlite', again: entry.again ?? false, isKnown: isOther } as const
  return (await runList(list, options)).disagreements.some(entry.is)
}

/** The first seed that shows what is known, and the shortest list of it; undefined = not one of so many. */
export async function firstSeedOf (entry: Known, maxSeeds: number): Promise<{
  readonly seed: number, readonly list: readonly Operation[]
} | undefined> {
  for (let seed = 1; seed <= maxSeeds; seed++) {
    const list = generate(new Random(seed), { store: 'sqlite', length: usualLength })
    if (!await showsKnown(entry, list)) continue
    return {
      seed,
      list: [
        ...await shortest(list.slice(0, -1), (shorter) => showsKnown(entry, [...shorter, { type: 'look' }])),
        { type: 'look' }
      ]
    }
  }
  return undefined
}

/** Operations of a seed, unless told otherwise: long enough to meet, short enough to be shrunk. */
export const usualLength = 40

/** What stays of a disagreement when its names and numbers are others. */
function kindOf ({ surface, about }: Disagreement): string {
  const kind = surface === 'rest' && about.includes('"type":') ? /^[^{]*\{"type":"[^"]*/.exec(about)?.[0] : about
  const names = /(?:shop|default|quiet|web|alpha|beta|blue|out|host-\d|h\d|[\d.]+|fd00::\d)/g
  return `${surface} ${(kind ?? about).replaceAll(names, '*').slice(0, 60)}`
}

/** A report that can be made a test of. */
export function report (
  seed: number, store: StoreKind, list: readonly Operation[], disagreement: Disagreement
): string {
  return `seed ${seed} on ${store}: ${told(disagreement)}\n  shortest list:\n${listing([...list, { type: 'look' }])}`
}
