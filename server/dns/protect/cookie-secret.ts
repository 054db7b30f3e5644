// The secret that all nodes make DNS cookies with (RFC 9018 5): a lasting object of the store, made by whichever node is first.
import { Type } from 'typebox'
import type { Clock } from '../../clock.ts'
import { readJson } from '../../model/stored-text.ts'
import { checker } from '../../model/validate.ts'
import type { SecretCore, SourcePosition } from '../source.ts'

const name = 'dns/cookie'
/** Its key among the lasting objects of the store: answers are made from a copy of them in every thread. */
export const cookieSecretKey = `secret/${name}`

/** RFC 7873 7.1: at most 36 days, of which both keys of an object together take 28. */
const keyLifeMs = 14 * 86_400_000
/** How often its age is checked, after a failure too; a check costs nothing. */
const intervalMs = 10_000
const keyBytes = 16
const keyPattern = /^[0-9a-f]{32}$/
/** More than will ever be there: each is tried on every cookie. */
const maxStoredKeys = 16

/** The current key, and the one before it: what was made with that one is still good. */
interface StoredSecret {
  readonly keys: readonly string[]
}

const checkSecret = checker(Type.Object({ keys: Type.Array(Type.String(), { maxItems: maxStoredKeys }) }))

/** The keys in a secret's text, the newest first. What is no key is left out; a text that is no secret has none. */
export function cookieKeys (body: string): Buffer[] {
  const read = readJson(body, checkSecret)
  if ('refusal' in read) return []
  const { keys } = read.value as StoredSecret // it has just been checked
  return keys.filter((key) => keyPattern.test(key)).map((key) => Buffer.from(key, 'hex'))
}

export interface CookieSecretOptions {
  readonly position: SourcePosition
  /** As the node itself has it. */
  readonly core: SecretCore
  readonly clock: Clock
  /** So many random bytes. */
  readonly random: (bytes: number) => Buffer
  /** Told at the first of several failures. */
  readonly warn: (message: string) => void
}

/** Makes the secret and rolls it over. A failure is tried again; until there is a secret, DNS answers without cookies. */
export class CookieSecret {
  readonly #options: CookieSecretOptions
  #cancel: (() => void) | undefined
  #isClosed = false
  #isFailing = false

  constructor (options: CookieSecretOptions) {
    this.#options = options
  }

  /** Resolves after the first try; never rejects. */
  async start (): Promise<void> {
    await this.#round()
  }

  close (): void {
    this.#isClosed = true
    this.#cancel?.()
  }

  async #round (): Promise<void> {
    const { clock, warn } = this.#options
    try {
      await this.#look()
      this.#isFailing = false
    } catch (error) {
      if (!this.#isFailing && !this.#isClosed) warn(`the secret of DNS cookies could not be written, trying again: ${error instanceof Error ? error.message : String(error)}`)
      this.#isFailing = true
    }
    if (!this.#isClosed) this.#cancel = clock.after(intervalMs, () => this.#round())
  }

  async #look (): Promise<void> {
    const { position, core, clock, random } = this.#options
    if (!position.loaded) return
    const object = core.secret(name)
    const keys = object === undefined ? [] : cookieKeys(object.body)
    if (object !== undefined && keys.length > 0 && clock.now() - object.updatedAtMs < keyLifeMs) return
    const kept = keys.slice(0, 1)
    const secret: StoredSecret = { keys: [random(keyBytes), ...kept].map((key) => key.toString('hex')) }
    await core.keepSecret(name, JSON.stringify(secret), object?.revision ?? 0) // false: another node was faster, and its secret is good
  }
}
