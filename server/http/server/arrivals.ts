// Connections that are not yet agreed on keys. They take their place among all connections as they come, before the handshake: a client that
// opens thousands and says nothing has no more of them than one who speaks.
//
// A handshake costs a thousand times what a connection costs, in time and in memory. So it begins when the client has said something, and in
// the turn of the client (turns.ts): who opens many waits for himself. Those that wait are limited, for each client and in all. At a limit the
// oldest connection of the client that has most goes, if it has said nothing; if all have, the newcomer of that client is refused, so that
// those who came first, a herd after an outage say, get their turn.
import type { Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import { type Share, clientKey } from '../../shares.ts'
import type { Commons } from './commons.ts'
import { Account, type Worker } from './turns.ts'

const place = 'http-connection'

export interface ArrivalsOptions {
  readonly commons: Commons
  readonly guard: Guard
  readonly clock: Clock
  /** For the first bytes of a client. */
  readonly silentMs: number
  /** Connections before the end of their handshake: of one client, and of all. */
  readonly limits: { readonly perClient: number, readonly together: number }
  /** Counts one that was closed for another, or found no place. */
  readonly refused: () => void
  /** Counts one that said nothing in time. */
  readonly late: () => void
}

class Arrival implements Worker {
  readonly client: string
  readonly account = new Account()
  readonly socket: Socket
  /** Ends the wait for its first bytes. */
  stop: () => void = () => undefined

  constructor (client: string, socket: Socket) {
    this.client = client
    this.socket = socket
  }
}

/** Of one client, the oldest first. */
interface Waiting {
  /** They have said nothing. */
  readonly silent: Set<Arrival>
  /** They have begun, or wait for their turn. */
  readonly speaking: Set<Arrival>
}

export class Arrivals {
  readonly #options: ArrivalsOptions
  readonly #clients = new Map<string, Waiting>()
  readonly #bySocket = new Map<Socket, Arrival>()
  #isClosing = false

  constructor (options: ArrivalsOptions) {
    this.#options = options
  }

  /** Connections whose handshake is not over. */
  get size (): number {
    return this.#bySocket.size
  }

  /**
   * A connection came; one that finds no place is closed. Its place is given back when it closes.
   * @param begin begins the handshake, with what was read put back
   */
  arrived (socket: Socket, begin: () => void): Share | undefined {
    const { commons: { connections }, guard, clock, silentMs, late } = this.#options
    socket.on('error', guard.around(place, () => undefined)) // it closes
    const client = clientKey(socket.remoteAddress)
    const share = this.#isClosing || !this.#makeRoom(client) ? undefined : connections.take(client, 1, () => socket.destroy())
    if (share === undefined) {
      socket.destroy()
      return undefined
    }
    share.setIdle(true)
    const arrival = new Arrival(client, socket)
    this.#bySocket.set(socket, arrival)
    this.#waitingOf(client).silent.add(arrival)
    socket.once('close', guard.around(place, () => {
      this.#forget(arrival)
      share.release()
    }))
    const hangUp = guard.around(place, () => { socket.destroy() })
    const spoke = guard.around(place, (bytes: Buffer) => {
      arrival.stop()
      socket.pause()
      socket.unshift(bytes)
      this.#begin(arrival, begin)
    }, hangUp)
    const cancel = clock.after(silentMs, () => {
      late()
      socket.destroy()
    })
    arrival.stop = () => {
      cancel()
      socket.off('data', spoke)
      socket.off('end', hangUp)
    }
    socket.on('data', spoke)
    socket.on('end', hangUp)
    return share
  }

  /** Its handshake is over: somebody else keeps the connection. */
  agreed (socket: Socket): void {
    const arrival = this.#bySocket.get(socket)
    if (arrival !== undefined) this.#forget(arrival)
  }

  /** The listeners close: nobody waits for a handshake. */
  close (): void {
    this.#isClosing = true
    for (const socket of this.#bySocket.keys()) socket.destroy()
  }

  #begin (arrival: Arrival, begin: () => void): void {
    const { silent, speaking } = this.#waitingOf(arrival.client)
    silent.delete(arrival)
    speaking.add(arrival)
    this.#options.commons.turns.run(arrival, () => { if (!arrival.socket.destroyed) begin() })
  }

  /** Whether a connection of a client may wait: another one may have to go. */
  #makeRoom (client: string): boolean {
    const { limits: { perClient, together }, refused } = this.#options
    const own = this.#clients.get(client)
    let victim: Arrival | undefined
    if (own !== undefined && countOf(own) >= perClient) victim = oldest(own.silent)
    else if (this.#bySocket.size < together) return true
    else {
      let heaviest = own
      for (const waiting of this.#clients.values()) if (heaviest === undefined || countOf(waiting) > countOf(heaviest)) heaviest = waiting
      if (heaviest !== undefined) victim = oldest(heaviest.silent) ?? (heaviest === own ? undefined : oldest(heaviest.speaking))
    }
    refused()
    if (victim === undefined) return false
    this.#forget(victim)
    victim.socket.destroy()
    return true
  }

  #waitingOf (client: string): Waiting {
    let waiting = this.#clients.get(client)
    if (waiting === undefined) this.#clients.set(client, waiting = { silent: new Set(), speaking: new Set() })
    return waiting
  }

  #forget (arrival: Arrival): void {
    arrival.stop()
    if (!this.#bySocket.delete(arrival.socket)) return
    const { client } = arrival
    const waiting = this.#waitingOf(client)
    waiting.silent.delete(arrival)
    waiting.speaking.delete(arrival)
    if (countOf(waiting) === 0) this.#clients.delete(client)
  }
}

function countOf ({ silent, speaking }: Waiting): number {
  return silent.size + speaking.size
}

function oldest (arrivals: ReadonlySet<Arrival>): Arrival | undefined {
  for (const arrival of arrivals) return arrival
  return undefined
}
