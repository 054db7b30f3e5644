// One list of operations on one world, with looks at all surfaces in between.
import type { RedisServer } from '../../support/redis-server.ts'
import { lookAtCli } from './cli-surface.ts'
import { Comparison, type Disagreement } from './comparison.ts'
import { Cursors } from './cursors.ts'
import { lookAtDns, lookAtTransfer } from './dns-surface.ts'
import type { StoreKind } from './generate.ts'
import { LongPolls } from './long-polls.ts'
import { Model } from './model.ts'
import type { FuzzNode } from './node.ts'
import type { Operation } from './operations.ts'
import { perform } from './perform.ts'
import { lookAtRest } from './rest-surface.ts'
import { SdkSurface } from './sdk-surface.ts'
import { lookAtSlices } from './slices-surface.ts'
import { WatchSurface, tick } from './watch-surface.ts'
import { type World, openWorld } from './world.ts'
import { lookAgain } from './again.ts'

export interface Result {
  readonly operations: number
  readonly compared: number
  readonly disagreements: readonly Disagreement[]
  /** How many were set aside: they are known. */
  readonly known: number
  readonly model: Model
  /** The list itself agreed. */
  readonly isAgain: boolean
}

export interface RunOptions {
  readonly store: StoreKind
  readonly redis?: RedisServer | undefined
  /** At the end: a restart, a fresh node, reading and applying, export and import. */
  readonly again?: boolean
  /** Which disagreements are set aside; default none. */
  readonly isKnown?: (disagreement: Disagreement) => boolean
}

/** Stops at the first look that disagrees: what follows from it is no news. */
export async function runList (operations: readonly Operation[], options: RunOptions): Promise<Result> {
  const world = await openWorld(options.store, options.redis)
  const run = new Run(world, new Comparison(options.isKnown))
  let done = 0
  let isAgain = false
  try {
    for (const operation of operations) {
      done++
      if (operation.type === 'look') await run.look()
      else await perform(operation, world, run.model, run.comparison, run.cursors)
      if (run.comparison.disagreements.length > 0) break
    }
    isAgain = run.comparison.disagreements.length === 0
    if (options.again === true && isAgain) await lookAgain(run)
  } finally {
    await run.close()
  }
  const { compared, disagreements, known } = run.comparison
  return { operations: done, compared, disagreements, known, model: run.model, isAgain }
}

export class Run {
  readonly world: World
  readonly model: Model
  readonly comparison: Comparison
  readonly cursors = new Cursors()
  readonly #ends: (() => void)[] = []
  readonly #polls = new LongPolls()
  readonly #watches: readonly WatchSurface[]
  readonly #sdk: SdkSurface

  constructor (world: World, comparison: Comparison) {
    this.world = world
    this.comparison = comparison
    this.model = new Model(world.clock.now())
    this.#watches = world.nodes.map(({ url }) => new WatchSurface(url))
    this.#sdk = new SdkSurface(world.node(0).url)
  }

  /** Compares all surfaces of all nodes with the model. */
  async look (): Promise<void> {
    const { world, model, comparison, cursors } = this
    const ticks = String(++cursors.look)
    const body = { address: '10.0.0.9', generation: 'g1', metadata: { tick: ticks }, lease: { ttlMs: 86_400_000 } }
    await perform({ type: 'register', path: tick.path, body }, world, model, comparison, cursors)
    await world.settle()
    await this.#polls.end(model, comparison)
    for (const [index, node] of world.nodes.entries()) {
      await this.lookAt(node)
      await this.#watches[index]?.look(model, comparison, ticks)
    }
    await this.#sdk.look(model, comparison)
    cursors.keepOnly()
    if (cursors.look % 3 === 0) for (const watch of this.#watches) watch.close()
    this.#polls.begin(world.node(0).url, model, cursors)
  }

  /** The surfaces that have no memory. */
  async lookAt (node: FuzzNode): Promise<void> {
    const { model, comparison, cursors } = this
    const cleaner = { teardown: (end: () => void) => { this.#ends.push(end) } }
    const looking = { url: node.url, model, comparison, cursors }
    await lookAtRest(looking)
    await lookAtSlices(looking)
    await lookAtDns(node, model, comparison, cleaner)
    await lookAtTransfer(node, model, comparison, cleaner)
    await lookAtCli(node.url, model, comparison)
    for (const end of this.#ends.splice(0)) end()
  }

  async close (): Promise<void> {
    for (const watch of this.#watches) watch.close()
    await this.#sdk.close()
    await this.#polls.end(this.model, new Comparison()).catch(() => undefined)
    await this.world.close()
  }
}
