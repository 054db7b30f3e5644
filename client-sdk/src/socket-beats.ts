// Heartbeats over the socket that wait for their answer.
import type { Clock } from './clock.ts'
import { RollcallError } from './errors.ts'
import type { HeartbeatAnswer } from './wire.ts'

interface PendingBeat {
  readonly resolve: (answer: HeartbeatAnswer) => void
  readonly reject: (error: Error) => void
}

export class SocketBeats {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #pending = new Map<number, PendingBeat>()

  /** @param timeoutMs for a heartbeat to be answered */
  constructor (clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** @throws RollcallError REGISTRY_TIMEOUT, or the error of the connection */
  wait (id: number, send: () => void): Promise<HeartbeatAnswer> {
    return new Promise<HeartbeatAnswer>((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => {
        this.#pending.delete(id)
        reject(new RollcallError('REGISTRY_TIMEOUT', `no answer on the WebSocket within ${Math.round(this.#timeoutMs)} ms`))
      }, this.#timeoutMs, true)
      const settle = <Value>(action: (value: Value) => void) => (value: Value): void => {
        this.#clock.clearTimeout(timer)
        this.#pending.delete(id)
        action(value)
      }
      this.#pending.set(id, { resolve: settle(resolve), reject: settle(reject) })
      send()
    })
  }

  answer (id: number | undefined, answer: HeartbeatAnswer): void {
    this.#pending.get(id ?? 0)?.resolve(answer)
  }

  /** @returns false if no heartbeat has this id */
  refuse (id: number | undefined, error: Error): boolean {
    const beat = this.#pending.get(id ?? 0)
    beat?.reject(error)
    return beat !== undefined
  }

  /** The connection is gone. */
  refuseAll (error: Error): void {
    for (const beat of [...this.#pending.values()]) beat.reject(error)
  }
}
