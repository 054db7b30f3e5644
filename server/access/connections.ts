// How many connections an identity has open at this node: a program that opens them without end finds an end, and the others their places.
import type { Guard } from '../guard.ts'

/** A socket, or a session of HTTP/2. */
export interface Connection {
  once (event: 'close', listener: () => void): unknown
}

export class IdentityConnections {
  readonly #limit: number
  readonly #guard: Guard
  readonly #counts = new Map<string, number>()
  /** Whose each open connection is. */
  readonly #owners = new WeakMap<Connection, string>()

  /** @param limit open at once, of one identity */
  constructor (limit: number, guard: Guard) {
    this.#limit = limit
    this.#guard = guard
  }

  get limit (): number {
    return this.#limit
  }

  /** Open ones of an identity. */
  of (subject: string): number {
    return this.#counts.get(subject) ?? 0
  }

  /** A connection is used by an identity, or by another one than before. False: it has as many as it may have. */
  take (connection: Connection, subject: string): boolean {
    const before = this.#owners.get(connection)
    if (before === subject) return true
    if (this.of(subject) >= this.#limit) return false
    if (before === undefined) {
      connection.once('close', this.#guard.around('access', () => {
        const owner = this.#owners.get(connection)
        if (owner !== undefined) this.#add(owner, -1)
      }))
    } else this.#add(before, -1)
    this.#owners.set(connection, subject)
    this.#add(subject, 1)
    return true
  }

  #add (subject: string, by: 1 | -1): void {
    const count = this.of(subject) + by
    if (count === 0) this.#counts.delete(subject)
    else this.#counts.set(subject, count)
  }
}
