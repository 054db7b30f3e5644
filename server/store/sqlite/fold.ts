// Folds SQLite's log into the file, without that the loop waits for the disk. SQLite does so by itself within a commit, and syncs the file
// there: on a busy disk everybody waited for that, up to seconds. Here it copies the pages only, and the file is synced by another thread.
//
// What must not happen meanwhile is a write: the first one behind a whole fold begins the log anew, over what the file may not have yet
// (https://www.sqlite.org/walformat.html, 4.3). And the log must be on disk before its pages get into the file. group-commit.ts sees to both.
import { type FileHandle, open } from 'node:fs/promises'
import type { DatabaseSync } from 'node:sqlite'

/** 16 MiB of log: copying them takes ten milliseconds, and a fold is one sync more. */
export const foldPages = 8_192
/** What is not noted here, as the pages of indexes, is guessed at first, and learnt at each fold. */
const firstBytesPerPage = 1_024
/** A change touches rows and indexes, however small its texts are. */
const bytesPerChange = 4_096

export class Fold {
  readonly #db: DatabaseSync
  readonly #file: string
  /** Opened once and left open as long as the database: to close any descriptor of a file drops all locks that its process has on it (POSIX fcntl). */
  #handle: Promise<FileHandle> | undefined
  #bytes = 0
  #bytesPerPage = firstBytesPerPage

  /** @param file the database; `:memory:` has no log */
  constructor (db: DatabaseSync, file: string) {
    this.#db = db
    this.#file = file
  }

  /** So much was committed. */
  wrote (changes: number, bytes: number): void {
    this.#bytes += changes * bytesPerChange + bytes
  }

  get isDue (): boolean {
    return this.#file !== ':memory:' && this.#bytes > foldPages * this.#bytesPerPage
  }

  /**
   * Folds what is committed and on disk. Nothing may be written until it resolves.
   * @throws the error of the system if the file cannot be synced: the log must not be written any more then
   */
  async run (): Promise<void> {
    const pages = this.#copy()
    const bytes = this.#bytes
    this.#bytes = 0
    if (pages === undefined) return // as SQLite does: the log grows, and the next fold takes both
    if (pages > 0) this.#bytesPerPage = Math.max(1, bytes / pages)
    this.#handle ??= open(this.#file, 'r+')
    await (await this.#handle).datasync()
  }

  /** After the database is closed, and never before. */
  async close (): Promise<void> {
    const handle = await this.#handle?.catch(() => undefined)
    this.#handle = undefined
    await handle?.close()
  }

  /** The pages of the log. undefined = they could not be copied: a full disk, a reader. */
  #copy (): number | undefined {
    this.#db.exec('PRAGMA synchronous = OFF')
    try {
      return Number(this.#db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.log ?? 0)
    } catch {
      return undefined
    } finally {
      this.#db.exec('PRAGMA synchronous = NORMAL')
    }
  }
}
