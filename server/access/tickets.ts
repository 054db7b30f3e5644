// Tickets: a page in a browser cannot send a header with a WebSocket, and a token has no place in a URL, which stands in logs and histories.
// So it asks for a ticket with its token, and opens the socket with that: it is good once, at the node that gave it, for half a minute.
import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { RegistryError } from '../errors.ts'
import type { Identity } from './identity.ts'

export const ticketMs = 30_000
/** More are asked for by nobody honest: the oldest goes. */
const maxTickets = 10_000

export class Tickets {
  readonly #clock: Pick<Clock, 'now'>
  readonly #tickets = new Map<string, { readonly identity: Identity, readonly untilMs: number }>()

  constructor (clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  give (identity: Identity): { readonly ticket: string, readonly expiresAtMs: number } {
    const ticket = `rt_${randomBytes(32).toString('base64url')}`
    const expiresAtMs = this.#clock.now() + ticketMs
    this.#tickets.set(ticket, { identity, untilMs: expiresAtMs })
    if (this.#tickets.size > maxTickets) for (const oldest of this.#tickets.keys()) if (this.#tickets.delete(oldest)) break
    return { ticket, expiresAtMs }
  }

  /** Whose ticket it is; it is used up by that. @throws RegistryError REG_UNAUTHENTICATED */
  take (ticket: string): Identity {
    const found = this.#tickets.get(ticket)
    this.#tickets.delete(ticket)
    if (found === undefined || found.untilMs <= this.#clock.now()) {
      throw new RegistryError('REG_UNAUTHENTICATED', `the ticket is not known here, was used, or is older than ${ticketMs / 1_000} s: ask this node for another one`)
    }
    return found.identity
  }
}
