// HTTP to one of several registry nodes: stays with the one that works, goes on to the next when it fails or is slow.
import { drop, readText, type ResponseLike } from './answer-body.ts'
import { fullJitter } from './backoff.ts'
import { anySignal, reasonOf, sleep, type Clock } from './clock.ts'
import { asError, isPassing, RollcallError } from './errors.ts'
import type { Emit } from './events.ts'
import type { Nodes } from './nodes.ts'
import { ticketAnswer } from './answer-shapes.ts'
import { readyPath, ticketsPath } from './paths.ts'
import { checkedPath, queryText, type QueryValue } from './request-path.ts'
import { parse, redirectedTo, refused } from './response.ts'
import { tlsFaultOf } from './rules/tls-faults.ts'
import type { Check } from './shape.ts'
import { type TokenSource, tokenOf } from './token.ts'
import { tlsHints } from './tls-hints.ts'

/** As much of the global `fetch` as the SDK uses. */
export type Fetch = (url: string, init: {
  method: string, headers: Record<string, string>, body?: string, signal: AbortSignal, redirect?: 'manual'
}) => Promise<ResponseLike>

export interface TransportOptions {
  readonly nodes: Nodes
  readonly token: TokenSource | undefined
  /** For a whole call with its retries, beside the time that its body and its answer need to travel. */
  readonly timeoutMs: number
  /** Answers that are longer are not read. */
  readonly maxAnswerBytes: number
  readonly fetch: Fetch
  readonly clock: Clock
  readonly random: () => number
  readonly emit: Emit
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal
}

export interface RequestOptions {
  readonly method?: string | undefined
  readonly query?: Readonly<Record<string, QueryValue>> | undefined
  readonly body?: unknown
  /** The body is a text of this type and sent as it is; without it, it is sent as JSON. */
  readonly contentType?: string | undefined
  /** Sent beside the SDK's own. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
  /** How long the registry may hold the answer back (long poll): added to the time limit. */
  readonly waitMs?: number | undefined
  /** Instead of the client's. */
  readonly timeoutMs?: number | undefined
  /** How often all addresses are tried; default 3. */
  readonly rounds?: number | undefined
  /** How long one node may be silent before the next one is asked as well. Default: a second at most. */
  readonly patienceMs?: number | undefined
  /** What the body of the answer must look like: gives what is wrong with it, or undefined. */
  readonly check?: Check | undefined
}

export interface Answer<Body> {
  readonly status: number
  readonly body: Body
  /** `Rollcall-Revision`: the cursor that a read is as fresh as, or of the write. */
  readonly revision: string | undefined
}

/** `text`: the body as it is sent. `sendMs`: what it may take to get it there. */
type Call = RequestOptions & { readonly text: string | undefined, readonly sendMs: number }

/** `stale`: the node says that it has lost its store. */
type NodeAnswer<Body> = Answer<Body> & { readonly stale: boolean }

/** A call tries each address so often; longer outages are the caller's to wait for. */
const defaultRounds = 3
/** With several addresses a silent one must not use up the time of the whole call. */
const minAttemptMs = 500
/** What may be sent twice at the same time goes to a second node when the first has said nothing for so long. */
const hedgeMs = 1_000
/** A registry that asks for more patience than this is taken to be away. */
const maxRetryAfterMs = 30_000
/** Bodies and answers travel at least so fast, in bytes of a millisecond: 2 Mbit/s. A large one has its time beside the limit of the call. */
const bytesPerMs = 256
/** A body up to this size needs no time of its own. */
const smallBytes = 64 * 1024
/** Answers that send a call elsewhere, in a row. */
const maxRedirects = 3
/** For the question whether a node is well: three round trips of a slow network and a handshake. */
const probeMs = 3_000

export class Transport {
  readonly #options: TransportOptions
  #reachable = true
  #answeredAt = -Infinity

  constructor (options: TransportOptions) {
    this.#options = options
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
    const query = queryText(options.query)
    const target = `${checkedPath(path)}${path.includes('?') ? query.replace('?', '&') : query}`
    const signal = anySignal(closed, options.signal)
    const begin = clock.now()
    const text = options.body === undefined ? undefined : bodyText(options)
    const sendMs = Math.max(0, (text?.length ?? 0) - smallBytes) / bytesPerMs
    const deadline = begin + (options.timeoutMs ?? this.#options.timeoutMs) + (options.waitMs ?? 0) + sendMs
    const rounds = options.rounds ?? defaultRounds
    if (signal.aborted) throw reasonOf(signal)
    let failure: unknown
    for (let round = 0; round < rounds; round++) {
      if (round > 0) {
        const pause = Math.max(fullJitter(round - 1, random), retryAfter(failure))
        if (clock.now() + pause >= deadline) break
        await sleep(clock, pause, signal)
      }
      try {
        return await this.#round<Body>(target, { ...options, text, sendMs }, signal, deadline)
      } catch (error) {
        if (signal.aborted) throw reasonOf(signal)
        if (!isPassing(error)) throw error
        failure = error
      }
    }
    if (this.#answeredAt < begin) this.#lost(failure as Error) // at least one round has failed, else we had returned
    throw failure
  }

  /** A ticket of one node, with which its WebSocket is opened. */
  async ticket (index: number): Promise<string> {
    const { clock, closed } = this.#options
    const call: Call = { method: 'POST', check: ticketAnswer, text: undefined, sendMs: 0 }
    const { body } = await this.#attempt<{ readonly ticket: string }>(index, ticketsPath, call, closed, clock.now() + probeMs)
    return body.ticket
  }

  /** True if the node is well: it may get requests, and its view is fresh. Never rejects. */
  async probe (index: number): Promise<boolean> {
    const { clock, closed } = this.#options
    try {
      const { stale } = await this.#attempt(index, readyPath, { text: undefined, sendMs: 0 }, closed, clock.now() + probeMs)
      return !stale
    } catch {
      return false
    }
  }

  /**
   * Tries each node once. The next one is asked when one has failed, or has been silent for a while; a slow answer
   * counts all the same, and the first one wins.
   */
  #round<Body> (target: string, options: Call, signal: AbortSignal, deadline: number): Promise<Answer<Body>> {
    const { nodes, clock } = this.#options
    const order = [...nodes.order()]
    const began = order[0] ?? 0
    const patienceMs = this.#patience(options, deadline - clock.now())
    const over = new AbortController()
    return new Promise<Answer<Body>>((resolve, reject) => {
      let failure: Error | undefined
      let running = 0
      let patience: unknown
      const settle = (action: () => void): void => {
        clock.clearTimeout(patience)
        action()
        over.abort(new Error('another node has answered')) // after the first answer: the others are not needed
      }
      const next = (): void => {
        clock.clearTimeout(patience)
        const index = order.shift()
        if (index === undefined || deadline <= clock.now()) {
          if (running === 0) settle(() => reject(failure ?? new RollcallError('REGISTRY_TIMEOUT', 'there was no time left to ask anybody')))
          return
        }
        running++
        const wait = (): void => {
          clock.clearTimeout(patience)
          if (order.length > 0) patience = clock.setTimeout(next, patienceMs, true)
        }
        wait()
        this.#attempt<Body>(index, target, options, anySignal(signal, over.signal), deadline, wait).then((answer) => {
          if (over.signal.aborted) return
          nodes.won(index, began, failure ?? slower(nodes.address(began), nodes.address(index)))
          this.#answered(index, answer)
          settle(() => resolve(answer))
        }, (error: unknown) => {
          running--
          if (over.signal.aborted) return
          if (signal.aborted || !isPassing(error)) return settle(() => reject(asError(error)))
          failure = error as Error // isPassing has seen that it is one
          nodes.failed(index)
          next()
        })
      }
      next()
    })
  }

  /** How long one node may be silent before the next is asked as well. */
  #patience ({ method = 'GET', waitMs = 0, patienceMs, sendMs }: Call, leftMs: number): number {
    const { nodes } = this.#options
    if (patienceMs !== undefined) return patienceMs
    if (waitMs > 0) return leftMs
    const answerMs = Math.max(0, leftMs - sendMs)
    const share = Math.max(Math.min(minAttemptMs, answerMs), answerMs / nodes.addresses.length)
    return sendMs + (method === 'GET' || method === 'PUT' ? Math.min(hedgeMs, share) : share)
  }

  /** @param arrived called when a piece of an answer is there that is not whole yet */
  async #attempt<Body> (
    index: number, target: string, options: Call, outer: AbortSignal, deadline: number, arrived?: () => void
  ): Promise<NodeAnswer<Body>> {
    const { clock, nodes } = this.#options
    const address = nodes.address(index)
    const limit = new AbortController()
    const limitMs = deadline - clock.now()
    let readMs = 0
    let timer: unknown
    const watch = (ms: number): void => {
      timer = clock.setTimeout(() => {
        const leftMs = deadline + readMs - clock.now()
        if (leftMs >= 1) watch(leftMs)
        else limit.abort()
      }, ms)
    }
    watch(limitMs)
    const read = (bytes: number): void => {
      readMs += bytes / bytesPerMs
      arrived?.()
    }
    const where = `${options.method ?? 'GET'} ${address}${target.split('?', 1)[0] ?? ''}`
    try {
      return await this.#exchange<Body>(`${address}${target}`, where, options, anySignal(outer, limit.signal), read)
    } catch (cause) {
      if (limit.signal.aborted) throw new RollcallError('REGISTRY_TIMEOUT', `${where}: no answer within ${Math.round(limitMs)} ms`, { cause })
      if (cause instanceof RollcallError) throw cause
      const tls = tlsFaultOf(cause, tlsHints)
      if (tls !== undefined) throw new RollcallError('REGISTRY_TLS', `${where}: ${tls.says}`, { cause })
      throw new RollcallError('REGISTRY_UNAVAILABLE', `${where}: ${causeText(cause)}`, { cause })
    } finally {
      clock.clearTimeout(timer)
    }
  }

  /** One request and its answer, wherever the known nodes send it. */
  async #exchange<Body> (
    first: string, where: string, options: Call, signal: AbortSignal, read: (bytes: number) => void
  ): Promise<NodeAnswer<Body>> {
    const { token: source, fetch, maxAnswerBytes, nodes } = this.#options
    const token = typeof source === 'function' ? await tokenOf(source) : source
    const method = options.method ?? 'GET'
    let url = first
    for (let hop = 0; ; hop++) {
      const response = await fetch(url, {
        method,
        headers: {
          accept: 'application/json',
          ...(options.text === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...options.headers
        },
        ...(options.text === undefined ? {} : { body: options.text }),
        signal,
        redirect: 'manual'
      })
      const { status } = response
      const header = (name: string): string | undefined => response.headers.get(name) ?? undefined
      const elsewhere = redirectedTo(status, header('location'), url, { method, addresses: nodes.addresses, where })
      if (elsewhere !== undefined) {
        drop(response)
        if (hop === maxRedirects) throw new RollcallError('REGISTRY_BAD_ANSWER', `${where}: was sent elsewhere more than ${maxRedirects} times`, { status })
        url = elsewhere
        continue
      }
      const text = await readText(response, maxAnswerBytes, where, read)
      const body = parse(text)
      if (status >= 400) throw refused(where, status, body, header('retry-after'))
      if (body === undefined && text !== '') {
        throw new RollcallError(
          'REGISTRY_BAD_ANSWER', `${where}: answered ${status} and no JSON; is this a Rollcall registry?`, { status }
        )
      }
      const fault = options.check?.(body, '')
      if (fault !== undefined) throw new RollcallError('REGISTRY_BAD_ANSWER', `${where}: answered ${status}, but ${fault}; is this a Rollcall registry?`, { status })
      const revision = header('rollcall-revision')
      return { status, body: body as Body, revision, stale: header('rollcall-stale') !== undefined } // as far as `check` has looked
    }
  }

  #answered (
    index: number, { stale, revision }: { readonly stale: boolean, readonly revision: string | undefined }
  ): void {
    const { nodes, emit } = this.#options
    if (stale) nodes.saw(index, 'stale')
    // where a node says what it knows, it says how stale that is
    else if (revision !== undefined) nodes.saw(index, 'current')
    this.#answeredAt = this.#options.clock.now()
    if (this.#reachable) return
    this.#reachable = true
    emit({ type: 'reachable', address: nodes.address(index) })
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

function bodyText ({ body, contentType }: RequestOptions): string {
  return contentType !== undefined && typeof body === 'string' ? body : JSON.stringify(body)
}

/** `fetch failed` says nothing; its cause names the socket's fault. */
function causeText (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message
}

function slower (one: string, other: string): RollcallError {
  return new RollcallError('REGISTRY_TIMEOUT', `${one} was slower than ${other}`)
}
