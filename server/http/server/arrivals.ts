// Connections that are not yet agreed on keys. They take their place among all connections as they come, before the handshake: a client that
// opens thousands and says nothing has no more of them than one who speaks.
import type { Socket } from 'node:net'
import type { Guard } from '../../guard.ts'
import { type Share, clientKey } from '../../shares.ts'
import type { Commons } from './commons.ts'

export class Arrivals {
  readonly #commons: Commons
  readonly #guard: Guard
  readonly #waiting = new Map<Socket, Share>()
  #isClosing = false

  constructor (commons: Commons, guard: Guard) {
    this.#commons = commons
    this.#guard = guard
  }

  /** Connections whose handshake is not over. */
  get size (): number {
    return this.#waiting.size
  }

  /** A connection came; one that finds no place is closed. Its place is given back when it closes. */
  arrived (socket: Socket): Share | undefined {
    const share = this.#isClosing ? undefined : this.#commons.connections.take(clientKey(socket.remoteAddress), 1, () => socket.destroy())
    if (share === undefined) {
      socket.destroy()
      return undefined
    }
    share.setIdle(true)
    this.#waiting.set(socket, share)
    socket.once('close', this.#guard.around('http-connection', () => {
      this.#waiting.delete(socket)
      share.release()
    }))
    return share
  }

  /** Its handshake is over: somebody else keeps the connection. */
  agreed (socket: Socket): void {
    this.#waiting.delete(socket)
  }

  /** The listeners close: nobody waits for a handshake. */
  close (): void {
    this.#isClosing = true
    for (const socket of this.#waiting.keys()) socket.destroy()
  }
}
