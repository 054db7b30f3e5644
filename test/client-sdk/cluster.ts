// Several nodes before one registry in memory, each of which can fall ill in its own way. Time is the test's.
import type {
  Fetch, Rollcall, RollcallEvent, RollcallOptions, WebSocketConstructor
} from '../../client-sdk/src/index.ts'
import { setting, type Setting } from './helpers.ts'

/**
 * `down` refuses connections, `frozen` takes them and says nothing, `stale` has lost its store, a number delays each
 * answer by so many ms.
 */
export type Illness = 'well' | 'down' | 'frozen' | 'stale' | number

export interface Cluster extends Omit<Setting, 'rollcall' | 'another'> {
  /** A client that knows all nodes, the first of which is its home. */
  readonly client: (options?: RollcallOptions & { readonly told?: RollcallEvent[] }) => Rollcall
  /** What befalls a node from now on. */
  readonly befall: (node: string, illness: Illness) => void
  /** Requests, each as `node path`, oldest first. */
  readonly asked: string[]
  /** Nodes that have a WebSocket open, one for each. */
  readonly watched: string[]
}

const pingMs = 1_000

export function cluster (t: Parameters<typeof setting>[0], nodes: readonly string[]): Cluster {
  const { registry, clock, events, another } = setting(t)
  const illness = new Map<string, Illness>()
  const of = (node: string): Illness => illness.get(node) ?? 'well'
  const asked: string[] = []
  const watched: string[] = []
  const sockets = new Set<{ readonly node: string, tell (frame: object): void, cut (): void }>()
  const hostOf = (url: string): string => new URL(url).hostname

  const fetch: Fetch = async (url, init) => {
    const node = hostOf(url)
    asked.push(`${node} ${new URL(url).pathname}`)
    const condition = of(node)
    if (condition === 'down') throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
    if (condition === 'frozen') {
      return new Promise(
        (_resolve, reject) => init.signal.addEventListener('abort', () => reject(init.signal.reason as Error))
      )
    }
    const response = await registry.fetch(url, init)
    if (typeof condition === 'number') await new Promise<void>((resolve) => void clock.setTimeout(resolve, condition))
    if (condition !== 'stale') return response
    const body: unknown = JSON.parse(await response.text())
    const told = typeof body === 'object' && body !== null && 'stored' in body ? { ...body, stored: false } : body
    return {
      status: response.status, headers: new Headers({ 'rollcall-revision': registry.revision, 'rollcall-stale': '1' }),
      text: async () => JSON.stringify(told)
    }
  }

  const Base = registry.WebSocket
  class NodeSocket extends Base {
    readonly node: string

    constructor (url: string) {
      super(url)
      this.node = hostOf(url)
      if (of(this.node) === 'down') super.close()
      else sockets.add(this)
      this.addEventListener('open', () => watched.push(this.node))
      this.addEventListener('close', () => {
        sockets.delete(this)
        watched.splice(watched.indexOf(this.node), 1)
      })
    }

    override addEventListener (
      ...[type, listener]: Parameters<InstanceType<WebSocketConstructor>['addEventListener']>
    ): void {
      super.addEventListener(type, (event) => {
        if (of(this.node) === 'frozen') return
        const frame = typeof event.data === 'string' ? JSON.parse(event.data) as { type?: string } : undefined
        if (frame?.type === 'hello') return listener({
          ...event, data: JSON.stringify({ type: 'hello', pingMs, stale: of(this.node) === 'stale' })
        })
        listener(event)
      })
    }

    override send (data: string): void {
      if (of(this.node) !== 'frozen') super.send(data)
    }

    tell (frame: object): void {
      (this as unknown as { deliver (text: string): void }).deliver(JSON.stringify(frame))
    }

    cut (): void {
      super.close()
    }
  }

  const ping = (): void => {
    for (const socket of sockets) socket.tell({ type: 'ping' })
    clock.setTimeout(ping, pingMs)
  }
  ping()

  const address = nodes.map((node) => `http://${node}:7500`)
  return {
    registry,
    clock,
    events,
    asked,
    watched,
    client: ({ told = events, ...options } = {}) => another(
      { address, prefer: 'first', fetch, WebSocket: NodeSocket, onEvent: (event) => told.push(event), ...options }
    ),
    befall (node, condition) {
      const before = of(node)
      illness.set(node, condition)
      for (const socket of [...sockets].filter((each) => each.node === node)) {
        if (condition === 'down') socket.cut()
        if (condition === 'stale') socket.tell({ type: 'stale', reason: 'as the test wished' })
        if (before === 'stale' && condition === 'well') socket.tell({ type: 'current' })
      }
    }
  }
}
