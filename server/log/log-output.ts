// Where log lines go. A log is a side effect: nothing waits for it. What cannot be written now waits in a bounded queue, what
// does not fit or is refused (a full disk, a reader that is gone) is dropped and counted, and one line tells of it when
// writing works again.
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'

/** Octets that wait for a reader that has stalled: some thousands of lines, and no more memory than that. */
const maxQueuedBytes = 1024 * 1024
/** Handed to the system at once. */
const maxBatchBytes = 64 * 1024
/** How often a pipe that was full is tried again. */
const retryMs = 50
const newline = 0x0a

/** Takes bytes. `done` is called once, at once or later, with how many were taken; 0 = the reader has stalled. */
export type Sink = (bytes: Buffer, done: (error: NodeJS.ErrnoException | null, taken: number) => void) => void

/** What was lost since the last line that was written. */
export interface Lost {
  readonly lines: number
  /** Why the last of them was lost: `ENOSPC`, or `nobody reads` for a reader that has stalled. */
  readonly reason: string
  readonly sinceMs: number
}

export interface LogOutputOptions {
  readonly sink: Sink
  readonly now: () => number
  /** Calls back after so many milliseconds, and never keeps the process alive. */
  readonly after: (ms: number, callback: () => void) => () => void
  /** The line that tells of lost ones, with its line end. */
  readonly notice: (lost: Lost) => string
  readonly maxQueuedBytes?: number
}

export class LogOutput {
  /** Lines that were lost since the process began. */
  dropped = 0
  readonly #options: LogOutputOptions
  readonly #limit: number
  #lines: string[] = []
  #bytes = 0
  /** What is being written, and how much of it was taken. */
  #batch: Buffer | undefined
  #taken = 0
  #isBusy = false
  #cancelRetry: (() => void) | undefined
  #lost: { lines: number, reason: string, sinceMs: number } | undefined
  /** The last octet that was taken was not a line's end: the rest of that line is lost. */
  #isTorn = false
  #emptied: (() => void) | undefined

  constructor (options: LogOutputOptions) {
    this.#options = options
    this.#limit = options.maxQueuedBytes ?? maxQueuedBytes
  }

  /** Takes one line with its line end. Never throws, never waits. */
  write (line: string): void {
    const bytes = Buffer.byteLength(line)
    if (this.#bytes + bytes > this.#limit) return this.#lose(1, 'nobody reads')
    this.#lines.push(line)
    this.#bytes += bytes
    this.#pump()
  }

  /** Resolves when everything is written or lost, or after so many milliseconds. */
  async flush (ms: number): Promise<void> {
    if (!this.#hasWork) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#emptied = resolve
    const timer = setTimeout(resolve, ms) // not unref'd: the process ends after it
    await promise
    clearTimeout(timer)
  }

  get #hasWork (): boolean {
    return this.#batch !== undefined || this.#lines.length > 0
  }

  #pump (): void {
    if (this.#isBusy || this.#cancelRetry !== undefined) return
    const batch = this.#batch ??= this.#nextBatch()
    if (batch === undefined) return this.#emptied?.()
    this.#isBusy = true
    this.#options.sink(this.#taken === 0 ? batch : batch.subarray(this.#taken), (error, taken) => {
      this.#isBusy = false
      if (error === null) this.#progress(batch, taken)
      else this.#failed(batch, error)
      this.#pump()
    })
  }

  #nextBatch (): Buffer | undefined {
    if (this.#lines.length === 0) return undefined
    let count = 0
    let bytes = 0
    while (count < this.#lines.length && (count === 0 || bytes < maxBatchBytes)) bytes += Buffer.byteLength(this.#lines[count++] ?? '')
    const text = this.#lines.splice(0, count).join('')
    this.#bytes -= bytes
    this.#taken = 0
    return Buffer.from(this.#isTorn ? `\n${text}` : text)
  }

  #progress (batch: Buffer, taken: number): void {
    this.#taken += taken
    if (this.#taken < batch.length) {
      if (taken > 0) return
      this.#cancelRetry = this.#options.after(retryMs, () => {
        this.#cancelRetry = undefined
        this.#pump()
      })
      return
    }
    this.#batch = undefined
    this.#isTorn = false
    if (this.#lines.length > 0 || this.#lost === undefined) return
    const lost = this.#lost
    this.#lost = undefined
    this.write(this.#options.notice(lost))
  }

  #failed (batch: Buffer, error: NodeJS.ErrnoException): void {
    const rest = batch.subarray(this.#taken)
    if (this.#taken > 0) this.#isTorn = batch[this.#taken - 1] !== newline
    this.#batch = undefined
    let lines = 0
    for (let at = rest.indexOf(newline); at !== -1; at = rest.indexOf(newline, at + 1)) lines++
    this.#lose(lines, error.code ?? error.message)
  }

  #lose (lines: number, reason: string): void {
    this.dropped += lines
    this.#lost ??= { lines: 0, reason, sinceMs: this.#options.now() }
    this.#lost.lines += lines
    this.#lost.reason = reason
  }
}

/**
 * A sink of this process' standard output (1) that never blocks.
 *
 * A file takes writes in libuv's threads. Everything else is opened anew by its name in /proc, so that not to block is a trait of
 * ours alone and not that of other processes on the terminal or the pipe. What cannot be opened so (the socket that
 * systemd gives, a pipe of another user) is written by Node's own stream, which does not block either.
 */
export function standardOutput (fd: 1 | 2 = 1): Sink {
  if (isFile(fd)) return (bytes, done) => write(fd, bytes, 0, bytes.length, null, done)
  try {
    return direct(openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY))
  } catch {
    return streamed(fd)
  }
}

function isFile (fd: number): boolean {
  try {
    return fstatSync(fd).isFile()
  } catch {
    return false
  }
}

function direct (fd: number): Sink {
  return (bytes, done) => {
    let taken = 0
    let failure: NodeJS.ErrnoException | null = null
    try {
      taken = writeSync(fd, bytes)
    } catch (error) {
      failure = error as NodeJS.ErrnoException // node:fs throws no other
    }
    done(failure?.code === 'EAGAIN' ? null : failure, taken)
  }
}

function streamed (fd: number): Sink {
  let socket: Socket
  try {
    socket = new Socket({ fd, readable: false, writable: true })
  } catch { // neither a pipe nor a socket
    return (bytes, done) => write(fd, bytes, 0, bytes.length, null, done)
  }
  socket.unref()
  socket.on('error', () => undefined) // the callback of the write gets it
  return (bytes, done) => void socket.write(bytes, (error) => done(error ?? null, error instanceof Error ? 0 : bytes.length))
}
