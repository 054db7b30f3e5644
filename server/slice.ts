// Work that is long as a whole is done in slices, between which the event loop serves others: loads, copies, lists, answers without end,
// transfers of zones. There is one line for all slices of a thread: each time that the loop comes round, one of them runs. However many
// work at once, nobody waits for more than one slice.
//
// The view may change between two slices. Who must read one revision takes what is not changed any more (sets, manifests) in the first
// one; who need not says so.
import { standaloneGuard } from './guard.ts'
import { loop } from './loop.ts'

/** A DNS answer may wait for one slice, and for what stands behind it in the loop. */
export const sliceMs = 4

/** Whose slice is next. Each is a request, a load or a transfer, all of which are bounded elsewhere. */
const waiting: (() => void)[] = []

const turn = standaloneGuard.around('slice', () => {
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(turn)
})

export class Slice {
  #endsAt = performance.now() + sliceMs

  /** Whether it is time to let others go on. Cheap enough to ask for each record. */
  isOver (): boolean {
    return performance.now() >= this.#endsAt
  }

  /** Resolves when the event loop has been round, and those before it have had their slice. */
  async next (): Promise<void> {
    const { label } = loop
    await new Promise<void>((resolve) => {
      waiting.push(resolve)
      if (waiting.length === 1) setImmediate(turn)
    })
    loop.begins(label)
    this.#endsAt = performance.now() + sliceMs
  }
}

/** What a generator yields before a step that takes milliseconds by itself: it begins a slice. */
export const longStep = Symbol('a long step is next')

/** Runs a generator to its end, in slices, the first of them at once. Gives what it returns. */
export async function inSlices<Result> (steps: Iterator<unknown, Result>): Promise<Result> {
  const slice = new Slice()
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    if (value === longStep || slice.isOver()) await slice.next()
  }
}

/**
 * The same beside the line, for what all others wait for in order: a transaction of the store, and what the view is told of it. One at a time
 * of each, or the loop would be held after all.
 */
export async function besideTheLine<Result> (steps: Iterator<unknown, Result>): Promise<Result> {
  const { label } = loop
  for (;;) {
    const endsAtMs = performance.now() + sliceMs
    do {
      const { done, value } = steps.next()
      if (done === true) return value
    } while (performance.now() < endsAtMs)
    await new Promise<void>((resolve) => { setImmediate(standaloneGuard.around('slice', () => resolve())) })
    loop.begins(label)
  }
}

/** The same for what is often short. undefined = it is done already: who asks may go on in the same turn of the loop. */
export function begun (steps: Iterator<unknown, void>): Promise<void> | undefined {
  const slice = new Slice()
  while (!slice.isOver()) if (steps.next().done === true) return undefined
  return slice.next().then(() => inSlices(steps))
}
