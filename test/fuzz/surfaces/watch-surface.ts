// Watches over a WebSocket: what they have told so far, folded, is what the model knows; across breaks they go on from
// their cursor.
import { TestSocket } from '../../support/test-socket.ts'
import type { Comparison } from './comparison.ts'
import { type Model, type Shown, keyOf, labelOf } from './model.ts'
import { serviceOf } from './model-endpoints.ts'
import { isInTime } from './rest-client.ts'
import { saidEndpoint, saidInstance, saidManifest, without } from './shapes.ts'

const surface = 'watch'

/** The instance that says at each look how far a watch has come: order is the order of revisions. */
export const tick = { path: 'quiet/tick/one', namespace: 'quiet', service: 'tick' } as const

interface Scope {
  readonly view: 'instances' | 'endpoints'
  readonly namespace?: string
  readonly service?: string
  readonly selector?: string
}

const scopes: readonly Scope[] = [
  { view: 'instances' }, { view: 'endpoints' },
  { view: 'instances', namespace: 'shop' }, { view: 'instances', namespace: 'shop', service: 'web' }, {
    view: 'endpoints', namespace: 'shop', service: 'web'
  },
  { view: 'instances', selector: 'app=x' }, { view: 'endpoints', selector: 'app=x' }, {
    view: 'instances', namespace: 'default', selector: 'rollcall.dev/service=alpha'
  }
]

/** What one subscription has told. */
class Folded {
  readonly scope: Scope
  cursor: string | undefined
  /** By path, or of the view of endpoints by namespace and name. */
  items = new Map<string, any>()
  services = new Map<string, any>()
  #parts: any[] | undefined

  constructor (scope: Scope) {
    this.scope = scope
  }

  take (frame: any): void {
    switch (frame.type) {
      case 'snapshot':
        if (this.scope.view === 'endpoints') {
          this.#parts = [...this.#parts ?? [], ...frame.endpoints]
          if (frame.more === true) return
          this.items = new Map(this.#parts.map((each) => [`${each.namespace}/${each.service}`, each]))
          this.#parts = undefined
        } else {
          if (this.#parts === undefined) {
            this.items.clear()
            this.services.clear()
          }
          for (const each of frame.instances) this.items.set(pathOf(each), each)
          for (const each of frame.services ?? []) this.services.set(keyOf(each), each)
          this.#parts = frame.more === true ? [] : undefined
          if (frame.more === true) return
        }
        break
      case 'change': {
        const [map, key, value] = frame.kind === 'endpoints'
          ? [this.items, `${frame.endpoints.namespace}/${frame.endpoints.service}`, frame.endpoints]
          : frame.kind === 'service' ? [this.services, keyOf(frame.service), frame.service] : [
            this.items, pathOf(frame.instance), frame.instance
          ]
        if (frame.event === 'put') map.set(key, value)
        else map.delete(key)
        break
      }
      case 'reset':
        this.#parts = undefined
        this.cursor = undefined
        return
    }
    if (frame.more !== true) this.cursor = frame.revision
  }
}

function pathOf (
  { namespace, service, id }: { readonly namespace: string, readonly service: string, readonly id: string }
): string {
  return `${namespace}/${service}/${id}`
}

export class WatchSurface {
  readonly #url: string
  readonly #folded = scopes.map((scope) => new Folded(scope))
  #socket: TestSocket | undefined
  #isOpen = false
  #failed: string[] = []

  constructor (url: string) {
    this.#url = url
  }

  /** @param ticks what the ticking instance says now */
  async look (model: Model, comparison: Comparison, ticks: string): Promise<void> {
    if (!this.#isOpen) await this.#open()
    const hasCome = (): boolean => this.#folded.slice(0, 2).every((folded) => has(folded, ticks))
    const come = async (): Promise<void> => { while (!hasCome() && await this.#next()); }
    if (!comparison.same(surface, 'what was written last comes', await isInTime(come()), true)) return
    if (!this.#isOpen) return this.look(model, comparison, ticks)
    await this.#settled()
    comparison.same(surface, 'errors', this.#failed, [])
    for (const { scope, items, services } of this.#folded) {
      const about = JSON.stringify(scope)
      if (scope.view === 'endpoints') {
        comparison.sameSet(surface, about, [...items.values()].map(saidService), meantServices(model, scope))
        continue
      }
      comparison.sameSet(surface, about, [...items.values()].map(saidInstance), meantInstances(model, scope))
      if (scope.namespace !== undefined || scope.selector !== undefined) continue
      const declared = [...model.manifests.values()].filter(({ kind }) => kind === 'Service').map(saidManifest)
      comparison.sameSet(surface, `${about}, declared services`, [...services.values()].map(saidManifest), declared)
    }
  }

  /** Goes away as a client does that comes back later: `look` goes on from the cursors. */
  close (): void {
    this.#isOpen = false
    this.#socket?.socket.terminate()
    this.#socket = undefined
  }

  async #open (): Promise<void> {
    const socket = this.#socket = await TestSocket.connect(this.#url)
    this.#isOpen = true
    void socket.closed.then(() => { if (this.#socket === socket) this.#isOpen = false })
    for (const [id, { scope, cursor }] of this.#folded.entries()) {
      socket.send({ type: 'subscribe', id, ...scope, ...(cursor === undefined ? {} : { since: cursor }) })
    }
  }

  /** Takes the next frame. @returns false when the socket is closed */
  async #next (): Promise<boolean> {
    const socket = this.#socket
    if (socket === undefined) return false
    const frame = await Promise.race([socket.next(), socket.closed.then(() => undefined)])
    if (frame === undefined || frame.type === 'goodbye') {
      this.close()
      return false
    }
    this.#take(frame)
    return true
  }

  /** Takes what is on the way: frames are handled in their order. */
  async #settled (): Promise<void> {
    this.#socket?.send({ type: 'heartbeat', id: settledId, leases: [] })
    for (;;) {
      const frame = await this.#socket?.next()
      if (frame === undefined || (frame.type === 'heartbeat' && frame.id === settledId)) return
      this.#take(frame)
    }
  }

  #take (frame: any): void {
    if (frame.type === 'error') this.#failed.push(JSON.stringify(frame))
    else this.#folded[frame.id]?.take(frame)
  }
}

const settledId = 999_999

function has ({ scope, items }: Folded, ticks: string): boolean {
  const said = scope.view === 'endpoints' ? items.get(`${tick.namespace}/${tick.service}`)?.endpoints?.[0] : items.get(tick.path)
  return said?.metadata?.tick === ticks
}

function saidService ({ manifest, endpoints, ...rest }: any): object {
  return { ...without(rest, 'revision'), manifest: saidManifest(manifest), endpoints: endpoints.map(saidEndpoint) }
}

function fits ({ namespace, selector }: Scope, instance: Shown): boolean {
  const [key = '', value] = (selector ?? '').split('=')
  return (namespace === undefined || namespace === instance.namespace) && (
    selector === undefined || labelOf(instance, key) === value
  )
}

function meantInstances (model: Model, scope: Scope): Shown[] {
  const { namespace, service } = scope
  const list = namespace !== undefined && service !== undefined ? serviceOf(model, namespace, service)?.instances ?? [] : model.list()
  return list.filter((instance) => fits(scope, instance))
}

function meantServices (model: Model, scope: Scope): object[] {
  const { namespace, service, selector } = scope
  return model.namespaces.filter(
    (name) => namespace === undefined || name === namespace
  ).flatMap((name) => model.services(name).flatMap((each) => {
    const found = service === undefined || service === each ? serviceOf(model, name, each) : undefined
    if (found === undefined) return []
    const { manifest, failOpen, all } = found
    const endpoints = selector === undefined ? all : all.filter(({ labels }) => labels['app'] === 'x')
    return [
      {
        namespace: name, service: each, failOpen, declared: manifest === undefined ? undefined : true,
        manifest: saidManifest(manifest), endpoints
      }
    ]
  }))
}
