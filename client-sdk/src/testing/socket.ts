// The test registry's end of a WebSocket, and what a subscription of it sees.
import type { WebSocketLike } from '../socket.ts'
import type { InstanceChangeFrame, ClientFrame, Instance, LeaseReference, ServerFrame } from '../wire.ts'
import { selects } from './selector.ts'

export interface Scope {
  readonly namespace?: string | undefined
  readonly service?: string | undefined
  readonly selector?: string | undefined
}

export interface SocketLinks {
  readonly isDown: () => boolean
  readonly opened: (socket: TestSocket) => void
  readonly closed: (socket: TestSocket) => void
  readonly frame: (socket: TestSocket, frame: ClientFrame) => void
}

type Listener = Parameters<WebSocketLike['addEventListener']>[1]

export class TestSocket implements WebSocketLike {
  readonly subscriptions = new Map<number, { readonly scope: Scope, readonly seen: Set<string> }>()
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

  change (change: Omit<InstanceChangeFrame, 'id'>, only?: number): void {
    const key = keyOf(change.instance)
    for (const [id, { scope, seen }] of this.subscriptions) {
      if (only !== undefined && only !== id) continue
      const matches = within(change.instance, scope)
      if (change.event === 'put' && matches) {
        seen.add(key)
        this.deliver({ ...change, id })
      } else if (seen.delete(key) && within(change.instance, { ...scope, selector: undefined })) {
        this.deliver({ ...change, id, event: 'delete' }) // removed, or no longer what was asked for
      }
    }
  }

  bookmark (revision: string): void {
    for (const id of this.subscriptions.keys()) this.deliver({ type: 'bookmark', id, revision })
  }

  #tell (type: string, event: Parameters<Listener>[0]): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }
}

/** True if the scope holds the instance. */
export function within (instance: Instance, { namespace, service, selector }: Scope): boolean {
  return (namespace === undefined || instance.namespace === namespace) && (service === undefined || instance.service === service) &&
    (selector === undefined || selects(selector, instance))
}

export function keyOf ({ namespace, service, id }: LeaseReference): string {
  return `${namespace}/${service}/${id}`
}
