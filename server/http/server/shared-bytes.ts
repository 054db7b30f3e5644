// Bytes that several clients wait for at once, as a part of a snapshot: they are in memory once, and counted once, for the client that
// waited first. When they have to give way, the connections of that client are cut; if others wait for the same, they are theirs.
import { type Share, type Shares, clientKey } from '../../shares.ts'

interface Holder {
  readonly client: string
  readonly cut: () => void
}

interface Held {
  share: Share | undefined
  readonly holders: Set<Holder>
}

export class SharedBytes {
  readonly #shares: Shares
  readonly #held = new Map<Buffer, Held>()

  /** @param shares counts bytes */
  constructor (shares: Shares) {
    this.#shares = shares
  }

  /**
   * Counts bytes for as long as a connection waits to send them.
   * @param cut ends the connection, if it has to give way
   * @returns what ends it; calling it again does nothing
   */
  hold (bytes: Buffer, address: string, cut: () => void): () => void {
    const holder = { client: clientKey(address), cut }
    const held = this.#held.get(bytes) ?? { share: undefined, holders: new Set() }
    held.holders.add(holder)
    this.#held.set(bytes, held)
    if (held.share === undefined) this.#take(bytes, held)
    return () => {
      if (!held.holders.delete(holder)) return
      const counted = held.share?.client
      if (counted === holder.client && ![...held.holders].some(({ client }) => client === counted)) this.#take(bytes, held)
    }
  }

  /** Counts them for the request that has waited longest, if one waits. */
  #take (bytes: Buffer, held: Held): void {
    held.share?.release()
    held.share = undefined
    for (const { client } of held.holders) {
      held.share = this.#shares.take(client, bytes.length, () => this.#giveWay(bytes, held, client))
      if (held.share !== undefined) return
      this.#cut(held, client)
    }
    this.#held.delete(bytes)
  }

  #giveWay (bytes: Buffer, held: Held, client: string): void {
    this.#cut(held, client)
    this.#take(bytes, held)
  }

  #cut (held: Held, client: string): void {
    for (const holder of [...held.holders]) {
      if (holder.client !== client) continue
      held.holders.delete(holder)
      holder.cut()
    }
  }
}
