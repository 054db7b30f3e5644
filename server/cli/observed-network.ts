// Looks on while the SDK speaks with the registry: how stale an answer is stands in a header, and the connection of a
// watch is a socket.
import type { RollcallOptions } from '../../client-sdk/src/index.ts'

type Fetch = NonNullable<RollcallOptions['fetch']>
type WebSocketClass = NonNullable<RollcallOptions['WebSocket']>

/** A fetch that tells for how many seconds the node that answered has not heard from its store. */
export function observedFetch (inner: Fetch = fetch, stale: (seconds: string) => void): Fetch {
  return async (url, init) => {
    const response = await inner(url, init)
    const seconds = response.headers.get('rollcall-stale')
    if (seconds !== null) stale(seconds)
    return response
  }
}

/** A WebSocket that tells when a connection that stood is lost (false), and when there is one again (true). */
export function observedWebSocket (inner: WebSocketClass | null | undefined,
  told: (isOpen: boolean) => void): WebSocketClass | null {
  const Inner =
    inner === undefined ? globalThis.WebSocket as unknown as WebSocketClass
      : inner // Node's own, which has what the SDK uses
  if (Inner === null) return null
  let isLost = false
  return class extends Inner {
    #stands = false

    constructor (...connection: ConstructorParameters<WebSocketClass>) {
      super(...connection)
      this.addEventListener('open', () => {
        this.#stands = true
        if (isLost) told(true)
        isLost = false
      })
      this.addEventListener('close', () => { this.#lost() })
    }

    /** The SDK gives up a silent connection: its end comes long after that. */
    override close (...reason: Parameters<InstanceType<WebSocketClass>['close']>): void {
      this.#lost()
      super.close(...reason)
    }

    #lost (): void {
      if (!this.#stands) return
      this.#stands = false
      isLost = true
      told(false)
    }
  }
}
