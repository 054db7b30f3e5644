// Frames that have not arrived whole wait in the WebSocket library: their bytes are counted with the bodies that are on their way.
import type { Socket } from 'node:net'
import type { Guard } from '../../guard.ts'
import { type Share, type Shares, clientKey } from '../../shares.ts'
import { smallFrameBytes } from '../server/limits.ts'

export class UnfinishedFrames {
  readonly #shares: Shares
  readonly #client: string
  readonly #guard: Guard
  readonly #giveUp: () => void
  #bytes = 0
  #share: Share | undefined

  /** @param giveUp ends the socket: its frame had to give way to others */
  constructor (shares: Shares, address: string, guard: Guard, giveUp: () => void) {
    this.#guard = guard
    this.#shares = shares
    this.#client = clientKey(address)
    this.#giveUp = giveUp
  }

  /** Counts what comes on a connection, before the library looks at it. */
  follow (socket: Socket | undefined): void {
    if (socket === undefined) return
    socket.prependListener('data', this.#guard.around('watch', (chunk: Buffer) => this.#take(chunk.length)))
    socket.once('close', this.#guard.around('watch', () => this.finished()))
  }

  /** A message is whole: it is bounded by what is done with it. */
  finished (): void {
    this.#bytes = 0
    this.#share?.release()
    this.#share = undefined
  }

  #take (bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes <= smallFrameBytes) return
    if (this.#share === undefined) {
      this.#share = this.#shares.take(this.#client, this.#bytes, this.#giveUp)
      if (this.#share === undefined) this.#giveUp()
    } else if (!this.#share.resize(this.#bytes)) this.#giveUp()
  }
}
