// A UDP socket on all addresses, behind the sockets that have one each: what comes to an address without a socket of its own comes here,
// and is answered from that address (IP_PKTINFO, IPV6_PKTINFO). `dgram` cannot wait for it, as what it reads does not tell which address was
// asked; so it is looked at in short intervals, and an address that was asked gets a socket of its own.
import { type Guard, standaloneGuard } from '../../guard.ts'
import type { Response, Transport } from '../protect/client.ts'
import type { Batching } from './batching.ts'
import { OpenedSocket } from './opened-socket.ts'
import { type ListenerOptions, receiveBufferBytes } from './udp-listener.ts'

/** How long the first question to an address may wait. Forty looks a second are a thousandth of a core. */
export const strayIntervalMs = 25
/** Of one look. */
const maxBatches = 4

export interface StrayHooks {
  /** Told of each address that was asked here. */
  asked (address: string): void
  /** Sends answers that come later, from the address that was asked; undefined = that is not known. */
  later (asked: string | undefined, answers: Exclude<Response, number>, peer: { readonly address: string, readonly port: number }): void
}

export class StrayListener {
  readonly socket: OpenedSocket
  readonly port: number
  readonly #options: ListenerOptions
  readonly #batching: Batching
  readonly #guard: Guard
  readonly #client: { readonly transport: Transport, address: string } = { transport: 'udp', address: '' }
  readonly #asked: StrayHooks['asked']
  readonly #later: StrayHooks['later']
  #cancel: () => void

  /** Binds. @throws the error of the system, like EADDRINUSE */
  constructor (options: ListenerOptions, batching: Batching, hooks: StrayHooks) {
    const { address, family, port, reusePort = false, counters, guard = standaloneGuard } = options
    this.socket = OpenedSocket.open(batching.libc, { address, family, port, reusePort, tellsAsked: true, receiveBufferOctets: receiveBufferBytes })
    this.port = this.socket.port
    this.#options = options
    this.#batching = batching
    this.#guard = guard
    this.#asked = (asked) => hooks.asked(asked)
    this.#later = (...answers) => hooks.later(...answers)
    counters.batchSockets++
    this.#cancel = this.#again()
  }

  /** Answers what has come. Gives how many messages that were. */
  look (): number {
    const { responder, counters } = this.#options
    const { batch } = this.#batching
    let total = 0
    for (let turn = 0; turn < maxBatches; turn++) {
      const count = batch.receive(this.socket.fd, true)
      if (count === 0) break
      total += count
      const asked = new Set<string>()
      for (let index = 0; index < count; index++) {
        const address = batch.asked(index)
        if (address !== undefined) asked.add(address)
      }
      for (const address of asked) this.#asked(address) // first: what comes later leaves by the socket that it gets
      const { unsent } = this.#batching.answer(count, this.socket.fd, {
        responder,
        client: this.#client,
        failed: (error) => this.#guard.failed('dns-udp', error),
        later: (answers, address, port, index) => this.#later(batch.asked(index), answers, { address, port })
      })
      for (let lost = 0; lost < unsent.length; lost++) counters.drop('send-queue-full')
    }
    return total
  }

  /** Answers what has arrived, and closes. Answers that come later leave by the sockets that have an address of their own. */
  close (): void {
    this.#cancel()
    this.look()
    this.#options.counters.batchSockets--
    this.socket.close()
  }

  #again (): () => void {
    return this.#options.clock.after(strayIntervalMs, () => {
      this.#cancel = this.#again()
      this.look()
    })
  }
}
