// One life of the connections: inside one epoch and one Redis process. Any reply that does not fit ends it, and the
// store begins another.
import type { Redis } from 'ioredis'
import { type Guard } from '../../guard.ts'
import type { RegistryError } from '../../errors.ts'
import type { Connections } from './connection.ts'
import { runScript } from './connection.ts'
import { callFault, endsSession, messageOf, overloaded, SessionFault, unavailable } from './faults.ts'
import type { Keys } from './keys.ts'
import { type Patience, sizeMs } from './patience.ts'
import type { Script } from './scripts.ts'

/** Calls that wait for Redis at the same time; beyond it the store is slower than its callers, and says so instead of queueing. */
const maxInFlight = 20_000

/** A timer that comes so late says that this process stood still, not Redis: the answer may lie in the socket. */
const stallMs = 100

/** A call that may take so much longer for its size is a large one: the others have its time, too. */
const largeMs = 250

/**
 * A connection on which something arrives is not silent: a large answer over a slow line, or the answers to the calls before this one, are
 * waited for. So long at most, or a Redis that says one octet now and then would hold its callers for ever.
 */
const mostProgressMs = 60_000

/** What the fence of every script answers when this session's world is gone; nothing was written then. */
const fences: Readonly<Record<string, string>> = {
  NOINIT: 'the keyspace is gone',
  EPOCH: 'the keyspace is another one',
  TERM: 'Redis was restarted or another server was promoted'
}

export class Session {
  /** Set once the keyspace is known, before the first call. */
  epoch = ''
  readonly run: string
  readonly #connections: Connections
  readonly #keys: Keys
  readonly #patience: Patience
  readonly #blockMs: number
  readonly #guard: Guard
  readonly #inFlight = new Set<(error: Error) => void>()
  /** Those of them that callers wait for; the store's own reading does not count. */
  readonly #calls = new Set<Promise<unknown>>()
  /** When something arrived last. */
  readonly #heardAt = new Map<Redis, number>()
  /** The large calls under way. */
  readonly #large = new Set<{ readonly extraMs: number }>()
  #fault: Error | undefined

  /** @param blockMs one round of the blocking reader */
  constructor (connections: Connections, keys: Keys, patience: Patience, blockMs: number, guard: Guard) {
    this.#guard = guard
    this.#connections = connections
    this.#keys = keys
    this.#patience = patience
    this.#blockMs = blockMs
    this.run = connections.run
    for (const client of [connections.commands, connections.reader]) {
      client.stream.on('data', guard.around('store', () => this.#heardAt.set(client, performance.now())))
      client.on('close', guard.around('store', () => this.end(new SessionFault('the connection to Redis broke'))))
    }
  }

  get fault (): Error | undefined {
    return this.#fault
  }

  /** Resolves when nothing waits for Redis any more; calls are answered or time out, so it is bounded. */
  async drained (): Promise<void> {
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls)
  }

  /** Ends the session: nothing that waits in it waits longer. */
  end (fault: Error): void {
    if (this.#fault !== undefined) return
    this.#fault = fault
    this.#connections.close()
    for (const fail of this.#inFlight) fail(fault)
  }

  /** Runs a script for a caller. Gives the reply behind 'OK'; throws RegistryError only. */
  async call (script: Script, args: readonly (string | number)[]): Promise<readonly unknown[]> {
    const { commands } = this.#connections
    if (this.#fault !== undefined) throw unavailable(this.#fault.message)
    if (commands.status !== 'ready') throw unavailable('the connection to Redis is closed')
    if (this.#inFlight.size >= maxInFlight) throw overloaded(`${maxInFlight} calls wait for Redis already`)
    let reply: unknown
    try {
      const sent = this.reply(script, args)
      this.#calls.add(sent)
      reply = await sent.finally(() => this.#calls.delete(sent))
    } catch (error) {
      if (endsSession(error)) this.end(new SessionFault(messageOf(error), { cause: error }))
      throw callFault(error)
    }
    const [verdict, ...rest] = reply as unknown[] // every script answers with a list that begins with a word
    if (verdict === 'OK' || verdict === 'LATE') return verdict === 'OK' ? rest : []
    throw this.#fenced(String(verdict))
  }

  /** Runs a script and gives its reply, with the error as it came. */
  async reply (script: Script, args: readonly (string | number)[]): Promise<unknown> {
    if (this.#fault !== undefined) throw this.#fault
    const call = { extraMs: sizeMs(args) }
    if (call.extraMs >= largeMs) this.#large.add(call)
    const sent = runScript(this.#connections.commands, script, this.#keys.all, [this.epoch, ...args])
    return this.#timed(sent, call.extraMs).finally(() => this.#large.delete(call))
  }

  /** Sends one command of the store's own to the connection for commands. */
  readonly ask = (send: (client: Redis) => Promise<unknown>): Promise<unknown> => this.#command(() => this.#timed(send(this.#connections.commands)))

  /** Sends one to the reader, which may block for a round. Its own timeout tells a frozen Redis from a quiet one. */
  readonly read = (send: (client: Redis) => Promise<unknown>): Promise<unknown> =>
    this.#command(() => this.#tracked(send(this.#connections.reader), this.#blockMs + this.#patience.commandMs, this.#connections.reader))

  async #command (run: () => Promise<unknown>): Promise<unknown> {
    if (this.#fault !== undefined) throw this.#fault
    return run()
  }

  /** Its time is one more measure of how slow Redis is. @param extraMs for its size */
  async #timed (promise: Promise<unknown>, extraMs = 0): Promise<unknown> {
    const sentAt = performance.now()
    const reply = await this.#tracked(promise, this.#patience.commandMs, this.#connections.commands, extraMs)
    this.#patience.answered(Math.max(0, performance.now() - sentAt - extraMs))
    return reply
  }

  /** Redis runs one script at a time: while a large one is under way, all others wait. */
  get #largestMs (): number {
    let most = 0
    for (const { extraMs } of this.#large) most = Math.max(most, extraMs)
    return most
  }

  #fenced (word: string): RegistryError {
    const says = fences[word] ?? `a script answered ${word}`
    this.end(new SessionFault(says))
    return unavailable(says)
  }

  /**
   * ioredis may leave a command unsettled when its connection drops; the session settles all of them itself, by its end or by
   * time.
   */
  #tracked (promise: Promise<unknown>, limitMs: number, client: Redis, extraMs = 0): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sentAt = performance.now()
      let timer: NodeJS.Timeout
      const watch = (ms: number): void => {
        const due = performance.now() + ms
        timer = setTimeout(this.#guard.around('store', () => {
          const now = performance.now()
          const heardAt = Math.min(this.#heardAt.get(client) ?? 0, sentAt + mostProgressMs)
          const leftMs = Math.max(sentAt, heardAt) + limitMs + Math.max(extraMs, this.#largestMs) - now
          if (now - due > stallMs) watch(limitMs)
          else if (leftMs > 0) watch(leftMs)
          else fail(new SessionFault('Redis does not answer'))
        }), ms)
      }
      const over = (): void => {
        clearTimeout(timer)
        this.#inFlight.delete(fail)
      }
      const fail = (error: Error): void => {
        over()
        reject(error)
      }
      watch(limitMs + extraMs)
      this.#inFlight.add(fail)
      promise.then((reply) => {
        over()
        resolve(reply)
      }, fail)
    })
  }
}
