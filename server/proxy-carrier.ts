// One of the things that `rollcall proxy` does on a machine, as its process runs it: the traffic of services, and ingresses.
import type { EndpointsEvent } from '../client-sdk/src/index.ts'

export interface Carrier {
  /** What it says of itself, for `status` and /healthz. */
  status (): object
  /** Whether what it was told last is in force. */
  isHealthy (): boolean
  metrics (): Promise<string>
  /** Takes what the registry tells of services. */
  take (event: EndpointsEvent): Promise<void>
  /** Follows what else it needs, until the signal. Never resolves before that; rejects with what makes it useless. */
  follow? (signal: AbortSignal): Promise<void>
  /** Says to the registry that it goes, so that nobody is sent here who comes too late. Never rejects. */
  sayGoodbye (): Promise<void>
  /** Ends it, after what is under way. */
  stop (): Promise<void>
  /** Takes a signal to begin anew without an end (SIGUSR2). */
  renew? (): Promise<void>
}
