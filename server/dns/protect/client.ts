// Who asks, and by which way.
import type { Sight } from '../../registry/core.ts'

export const transports = ['udp', 'tcp', 'tls', 'https'] as const
export type Transport = (typeof transports)[number]

/** A listener may use one object for one client after the other: what is kept for later is copied. */
export interface Client {
  readonly transport: Transport
  /** As the socket gives it: `10.0.0.7`, `fd00::7`, `::ffff:10.0.0.7`, `fe80::1%eth0`. */
  readonly address: string
  /** Of a client of HTTP: what it may read; undefined = everything. */
  readonly sight?: Sight | undefined
}

/** What one message of one client comes to. */
export type Response =
  /** Octets of the answer in the writer; 0 = silence. */
  | number
  /**
   * Answers that come later, each a whole message. A reader that stops ends the work on them. If they throw the
   * connection must be closed.
   */
  | AsyncIterable<Buffer>
