// Many writes, one sync: writes that arrive in one turn of the event loop share a transaction, and so do those that arrive
// while the disk is busy with the one before. The loop never waits for the disk: the sync is done by another thread.
//
// A transaction writes each page that it changed once, whether by one write or by a hundred, and a sync costs the same
// for all: to commit at each turn while a sync is under way would make nobody's answer earlier, and twice the work.
//
// A write is resolved when its transaction is on disk and the follower has applied it, in the order of the
// transactions. A write that fails does not fail others: the batch is rolled back and committed in halves, down to the
// one that fails.
import { type Guard, standaloneGuard } from '../../guard.ts'
import { RegistryError } from '../../errors.ts'

/** Writes in one transaction. Larger ones would hold the event loop for more than some ten milliseconds. */
const maxBatch = 500
/** Writes that wait. Beyond this the disk cannot keep up, and a caller should hear it instead of waiting for minutes. */
const maxWaiting = 50_000

export interface Transaction {
  begin (): void
  /** Into the file, not yet on disk. Gives what tells the follower of it, undefined if nothing was written. */
  commit (): (() => void) | undefined
  /** Everything that was committed before the call is on disk when it resolves. */
  sync (): Promise<void>
  rollback (): void
  /** What went wrong, in the registry's words. */
  errorOf (error: unknown): RegistryError
  /** After each batch, when its writes are on disk: how many there are, and the last failure of the file, if there was one. */
  settled (committed: number, failure: RegistryError | undefined): void
}

interface Write {
  /** Throws a RegistryError only before it has written anything. */
  readonly run: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: RegistryError) => void
}

/** What was committed and is not on disk yet. */
interface Committed {
  /** undefined = nothing was written: it waits for those before it, whose content it may repeat. */
  readonly publish: (() => void) | undefined
  readonly answers: readonly Answer[]
}

/** Answers the caller; with an error: it is not known what the disk has. */
type Answer = (unknown?: RegistryError) => void

export class GroupCommit {
  readonly #transaction: Transaction
  readonly #guard: Guard
  #waiting: Write[] = []
  #scheduled: NodeJS.Immediate | undefined
  #committed: Committed[] = []
  /** What the sync under way is for. */
  #inFlight: Committed[] | undefined
  /** Writes in `#committed` and `#inFlight`. */
  #unsynced = 0
  #syncing: Promise<void> | undefined
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
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#waiting.length + this.#unsynced >= maxWaiting) {
      return Promise.reject(new RegistryError('REG_OVERLOADED', `${maxWaiting} writes wait for the disk already`, undefined, { retryAfterSeconds: 1 }))
    }
    return new Promise<Result>((resolve, reject) => {
      // The cast joins what `run` gives with what `resolve` takes: the queue holds writes of all kinds.
      this.#waiting.push({ run, resolve: resolve as (value: unknown) => void, reject })
      this.#schedule()
    })
  }

  /** Commits all that waits, now. Resolves when it is on disk. */
  async flush (): Promise<void> {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    while (this.#waiting.length > 0) this.#commitNext()
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
    if (this.#waiting.length === 0 || (this.#isGathering && this.#waiting.length < maxBatch)) return
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
    const batch = this.#waiting.splice(0, maxBatch)
    if (this.#broken !== undefined) {
      for (const write of batch) write.reject(this.#broken)
      return
    }
    const outcome: Outcome = { committed: 0, failure: undefined }
    this.#commit(batch, outcome)
    // If writes of the batch are on their way to the disk, its failure is reported with them.
    if (outcome.committed === 0) this.#transaction.settled(0, outcome.failure)
    else this.#sync(outcome)
  }

  #commit (batch: readonly Write[], outcome: Outcome): void {
    const answers: Answer[] = []
    try {
      this.#transaction.begin()
      for (const write of batch) answers.push(attempt(write))
      this.#committed.push({ publish: this.#transaction.commit(), answers })
    } catch (error) {
      this.#transaction.rollback()
      const failure = this.#transaction.errorOf(error)
      outcome.failure = failure
      // A file that cannot be written at all need not be asked five hundred times.
      if (batch.length === 1 || failure.code === 'REG_STORE_UNAVAILABLE') {
        for (const write of batch) write.reject(failure)
        return
      }
      const middle = batch.length >> 1
      this.#commit(batch.slice(0, middle), outcome)
      this.#commit(batch.slice(middle), outcome)
      return
    }
    outcome.committed += batch.length
    this.#unsynced += batch.length
  }

  #sync (outcome: Outcome): void {
    this.#outcomes.push(outcome)
    if (this.#inFlight !== undefined) return // the next sync includes it
    if (this.#committed.every(({ publish }) => publish === undefined)) return this.#finish(this.#committed.splice(0), this.#outcomes.splice(0), undefined)
    this.#isGathering = true
    this.#syncing = this.#syncAll()
  }

  /** Never rejects. */
  async #syncAll (): Promise<void> {
    try {
      await this.#syncEach()
    } catch (error) {
      this.#guard.failed('store', error)
    }
    setImmediate(this.#guard.around('store', () => {
      this.#isGathering = this.#inFlight !== undefined
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
        const failure = this.#transaction.errorOf(error)
        this.#broken = new RegistryError('REG_STORE_UNAVAILABLE',
          `the disk did not take the log (${failure.message}): nothing is written any more until the server is started anew`, undefined, { cause: failure })
      }
      this.#inFlight = undefined
      this.#finish(committed, outcomes, this.#broken)
    }
  }

  /** @param failure of the sync: the file has the writes, and whether the disk has them is not known */
  #finish (committed: readonly Committed[], outcomes: readonly Outcome[], failure: RegistryError | undefined): void {
    const unknown = failure === undefined
      ? undefined
      : new RegistryError('REG_OUTCOME_UNKNOWN', `the write may be lost if the machine fails now: ${failure.message}`, undefined, { cause: failure })
    for (const { publish, answers } of committed) {
      if (publish !== undefined) this.#guard.attempt('store', publish) // a follower does not throw; if it does, the write is on disk all the same
      this.#unsynced -= answers.length
      for (const answer of answers) answer(unknown)
    }
    for (const outcome of outcomes) this.#transaction.settled(failure === undefined ? outcome.committed : 0, failure ?? outcome.failure)
  }
}

interface Outcome {
  committed: number
  failure: RegistryError | undefined
}

function attempt (write: Write): Answer {
  try {
    const value = write.run()
    return (unknown) => (unknown === undefined ? write.resolve(value) : write.reject(unknown))
  } catch (error) {
    if (error instanceof RegistryError) return () => write.reject(error)
    throw error
  }
}
