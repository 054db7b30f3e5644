// Questions over real sockets, and answers as zone-file text, decoded by dns-packet, which shares no code with us.
import { createRequire } from 'node:module'
import { type Socket as UdpSocket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'

interface PacketRecord {
  readonly name: string
  readonly type: string
  readonly ttl?: number
  readonly class?: string
  // Its shape follows the type; `dataText` knows each.
  readonly data?: any
  readonly udpPayloadSize?: number
  readonly extendedRcode?: number
  readonly ednsVersion?: number
  readonly flag_do?: boolean
  readonly options?: readonly { readonly code: number, readonly data: Buffer }[]
}

export interface Message {
  readonly id: number
  readonly rcode: string
  readonly opcode: string
  readonly flags: number
  readonly flag_qr: boolean
  readonly flag_aa: boolean
  readonly flag_tc: boolean
  readonly flag_rd: boolean
  readonly flag_ra: boolean
  readonly questions: readonly { readonly name: string, readonly type: string, readonly class: string }[]
  readonly answers: readonly PacketRecord[]
  readonly authorities: readonly PacketRecord[]
  readonly additionals: readonly PacketRecord[]
}

interface Codec {
  encode (packet: object): Buffer
  decode (message: Buffer): Message
}

// dns-packet has no types of its own; `Codec` is the part that tests use.
export const codec = createRequire(import.meta.url)('dns-packet') as Codec

export interface QuestionOptions {
  readonly id?: number
  readonly edns?: {
    readonly size?: number
    readonly version?: number
    readonly dnssecOk?: boolean
    readonly options?: readonly { code: number, data: Buffer }[]
  }
}

/** A query as bytes. The type may be a number in the form `TYPE65280`. */
export function question (name: string, type: string, { id = 0x1234, edns }: QuestionOptions = {}): Buffer {
  const additionals = edns === undefined
    ? []
    : [{
      type: 'OPT', name: '.', udpPayloadSize: edns.size ?? 1232, extendedRcode: 0, ednsVersion: edns.version ?? 0,
      flags: edns.dnssecOk === true ? 0x8000 : 0, options: edns.options ?? []
    }]
  const number = /^TYPE(\d+)$/.exec(type)?.[1]
  const message = codec.encode({ type: 'query', id, flags: 0x0100, questions: [{ name, type: number === undefined ? type : 'A' }], additionals })
  if (number !== undefined) message.writeUInt16BE(Number(number), 12 + Buffer.byteLength(name) + 2)
  return message
}

/** Asks over UDP; one socket, answers in the order of arrival. */
export class UdpClient {
  readonly #socket: UdpSocket
  readonly #port: number
  readonly #address: string
  readonly #answers: Buffer[] = []
  #arrived: (() => void) | undefined

  /** @param from the address that it comes from; default: the system's choice */
  constructor (t: { teardown (end: () => void): void }, server: { readonly port: number, readonly address: string }, from?: string) {
    this.#port = server.port
    this.#address = server.address
    this.#socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4')
    this.#socket.on('message', (message) => {
      this.#answers.push(message)
      this.#arrived?.()
    })
    if (from !== undefined) this.#socket.bind({ address: from })
    t.teardown(() => this.#socket.close())
  }

  send (message: Buffer): Promise<void> {
    return new Promise((resolve, reject) => this.#socket.send(message, this.#port, this.#address, (error) => (error === null ? resolve() : reject(error))))
  }

  /** The next answer that was not read yet. */
  async receive (): Promise<Buffer> {
    for (;;) {
      const answer = this.#answers.shift()
      if (answer !== undefined) return answer
      await new Promise<void>((resolve) => { this.#arrived = resolve })
    }
  }

  async ask (message: Buffer): Promise<Buffer> {
    await this.send(message)
    return this.receive()
  }

  async query (name: string, type: string, options?: QuestionOptions): Promise<Message> {
    return codec.decode(await this.ask(question(name, type, options)))
  }

  /** What has arrived, in no time: ask something afterwards to know that nothing else will. */
  take (): Buffer[] {
    return this.#answers.splice(0)
  }
}

export function framed (message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** One TCP connection. */
export class TcpClient {
  readonly socket: Socket
  readonly closed: Promise<unknown>
  #input = Buffer.alloc(0)
  #changed: (() => void) | undefined
  #ended = false

  /** @param from the address that it comes from; default: the system's choice */
  static async open (t: { teardown (end: () => void): void }, server: { readonly port: number, readonly address: string }, from?: string): Promise<TcpClient> {
    const socket = connect({ port: server.port, host: server.address, allowHalfOpen: true, ...(from === undefined ? {} : { localAddress: from }) })
    await once(socket, 'connect')
    const client = new TcpClient(socket)
    t.teardown(() => socket.destroy())
    return client
  }

  constructor (socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      this.#input = Buffer.concat([this.#input, chunk])
      this.#changed?.()
    })
    const ended = (): void => {
      this.#ended = true
      this.#changed?.()
    }
    socket.once('end', ended)
    socket.once('close', ended)
  }

  send (...messages: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(messages.map(framed)))
  }

  /** The next message, undefined when the server has ended the connection. */
  async receive (): Promise<Buffer | undefined> {
    for (;;) {
      const length = this.#input.length >= 2 ? this.#input.readUInt16BE(0) : Infinity
      if (this.#input.length >= 2 + length) {
        const message = this.#input.subarray(2, 2 + length)
        this.#input = this.#input.subarray(2 + length)
        return message
      }
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => { this.#changed = resolve })
    }
  }

  async query (name: string, type: string, options?: QuestionOptions): Promise<Message> {
    this.send(question(name, type, options))
    const answer = await this.receive()
    if (answer === undefined) throw new Error('the connection ended without an answer')
    return codec.decode(answer)
  }
}

/** Records as a zone file shows them, OPT left out: `name ttl type data`. */
export function text (records: readonly PacketRecord[]): string[] {
  return records.filter(({ type }) => type !== 'OPT').map(({ name, ttl, type, data }) => `${name} ${ttl} ${type} ${dataText(type, data)}`)
}

function dataText (type: string, data: PacketRecord['data']): string {
  switch (type) {
    case 'SRV': return `${data.priority} ${data.weight} ${data.port} ${data.target}`
    case 'SOA': return `${data.mname} ${data.rname} ${data.serial} ${data.refresh} ${data.retry} ${data.expire} ${data.minimum}`
    case 'TXT': return data.map((part: Buffer) => JSON.stringify(part.toString())).join(' ')
    case 'HINFO': return `${JSON.stringify(data.cpu)} ${JSON.stringify(data.os)}`
    default: return Buffer.isBuffer(data) ? data.toString('hex') : String(data)
  }
}

/** The OPT record of an answer. */
export function opt (message: Message): PacketRecord | undefined {
  return message.additionals.find(({ type }) => type === 'OPT')
}

/** Code and text of the extended error (RFC 8914) in an answer. */
export function extendedError (message: Message): { code: number, text: string } | undefined {
  const option = opt(message)?.options?.find(({ code }) => code === 15)
  return option === undefined ? undefined : { code: option.data.readUInt16BE(0), text: option.data.toString('utf8', 2) }
}
