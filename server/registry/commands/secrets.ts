// Values that the nodes of a registry share and show to no client: the secret of DNS cookies is one. Read with the
// view, written like anything else.
import { invalid } from '../../errors.ts'
import type { Actor } from '../actor.ts'
import { secretPrefix } from '../object-keys.ts'
import { type Decision, certain } from './certain.ts'
import type { CommandParts } from './instances.ts'

export interface Secret {
  readonly body: string
  readonly revision: number
  readonly updatedAtMs: number
}

export interface NamedSecret extends Secret {
  /** As `dns/cookie`. */
  readonly name: string
}

const namePattern = /^[a-z0-9-]{1,63}(?:\/[a-z0-9-]{1,63})*$/

export class Secrets {
  readonly #parts: CommandParts

  constructor (parts: CommandParts) {
    this.#parts = parts
  }

  /** undefined = no node has created it yet. */
  get (name: string): Secret | undefined {
    return this.#parts.feed.catalog.object(keyOf(name))
  }

  /** Those whose names begin so, in no particular order. Costs a look at every object. */
  list (prefix: string): NamedSecret[] {
    const start = `${secretPrefix}${prefix}`
    const found: NamedSecret[] = []
    for (const object of this.#parts.feed.catalog.heldObjects()) {
      if (object.key.startsWith(start)) found.push({ ...object, name: object.key.slice(secretPrefix.length) })
    }
    return found
  }

  /**
   * Makes a secret, or makes it anew.
   * @param name like `dns/cookie`
   * @param expected the revision that it must have, 0 = there must be none
   * @returns false if another node was faster: its secret is known here then
   */
  async keep (actor: Actor, name: string, body: string, expected: number): Promise<boolean> {
    const { store, lookup } = this.#parts
    lookup.requireLoaded()
    const key = keyOf(name)
    return certain(this.#parts, (): Decision<boolean> => {
      if ((this.get(name)?.revision ?? 0) !== expected) return { done: false }
      return {
        write: async () => {
          const committed = await store.commit([{ type: 'put', key, body, endsAtMs: 0, reason: 'declared', expected }], actor.name)
          if (committed.outcome === 'committed') return true
          await store.sync()
          return false
        }
      }
    })
  }

  /** Removes a secret. @returns false if there is none, or it was another one by then */
  async remove (actor: Actor, name: string, expected: number): Promise<boolean> {
    const { store, lookup } = this.#parts
    lookup.requireLoaded()
    const key = keyOf(name)
    return certain(this.#parts, (): Decision<boolean> => {
      if ((this.get(name)?.revision ?? 0) !== expected || expected === 0) return { done: false }
      return {
        write: async () => {
          const committed = await store.commit([{ type: 'delete', key, reason: 'removed', expected }], actor.name)
          if (committed.outcome === 'committed') return true
          await store.sync()
          return false
        }
      }
    })
  }
}

/** @throws RegistryError REG_INVALID */
function keyOf (name: string): string {
  if (!namePattern.test(name)) throw invalid([{ field: 'name', value: name, rule: 'must be parts of a-z, 0-9 and "-", with "/" between them' }])
  return `${secretPrefix}${name}`
}
