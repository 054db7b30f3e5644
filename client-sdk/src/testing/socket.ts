// The test registry's end of a WebSocket.
import type { WebSocketLike } from '../web-socket.ts'
import type { ClientFrame, ServerFrame } from '../wire.ts'
import type { TestSubscription } from './subscription.ts'

export interface SocketLinks {
  readonly isDown: () => boolean
  readonly opened: (socket: TestSocket) => void
  readonly closed: (socket: TestSocket) => void
  readonly frame: (socket: TestSocket, frame: ClientFrame) => void
}

type Listener = Parameters<WebSocketLike['addEventListener']>[1]

export class TestSocket implements WebSocketLike {
  readonly subscriptions = new Map<number, TestSubscription>()
  readonly #links: SocketLinks
  readonly #listeners = new Map<string, Listener[]>()
  #state: 'connecting' | 'open' | 'closed' = 'connecting'

  constructor (links: SocketLinks) {
    this.#links = links
    queueMicrotask(() => {
      if (this.#state !== 'connecting') return
      if (links.isDown()) return this.drop()
      this.#state = 'open'
      links.opened(this)
      this.#tell('open', {})
    })
  }

  addEventListener (type: string, listener: Listener): void {
    this.#listeners.set(type, [...this.#listeners.get(type) ?? [], listener])
  }

  send (data: string): void {
    if (this.#state !== 'open') throw new Error('the socket is not open')
    const frame = JSON.parse(data) as ClientFrame // the SDK wrote it
    queueMicrotask(() => { if (this.#state === 'open') this.#links.frame(this, frame) })
  }

  close (): void {
    this.drop()
  }

  drop (): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#links.closed(this)
    queueMicrotask(() => this.#tell('close', { reason: 'the test registry closed it' }))
  }

  deliver (frame: ServerFrame | string): void {
    const data = typeof frame === 'string' ? frame : JSON.stringify(frame)
    queueMicrotask(() => { if (this.#state === 'open') this.#tell('message', { data }) })
  }

  #tell (type: string, event: Parameters<Listener>[0]): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }
}
