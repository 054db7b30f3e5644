// Long work in slices of a few milliseconds, in turn: next is the client that has worked least lately, of its tasks the one that has worked
// least. Short tasks begin at once; of long ones each client has one in work, since each holds many times its text in memory.
import { standaloneGuard } from '../../guard.ts'
import { RegistryError } from '../../errors.ts'
import { type Share, Shares } from '../../shares.ts'
import { longStep } from '../../slice.ts'
import { longTextLength, maxLongTasks, maxWaitingTextBytes, readSliceMs } from './limits.ts'
import { Account } from './turns.ts'

interface Task {
  readonly client: string
  readonly size: number
  readonly share: Share
  /** Does some of the work. */
  readonly step: () => 'more' | 'later' | 'done'
  readonly fail: (error: unknown) => void
  readonly account: Account
}

export interface SlicesOptions {
  /** Monotonic milliseconds. */
  readonly now?: () => number
  /** Calls back in the next turn of the event loop. */
  readonly defer?: (callback: () => void) => void
  /** Characters of all texts that are in work or wait. */
  readonly limit?: number
}

export class Slices {
  readonly #now: () => number
  readonly #defer: (callback: () => void) => void
  readonly #texts: Shares
  /** By client; those without work are forgotten. */
  readonly #accounts = new Map<string, Account>()
  readonly #started = new Set<Task>()
  /** Long tasks that wait, in the order in which they came. */
  readonly #waiting = new Set<Task>()
  #running = false

  constructor ({ now = () => performance.now(), defer = (callback) => { setImmediate(standaloneGuard.around('http-turn', callback)) }, limit = maxWaitingTextBytes }: SlicesOptions = {}) {
    this.#now = now
    this.#defer = defer
    this.#texts = new Shares(limit)
  }

  /**
   * Runs a generator to its end, piece by piece.
   * @param size of the text that it works on
   * @throws whatever the generator throws; RegistryError REG_OVERLOADED if it has to give way to others
   */
  run<Result> (client: string, size: number, begin: () => Generator<unknown, Result>): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    let generator: Generator<unknown, Result> | undefined
    const step: Task['step'] = () => {
      const { done, value } = (generator ??= begin()).next()
      if (done !== true) return value === longStep ? 'later' : 'more'
      resolve(value)
      return 'done'
    }
    const full = (): RegistryError => new RegistryError('REG_OVERLOADED', 'too many long manifests are read at once: this one gave way', undefined, { retryAfterSeconds: 1 })
    const share = this.#texts.take(client, size, () => {
      this.#end(task)
      reject(full())
    })
    if (share === undefined) return Promise.reject(full())
    const task: Task = { client, size, share, step, fail: reject, account: new Account() }
    if (!this.#accounts.has(client)) this.#accounts.set(client, new Account())
    this.#waiting.add(task)
    share.setIdle(true)
    this.#admit()
    if (!this.#running) this.#next()
    return promise
  }

  /** Lets tasks begin that may: of a client the shortest first. */
  #admit (): void {
    const long = new Set([...this.#started].filter(isLong).map(({ client }) => client))
    for (const task of [...this.#waiting].sort((a, b) => a.size - b.size)) {
      if (isLong(task) && (long.has(task.client) || long.size >= maxLongTasks)) continue
      if (isLong(task)) long.add(task.client)
      this.#waiting.delete(task)
      this.#started.add(task)
      task.share.setIdle(false)
    }
  }

  #next (): void {
    this.#running = this.#started.size > 0
    if (this.#running) this.#defer(() => this.#slice())
  }

  #slice (): void {
    const began = this.#now()
    const task = this.#chosen(began)
    if (task !== undefined) {
      let ended = began
      try {
        for (let step: ReturnType<Task['step']> = 'more'; step === 'more' && ended - began < readSliceMs; ended = this.#now()) {
          step = task.step()
          if (step === 'done') this.#end(task)
        }
      } catch (error) {
        this.#end(task)
        task.fail(error)
      }
      task.account.add(ended - began, ended)
      this.#accounts.get(task.client)?.add(ended - began, ended)
    }
    this.#next()
  }

  #chosen (nowMs: number): Task | undefined {
    let chosen: Task | undefined
    const spent = ({ client }: Task): number => this.#accounts.get(client)?.at(nowMs) ?? 0
    for (const task of this.#started) {
      const by = chosen === undefined ? -1 : spent(task) - spent(chosen) || task.account.at(nowMs) - chosen.account.at(nowMs)
      if (by < 0) chosen = task
    }
    return chosen
  }

  #end (task: Task): void {
    task.share.release()
    this.#started.delete(task)
    this.#waiting.delete(task)
    this.#admit()
    const { client } = task
    if (![...this.#started, ...this.#waiting].some((other) => other.client === client)) this.#accounts.delete(client)
  }
}

function isLong ({ size }: Task): boolean {
  return size > longTextLength
}
