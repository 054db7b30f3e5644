// Who follows the registry through the one WebSocket, each under a number of its own: what they ask for is sent when it opens, and what comes
// is handed to them.
import type { RollcallError } from './errors.ts'
import { SnapshotParts } from './snapshot-parts.ts'
import type { Subscriber, SubscriptionFrame } from './subscriber.ts'
import type { ClientFrame } from './wire.ts'

/** These answers to a subscription mean "not now". */
const passingCodes = new Set([
  'REG_NOT_LOADED', 'REG_STORE_UNAVAILABLE', 'REG_SHUTTING_DOWN', 'REG_OVERLOADED', 'REG_INTERNAL', 'REG_REVISION_TIMEOUT'
])

export class Subscriptions {
  readonly #subscribers = new Map<number, Subscriber>()
  readonly #parts: SnapshotParts
  readonly #send: (frame: ClientFrame) => void

  /** @param maxSnapshotLength parts of snapshots that are longer together end the watch that they are for */
  constructor (maxSnapshotLength: number, send: (frame: ClientFrame) => void) {
    this.#parts = new SnapshotParts(maxSnapshotLength)
    this.#send = send
  }

  get size (): number {
    return this.#subscribers.size
  }

  has (id: number): boolean {
    return this.#subscribers.has(id)
  }

  all (): Iterable<Subscriber> {
    return this.#subscribers.values()
  }

  add (id: number, subscriber: Subscriber, isOpen: boolean): void {
    this.#subscribers.set(id, subscriber)
    if (isOpen) this.#ask(id, subscriber)
  }

  remove (subscriber: Subscriber, isOpen: boolean): void {
    for (const [id, known] of this.#subscribers) {
      if (known !== subscriber) continue
      this.#subscribers.delete(id)
      this.#parts.forget(id)
      if (isOpen) this.#send({ type: 'unsubscribe', id })
    }
  }

  /** The WebSocket is open: all of them ask, from where they left off. */
  opened (): void {
    for (const [id, subscriber] of this.#subscribers) this.#ask(id, subscriber)
  }

  /** It is gone, and with it what was on its way. */
  dropped (): void {
    this.#parts.clear()
  }

  clear (): void {
    this.#subscribers.clear()
  }

  /** @param length of the frame, in characters */
  take (frame: SubscriptionFrame, length: number): void {
    if (frame.type === 'reset') this.#parts.forget(frame.id)
    const subscriber = this.#subscribers.get(frame.id)
    if (subscriber === undefined) return
    if (frame.type !== 'snapshot') return subscriber.receive(frame)
    let whole: typeof frame | undefined
    try {
      whole = this.#parts.take(frame, length)
    } catch (error) { // asked again, the registry would send as much again: the watch is over
      this.#subscribers.delete(frame.id)
      this.#send({ type: 'unsubscribe', id: frame.id })
      return subscriber.fail(error as RollcallError) // take throws no other
    }
    if (whole !== undefined) subscriber.receive(whole)
  }

  /** @returns what became of it: the subscription is over, it should be asked for again later, or nobody has that number */
  refused (id: number, error: RollcallError): 'over' | 'later' | 'unknown' {
    const subscriber = this.#subscribers.get(id)
    if (subscriber === undefined) return 'unknown'
    if (passingCodes.has(error.code)) return 'later'
    this.#subscribers.delete(id)
    subscriber.fail(error)
    return 'over'
  }

  #ask (id: number, subscriber: Subscriber): void {
    const since = subscriber.cursor()
    this.#send({ type: 'subscribe', id, ...subscriber.query, ...(since === undefined ? {} : { since }) })
  }
}
