// Who did what: one JSON line for each command, whatever became of it, and some for what was refused and is no command (refusals.ts). No
// line holds what was written, a token or a secret: only who, what, on what, from where, by which door, and the outcome.
import { type WriteStream, createWriteStream, openSync, renameSync, statSync } from 'node:fs'
import type { Clock } from '../clock.ts'
import type { Guard } from '../guard.ts'
import type { Actor } from '../registry/core.ts'
import { invalid } from '../errors.ts'

export interface AuditLine {
  /** As `register`, `override`, `apply`. */
  readonly what: string
  /** As `shop/orders/orders-1`. */
  readonly on: string
  /** `ok`, or the code of the error. */
  readonly outcome: string
  readonly revision?: number | undefined
  /** Of what was refused again and again: how many of the same had no line since the last one. */
  readonly leftOut?: number | undefined
}

export interface AuditOptions {
  readonly path: string
  /** A file that is larger is put aside as `PATH.1`, in place of the one before. */
  readonly maxBytes: number
  readonly clock: Pick<Clock, 'now'>
  readonly guard: Guard
  readonly warn: (message: string) => void
}

/** Lines that wait for the disk. Beyond it they are left out and counted: a full disk must not fill the memory. */
const maxWaitingBytes = 8 * 1024 ** 2
/** Of an object's name: a stream of manifests names the first ones. */
const maxNameLength = 1_000

export class Audit {
  readonly #options: AuditOptions
  #stream: WriteStream
  #bytes: number
  #isDropping = false
  /** Lines that were left out. */
  dropped = 0

  /** @throws RegistryError REG_INVALID naming a file that cannot be written */
  constructor (options: AuditOptions) {
    this.#options = options
    this.#bytes = sizeOf(options.path)
    this.#stream = this.#open()
  }

  write ({ name, kind, address, door, dialect }: Actor, line: AuditLine): void {
    const on = line.on.length > maxNameLength ? `${line.on.slice(0, maxNameLength)}...` : line.on
    const at = new Date(this.#options.clock.now()).toISOString()
    const text = `${JSON.stringify({ at, who: name, kind, from: address ?? '', door: dialect ?? door ?? 'process', ...line, on })}\n`
    if (this.#stream.writableLength > maxWaitingBytes) {
      this.dropped += 1
      if (!this.#isDropping) this.#options.warn(`the audit file ${this.#options.path} does not take its lines fast enough: some are left out`)
      this.#isDropping = true
      return
    }
    this.#isDropping = false
    const bytes = Buffer.byteLength(text)
    if (this.#bytes > 0 && this.#bytes + bytes > this.#options.maxBytes) this.#rotate()
    this.#bytes += bytes
    this.#stream.write(text)
  }

  /** The file was moved away: what follows goes into a new one of its name. */
  reopen (): void {
    this.#stream.end()
    this.#bytes = sizeOf(this.#options.path)
    this.#stream = this.#open()
  }

  /** Resolves when everything is written. */
  async close (): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#stream.end(this.#options.guard.around('audit', () => resolve()))
    this.#stream.once('error', this.#options.guard.around('audit', () => resolve()))
    await promise
  }

  #rotate (): void {
    const { path, warn } = this.#options
    this.#stream.end()
    try {
      renameSync(path, `${path}.1`)
    } catch (error) {
      warn(`the audit file ${path} cannot be put aside: ${String(error)}`)
    }
    this.#bytes = 0
    this.#stream = this.#open()
  }

  #open (): WriteStream {
    const { path, guard, warn } = this.#options
    let fd: number
    try {
      fd = openSync(path, 'a', 0o600) // at once: who names a wrong file learns it at the start, and what is moved away later is this very file
    } catch (error) {
      throw invalid([{ field: 'audit-file', value: path, rule: `must be a file that can be written (${error instanceof Error && 'code' in error ? String(error.code) : 'it cannot'})` }])
    }
    const stream = createWriteStream(path, { fd })
    stream.on('error', guard.around('audit', (error: Error) => {
      this.dropped += 1
      warn(`the audit file ${path} cannot be written: ${error.message}`)
    }))
    return stream
  }
}

function sizeOf (path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0 // it is made
  }
}
