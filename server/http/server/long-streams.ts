// Long streams of manifests have a place from the first byte that is read until they are written: what was read of one
// takes many times its text, and must not pile up before what is planned. Of each client one has a place, and of all a
// few; the others wait with their text alone.
import { RegistryError } from '../../errors.ts'
import { Shares } from '../../shares.ts'
import { longTextLength, maxLongTasks, maxWaitingTextBytes } from './limits.ts'

export interface LongStreamsOptions {
  /** Streams that have a place. */
  readonly most?: number
  /** Characters of all streams that have a place or wait for one. */
  readonly limit?: number
}

interface Waiting {
  readonly client: string
  readonly begin: () => void
}

export class LongStreams {
  readonly #most: number
  readonly #texts: Shares
  /** Clients whose stream has a place. */
  readonly #inWork = new Set<string>()
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>()

  constructor ({ most = maxLongTasks, limit = maxWaitingTextBytes }: LongStreamsOptions = {}) {
    this.#most = most
    this.#texts = new Shares(limit)
  }

  /** Streams that wait. */
  get waiting (): number {
    return this.#waiting.size
  }

  /**
   * Does the work of a stream when it has a place; of a short one at once.
   * @param size characters of its text
   * @param isGone whether its client has gone meanwhile: then nothing is done
   * @throws what the work throws; RegistryError REG_OVERLOADED if the stream has to give way to others, or nobody waits for it
   */
  async within<Result> (client: string, size: number, isGone: () => boolean, work: () => Promise<Result>): Promise<Result> {
    if (size <= longTextLength) return await work()
    const place = Promise.withResolvers<void>()
    const gaveWay = (): RegistryError => new RegistryError('REG_OVERLOADED', 'too many long manifests wait: this one gave way', undefined, { retryAfterSeconds: 1 })
    const share = this.#texts.take(client, size, () => {
      if (this.#waiting.delete(waiting)) place.reject(gaveWay())
    })
    if (share === undefined) throw gaveWay()
    const waiting: Waiting = {
      client,
      begin: () => {
        share.setIdle(false)
        place.resolve()
      }
    }
    share.setIdle(true)
    this.#waiting.add(waiting)
    this.#admit()
    try {
      await place.promise
    } catch (error) {
      share.release()
      throw error
    }
    try {
      if (isGone()) throw new RegistryError('REG_OVERLOADED', 'the client has gone: nothing was done')
      return await work()
    } finally {
      share.release()
      this.#inWork.delete(client)
      this.#admit()
    }
  }

  #admit (): void {
    for (const waiting of this.#waiting) {
      if (this.#inWork.size >= this.#most) return
      if (this.#inWork.has(waiting.client)) continue
      this.#inWork.add(waiting.client)
      this.#waiting.delete(waiting)
      waiting.begin()
    }
  }
}
