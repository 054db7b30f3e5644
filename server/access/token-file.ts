// Tokens in a file: for the first one, before there is a registry, and for whoever keeps them with the configuration of the machine. It is
// read again when it changes, and at SIGHUP; a file that is no use changes nothing.
//
//   tokens:
//   - name: admin
//     hash: <SHA-256 of the token, in hexadecimal>
//     rules: [{ role: admin }]
//     expiresAt: 2027-01-01T00:00:00Z
import { readFileSync, statSync } from 'node:fs'
import { parse } from 'yaml'
import type { Clock } from '../clock.ts'
import { RegistryError, invalid } from '../errors.ts'
import { type KnownToken, readToken } from './token.ts'

const maxFileBytes = 4 * 1024 ** 2
const maxFileTokens = 10_000
/** How often the file is looked at: its time of change and its size. */
const lookMs = 1_000

/**
 * Reads the tokens of a file.
 * @throws RegistryError REG_INVALID naming the file and what is wrong: others may read it, it is no list of tokens, a token that is given twice
 */
export function readTokenFile (path: string, field = 'token-file'): readonly KnownToken[] {
  const refuse = (rule: string): RegistryError => invalid([{ field, value: path, rule }])
  let text: string
  try {
    const { mode, size, uid } = statSync(path)
    if ((mode & 0o077) !== 0) throw refuse(`must be readable by its owner alone: its mode is ${(mode & 0o777).toString(8)}, make it 600 (chmod 600)`)
    const own = process.getuid?.()
    if (own !== undefined && uid !== own && uid !== 0) throw refuse('must belong to the user that the registry runs as, or to root')
    if (size > maxFileBytes) throw refuse(`must not be larger than ${maxFileBytes} octets`)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof RegistryError) throw error
    throw refuse(`must name a file that can be read (${error instanceof Error && 'code' in error ? String(error.code) : 'it cannot'})`)
  }
  let content: unknown
  try {
    content = parse(text, { maxAliasCount: 0, logLevel: 'error' })
  } catch {
    throw refuse('must be valid YAML, without aliases') // the parser's words repeat pieces of the file
  }
  const list = typeof content === 'object' && content !== null && 'tokens' in content ? content.tokens : undefined
  if (!Array.isArray(list) || list.length > maxFileTokens) throw refuse(`must hold a list "tokens" of at most ${maxFileTokens}`)
  const tokens = new Map<string, KnownToken>()
  for (const [index, value] of list.entries()) {
    const token = readToken(value, 'file', 0)
    if (typeof token === 'string') throw refuse(`must hold tokens: tokens[${index}].${token}`)
    if (tokens.has(token.id)) throw refuse(`must hold each token once: tokens[${index}] is there already`)
    tokens.set(token.id, token)
  }
  return [...tokens.values()]
}

export interface TokenFileOptions {
  readonly path: string
  readonly clock: Clock
  readonly taken: (tokens: readonly KnownToken[]) => void
  readonly log: { info (message: string): void, warn (message: string): void }
}

/** Follows a file of tokens. */
export class TokenFile {
  readonly #options: TokenFileOptions
  #stamp = ''
  #cancel: () => void

  /** @throws RegistryError REG_INVALID as `readTokenFile` */
  constructor (options: TokenFileOptions) {
    this.#options = options
    this.#stamp = this.#look()
    options.taken(readTokenFile(options.path))
    this.#cancel = this.#wait()
  }

  /** Reads it now. @throws RegistryError REG_INVALID as `readTokenFile`; nothing has changed then */
  reload (): void {
    this.#options.taken(readTokenFile(this.#options.path))
    this.#stamp = this.#look()
  }

  close (): void {
    this.#cancel()
  }

  #wait (): () => void {
    return this.#options.clock.after(lookMs, () => {
      this.#cancel = this.#wait()
      this.#check()
    })
  }

  #check (): void {
    const { path, taken, log } = this.#options
    const stamp = this.#look()
    if (stamp === this.#stamp) return
    this.#stamp = stamp // once, also where it is no use: it is told once
    try {
      taken(readTokenFile(path))
      log.info(`the tokens of ${path} are read again`)
    } catch (error) {
      log.warn(`the tokens of ${path} stay as they were: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #look (): string {
    try {
      const { mtimeMs, size, ino, mode } = statSync(this.#options.path)
      return `${mtimeMs} ${size} ${ino} ${mode}`
    } catch {
      return 'away'
    }
  }
}
