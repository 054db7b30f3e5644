// The file of `rollcall autoscaler` on the disk: read, and read again when it changes. A file that is no use changes
// nothing.
import { readFileSync, statSync } from 'node:fs'
import { invalid, RegistryError } from '../../errors.ts'
import { type CommandsFile, type Machine, maxFileLength, readCommandsFile } from './commands-file.ts'

export class KeptFile {
  readonly #path: string
  readonly #machine: Machine
  #stamp: string
  /** Of what was read first. */
  readonly first: CommandsFile
  #fault: string | undefined

  /** @throws RegistryError REG_INVALID for a file that cannot be read, or that is no use */
  constructor (path: string, machine: Machine) {
    this.#path = path
    this.#machine = machine
    this.#stamp = stampOf(path)
    this.first = this.#read()
  }

  /** Why the newest file is not used; undefined = it is. */
  get fault (): string | undefined {
    return this.#fault
  }

  /** The file if it has changed since it was read last. @throws RegistryError REG_INVALID, once for each change */
  readAgain (): CommandsFile | undefined {
    const stamp = stampOf(this.#path)
    if (stamp === this.#stamp) return undefined
    this.#stamp = stamp
    try {
      const file = this.#read()
      this.#fault = undefined
      return file
    } catch (error) {
      this.#fault = error instanceof Error ? error.message : String(error)
      throw error
    }
  }

  #read (): CommandsFile {
    const refuse = (rule: string): RegistryError => invalid([{ field: 'config', value: this.#path, rule }])
    let text: string
    try {
      const { mode, size, uid } = statSync(this.#path)
      // Who may write it has this user run what he likes.
      const own = process.getuid?.()
      if (own !== undefined && uid !== own && uid !== 0) {
        throw refuse('must belong to the user of this process, or to root')
      }
      if ((mode & 0o002) !== 0) throw refuse('must not be writable by every user: chmod o-w')
      if (size > maxFileLength) throw refuse(`must not be larger than ${maxFileLength} octets`)
      text = readFileSync(this.#path, 'utf8')
    } catch (error) {
      if (error instanceof RegistryError) throw error
      throw refuse(`must name a file that can be read (${codeOf(error)})`)
    }
    return readCommandsFile(text, this.#machine)
  }
}

/** '' with the code of an error if there is none to be seen. */
function stampOf (path: string): string {
  try {
    const { mtimeMs, size, ino, mode } = statSync(path)
    return `${mtimeMs} ${size} ${ino} ${mode}`
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf (error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'it cannot'
}
