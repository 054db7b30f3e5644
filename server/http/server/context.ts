// What every resource is handed: the core, and what belongs to this node and this door.
import type { FastifyRequest } from 'fastify'
import { RegistryError } from '../../errors.ts'
import { type Guard } from '../../guard.ts'
import type { DnsAnswer } from '../../../client-sdk/src/wire.ts'
import { type Access, type Core, anonymous } from '../../registry/core.ts'
import type { Clock } from '../../clock.ts'
import type { Metrics } from '../../metrics/metrics.ts'

/** The part of a logger that is used here; pino's fits. */
export interface HttpLog {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

/** DNS as this door offers it: the part of a DNS server that needs no socket. */
export interface DnsDoor {
  /** Answers a message in wire form. undefined = it is no query. */
  answer (message: Buffer, client: { readonly transport: 'https', readonly address: string }): Promise<Buffer | undefined>
  /** Answers a person, with the rules that decided. @throws RegistryError REG_INVALID */
  explain (question: { readonly name: string, readonly type: string, readonly namespace?: string | undefined, readonly client: string, readonly caller: string }): Promise<Omit<DnsAnswer, 'revision'>>
}

export interface HttpContext {
  readonly core: Core
  /** The name of this node, as operators know it. */
  readonly node: string
  readonly version: string
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: HttpLog
  /** Whoever waits ends when the node begins to close. */
  readonly closing: Closing
  /** undefined = this node answers no DNS. */
  readonly dns: DnsDoor | undefined
  /** Around every callback of a socket or a timer. */
  readonly guard: Guard
  /** Wall time at which this node began. */
  readonly startedAtMs: number
}

/**
 * That the node begins to close, and then that its doors do: in between whoever asks is answered. An AbortSignal would search its list of ten
 * thousand waiting requests at each of them.
 */
export class Closing {
  readonly #callbacks = new Set<() => void>()
  readonly #guard: Guard
  /** Watches and long polls that were refused since the node is going: whoever only tries to come back is not served here. */
  refused = 0
  #begun = false
  #ended = false

  constructor (guard: Guard) {
    this.#guard = guard
  }

  /** The node is going: it is not ready, nobody waits or watches any more. Other requests are answered. */
  get begun (): boolean {
    return this.#begun
  }

  /** Nothing is answered any more. */
  get ended (): boolean {
    return this.#ended
  }

  /** Calls back once when it begins. Gives a function that cancels. */
  onBegin (callback: () => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  begin (): void {
    this.#begun = true
    for (const callback of this.#callbacks) this.#guard.attempt('http-closing', callback)
    this.#callbacks.clear()
  }

  /** The answer to a watch or a long poll that comes too late. */
  refuse (): RegistryError {
    this.refused++
    return new RegistryError('REG_SHUTTING_DOWN', 'this node is shutting down and nobody waits here any more, ask another one')
  }

  end (): void {
    this.begin()
    this.#ended = true
  }
}

const accesses = new WeakMap<FastifyRequest['raw']['socket'], Access>()

/** What the one who sent a request may ask of the core. Whoever comes over one connection is one actor, so that it is made once. */
export function accessOf ({ core }: Pick<HttpContext, 'core'>, request: FastifyRequest): Access {
  const { socket } = request.raw
  let access = accesses.get(socket)
  if (access === undefined) accesses.set(socket, access = core.as(anonymous(callerOf(request))))
  return access
}

/** Who asks, as events name it: the address of the client. */
export function callerOf (request: FastifyRequest): string {
  // The types promise an address; a socket that is gone already, or an injected one, has none.
  const address = request.ip as string | undefined
  if (address === undefined) return 'unknown'
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

/** Aborts when the client goes away or the node closes. `release` must be called at the end. */
export function lifeOf (request: FastifyRequest, { closing, guard }: Pick<HttpContext, 'closing' | 'guard'>): { signal: AbortSignal, release: () => void } {
  const controller = new AbortController()
  const end = guard.around('http-request', () => controller.abort())
  const { socket } = request.raw
  socket.once('close', end)
  const cancel = closing.onBegin(end)
  if (closing.begun) end()
  return {
    signal: controller.signal,
    release: () => {
      socket.off('close', end)
      cancel()
    }
  }
}
