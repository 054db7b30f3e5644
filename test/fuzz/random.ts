// Numbers that come back with their seed.

/** Set it to the number that a failure named to have the same run again, or to `random` to look for something new. */
const variable = 'ROLLCALL_FUZZ_SEED'
const usualSeed = 20_260_101

export function fuzzSeed (): number {
  const given = process.env[variable]
  if (given === undefined || given === '') return usualSeed
  const seed = given === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 31) throw new RangeError(`${variable} must be "random" or a whole number below 2^31, got ${given}`)
  return seed
}

/** How to have a failing run again. */
export function seedHint (seed: number): string {
  return `${variable}=${seed}`
}

export class Random {
  #state: number

  constructor (seed: number) {
    this.#state = seed | 0
  }

  /** A whole number from 0, below the limit. (mulberry32: small, and even in all bits) */
  below (limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * limit)
  }

  one<T> (list: readonly T[]): T {
    const chosen = list[this.below(list.length)]
    if (chosen === undefined) throw new RangeError('nothing to choose from')
    return chosen
  }
}
