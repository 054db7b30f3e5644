// One after the other for each name, as they come.

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Acts when those before it under this name have ended, however they ended. */
  async take<Result> (name: string, act: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(name)
    const mine = before === undefined ? act() : before.then(act, act)
    this.#last.set(name, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(name) === mine) this.#last.delete(name)
    }
  }
}
