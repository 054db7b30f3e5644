// Long commands are generators: whoever asks for one may have it run piece by piece.

/** Runs a generator to its end; between two steps others may go on. @throws what the generator throws, or that it gave way */
export type InSlices = <Result>(work: () => Generator<unknown, Result>) => Promise<Result>

/** Runs a generator to its end in one go. */
export function atOnce<Result> (running: Generator<unknown, Result>): Result {
  for (;;) {
    const { done, value } = running.next()
    if (done === true) return value
  }
}
