// One after the other: commands that change the same thing wait for each other in this node, so that they do not all race for one
// revision in the store. Between nodes the store decides, and the loser tries again (certain.ts).
import { RegistryError } from '../../errors.ts'
import type { Clock } from '../../clock.ts'
import { patienceMs } from './certain.ts'

/** Commands that may wait for one instance: each is an open request. */
const maxWaiting = 1_000

interface Line {
  last: Promise<unknown>
  length: number
}

export class Turns {
  readonly #clock: Pick<Clock, 'now'>
  /** Only of instances that a command is changing now. */
  readonly #lines = new Map<string, Line>()

  constructor (clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Does the work when those before it are done. @throws RegistryError REG_OVERLOADED if too many wait, or it waited too long */
  take<Result> (key: string, work: () => Promise<Result>): Promise<Result> {
    const line = this.#lines.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (line.length >= maxWaiting) return Promise.reject(overloaded(`${maxWaiting} changes of ${key} wait already`))
    this.#lines.set(key, line)
    line.length++
    const cameMs = this.#clock.now()
    const result = line.last.then(() => {
      if (this.#clock.now() - cameMs > patienceMs) throw overloaded(`the changes of ${key} before this one took too long`)
      return work()
    })
    line.last = result.catch(() => undefined).then(() => {
      line.length--
      if (line.length === 0) this.#lines.delete(key)
    })
    return result
  }
}

function overloaded (message: string): RegistryError {
  return new RegistryError('REG_OVERLOADED', message, undefined, { retryAfterSeconds: 1 })
}
