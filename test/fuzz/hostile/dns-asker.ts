// Questions of honest clients: over UDP, again over TCP where the answer says so, twice as resolvers do.
import { type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type Message, codec, framed, question } from '../../support/dns-client.ts'
import { host } from './attack.ts'

/** As resolvers do: a datagram may be lost, so it is sent again. */
const answerMs = 1_000
const attempts = 5
const overTcpMs = 5_000

export class DnsAsker {
  readonly #socket: Socket
  readonly #waiting = new Map<number, (answer: Buffer) => void>()
  #id = 0

  static async open (): Promise<DnsAsker> {
    const socket = createSocket('udp4')
    socket.bind(0, host)
    await once(socket, 'listening')
    return new DnsAsker(socket)
  }

  constructor (socket: Socket) {
    this.#socket = socket
    socket.on('error', () => undefined)
    socket.on('message', (message) => { if (message.length > 1) this.#waiting.get(message.readUInt16BE(0))?.(message) })
  }

  /** @throws without an answer in time */
  async exchange (port: number, name: string): Promise<Buffer> {
    const id = this.#id = (this.#id + 1) & 0xffff
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    promise.catch(() => undefined)
    this.#waiting.set(id, resolve)
    AbortSignal.timeout(answerMs).addEventListener('abort', () => reject(new Error(`no answer after ${answerMs} ms`)))
    this.#socket.send(question(name, 'A', { id, edns: { size: 1_232 } }), port, host)
    try {
      return await promise
    } finally {
      this.#waiting.delete(id)
    }
  }

  close (): void {
    this.#socket.close()
  }
}

async function asked (asker: DnsAsker, port: number, name: string, lost: () => void): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await asker.exchange(port, name)
    } catch (error) {
      if (attempt === attempts) throw error
      lost()
    }
  }
}

async function overTcp (port: number, name: string): Promise<Buffer> {
  const socket = connect({ host, port })
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  promise.catch(() => undefined)
  let input = Buffer.alloc(0)
  socket.once('error', reject)
  socket.once('close', () => reject(new Error('the connection ended without an answer')))
  socket.on('data', (chunk: Buffer) => {
    input = Buffer.concat([input, chunk])
    if (input.length >= 2 && input.length >= 2 + input.readUInt16BE(0)) resolve(input.subarray(2))
  })
  AbortSignal.timeout(overTcpMs).addEventListener('abort', () => reject(new Error(`no answer over TCP after ${overTcpMs} ms`)))
  try {
    socket.write(framed(question(name, 'A')))
    return await promise
  } finally {
    socket.destroy()
  }
}

/**
 * @param lost told of each question that was not answered in time, and is asked again
 * @throws if there is no answer, or none with addresses
 */
export async function ask (asker: DnsAsker, port: number, name: string, lost: () => void): Promise<Message> {
  let answer = codec.decode(await asked(asker, port, name, lost))
  if (answer.flag_tc) answer = codec.decode(await overTcp(port, name))
  if (answer.rcode !== 'NOERROR' || answer.answers.length === 0) throw new Error(`${name}: ${answer.rcode} with ${answer.answers.length} records`)
  return answer
}
