// Compares what a surface said with the model, counts, and collects what differs.
import { isDeepStrictEqual } from 'node:util'

export interface Disagreement {
  /** `rest`, `watch`, `dns`, ... */
  readonly surface: string
  /** What it was asked. */
  readonly about: string
  readonly said: unknown
  readonly meant: unknown
}

export class Comparison {
  readonly disagreements: Disagreement[] = []
  /** How many were set aside: they are known. */
  known = 0
  compared = 0
  readonly #isKnown: (disagreement: Disagreement) => boolean

  /** @param isKnown which are set aside; default none */
  constructor (isKnown: (disagreement: Disagreement) => boolean = () => false) {
    this.#isKnown = isKnown
  }

  /** @returns whether they are the same; the order of the keys of objects does not matter */
  same (surface: string, about: string, said: unknown, meant: unknown): boolean {
    this.compared++
    const isSame = isDeepStrictEqual(plain(said), plain(meant))
    if (!isSame) this.#add({ surface, about, said, meant })
    return isSame
  }

  /** As `same`, for lists whose order says nothing. */
  sameSet (surface: string, about: string, said: readonly unknown[], meant: readonly unknown[]): boolean {
    return this.same(surface, about, ordered(said), ordered(meant))
  }

  /** Something that must be so. */
  holds (surface: string, about: string, is: boolean, said: unknown, meant: unknown): boolean {
    this.compared++
    if (!is) this.#add({ surface, about, said, meant })
    return is
  }

  #add (disagreement: Disagreement): void {
    if (this.#isKnown(disagreement)) this.known++
    else this.disagreements.push(disagreement)
  }
}

/** Without what is undefined, and with keys in order. */
export function plain (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(
      ([key, each]) => [key, plain(each)]
    )
  )
}

export function ordered (values: readonly unknown[]): unknown[] {
  return values.map((value) => plain(value)).sort((a, b) => { // by their texts
    const [one, other] = [JSON.stringify(a), JSON.stringify(b)]
    return one < other ? -1 : one > other ? 1 : 0
  })
}

/** A disagreement as a person reads it: of lists what only one of them has. */
export function told ({ surface, about, said, meant }: Disagreement): string {
  if (!Array.isArray(said) || !Array.isArray(meant)) return lines(surface, about, said, meant)
  const texts = (list: readonly unknown[]): string[] => list.map((each) => JSON.stringify(plain(each)))
  const [ofSaid, ofMeant] = [texts(said), texts(meant)]
  const [more, fewer] = [
    ofSaid.filter((each) => !ofMeant.includes(each)), ofMeant.filter((each) => !ofSaid.includes(each))
  ]
  const gap = `\n${' '.repeat(15)}`
  if (more.length + fewer.length === 0) return lines(surface, about, said, meant)
  return `${surface}, ${about}\n    only said  ${more.join(gap)}\n    only meant ${fewer.join(gap)}`
}

function lines (surface: string, about: string, said: unknown, meant: unknown): string {
  return `${surface}, ${about}\n    said  ${JSON.stringify(plain(said))}\n    meant ${JSON.stringify(plain(meant))}`
}
