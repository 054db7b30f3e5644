// A run of the endpoints of a service, with what is derived from it: who of it may be called, and its JSON. Both are made when they are
// asked for, and stay good as long as the run is part of the service's list: a change of one endpoint makes one run anew.
import { canServe } from '../../../client-sdk/src/rules.ts'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { ChunkedList, type Chunk, type ListRule } from './chunked-list.ts'

/** Why an endpoint may be called: `answered` of the shared rules chooses the first of these of which there are any. */
export type Standing = 'ready' | 'leaving' | 'suspect' | 'suspect-leaving'

/** From the one that is called first to the one that is called when there is no other. */
export const standings = ['ready', 'leaving', 'suspect', 'suspect-leaving'] as const satisfies readonly Standing[]

/** undefined = it is never called. */
export function standingOf ({ conditions, suspect, status }: Endpoint): Standing | undefined {
  if (conditions.ready) return 'ready'
  if (conditions.serving && conditions.terminating) return 'leaving'
  if (!suspect || !canServe(status)) return undefined
  return status === 'draining' ? 'suspect-leaving' : 'suspect'
}

/** What endpoints are ordered by, and found by. A declared service may have several of one id, of different services. */
export type EndpointKey = Pick<Endpoint, 'id' | 'service'>

/** The JSON of some endpoints, one behind the other, each with a comma behind it. */
interface Texts {
  readonly bytes: Buffer
  /** Where each ends. */
  readonly ends: Uint32Array
}

export class EndpointPart implements Chunk<Endpoint> {
  readonly items: readonly Endpoint[]
  readonly #called = new Map<Standing, readonly Endpoint[]>()
  #counts: Readonly<Record<Standing, number>> | undefined
  #texts: Texts | undefined
  /** Has the JSON of most of them. */
  #before: EndpointPart | undefined
  /** Changes since then. */
  #age: number

  constructor (items: readonly Endpoint[], before: EndpointPart | undefined) {
    this.items = items
    this.#age = before === undefined || before.isWritten ? 0 : before.#age + 1
    // One that nobody reads any more must not keep for ever what has long gone.
    if (before !== undefined && this.#age <= items.length) this.#before = before.isWritten ? before : before.#before
  }

  /** Its JSON is there. */
  get isWritten (): boolean {
    return this.#texts !== undefined
  }

  /** Makes its JSON now. */
  write (): void {
    this.#texts ??= this.#written()
  }

  /** How many may be called, by the reason. */
  get counts (): Readonly<Record<Standing, number>> {
    if (this.#counts !== undefined) return this.#counts
    const counts = { ready: 0, leaving: 0, suspect: 0, 'suspect-leaving': 0 }
    for (const endpoint of this.items) {
      const standing = standingOf(endpoint)
      if (standing !== undefined) counts[standing]++
    }
    return this.#counts = counts
  }

  /** Those that have a standing: the same list each time. */
  called (standing: Standing): readonly Endpoint[] {
    if (this.counts[standing] === this.items.length) return this.items
    const known = this.#called.get(standing)
    if (known !== undefined) return known
    const called = this.items.filter((endpoint) => standingOf(endpoint) === standing)
    this.#called.set(standing, called)
    return called
  }

  /**
   * The JSON of the endpoints that have a standing, each with a comma behind it; without one, of all.
   * @param isLast nothing comes behind this part: the last one has no comma
   */
  * json (standing: Standing | undefined, isLast: boolean): Generator<Buffer> {
    const { bytes, ends } = this.#texts ??= this.#written()
    const cut = isLast ? 1 : 0
    if (standing === undefined || this.counts[standing] === this.items.length) {
      yield bytes.subarray(0, bytes.length - cut)
      return
    }
    const run = { from: 0, to: 0 }
    for (const [index, endpoint] of this.items.entries()) {
      if (standingOf(endpoint) !== standing) continue
      const from = ends[index - 1] ?? 0
      if (from !== run.to) {
        if (run.to > run.from) yield bytes.subarray(run.from, run.to)
        run.from = from
      }
      run.to = ends[index] ?? 0
    }
    if (run.to > run.from) yield bytes.subarray(run.from, run.to - cut)
  }

  /** What was in the part before has its JSON there: runs of it are copied. */
  #written (): Texts {
    const before = this.#before
    const { items, texts } = before === undefined ? { items: [], texts: undefined } : { items: before.items, texts: before.#texts }
    this.#before = undefined
    const ends = new Uint32Array(this.items.length)
    const pieces: Buffer[] = []
    const run = { from: 0, to: 0 }
    const copyRun = (): void => {
      if (texts !== undefined && run.to > run.from) pieces.push(texts.bytes.subarray(run.from, run.to))
    }
    let end = 0
    let place = 0
    for (const [index, endpoint] of this.items.entries()) {
      while (place < items.length && items[place] !== endpoint && compareEndpoints(items[place] as Endpoint, endpoint) <= 0) place++ // place lies within
      if (texts !== undefined && items[place] === endpoint) {
        const [from, to] = [texts.ends[place - 1] ?? 0, texts.ends[place] ?? 0]
        if (from !== run.to) {
          copyRun()
          run.from = from
        }
        run.to = to
        end += to - from
        place++
      } else {
        copyRun()
        run.from = run.to = 0
        const piece = Buffer.from(`${JSON.stringify(endpoint)},`)
        pieces.push(piece)
        end += piece.length
      }
      ends[index] = end
    }
    copyRun()
    return { bytes: Buffer.concat(pieces, end), ends }
  }
}

export type EndpointList = ChunkedList<Endpoint, EndpointKey, EndpointPart>

const rule: ListRule<Endpoint, EndpointKey, EndpointPart> = {
  compare: compareEndpoints,
  keyOf: (endpoint) => endpoint,
  chunkOf: (items, before) => new EndpointPart(items, before)
}

export function endpointList (endpoints: Iterable<Endpoint>): EndpointList {
  return ChunkedList.of(rule, endpoints)
}

/** The name of an endpoint alone. */
export function endpointKey ({ id, service }: EndpointKey): EndpointKey {
  return service === undefined ? { id } : { id, service }
}

export function compareEndpoints (a: EndpointKey, b: EndpointKey): number {
  return compare(a.id, b.id) || compare(a.service ?? '', b.service ?? '')
}

function compare (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
