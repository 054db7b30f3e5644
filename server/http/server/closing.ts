// The end of a node as its HTTP side sees it.
import { RegistryError } from '../../errors.ts'
import type { Guard } from '../../guard.ts'

/**
 * Tells that the node begins to close, and then that its listeners do: in between it still answers. An AbortSignal would
 * search its list of ten thousand waiting requests for each of them.
 */
export class Closing {
  readonly #callbacks = new Set<() => void>()
  readonly #guard: Guard
  /** Watches and long polls that were refused because the node closes: their clients must go to another node. */
  refused = 0
  #begun = false
  #ended = false

  constructor (guard: Guard) {
    this.#guard = guard
  }

  /** The node is going: it is not ready, nobody waits or watches any more. Other requests are answered. */
  get begun (): boolean {
    return this.#begun
  }

  /** Nothing is answered any more. */
  get ended (): boolean {
    return this.#ended
  }

  /** Calls back once when it begins. Gives a function that cancels. */
  onBegin (callback: () => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  begin (): void {
    this.#begun = true
    for (const callback of this.#callbacks) this.#guard.attempt('http-closing', callback)
    this.#callbacks.clear()
  }

  /** The answer to a watch or a long poll that comes too late. */
  refuse (): RegistryError {
    this.refused++
    return new RegistryError('REG_SHUTTING_DOWN', 'this node is shutting down and nobody waits here any more, ask another one')
  }

  end (): void {
    this.begin()
    this.#ended = true
  }
}
