// Windows of datagrams to a server.
import { type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Excuses } from './verdict.ts'
import { type Faults, Window, orGiveUp, sentinel, sentinelId } from './window.ts'

/** A window fits the receive buffers of both sides, so that nothing is lost on the way: Linux gives 208 KiB, and counts its own head of each. */
const maxWindow = 64
const maxWindowOctets = 60_000

/** A question of others waits for seconds of the clock that the test moves; far more turns than those come to. */
const maxTurns = 1_000

export interface Exchanged {
  readonly sent: number
  readonly octets: number
  readonly answered: number
  readonly answeredOctets: number
}

export class Datagrams {
  readonly #socket: Socket
  /** The good question behind each window. */
  sentinel = sentinel
  #take: ((answer: Buffer) => void) | undefined

  static async open (t: { teardown (end: () => void): void }, server: { readonly port: number, readonly address: string }): Promise<Datagrams> {
    const socket = createSocket('udp4')
    const connected = once(socket, 'connect')
    socket.connect(server.port, server.address)
    await connected
    t.teardown(() => socket.close())
    return new Datagrams(socket)
  }

  constructor (socket: Socket) {
    this.#socket = socket
    socket.on('message', (answer) => this.#take?.(answer))
  }

  /**
   * Sends some messages, at most so many, and takes what is answered.
   * @param wait lets a server that asks others have its turn; called until all is answered
   */
  async exchange (faults: Faults, next: () => Buffer, count: number, excuses: Excuses = {}, wait?: () => Promise<void>): Promise<Exchanged> {
    const window = new Window('udp', faults, excuses)
    const messages: Buffer[] = []
    while (messages.length < Math.min(count, maxWindow) && window.octets < maxWindowOctets) messages.push(window.add(next()))
    await this.#send(messages, (answer) => window.take(answer))
    for (let turns = 0; wait !== undefined && window.due > 0 && turns < maxTurns; turns++) await wait()
    window.end()
    return { sent: messages.length, octets: window.octets, answered: window.answered, answeredOctets: window.answeredOctets }
  }

  /** One question on its own. */
  ask (message: Buffer): Promise<Buffer> {
    const answer = new Promise<Buffer>((resolve) => { this.#take = resolve })
    this.#socket.send(message)
    return orGiveUp(answer, () => message.toString('hex'))
  }

  /** Ends when the good question behind it all is answered: over UDP the server answers in order. */
  async #send (messages: readonly Buffer[], take: (answer: Buffer) => void): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#take = (answer) => {
        if (answer.length >= 2 && answer.readUInt16BE(0) === sentinelId) resolve()
        else take(answer)
      }
    })
    for (const message of messages) this.#socket.send(message)
    this.#socket.send(this.sentinel)
    await orGiveUp(done, () => messages.map((message) => message.toString('hex')).join(' '))
  }
}
