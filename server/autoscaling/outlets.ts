// Who hears of decisions, and which of them are still open. A listener that throws keeps no other from hearing.
import type { Guard } from '../guard.ts'
import type { DecisionEnd, DecisionListener, ScalingDecision } from './ports.ts'

export class Outlets {
  readonly #guard: Guard
  readonly #listeners = new Set<DecisionListener>()
  /** The newest of each autoscaler, by `namespace/name`. */
  readonly #open = new Map<string, ScalingDecision>()

  constructor (guard: Guard) {
    this.#guard = guard
  }

  get open (): readonly ScalingDecision[] {
    return [...this.#open.values()]
  }

  add (listener: DecisionListener, open: readonly ScalingDecision[]): () => void {
    this.#listeners.add(listener)
    for (const decision of open) this.#guard.attempt('autoscaling', () => listener.decided(decision))
    return () => this.#listeners.delete(listener)
  }

  decided (decision: ScalingDecision): void {
    const before = this.#open.get(nameOf(decision))
    this.#open.set(nameOf(decision), decision)
    if (before !== undefined && before.decisionId !== decision.decisionId) this.#ended(before, 'replaced')
    this.#each((listener) => listener.decided(decision))
  }

  followed (decision: ScalingDecision): void {
    if (this.#open.get(nameOf(decision))?.decisionId !== decision.decisionId) return
    this.#open.delete(nameOf(decision))
    this.#ended(decision, 'followed')
  }

  /** @param name `namespace/name` */
  gone (name: string): void {
    const decision = this.#open.get(name)
    if (decision === undefined) return
    this.#open.delete(name)
    this.#ended(decision, 'gone')
  }

  endAll (): void {
    for (const name of [...this.#open.keys()]) this.gone(name)
  }

  #ended (decision: ScalingDecision, end: DecisionEnd): void {
    this.#each((listener) => listener.ended?.(decision, end))
  }

  #each (call: (listener: DecisionListener) => void): void {
    for (const listener of this.#listeners) this.#guard.attempt('autoscaling', () => call(listener))
  }
}

function nameOf ({ namespace, name }: ScalingDecision): string {
  return `${namespace}/${name}`
}
