// The registry as the commands call it: the SDK's calls, with its errors as a person at a terminal needs them.
import { isRollcallError, Rollcall, type EndpointsEvent, type EndpointsWatchOptions, type ObjectsEvent, type ObjectsWatchOptions,
  type RollcallEvent, type Watch,
  type WatchOptions } from '../../client-sdk/src/index.ts'
import { answerFault } from './answers.ts'
import type { Page } from '../../client-sdk/src/wire.ts'
import { CommandError, exitCodes, RefusedError, UnreachableError, UsageError } from './errors.ts'
import { observedFetch, observedWebSocket } from './observed-network.ts'
import type { Terminal } from './terminal.ts'

/** A list that does not end is a fault of the server, not a reason to run for ever. */
const maxPages = 1_000
const pageSize = 500

export type Query = Readonly<Record<string, string | undefined>>

export interface ApiOptions {
  /** Tried in this order; the first that answers is kept to. */
  readonly addresses: readonly string[]
  readonly token: string | undefined
  /** Of one call, over all addresses: each of them is tried once. */
  readonly timeoutMs: number
  /**
   * Told once in which state the answers are, where they are not fresh, and when a watch has lost its connection and
   * has it again.
   */
  readonly say: (text: string) => void
  /** Told what the SDK does by itself while a command stays: outages, fail-over. */
  readonly onEvent: (event: RollcallEvent) => void
  readonly network?: Terminal['network']
}

export class Api {
  /** For what stays: watches and registrations that are kept. */
  readonly client: Rollcall
  readonly #addresses: readonly string[]
  #isStale = false
  #watches = false

  constructor ({ addresses, token, timeoutMs, say, onEvent, network = {} }: ApiOptions) {
    this.#addresses = addresses
    const observed = {
      ...network,
      fetch: observedFetch(network.fetch, (seconds) => {
        if (!this.#isStale) say(`this node has not heard from its store for ${seconds} s: what it says may be old`)
        this.#isStale = true
      }),
      WebSocket: observedWebSocket(network.WebSocket, (isOpen) => {
        if (this.#watches) say(isOpen ? 'the connection is back: what changed meanwhile follows'
          : 'the connection to the registry is lost: trying to have it back')
      })
    }
    try {
      // The process belongs to the command: it ends its registrations itself.
      this.client = new Rollcall({ address: addresses, prefer: 'first', token, timeoutMs, signals: false, onEvent,
        warn: null, ...observed })
    } catch (error) {
      throw isRollcallError(error) ? new UsageError(error.errors[0]?.field === 'address' ? `--address: ${error.message}` : error.message) : error
    }
  }

  async get<Answer> (path: string, query: Query = {}): Promise<Answer> {
    return await this.#request<Answer>(path, { query })
  }

  async post<Answer> (path: string, body: unknown): Promise<Answer> {
    return await this.#request<Answer>(path, { method: 'POST', body })
  }

  /** Takes something away that is answered with what went. */
  async revoke<Answer> (path: string): Promise<Answer> {
    return await this.#request<Answer>(path, { method: 'DELETE' })
  }

  async put<Answer> (path: string, body: unknown): Promise<Answer> {
    return await this.#request<Answer>(path, { method: 'PUT', body })
  }

  async patch<Answer> (path: string, body: unknown): Promise<Answer> {
    return await this.#request<Answer>(path, { method: 'PATCH', body })
  }

  /** A stream of manifests; JSON is YAML, too. */
  async postManifests<Answer> (path: string, text: string, query: Query): Promise<Answer> {
    return await this.#request<Answer>(path, { method: 'POST', body: text, contentType: 'application/yaml', query })
  }

  async delete (path: string, query: Query = {}): Promise<void> {
    await this.#request(path, { method: 'DELETE', query })
  }

  /** All items of a list, page by page. */
  async list<Item> (path: string, query: Query = {}): Promise<{ revision: string, items: Item[] }> {
    const items: Item[] = []
    let cursor: string | undefined
    for (let page = 0; page < maxPages; page++) {
      const answer = await this.get<Page<Item>>(path, { ...query, limit: String(pageSize), cursor })
      items.push(...answer.items)
      if (answer.next === undefined) return { revision: answer.revision, items }
      cursor = answer.next
    }
    throw new CommandError(`the list at ${path} has more than ${maxPages * pageSize} items: narrow it with -n, -l or --status`, exitCodes.failure)
  }

  /** Follows changes; an outage of the registry later on is bridged, one at the beginning is an error. */
  async watch (options: WatchOptions, signal: AbortSignal): Promise<Watch> {
    await this.#beginWatch(signal)
    return this.client.watch(options, { signal })
  }

  /** The same for whole services with their endpoints. */
  async watchEndpoints (options: EndpointsWatchOptions, signal: AbortSignal): Promise<Watch<EndpointsEvent>> {
    await this.#beginWatch(signal)
    return this.client.watch(options, { signal })
  }

  /** The same for declared objects. */
  async watchObjects (options: ObjectsWatchOptions, signal: AbortSignal): Promise<Watch<ObjectsEvent>> {
    await this.#beginWatch(signal)
    return this.client.watch(options, { signal })
  }

  /** Ends what stays, registrations included. */
  async close (): Promise<void> {
    this.#watches = false
    await this.client.close()
  }

  async #beginWatch (signal: AbortSignal): Promise<void> {
    await this.get('/v1/namespaces', { limit: '1' })
    this.#watches = !signal.aborted
    signal.addEventListener('abort', () => { this.#watches = false }, { once: true })
  }

  /** What the SDK threw, as the command's own error. */
  explain (error: unknown): unknown {
    if (!isRollcallError(error)) return error
    if (error.code === 'REGISTRY_TLS') return new CommandError(`cannot talk to the registry: ${error.message}`, exitCodes.unreachable, { cause: error })
    const unreachable = error.code === 'REGISTRY_UNAVAILABLE' || error.code === 'REGISTRY_TIMEOUT'
    return unreachable ? new UnreachableError(this.#addresses, error) : new RefusedError(error)
  }

  async #request<Answer> (path: string, options: { method?: string, query?: Query, body?: unknown, contentType?: string }): Promise<Answer> {
    let body: Answer
    try {
      // An absent word is no filter, in a query as on the command line. Each address is tried once: a person can press the arrow key.
      body = (await this.client.request<Answer>(path, { ...options, rounds: 1 })).body
    } catch (error) {
      throw this.explain(error)
    }
    const { method = 'GET', query } = options
    const fault = answerFault(method, path, body, query?.['view'])
    if (fault === undefined) return body
    const addresses = this.#addresses.join(' or ')
    throw new CommandError(`${method} ${path}: what answered at ${addresses} is no registry, or one that this program does not understand: ${fault}`, exitCodes.failure)
  }
}
