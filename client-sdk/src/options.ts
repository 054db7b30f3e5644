// The options of the client's calls, each with its default.
import type { Clock } from './clock.ts'
import type { NodeEvent } from './events.ts'
import type { RegistrationEvent } from './registration.ts'
import type { ResolveOptions } from './resolver.ts'
import type { Balance } from './endpoint-table.ts'
import type { WebSocketConstructor } from './web-socket.ts'
import type { TokenSource } from './token.ts'
import type { Fetch } from './transport.ts'
import type { LeaseReference, Status } from './wire.ts'

/** What the SDK tells about its work in the background. Nothing there ever throws; a program that wants to know passes `onEvent`. */
export type RollcallEvent = NodeEvent | RegistrationEvent

export interface RollcallOptions {
  /**
   * One or several nodes: `http` or `https`, without user, query and fragment. Default: `ROLLCALL_ADDRESS`
   * (comma-separated), else `http://127.0.0.1:7500`.
   */
  readonly address?: string | readonly string[] | undefined
  /** Default: `ROLLCALL_NAMESPACE`, else `default`. */
  readonly namespace?: string | undefined
  /**
   * A text, or a function that is asked for it with each call and each connection. Default: `ROLLCALL_TOKEN`, which is taken out
   * of the environment once it was read; else none.
   */
  readonly token?: TokenSource | undefined
  /**
   * Open the WebSocket with a ticket that is asked for with the token, because this runtime sends no header with it. Default: true
   * in browsers.
   */
  readonly tickets?: boolean | undefined
  /**
   * The CAs of which one must have issued the registry's certificate, for `https` addresses: a PEM text, or the file that holds it.
   * Default: the file that `ROLLCALL_CA` names, else those of the runtime. Needs Node.
   */
  readonly ca?: string | undefined
  /**
   * The certificate that is shown to a registry that asks for one, with those above it: a PEM text, or the file that holds it. Files are
   * read again when they change. Default: the file that `ROLLCALL_CERT` names, else none.
   */
  readonly cert?: string | undefined
  /** Its private key, likewise. Default: the file that `ROLLCALL_KEY` names. */
  readonly key?: string | undefined
  /**
   * Of one call with its retries, in milliseconds; what it sends and is answered has a second more for each 256 kB.
   * Default 5,000.
   */
  readonly timeoutMs?: number | undefined
  /**
   * For connecting, apart from the answer: of the WebSocket, and of heartbeats, which are waited for longer than their
   * turn. In milliseconds. Default 5,000.
   */
  readonly connectTimeoutMs?: number | undefined
  /**
   * A longer answer, unpacked, or a longer frame is not taken. In bytes (of a frame: characters). Default 67,108,864.
   */
  readonly maxAnswerBytes?: number | undefined
  /**
   * The parts of snapshots that have not come whole, all watches together: past it a watch ends with
   * `REGISTRY_ANSWER_TOO_LARGE`. In characters. Default 268,435,456.
   */
  readonly maxSnapshotBytes?: number | undefined
  /**
   * Which of several nodes to use: `any`, each client another one, so that they spread; or the `first` that is well. A
   * client goes away from a node that is silent or has lost its store, and comes back a minute or so after it is well
   * again. Default `any`.
   */
  readonly prefer?: 'any' | 'first' | undefined
  /** Where this process runs: registered with its instances, preferred by `resolve`. */
  readonly zone?: string | undefined
  /** Default `round-robin`. */
  readonly balance?: Balance | undefined
  /** Deregister on SIGTERM, SIGINT and SIGHUP. Default true. */
  readonly signals?: boolean | undefined
  /** Called with events of the background. What it throws is dropped. */
  readonly onEvent?: ((event: RollcallEvent) => unknown) | undefined
  /**
   * Called with warnings for a developer, one sentence and once each: no registry answers at first, a health callback
   * that makes no sense. Default: standard error; null: warnings are dropped.
   */
  readonly warn?: ((message: string) => unknown) | null | undefined
  /** Instead of the global one. */
  readonly fetch?: Fetch | undefined
  /** Instead of the global one; null: pretend that there is none. */
  readonly WebSocket?: WebSocketConstructor | null | undefined
  /** Instead of the system's; see `createTestClock`. */
  readonly clock?: Clock | undefined
  /** Instead of Math.random. */
  readonly random?: (() => number) | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface ReadOptions extends CallOptions {
  /** Waits until the node knows this revision: read your writes on any node. */
  readonly minRevision?: string | undefined
}

export interface ListOptions extends ReadOptions {
  /** `*` = all of them. Default: the client's. */
  readonly namespace?: string | undefined
  readonly service?: string | undefined
  readonly selector?: string | undefined
  readonly status?: Status | undefined
  /** Items per page; the SDK reads all pages. Default: the registry's. */
  readonly pageSize?: number | undefined
}

export interface EndpointsOptions extends ReadOptions {
  readonly selector?: string | undefined
  readonly zone?: string | undefined
  readonly port?: string | number | undefined
  /** Default true: those that may be called. */
  readonly ready?: boolean | 'any' | undefined
}

export interface CallWithRetries extends ResolveOptions {
  /** Tries on other instances after the first. Default 2. */
  readonly retries?: number | undefined
  /** Whether a failure is worth another instance. Default: yes. */
  readonly retryIf?: ((error: unknown) => boolean) | undefined
}

/** Names one instance; the namespace is the client's unless it says another. */
export type InstanceReference = Omit<LeaseReference, 'namespace'> & { readonly namespace?: string | undefined }
