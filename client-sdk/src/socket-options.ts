// What the one WebSocket of a client is given: nodes to go to, limits, and whom it tells.
import type { Clock } from './clock.ts'
import type { Emit } from './events.ts'
import type { Nodes } from './nodes.ts'
import type { TokenSource } from './token.ts'
import type { WebSocketConstructor } from './web-socket.ts'

export interface SocketOptions {
  readonly nodes: Nodes
  readonly token: TokenSource | undefined
  /** Gives a ticket of a node, if the WebSocket is opened with one. */
  readonly ticket: ((index: number) => Promise<string>) | undefined
  readonly WebSocket: WebSocketConstructor | undefined
  /** For the connection to open. */
  readonly connectTimeoutMs: number
  /** For a heartbeat to be answered. */
  readonly timeoutMs: number
  /** Frames that are longer end the connection. */
  readonly maxFrameLength: number
  /** Parts of snapshots that are longer together end the watch that they are for. */
  readonly maxSnapshotLength: number
  readonly clock: Clock
  readonly random: () => number
  readonly emit: Emit
  readonly opened: () => void
  /** It was open, and is not any more. */
  readonly closed: () => void
  /** It did not come to life several times in a row: lists should be read by long polls. */
  readonly troubled: () => void
}
