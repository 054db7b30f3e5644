// Certificates that are files of this machine: secrets name them, and only files within one directory are read (--ingress-certificates), since
// whoever may write a secret could else have any file of the machine looked at. They are read again when they change.
import { readFile, realpath, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import type { Clock } from '../../../clock.ts'
import type { Material } from './certificate-book.ts'
import { maxPemOctets } from './certificate-pair.ts'

/** How often it looks at the files. Not by inotify: certificates are swapped by links, some of them of directories above. */
export const lookMs = 1_000

export interface NamedFiles {
  readonly certificateFile: string
  readonly keyFile: string
}

interface Seen {
  readonly files: NamedFiles
  material: Material
  /** What the files looked like when they were read, and when they were last looked at. */
  read: string
  looks: string
}

export interface CertificateFilesOptions {
  /** undefined: no file is read. */
  readonly directory: string | undefined
  readonly clock: Clock
  readonly changed: () => void
}

export class CertificateFiles {
  readonly #options: CertificateFilesOptions
  #seen = new Map<string, Seen>()
  #cancel: (() => void) | undefined
  #isClosed = false

  constructor (options: CertificateFilesOptions) {
    this.#options = options
  }

  /** Reads what is new among them. @param named by secret */
  async set (named: ReadonlyMap<string, NamedFiles>): Promise<void> {
    const next = new Map<string, Seen>()
    for (const [secret, files] of named) {
      const seen = this.#seen.get(secret)
      const isSame = seen !== undefined && seen.files.certificateFile === files.certificateFile && seen.files.keyFile === files.keyFile
      if (isSame) next.set(secret, seen)
      else {
        const looks = await this.#looksOf(files)
        next.set(secret, { files, material: await this.#read(files), read: looks, looks })
      }
    }
    this.#seen = next
    this.#lookLater()
  }

  material (secret: string): Material | undefined {
    return this.#seen.get(secret)?.material
  }

  close (): void {
    this.#isClosed = true
    this.#cancel?.()
  }

  #lookLater (): void {
    this.#cancel?.()
    if (this.#isClosed || this.#seen.size === 0) return
    this.#cancel = this.#options.clock.after(lookMs, async () => {
      await this.look()
      this.#lookLater()
    })
  }

  /** Files that are still being written look different at the next look: they are read when they have stood still in between. */
  async look (): Promise<void> {
    let isOther = false
    for (const seen of this.#seen.values()) {
      const looks = await this.#looksOf(seen.files)
      const isStill = looks === seen.looks
      seen.looks = looks
      if (!isStill || looks === seen.read) continue
      seen.read = looks
      seen.material = await this.#read(seen.files)
      isOther = true
    }
    if (isOther && !this.#isClosed) this.#options.changed()
  }

  async #read ({ certificateFile, keyFile }: NamedFiles): Promise<Material> {
    try {
      const [cert, key] = [await this.#readOne(certificateFile), await this.#readOne(keyFile)]
      return { cert, key }
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) }
    }
  }

  /** @throws with a sentence that completes "its certificate ..." */
  async #readOne (file: string): Promise<string> {
    const { directory } = this.#options
    if (directory === undefined) throw new Error(`is in the file ${file}, and this machine reads none (--ingress-certificates)`)
    let path: string
    try {
      path = await realpath(resolve(directory, file))
      const inside = `${await realpath(directory)}${sep}`
      if (!path.startsWith(inside)) throw new Error(`is in the file ${file}, which is not within ${directory} (--ingress-certificates)`)
      const { size } = await stat(path)
      if (size > maxPemOctets) throw new Error(`is in the file ${file}, which is longer than ${maxPemOctets} octets`)
      return await readFile(path, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      throw new Error(`is in the file ${file}, which cannot be read (${code})`)
    }
  }

  /** When the files were last written, as a text that differs after each change. A file that is away looks like none. */
  async #looksOf ({ certificateFile, keyFile }: NamedFiles): Promise<string> {
    const { directory } = this.#options
    if (directory === undefined) return ''
    const looks = await Promise.all([certificateFile, keyFile].map(async (file) => {
      try {
        const { ino, size, mtimeNs, ctimeNs } = await stat(resolve(directory, file), { bigint: true })
        return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
      } catch {
        return 'away'
      }
    }))
    return looks.join()
  }
}
