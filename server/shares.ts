// What all clients of the node share: connections, bytes of bodies and answers, subscriptions, waiting requests, questions that are
// forwarded. Below the limit every client gets what it asks for. At the limit the client that has most gives up its
// idle share, else its largest, else its oldest; so a newcomer from another address is always served, and so is one
// from the same address.
import ipaddr from 'ipaddr.js'

/** At the limit so many shares of a client are looked at, the oldest first: choosing must not cost more than what is given up. */
const maxCompared = 1_000

/** A part of what is shared, until `release`. */
export interface Share {
  readonly client: string
  readonly amount: number
  /** Takes or gives back some. When there is no room, others give up, or this one itself: then false, and it is released. */
  resize (amount: number): boolean
  /** An idle share goes before a busy one. It is busy at first. */
  setIdle (isIdle: boolean): void
  /** Gives it back. Calling it again does nothing. */
  release (): void
}

/** A client's shares, the oldest first. */
interface Client {
  total: number
  readonly busy: Set<Part>
  readonly idle: Set<Part>
}

export class Shares {
  readonly limit: number
  readonly #clients = new Map<string, Client>()
  #used = 0
  #givenUp = 0

  /** @param limit how much there is in all, in whatever unit `take` counts */
  constructor (limit: number) {
    this.limit = limit
  }

  /** How much is taken. */
  get used (): number {
    return this.#used
  }

  /** How often a client had to give up a share so far. */
  get givenUp (): number {
    return this.#givenUp
  }

  /** How much a client has. */
  usedBy (client: string): number {
    return this.#clients.get(client)?.total ?? 0
  }

  /**
   * Takes a share.
   * @param client who is compared with whom: see `clientKey`
   * @param giveUp called once if this share must go; it is released already then. Must not throw
   * @returns undefined if there is no room for it even when all else that may go has gone
   */
  take (client: string, amount: number, giveUp: () => void): Share | undefined {
    const part = new Part(this, client, giveUp)
    this.#clientOf(client).busy.add(part)
    return part.resize(amount) ? part : undefined
  }

  /** For `Share` only. */
  moved (part: Part, by: number): boolean {
    const client = this.#clientOf(part.client)
    client.total += by
    this.#used += by
    while (this.#used > this.limit && by > 0) {
      const victim = this.#victim(part)
      this.#givenUp++
      victim.release()
      if (victim === part) return false // who asked is told by the answer
      victim.giveUp()
    }
    return !part.isReleased
  }

  /** For `Share` only. */
  turned (part: Part, isIdle: boolean): void {
    const { busy, idle } = this.#clientOf(part.client)
    ;(isIdle ? busy : idle).delete(part)
    ;(isIdle ? idle : busy).add(part)
  }

  /** For `Share` only. */
  released (part: Part): void {
    const client = this.#clientOf(part.client)
    client.total -= part.amount
    this.#used -= part.amount
    client.busy.delete(part)
    client.idle.delete(part)
    if (client.busy.size + client.idle.size === 0) this.#clients.delete(part.client)
  }

  #clientOf (name: string): Client {
    let client = this.#clients.get(name)
    if (client === undefined) {
      client = { total: 0, busy: new Set(), idle: new Set() }
      this.#clients.set(name, client)
    }
    return client
  }

  /** Of the heaviest client, which of equals is another one than the asker's. */
  #victim (asker: Part): Part {
    let heaviest: Client | undefined
    for (const [name, client] of this.#clients) {
      if (name === asker.client) continue
      if (heaviest === undefined || client.total > heaviest.total) heaviest = client
    }
    const own = this.#clientOf(asker.client)
    if (heaviest === undefined || own.total > heaviest.total) heaviest = own
    return partOf(heaviest, asker) ?? asker
  }
}

/** The idle one that is so for longest, else the largest, of equals the oldest; the asker's own only if nothing is as large. */
function partOf ({ busy, idle }: Client, asker: Part): Part | undefined {
  for (const part of idle) if (part !== asker && part.amount > 0) return part
  let largest: Part | undefined
  let compared = 0
  for (const part of busy) {
    if (part === asker) continue
    if (largest === undefined || part.amount > largest.amount) largest = part
    if (++compared === maxCompared) break
  }
  return largest === undefined || largest.amount < asker.amount && busy.has(asker) ? undefined : largest
}

class Part implements Share {
  readonly client: string
  readonly giveUp: () => void
  readonly #shares: Shares
  amount = 0
  isReleased = false
  #isIdle = false

  constructor (shares: Shares, client: string, giveUp: () => void) {
    this.#shares = shares
    this.client = client
    this.giveUp = giveUp
  }

  resize (amount: number): boolean {
    if (this.isReleased) return false
    const by = amount - this.amount
    this.amount = amount
    return this.#shares.moved(this, by)
  }

  setIdle (isIdle: boolean): void {
    if (this.isReleased || isIdle === this.#isIdle) return
    this.#isIdle = isIdle
    this.#shares.turned(this, isIdle)
  }

  release (): void {
    if (this.isReleased) return
    this.isReleased = true
    this.#shares.released(this)
  }
}

/**
 * Whom an address counts for: an IPv4 address for itself, an IPv6 address for its network of 64 bits, which one machine may use as it
 * likes (RFC 6177). What is no address counts for itself.
 */
export function clientKey (address: string | undefined): string {
  if (address === undefined || !address.includes(':')) return address ?? ''
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice('::ffff:'.length)
  const bare = address.split('%', 1)[0] ?? ''
  if (!ipaddr.IPv6.isValid(bare)) return address
  return `${ipaddr.IPv6.parse(bare).parts.slice(0, 4).map((part) => part.toString(16)).join(':')}::/64`
}
