// HTTP to one of several registry nodes: stays with the one that works, goes on to the next when it fails.
import { fullJitter } from './backoff.ts'
import { anySignal, reasonOf, sleep, type Clock } from './clock.ts'
import { isPassing, RollcallError } from './errors.ts'
import type { Emit } from './events.ts'
import type { Problem } from './wire.ts'

/** As much of the global `fetch` as the SDK uses. */
export type Fetch = (url: string, init: {
  method: string, headers: Record<string, string>, body?: string, signal: AbortSignal
}) => Promise<{ readonly status: number, readonly headers: { get (name: string): string | null }, text (): Promise<string> }>

export interface TransportOptions {
  readonly addresses: readonly string[]
  readonly token: string | undefined
  /** For a whole call, with its retries. */
  readonly timeoutMs: number
  readonly fetch: Fetch
  readonly clock: Clock
  readonly random: () => number
  readonly emit: Emit
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal
}

export type QueryValue = string | number | boolean | undefined

export interface RequestOptions {
  readonly method?: string | undefined
  readonly query?: Readonly<Record<string, QueryValue>> | undefined
  readonly body?: unknown
  /** The body is a text of this type and sent as it is; without it, it is sent as JSON. */
  readonly contentType?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** How long the registry may hold the answer back (long poll): added to the time limit. */
  readonly waitMs?: number | undefined
  /** Instead of the client's. */
  readonly timeoutMs?: number | undefined
  /** How often all addresses are tried; default 3. */
  readonly rounds?: number | undefined
}

export interface Answer<Body> {
  readonly status: number
  readonly body: Body
  /** `Rollcall-Revision`: the cursor that a read is as fresh as, or of the write. */
  readonly revision: string | undefined
}

/** A call tries each address so often; longer outages are the caller's to wait for. */
const defaultRounds = 3
/** With several addresses a silent one must not use up the time of the whole call. */
const minAttemptMs = 500
/** A registry that asks for more patience than this is taken to be away. */
const maxRetryAfterMs = 30_000

export class Transport {
  readonly addresses: readonly string[]
  readonly #options: TransportOptions
  #current = 0
  #reachable = true

  constructor (options: TransportOptions) {
    this.#options = options
    this.addresses = options.addresses
  }

  /** The index of the address that worked last. */
  get current (): number {
    return this.#current
  }

  /** False since a call has failed at all addresses. */
  get reachable (): boolean {
    return this.#reachable
  }

  /**
   * Sends one call; every call of the API may be repeated safely.
   * @throws RollcallError, or the signal's reason
   */
  async request<Body> (path: string, options: RequestOptions = {}): Promise<Answer<Body>> {
    const { clock, random, closed } = this.#options
    const signal = anySignal(closed, options.signal)
    const waitMs = options.waitMs ?? 0
    const timeoutMs = (options.timeoutMs ?? this.#options.timeoutMs) + waitMs
    const deadline = clock.now() + timeoutMs
    const attemptMs = waitMs > 0 || this.addresses.length === 1
      ? timeoutMs
      : Math.max(Math.min(minAttemptMs, timeoutMs), timeoutMs / this.addresses.length)
    const rounds = options.rounds ?? defaultRounds
    if (signal.aborted) throw reasonOf(signal)
    let failure: unknown
    for (let round = 0; round < rounds; round++) {
      if (round > 0) {
        const pause = Math.max(fullJitter(round - 1, random), retryAfter(failure))
        if (clock.now() + pause >= deadline) break
        await sleep(clock, pause, signal)
      }
      for (let turn = 0; turn < this.addresses.length; turn++) {
        const left = deadline - clock.now()
        if (left <= 0) break
        const index = this.#current
        try {
          const answer = await this.#attempt<Body>(index, path, options, signal, Math.min(attemptMs, left))
          this.#reached(index)
          return answer
        } catch (error) {
          if (signal.aborted) throw reasonOf(signal)
          if (!isPassing(error)) throw error
          failure = error
          this.#leave(index, error as Error) // isPassing has seen that it is one
        }
      }
    }
    this.#lost(failure as Error) // at least one attempt has failed, else we had returned
    throw failure
  }

  async #attempt<Body> (index: number, path: string, options: RequestOptions, outer: AbortSignal, limitMs: number): Promise<Answer<Body>> {
    const { clock, token, fetch } = this.#options
    const address = this.addresses[index] ?? ''
    const method = options.method ?? 'GET'
    const where = `${method} ${address}${path}`
    const limit = new AbortController()
    const timer = clock.setTimeout(() => limit.abort(), limitMs)
    let status: number
    let text: string
    let header: (name: string) => string | null
    try {
      const response = await fetch(`${address}${path}${queryText(options.query)}`, {
        method,
        headers: {
          accept: 'application/json',
          ...(options.body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
        },
        ...(options.body === undefined ? {} : { body: bodyText(options) }),
        signal: anySignal(outer, limit.signal)
      })
      status = response.status
      header = (name) => response.headers.get(name)
      text = await response.text()
    } catch (cause) {
      throw limit.signal.aborted
        ? new RollcallError('REGISTRY_TIMEOUT', `${where}: no answer within ${Math.round(limitMs)} ms`, { cause })
        : new RollcallError('REGISTRY_UNAVAILABLE', `${where}: ${causeText(cause)}`, { cause })
    } finally {
      clock.clearTimeout(timer)
    }
    const body = parse(text)
    if (status >= 400) throw refused(where, status, body, header('retry-after'))
    if (body === undefined && text !== '') {
      throw new RollcallError('REGISTRY_BAD_ANSWER', `${where}: answered ${status} and no JSON; is this a Rollcall registry?`, { status })
    }
    return { status, body: body as Body, revision: header('rollcall-revision') ?? undefined } // the API says so
  }

  #leave (index: number, error: Error): void {
    if (this.#current !== index || this.addresses.length === 1) return // another call has moved on already
    this.#current = (index + 1) % this.addresses.length
    this.#options.emit({ type: 'failover', from: this.addresses[index] ?? '', to: this.addresses[this.#current] ?? '', error })
  }

  #reached (index: number): void {
    if (this.#reachable) return
    this.#reachable = true
    this.#options.emit({ type: 'reachable', address: this.addresses[index] ?? '' })
  }

  #lost (error: Error): void {
    if (!this.#reachable) return
    this.#reachable = false
    this.#options.emit({ type: 'unreachable', error })
  }
}

/** The pause that a failure asks for. */
export function retryAfter (error: unknown): number {
  return error instanceof RollcallError ? Math.min(error.retryAfterMs ?? 0, maxRetryAfterMs) : 0
}

/** Makes the path of an API resource; each part is encoded. */
export function pathOf (...parts: readonly string[]): string {
  return `/v1/${parts.map(encodeURIComponent).join('/')}`
}

/**
 * Reads the addresses of the registry: one, several, or comma-separated.
 * @throws RollcallError REGISTRY_INVALID_ARGUMENT
 */
export function addressesOf (input: string | readonly string[]): readonly string[] {
  const texts = (typeof input === 'string' ? input.split(',') : input).map((text) => text.trim()).filter((text) => text !== '')
  if (texts.length === 0) throw new RollcallError('REGISTRY_INVALID_ARGUMENT', 'address must name at least one registry node')
  return texts.map((text) => {
    const address = (text.includes('://') ? text : `http://${text}`).replace(/\/+$/, '')
    if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
      throw new RollcallError('REGISTRY_INVALID_ARGUMENT', `address must be an http or https URL, got ${JSON.stringify(text)}`)
    }
    return address
  })
}

function queryText (query: RequestOptions['query']): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const]))
  return pairs.length === 0 ? '' : `?${new URLSearchParams(Object.fromEntries(pairs)).toString()}`
}

function bodyText ({ body, contentType }: RequestOptions): string {
  return contentType !== undefined && typeof body === 'string' ? body : JSON.stringify(body)
}

function parse (text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

function refused (where: string, status: number, body: unknown, retryAfterText: string | null): RollcallError {
  const seconds = Number(retryAfterText ?? NaN)
  const retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined
  if (!isProblem(body)) {
    return new RollcallError('REGISTRY_BAD_ANSWER', `${where}: answered ${status} without a problem document`, { status, retryAfterMs })
  }
  return new RollcallError(body.code, body.detail, { status, errors: body.errors, moreErrors: body.moreErrors, retryAfterMs })
}

function isProblem (body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string' && 'detail' in body
}

/** `fetch failed` says nothing; its cause names the socket's fault. */
function causeText (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message
}
