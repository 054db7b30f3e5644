// Puts SQLite's write-ahead log on disk, in another thread. SQLite writes a commit into the log and does not wait for the disk
// (synchronous = NORMAL); the store waits for the log here before it acknowledges a write. Each frame of the log has a
// checksum that goes on from the one before, so that what is on disk up to the end of a commit is a whole commit
// (https://www.sqlite.org/walformat.html).
import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

export class WriteAheadLog {
  readonly #file: string
  #log: FileHandle | undefined
  #closed = false

  /** @param file the database; `:memory:` has no log */
  constructor (file: string) {
    this.#file = file
  }

  /** Resolves when all that was committed before the call is on disk. @throws the error of the system */
  async sync (): Promise<void> {
    if (this.#file === ':memory:' || this.#closed) return
    this.#log ??= await this.#open()
    await this.#log.datasync()
  }

  /** The log is there from the first commit on, and stays while the database is open. */
  async #open (): Promise<FileHandle> {
    const log = await open(`${this.#file}-wal`, 'r+')
    await syncDirectory(dirname(this.#file)) // a log that was made anew has a name only when the directory is on disk
    return log
  }

  async close (): Promise<void> {
    this.#closed = true
    await this.#log?.close()
    this.#log = undefined
  }
}

export async function syncDirectory (path: string): Promise<void> {
  if (process.platform === 'win32') return // it opens no directories, and needs no such sync
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
