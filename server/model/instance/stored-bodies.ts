// Reads stored bodies, of which most differ in nothing but the address: the copies of a service have the same ports, labels and zone. What
// stands behind the address is read and checked once for all of them, and they share what was read.
import { parseAddress } from '../address/address.ts'
import { ownText } from '../own-text.ts'
import type { Refusal } from '../../refusal.ts'
import type { InstanceBody } from './instance.ts'
import { readInstanceBody } from './stored-instance.ts'

/** Canonical bodies begin so: `bodyOf` in instance.ts makes them. */
const start = '{"address":"'
/** Longer ones are one of a kind, and would only fill the memory. */
const maxTextLength = 1_024
/** Together; beyond it everything is forgotten and begins anew: sharing is an economy, not a promise. 8 MiB. */
const maxTextLengths = 8 * 1024 ** 2

export class StoredBodies {
  /** By the text behind the address. */
  readonly #known = new Map<string, InstanceBody>()
  readonly #share: (body: InstanceBody) => InstanceBody
  #lengths = 0

  /** @param share gives a body of the same content, with the parts that others have too */
  constructor (share: (body: InstanceBody) => InstanceBody) {
    this.#share = share
  }

  /** How many texts are remembered. */
  get size (): number {
    return this.#known.size
  }

  /** The same as `readInstanceBody` gives. */
  read (text: string): { readonly body: InstanceBody } | { readonly refusal: Refusal } {
    const end = text.startsWith(start) ? text.indexOf('"', start.length) : -1
    const address = end === -1 ? '' : text.slice(start.length, end)
    const rest = end === -1 ? '' : text.slice(end)
    const known = end === -1 ? undefined : this.#known.get(rest)
    if (known !== undefined && isCanonical(address)) return { body: { ...known, address: ownText(address) } }
    const read = readInstanceBody(text)
    if ('refusal' in read) return read
    const body = this.#share(read.body)
    // A second "address" behind the first would be the one that counts.
    if (known === undefined && end !== -1 && rest.length <= maxTextLength && !rest.includes('"address"') && body.address === address) this.#remember(rest, body)
    return { body }
  }

  #remember (rest: string, body: InstanceBody): void {
    if (this.#lengths + rest.length > maxTextLengths) {
      this.#known.clear()
      this.#lengths = 0
    }
    this.#known.set(rest, body)
    this.#lengths += rest.length
  }
}

function isCanonical (text: string): boolean {
  const address = parseAddress(text)
  return 'text' in address && address.text === text
}
