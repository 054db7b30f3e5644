// Changes of the leases in memory that belong to a transaction: each can be taken back, as the rows are by ROLLBACK.
import type { LeaseWheel } from './lease-wheel.ts'

export class LeaseSteps {
  readonly #wheel: LeaseWheel
  readonly #undo: (() => void)[]

  /** @param undo what is to be done to take all back, the last first */
  constructor (wheel: LeaseWheel, undo: (() => void)[]) {
    this.#wheel = wheel
    this.#undo = undo
  }

  add (lease: string, service: string, ttlMs: number, deadlineMs: number): void {
    this.#wheel.add(lease, service, ttlMs, deadlineMs)
    this.#undo.push(() => this.#with(lease, (slot) => this.#wheel.remove(slot)))
  }

  setDeadline (slot: number, deadlineMs: number): void {
    const before = this.#wheel.deadlineOf(slot)
    const lease = this.#wheel.nameOf(slot)
    this.#undo.push(() => this.#with(lease, (found) => this.#wheel.setDeadline(found, before)))
    this.#wheel.setDeadline(slot, deadlineMs)
  }

  setTtl (slot: number, ttlMs: number): void {
    const before = this.#wheel.ttlOf(slot)
    if (before === ttlMs) return
    const lease = this.#wheel.nameOf(slot)
    this.#undo.push(() => this.#with(lease, (found) => this.#wheel.setTtl(found, before)))
    this.#wheel.setTtl(slot, ttlMs)
  }

  setSuspect (slot: number, suspect: boolean): void {
    if (this.#wheel.isSuspect(slot) === suspect) return
    const lease = this.#wheel.nameOf(slot)
    this.#undo.push(() => this.#with(lease, (found) => this.#wheel.setSuspect(found, !suspect)))
    this.#wheel.setSuspect(slot, suspect)
  }

  drop (lease: string): void {
    this.#with(lease, (slot) => {
      const service = this.#wheel.serviceOf(slot)
      const deadlineMs = this.#wheel.deadlineOf(slot)
      const ttlMs = this.#wheel.ttlOf(slot)
      const suspect = this.#wheel.isSuspect(slot)
      this.#undo.push(() => { this.#wheel.add(lease, service.name, ttlMs, deadlineMs, suspect) })
      this.#wheel.remove(slot)
    })
  }

  #with (lease: string, act: (slot: number) => void): void {
    const slot = this.#wheel.find(lease)
    if (slot !== undefined) act(slot)
  }
}
