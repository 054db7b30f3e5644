// Windows of datagrams to a server.
import { type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { DnsServer } from '../../server/dns/dns-server.ts'
import { type Faults, Window, orGiveUp, sentinel, sentinelId } from './window.ts'

/** A window fits the receive buffers of both sides, so that nothing is lost on the way: Linux gives 208 KiB, and counts its own head of each. */
const maxWindow = 64
const maxWindowOctets = 60_000

export class Datagrams {
  readonly #socket: Socket
  #take: ((answer: Buffer) => void) | undefined

  static async open (t: { teardown (end: () => void): void }, server: DnsServer): Promise<Datagrams> {
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

  /** Sends some messages, at most so many, and takes what is answered. */
  async exchange (faults: Faults, next: () => Buffer, count: number): Promise<{ readonly sent: number, readonly answered: number }> {
    const window = new Window('udp', faults)
    const messages: Buffer[] = []
    while (messages.length < Math.min(count, maxWindow) && window.octets < maxWindowOctets) messages.push(window.add(next()))
    await this.#send(messages, (answer) => window.take(answer))
    window.end()
    return { sent: messages.length, answered: window.answered }
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
    this.#socket.send(sentinel)
    await orGiveUp(done, () => messages.map((message) => message.toString('hex')).join(' '))
  }
}
