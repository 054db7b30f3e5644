// Many writes, one sync: what arrives in one turn of the event loop goes into one transaction.
//
// A write is resolved when its transaction is on disk and the follower has applied it. A write that fails takes no other one
// with it: the batch is rolled back and committed in halves, down to the one that fails.
import { RegistryError } from '../../errors.ts'

/** Writes in one transaction. Larger ones would hold the event loop for more than some ten milliseconds. */
const maxBatch = 500
/** Writes that wait. Beyond this the disk cannot keep up, and a caller should hear it instead of waiting for minutes. */
const maxWaiting = 50_000

export interface Transaction {
  begin (): void
  /** On disk when it returns. */
  commit (): void
  /** Tells the follower what was committed. */
  publish (): void
  rollback (): void
  /** What went wrong, in the registry's words. */
  errorOf (error: unknown): RegistryError
  /** After each batch: how many of its writes were committed, and the last failure of the file, if there was one. */
  settled (committed: number, failure: RegistryError | undefined): void
}

interface Write {
  /** Throws a RegistryError only before it has written anything. */
  readonly run: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: RegistryError) => void
}

export class GroupCommit {
  readonly #transaction: Transaction
  #waiting: Write[] = []
  #scheduled: NodeJS.Immediate | undefined

  constructor (transaction: Transaction) {
    this.#transaction = transaction
  }

  /** Runs `run` inside the next transaction. */
  write<Result> (run: () => Result): Promise<Result> {
    if (this.#waiting.length >= maxWaiting) {
      return Promise.reject(new RegistryError('REG_OVERLOADED', `${maxWaiting} writes wait for the disk already`, undefined, { retryAfterSeconds: 1 }))
    }
    return new Promise<Result>((resolve, reject) => {
      // The cast joins what `run` gives with what `resolve` takes: the queue holds writes of all kinds.
      this.#waiting.push({ run, resolve: resolve as (value: unknown) => void, reject })
      this.#scheduled ??= setImmediate(() => this.#turn())
    })
  }

  /** Commits all that waits, now. */
  flush (): void {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    while (this.#waiting.length > 0) this.#commitNext()
  }

  #turn (): void {
    this.#commitNext()
    this.#scheduled = this.#waiting.length === 0 ? undefined : setImmediate(() => this.#turn())
  }

  #commitNext (): void {
    const batch = this.#waiting.splice(0, maxBatch)
    const outcome: Outcome = { committed: 0, failure: undefined }
    this.#commit(batch, outcome)
    this.#transaction.settled(outcome.committed, outcome.failure)
  }

  #commit (batch: readonly Write[], outcome: Outcome): void {
    const answers: (() => void)[] = []
    try {
      this.#transaction.begin()
      for (const write of batch) answers.push(attempt(write))
      this.#transaction.commit()
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
    this.#transaction.publish()
    for (const answer of answers) answer()
  }
}

interface Outcome {
  committed: number
  failure: RegistryError | undefined
}

function attempt (write: Write): () => void {
  try {
    const value = write.run()
    return () => write.resolve(value)
  } catch (error) {
    if (error instanceof RegistryError) return () => write.reject(error)
    throw error
  }
}
