// Runs by seed: what was compared, what disagrees, and of each disagreement the shortest list.
import type { RedisServer } from '../../store/redis-server.ts'
import { Random } from '../random.ts'
import { type Disagreement, told } from './comparison.ts'
import { type StoreKind, generate } from './generate.ts'
import { isKnown, rules } from './known.ts'
import { type Operation, listing } from './operations.ts'
import { type Result, runList } from './run.ts'
import { shortest } from './shrink.ts'

export interface SessionOptions {
  readonly store: StoreKind
  readonly redis?: RedisServer | undefined
  /** Operations of one seed. */
  readonly length: number
}

/** @throws what a door throws, with the seed */
export async function runSeed (seed: number, { store, redis, length }: SessionOptions): Promise<Result & { readonly list: readonly Operation[] }> {
  const list = generate(new Random(seed), { store, length })
  try {
    return { ...await runList(list, { store, redis, rules, isKnown, again: true }), list }
  } catch (cause) {
    throw new Error(`seed ${seed} on ${store}: ${String(cause)}`, { cause })
  }
}

/** The shortest list that shows a disagreement of the same door about a thing of the same kind. */
export async function shrunk (list: readonly Operation[], first: Disagreement, { store, redis }: SessionOptions): Promise<{ readonly list: readonly Operation[], readonly disagreement: Disagreement }> {
  let disagreement = first
  const kind = kindOf(first)
  const shows = async (shorter: readonly Operation[]): Promise<boolean> => {
    const result = await runList([...shorter, { type: 'look' }], { store, redis, rules, isKnown, again: first.door === 'again' })
    const found = result.disagreements.find((each) => kindOf(each) === kind)
    disagreement = found ?? disagreement
    return found !== undefined
  }
  return { list: await shortest(list.filter(({ type }, index) => type !== 'look' || index < list.length - 1), shows), disagreement }
}

/** What stays of a disagreement when its names and numbers are others. */
function kindOf ({ door, about }: Disagreement): string {
  const kind = door === 'rest' && about.includes('"type":') ? /^[^{]*\{"type":"[^"]*/.exec(about)?.[0] : about
  return `${door} ${(kind ?? about).replaceAll(/(?:shop|default|quiet|web|alpha|beta|blue|out|host-\d|h\d|[\d.]+|fd00::\d)/g, '*').slice(0, 60)}`
}

/** A report that can be made a test of. */
export function report (seed: number, store: StoreKind, list: readonly Operation[], disagreement: Disagreement): string {
  return `seed ${seed} on ${store}: ${told(disagreement)}\n  shortest list:\n${listing([...list, { type: 'look' }])}`
}
