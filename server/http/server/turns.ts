// Requests take turns. Each turn of the event loop has time for some work; what does not fit waits, and the next one to work is of the
// client that has worked least lately, on the connection that has worked least. So a client that asks for much waits for himself.
import { type Guard, standaloneGuard } from '../../guard.ts'
import { bookedMs, forgottenMs, maxKnownClients, maxTurnStarts, turnMs } from './limits.ts'

/** How long somebody has worked lately: it halves every second. */
export class Account {
  #ms = 0
  #atMs = 0

  at (nowMs: number): number {
    return this.#ms === 0 ? 0 : this.#ms * 2 ** ((this.#atMs - nowMs) / bookedMs)
  }

  add (ms: number, nowMs: number): void {
    this.#ms = this.at(nowMs) + ms
    this.#atMs = nowMs
  }
}

/** Who works: a connection of a client. */
export interface Worker {
  readonly client: string
  readonly account: Account
}

interface Task {
  readonly worker: Worker
  readonly work: () => void
}

interface Client {
  readonly account: Account
  readonly tasks: Set<Task>
}

export interface TurnsOptions {
  /** Monotonic milliseconds. */
  readonly now?: () => number
  /** Calls back in the next turn of the event loop. */
  readonly defer?: (callback: () => void) => void
  readonly guard?: Guard
}

export class Turns {
  readonly #now: () => number
  readonly #defer: (callback: () => void) => void
  readonly #clients = new Map<string, Client>()
  #waiting = 0
  #begunMs: number | undefined
  /** Waiting tasks are about to begin: the turn's time begins with the first of them. */
  #isFresh = false
  /** Who has worked since when: booked when the next one begins, so that what promises go on with counts too. */
  #working: { readonly worker: Worker, readonly sinceMs: number } | undefined

  constructor ({ now = () => performance.now(), guard = standaloneGuard, defer = (callback) => { setImmediate(guard.around('http-turn', callback)) } }: TurnsOptions = {}) {
    this.#now = now
    this.#defer = defer
  }

  /** Tasks that wait for a later turn. */
  get waiting (): number {
    return this.#waiting
  }

  /**
   * Whether a worker may work at once: this turn of the loop has time left. What it does is booked as its work from here on. Work of the
   * node's own keeping (`isUrgent`: heartbeats, health) never waits. Who may not work calls `wait`.
   */
  begin (worker: Worker, isUrgent = false): boolean {
    const nowMs = this.#now()
    if (this.#begunMs === undefined) {
      this.#begunMs = nowMs
      this.#defer(() => this.#end())
    }
    if (!isUrgent && (this.#waiting > 0 || nowMs - this.#begunMs >= turnMs)) return false
    this.#work(worker, nowMs)
    return true
  }

  /** Does it when the worker's turn has come. */
  wait (worker: Worker, work: () => void): void {
    this.#clientOf(worker.client).tasks.add({ worker, work })
    this.#waiting++
  }

  /** Does it at once, or when the worker's turn has come. */
  run (worker: Worker, work: () => void, isUrgent = false): void {
    if (this.begin(worker, isUrgent)) work()
    else this.wait(worker, work)
  }

  #work (worker: Worker, nowMs: number): void {
    this.#book(nowMs)
    this.#working = { worker, sinceMs: nowMs }
  }

  #book (nowMs: number): void {
    if (this.#working === undefined) return
    const { worker, sinceMs } = this.#working
    this.#working = undefined
    const ms = nowMs - sinceMs
    worker.account.add(ms, nowMs)
    this.#clientOf(worker.client).account.add(ms, nowMs)
  }

  /** The loop has come round: what waits begins, each in a callback of its own, so that its promises have run before the next. */
  #end (): void {
    const nowMs = this.#now()
    this.#book(nowMs)
    this.#begunMs = undefined
    if (this.#waiting === 0) return
    this.#begunMs = nowMs
    this.#isFresh = true
    for (let starts = Math.min(this.#waiting, maxTurnStarts); starts > 0; starts--) this.#defer(() => this.#start())
    this.#defer(() => this.#end())
  }

  #start (): void {
    const nowMs = this.#now()
    if (this.#isFresh) this.#begunMs = nowMs
    this.#isFresh = false
    if (nowMs - (this.#begunMs ?? nowMs) >= turnMs) return
    const task = this.#next(nowMs)
    if (task === undefined) return
    this.#work(task.worker, nowMs)
    task.work()
  }

  #next (nowMs: number): Task | undefined {
    let client: Client | undefined
    for (const candidate of this.#clients.values()) {
      if (candidate.tasks.size > 0 && (client === undefined || candidate.account.at(nowMs) < client.account.at(nowMs))) client = candidate
    }
    if (client === undefined) return undefined
    let next: Task | undefined
    for (const task of client.tasks) {
      if (next === undefined || task.worker.account.at(nowMs) < next.worker.account.at(nowMs)) next = task
    }
    if (next === undefined) return undefined
    client.tasks.delete(next)
    this.#waiting--
    return next
  }

  #clientOf (name: string): Client {
    let client = this.#clients.get(name)
    if (client === undefined) {
      if (this.#clients.size >= maxKnownClients) this.#forget()
      client = { account: new Account(), tasks: new Set() }
      this.#clients.set(name, client)
    }
    return client
  }

  /** Who has done nothing of note lately is as good as new; if all have, the oldest are. */
  #forget (): void {
    const nowMs = this.#now()
    for (const limitMs of [forgottenMs, Infinity]) {
      for (const [name, { account, tasks }] of this.#clients) {
        if (tasks.size === 0 && account.at(nowMs) < limitMs) this.#clients.delete(name)
        if (this.#clients.size <= maxKnownClients / 2) return
      }
    }
  }
}
