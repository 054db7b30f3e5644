// What the socket needs of one that follows the registry through it.
import type { RollcallError } from './errors.ts'
import type { ServerFrame, WatchView } from './wire.ts'

export type SubscriptionFrame = Extract<ServerFrame, { type: 'snapshot' | 'change' | 'bookmark' | 'reset' }>

export interface Subscriber {
  readonly query: { readonly view?: WatchView, readonly namespace?: string, readonly service?: string, readonly selector?: string }
  /** Where to go on after a reconnect; undefined = from a snapshot. */
  cursor (): string | undefined
  receive (frame: SubscriptionFrame): void
  /** The registry refused the subscription. */
  fail (error: RollcallError): void
  /** The first revision that was received and not yet processed. */
  waiting (): string | undefined
}
