// A resolver to forward to: real UDP and TCP on one port, answering as a test says. dns-packet writes the messages.
import { type RemoteInfo, createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type Socket, createServer } from 'node:net'
import { type Message, codec, framed } from './dns-client.ts'

export interface Query extends Message {
  readonly bytes: Buffer
  readonly transport: 'udp' | 'tcp'
  /** Sends octets as they are, without a frame. */
  send (octets: Buffer): void
  /** Hangs up a TCP connection. */
  end (): void
  readonly flag_ad: boolean
  readonly flag_cd: boolean
  readonly peer: Pick<RemoteInfo, 'address' | 'port'>
}

/** What goes back; several messages over UDP are several datagrams. Nothing = silence. */
export type Answer = (query: Query) => Buffer | readonly Buffer[] | undefined

export interface Records {
  readonly rcode?: number
  /** Besides QR and RD. */
  readonly flags?: number
  readonly answers?: readonly object[]
  readonly authorities?: readonly object[]
  readonly additionals?: readonly object[]
}

export const truncated = 0x0200

/** A response to a query, with its id and its question as it came. */
export function response (query: Message, { rcode = 0, flags = 0, ...sections }: Records = {}): Buffer {
  return codec.encode({ type: 'response', id: query.id, flags: 0x0180 | flags | rcode, questions: query.questions, ...sections })
}

export interface UpstreamLike {
  readonly address: string
  readonly port: number
}

type Test = { teardown (end: () => void): void }

export class Upstream {
  readonly address = '127.0.0.1'
  readonly port: number
  /** Everything that was asked. */
  readonly queries: Query[] = []
  answer: Answer
  #taken = 0
  #arrived: (() => void) | undefined

  static async open (t: Test, answer: Answer = () => undefined): Promise<Upstream> {
    for (;;) {
      const udp = createSocket('udp4')
      udp.bind(0, '127.0.0.1')
      await once(udp, 'listening')
      const { port } = udp.address()
      const tcp = createServer()
      tcp.listen(port, '127.0.0.1')
      const isBound = await once(tcp, 'listening').then(() => true, () => false) // else the port is taken for TCP
      if (!isBound) {
        udp.close()
        continue
      }
      const upstream = new Upstream(port, answer)
      udp.on('message', (message, peer) => {
        const send = (octets: Buffer): void => udp.send(octets, peer.port, peer.address)
        for (const octets of upstream.#take(message, { transport: 'udp', send, end: () => undefined, peer })) send(octets)
      })
      const sockets = new Set<Socket>()
      tcp.on('connection', (socket) => {
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.once('data', (chunk) => { // a question of a few octets comes in one piece over the loopback
          const peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
          const way = { transport: 'tcp', send: (octets: Buffer) => void socket.write(octets), end: () => void socket.end(), peer } as const
          for (const octets of upstream.#take(chunk.subarray(2), way)) socket.write(framed(octets))
        })
      })
      t.teardown(() => {
        udp.close()
        tcp.close()
        for (const socket of sockets) socket.destroy()
      })
      return upstream
    }
  }

  constructor (port: number, answer: Answer) {
    this.port = port
    this.answer = answer
  }

  /** The next query that was not read yet. */
  async next (): Promise<Query> {
    for (;;) {
      const query = this.queries[this.#taken]
      if (query !== undefined) {
        this.#taken++
        return query
      }
      await new Promise<void>((resolve) => { this.#arrived = resolve })
    }
  }

  #take (bytes: Buffer, way: Pick<Query, 'transport' | 'send' | 'end' | 'peer'>): readonly Buffer[] {
    const query: Query = { ...codec.decode(bytes) as Query, bytes, ...way } // dns-packet names every flag
    this.queries.push(query)
    const answer = this.answer(query)
    this.#arrived?.()
    return answer === undefined ? [] : Buffer.isBuffer(answer) ? [answer] : answer
  }
}

/** A port on which nothing listens. */
export async function closedPort (): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return port
}
