// Many writes, one sync: writes that arrive in one turn of the event loop share a transaction, and so do those that arrive
// while the disk is busy with the one before. The loop never waits for the disk: the sync is done by another thread.
//
// A transaction writes each page that it changed once, whether by one write or by a hundred, and a sync costs the same
// for all: to commit at each turn while a sync is under way would make nobody's answer earlier, and twice the work.
//
// A write is resolved when its transaction is on disk and the follower has applied it, in the order of the
// transactions. A write that fails does not fail others: the batch is rolled back and committed in halves, down to the
// one that fails.
//
// A write of thousands of records has a transaction of its own, which stays open over several turns of the loop. No other write
// runs meanwhile; they wait for it, as they would if it held the loop.
import { type Guard, standaloneGuard } from '../../guard.ts'
import { RegistryError } from '../../errors.ts'
import { besideTheLine, sliceMs } from '../../slice.ts'

/** Writes in one transaction, as far as they fit a slice of the loop. */
const maxBatch = 500
/** Writes that wait. Beyond this the disk cannot keep up, and a caller should hear it instead of waiting for minutes. */
const maxWaiting = 50_000

export interface Transaction {
  begin (): void
  /** Into the file, not yet on disk. Gives what tells the follower of it, undefined if nothing was written. */
  commit (): Publish | undefined
  /** Work on the file that must not meet a write, if some is due. It begins when all that was committed is on disk. @throws as `sync` */
  readonly upkeep?: () => (() => Promise<void>) | undefined
  /** Everything that was committed before the call is on disk when it resolves. */
  sync (): Promise<void>
  rollback (): void
  /** What went wrong, in the registry's words. */
  errorOf (error: unknown): RegistryError
  /** After each batch, when its writes are on disk: how many there are, and the last failure of the file, if there was one. */
  settled (committed: number, failure: RegistryError | undefined): void
}

/** Tells the follower, in slices if that takes long. */
type Publish = () => void | PromiseLike<void>

interface Write {
  /** Throws a RegistryError only before it has written anything. Of a long write: its steps. */
  readonly run: () => unknown
  readonly isLong: boolean
  readonly resolve: (value: unknown) => void
  readonly reject: (error: RegistryError) => void
}

/** What was committed and is not on disk yet. */
interface Committed {
  /** undefined = nothing was written: it waits for those before it, whose content it may repeat. */
  readonly publish: Publish | undefined
  readonly answers: readonly Answer[]
}

/** Answers the caller; with an error: it is not known what the disk has. */
type Answer = (unknown?: RegistryError) => void

export class GroupCommit {
  readonly #transaction: Transaction
  readonly #guard: Guard
  #waiting: Write[] = []
  #scheduled: NodeJS.Immediate | undefined
  /** The long write whose transaction is open, or the upkeep of the file. */
  #long: Promise<void> | undefined
  #committed: Committed[] = []
  /** What the sync under way is for, until all of it is answered. */
  #inFlight: Committed[] | undefined
  /** Writes in `#committed` and `#inFlight`. */
  #unsynced = 0
  #syncing: Promise<void> | undefined
  /** Until the turn in which the last of `#committed` is finished: writes that are added before share this sync. */
  #isSyncing = false
  /** A sync is under way, or was in this turn of the loop: the clients that it has just answered may write again in the next. */
  #isGathering = false
  /**
   * Set for good by a sync that failed: the system forgets pages that it could not write, and reports the next sync as
   * good.
   */
  #broken: RegistryError | undefined
  /** Of the batches in `#committed`. */
  readonly #outcomes: Outcome[] = []

  constructor (transaction: Transaction, guard: Guard = standaloneGuard) {
    this.#transaction = transaction
    this.#guard = guard
  }

  /** Runs `run` inside the next transaction. */
  write<Result> (run: () => Result): Promise<Result> {
    return this.#add(run, false)
  }

  /** Runs the steps in a transaction of their own, in slices. */
  writeInSlices<Result> (steps: () => Generator<unknown, Result>): Promise<Result> {
    return this.#add(steps, true)
  }

  #add<Result> (run: () => unknown, isLong: boolean): Promise<Result> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#waiting.length + this.#unsynced >= maxWaiting) {
      return Promise.reject(new RegistryError('REG_OVERLOADED', `${maxWaiting} writes wait for the disk already`, undefined, { retryAfterSeconds: 1 }))
    }
    return new Promise<Result>((resolve, reject) => {
      // The cast joins what `run` gives with what `resolve` takes: the queue holds writes of all kinds.
      this.#waiting.push({ run, isLong, resolve: resolve as (value: unknown) => void, reject })
      this.#schedule()
    })
  }

  /** Resolves when no transaction is open: at once, or after the long write. */
  async idle (): Promise<void> {
    while (this.#long !== undefined) await this.#long
  }

  /** Commits all that waits, now. Resolves when it is on disk. */
  async flush (): Promise<void> {
    for (await this.idle(); this.#waiting.length > 0; await this.idle()) this.#commitNext()
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    await this.#syncing
  }

  /** Resolves when everything that is committed by now is on disk and applied. */
  synced (): Promise<void> {
    const last = this.#committed.length > 0 ? this.#committed : this.#inFlight
    if (last === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      this.#unsynced++
      last.push({ publish: undefined, answers: [() => resolve()] })
    })
  }

  /** The next transaction begins at the end of this turn, or when the disk is free. A full one has nothing to wait for. */
  #schedule (): void {
    if (this.#waiting.length === 0 || this.#long !== undefined || (this.#isGathering && this.#waiting.length < maxBatch)) return
    this.#scheduled ??= setImmediate(this.#guard.around('store', () => this.#turn()))
  }

  #turn (): void {
    this.#scheduled = undefined
    try {
      this.#commitNext()
    } finally { // the writes behind a batch that failed come next
      this.#schedule()
    }
  }

  #commitNext (): void {
    if (this.#long !== undefined) return
    const upkeep = this.#broken === undefined ? this.#transaction.upkeep?.() : undefined
    if (upkeep !== undefined) {
      this.#long = this.#keepUp(upkeep)
      return
    }
    const [first] = this.#waiting
    if (first?.isLong === true && this.#broken === undefined) {
      this.#waiting.shift()
      this.#long = this.#commitLong(first)
      return
    }
    let count = 0
    while (count < maxBatch && (this.#waiting[count]?.isLong === false || this.#broken !== undefined)) count++
    const batch = this.#waiting.splice(0, count)
    if (this.#broken !== undefined) {
      for (const write of batch) write.reject(this.#broken)
      return
    }
    const outcome: Outcome = { committed: 0, failure: undefined }
    this.#waiting.unshift(...this.#commit(batch, outcome))
    // If writes of the batch are on their way to the disk, its failure is reported with them.
    if (outcome.committed === 0) this.#transaction.settled(0, outcome.failure)
    else this.#sync(outcome)
  }

  /** Never rejects. */
  async #commitLong (write: Write): Promise<void> {
    try {
      const outcome: Outcome = { committed: 0, failure: undefined }
      await this.#commitSteps(write, outcome)
      if (outcome.committed === 0) this.#transaction.settled(0, outcome.failure)
      else this.#sync(outcome)
    } catch (error) {
      this.#guard.failed('store', error)
    } finally {
      this.#long = undefined
      this.#schedule()
    }
  }

  /** Never rejects. */
  async #keepUp (upkeep: () => Promise<void>): Promise<void> {
    await this.#syncing
    try {
      if (this.#broken === undefined) await upkeep()
    } catch (error) {
      this.#break(error)
    } finally {
      this.#long = undefined
      this.#schedule()
    }
  }

  #break (error: unknown): void {
    const failure = this.#transaction.errorOf(error)
    this.#broken = new RegistryError('REG_STORE_UNAVAILABLE',
      `the disk did not take the log (${failure.message}): nothing is written any more until the server is started anew`, undefined, { cause: failure })
  }

  async #commitSteps (write: Write, outcome: Outcome): Promise<void> {
    try {
      this.#transaction.begin()
      const answer = await attemptInSlices(write)
      this.#committed.push({ publish: this.#transaction.commit(), answers: [answer] })
    } catch (error) {
      this.#transaction.rollback()
      outcome.failure = this.#transaction.errorOf(error)
      return write.reject(outcome.failure)
    }
    outcome.committed = 1
    this.#unsynced += 1
  }

  /** @returns those for which there was no time */
  #commit (batch: readonly Write[], outcome: Outcome): readonly Write[] {
    const answers: Answer[] = []
    const endsAtMs = performance.now() + sliceMs
    try {
      this.#transaction.begin()
      for (const write of batch) {
        if (answers.length > 0 && performance.now() >= endsAtMs) break
        answers.push(attempt(write))
      }
      this.#committed.push({ publish: this.#transaction.commit(), answers })
    } catch (error) {
      this.#transaction.rollback()
      const failure = this.#transaction.errorOf(error)
      outcome.failure = failure
      // A file that cannot be written at all need not be asked five hundred times.
      if (batch.length === 1 || failure.code === 'REG_STORE_UNAVAILABLE') {
        for (const write of batch) write.reject(failure)
        return []
      }
      const middle = batch.length >> 1
      const rest = this.#commit(batch.slice(0, middle), outcome)
      return rest.length > 0 ? [...rest, ...batch.slice(middle)] : this.#commit(batch.slice(middle), outcome)
    }
    outcome.committed += answers.length
    this.#unsynced += answers.length
    return batch.slice(answers.length)
  }

  #sync (outcome: Outcome): void {
    this.#outcomes.push(outcome)
    if (this.#isSyncing) return // the next sync includes it
    if (this.#committed.every(({ publish }) => publish === undefined)) return void this.#finish(this.#committed.splice(0), this.#outcomes.splice(0), undefined)
    this.#isSyncing = true
    this.#isGathering = true
    this.#syncing = this.#syncAll()
  }

  /** Never rejects. */
  async #syncAll (): Promise<void> {
    try {
      await this.#syncEach()
    } catch (error) {
      this.#guard.failed('store', error)
      this.#isSyncing = false
    }
    setImmediate(this.#guard.around('store', () => {
      this.#isGathering = this.#isSyncing
      this.#schedule()
    }))
  }

  async #syncEach (): Promise<void> {
    while (this.#committed.length > 0) {
      const committed = this.#inFlight = this.#committed.splice(0)
      const outcomes = this.#outcomes.splice(0)
      try {
        if (this.#broken === undefined) await this.#transaction.sync()
      } catch (error) {
        this.#break(error)
      }
      await this.#finish(committed, outcomes, this.#broken)
    }
    this.#isSyncing = false
  }

  /** @param failure of the sync: the file has the writes, and whether the disk has them is not known */
  async #finish (committed: readonly Committed[], outcomes: readonly Outcome[], failure: RegistryError | undefined): Promise<void> {
    const unknown = failure === undefined
      ? undefined
      : new RegistryError('REG_OUTCOME_UNKNOWN', `the write may be lost if the machine fails now: ${failure.message}`, undefined, { cause: failure })
    for (const { publish, answers } of committed) {
      let told: void | PromiseLike<void> = undefined
      if (publish !== undefined) this.#guard.attempt('store', () => { told = publish() }) // a follower does not throw; if it does, the write is on disk all the same
      if (told !== undefined) await this.#told(told)
      this.#unsynced -= answers.length
      for (const answer of answers) answer(unknown)
    }
    if (this.#inFlight === committed) this.#inFlight = undefined
    for (const outcome of outcomes) this.#transaction.settled(failure === undefined ? outcome.committed : 0, failure ?? outcome.failure)
  }

  async #told (told: PromiseLike<void>): Promise<void> {
    try {
      await told
    } catch (error) {
      this.#guard.failed('store', error)
    }
  }
}

interface Outcome {
  committed: number
  failure: RegistryError | undefined
}

function attempt (write: Write): Answer {
  try {
    return answerOf(write, write.run())
  } catch (error) {
    return refusalOf(write, error)
  }
}

async function attemptInSlices (write: Write): Promise<Answer> {
  try {
    return answerOf(write, await besideTheLine(write.run() as Generator<unknown>)) // of a long write
  } catch (error) {
    return refusalOf(write, error)
  }
}

function answerOf (write: Write, value: unknown): Answer {
  return (unknown) => (unknown === undefined ? write.resolve(value) : write.reject(unknown))
}

/** @throws what is no refusal of the write itself */
function refusalOf (write: Write, error: unknown): Answer {
  if (error instanceof RegistryError) return () => write.reject(error)
  throw error
}
