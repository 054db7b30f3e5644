// A WebSocket client of the watch whose frames a test reads one by one.
import WebSocket from 'ws'
import type { ClientFrame } from '../../client-sdk/src/wire.ts'

export class TestSocket {
  readonly socket: WebSocket
  readonly #ignored: ReadonlySet<unknown>
  readonly closed: Promise<{ readonly code: number, readonly reason: string }>
  readonly #frames: any[] = []
  readonly #takers: ((frame: any) => void)[] = []

  /** @param ignored types of frames that are of the node, and not of what a test asks for */
  constructor (socket: WebSocket, ignored: readonly string[] = ['hello', 'ping']) {
    this.socket = socket
    this.#ignored = new Set(ignored)
    this.closed = new Promise((resolve) => socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })))
    socket.on('error', () => undefined) // `closed` says it
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString())
      if (this.#ignored.has(frame.type)) return
      const taker = this.#takers.shift()
      if (taker === undefined) this.#frames.push(frame)
      else taker(frame)
    })
  }

  /** A real connection: an injected one does not close as sockets do. */
  static async connect (url: string, ignored?: readonly string[]): Promise<TestSocket> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`)
    const client = new TestSocket(socket, ignored)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return client
  }

  /** Frames that have come and were not read yet. */
  get waiting (): number {
    return this.#frames.length
  }

  send (frame: ClientFrame | Record<string, unknown> | string): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }

  next (): Promise<any> {
    if (this.#frames.length > 0) return Promise.resolve(this.#frames.shift())
    return new Promise((resolve) => this.#takers.push(resolve))
  }

  async take (count: number): Promise<any[]> {
    const frames = []
    while (frames.length < count) frames.push(await this.next())
    return frames
  }

  /** Subscribes and gives the snapshot. */
  async subscribe (id: number, options: Record<string, unknown> = {}): Promise<any> {
    this.send({ type: 'subscribe', id, ...options })
    return this.next()
  }

  /** Resolves when everything sent before has been handled: frames are handled in order. */
  async settled (): Promise<void> {
    this.send({ type: 'heartbeat', id: 999_999, leases: [] })
    for (;;) {
      const frame = await this.next()
      if (frame.type === 'heartbeat' && frame.id === 999_999) return
    }
  }
}
