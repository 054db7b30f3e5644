// Names to endpoints: keeps one list per service, and drops lists that are not used.
import type { Preference } from './balancer.ts'
import { abortable } from './clock.ts'
import type { ResolvedEndpoint } from './resolved-endpoint.ts'
import type { Balance } from './endpoint-table.ts'
import { ServiceList, type ServiceListOptions } from './service-list.ts'

/** A service: `payments`, `payments.shop`, or its parts. */
export type Target = string | { readonly service: string, readonly namespace?: string | undefined }

export interface ResolveOptions extends Preference {
  /** Only endpoints whose labels match. */
  readonly selector?: string | undefined
  /** Default: the client's, else `round-robin`. */
  readonly balance?: Balance | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ResolverOptions extends ServiceListOptions {
  readonly balance: Balance
  readonly zone: string | undefined
}

/** Each list is a subscription, and a node takes 100 on one socket: this leaves room for watches. The list that was not used the longest goes. */
const maxLists = 64
/** A list that was not used for so long is dropped, and its subscription with it. */
const idleMs = 5 * 60_000

export class Resolver {
  readonly #options: ResolverOptions
  /** In the order of their last use. */
  readonly #lists = new Map<string, ServiceList>()
  #timer: unknown

  constructor (options: ResolverOptions) {
    this.#options = options
  }

  /** @throws RollcallError REGISTRY_NO_ENDPOINT */
  async pick (service: string, namespace: string, options: ResolveOptions, tried: ReadonlySet<string> = new Set()): Promise<ResolvedEndpoint> {
    const list = await this.#list(service, namespace, options)
    return list.pick({ port: options.port, zone: options.zone ?? this.#options.zone }, options.balance ?? this.#options.balance, tried)
  }

  /** All that may be called, first choice or not. */
  async all (service: string, namespace: string, options: ResolveOptions): Promise<readonly ResolvedEndpoint[]> {
    const list = await this.#list(service, namespace, options)
    return list.all(options.port)
  }

  /** The socket gives up for now: poll until it is back. */
  troubled (): void {
    for (const list of this.#lists.values()) list.poll()
  }

  close (): void {
    this.#options.clock.clearTimeout(this.#timer)
    for (const list of this.#lists.values()) list.close()
    this.#lists.clear()
  }

  async #list (service: string, namespace: string, { selector, signal }: ResolveOptions): Promise<ServiceList> {
    const key = `${namespace}/${service}/${selector ?? ''}`
    let list = this.#lists.get(key)
    if (list === undefined) {
      list = new ServiceList(this.#options, service, namespace, selector)
      const loading = list
      list.loaded.catch(() => { if (this.#lists.get(key) === loading) this.#lists.delete(key) }) // the next call tries anew
    }
    this.#lists.delete(key)
    this.#lists.set(key, list)
    list.usedAt = this.#options.clock.now()
    this.#limit()
    await abortable(list.loaded, signal)
    return list
  }

  #limit (): void {
    const { clock, transport } = this.#options
    const now = clock.now()
    for (const [key, list] of this.#lists) {
      const isIdle = list.usedAt + idleMs <= now && transport.reachable // in an outage it could not be read again
      if (this.#lists.size <= maxLists && !isIdle) break // all others are younger
      this.#lists.delete(key)
      list.close()
    }
    if (this.#timer !== undefined || this.#lists.size === 0) return
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined
      this.#limit()
    }, idleMs, true)
  }
}
