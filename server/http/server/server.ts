// HTTP as several dialects: those without a listener of their own share the main one, the others have theirs. All are built, opened and
// closed together.
import type { FastifyInstance } from 'fastify'
import type { Guard } from '../../guard.ts'
import { type Clock, guardedClock, systemClock } from '../../clock.ts'
import type { AddressRange } from '../../model/address/ranges.ts'
import { type Leaving, buildApp } from './app.ts'
import { Commons, type CommonsLimits } from './commons.ts'
import { Closing } from './closing.ts'
import type { HttpLog } from './http-log.ts'
import type { Dialect, Listener, ListenerTls } from './dialect.ts'
import { maxBodyBytes, maxBodyBytesTogether } from './limits.ts'
import { type Listening, listen } from './listener.ts'
import type { HttpMetrics } from './metrics.ts'
import { type Identities, byAddress } from './identities.ts'
import { Peers } from './peer.ts'

export interface HttpOptions {
  /** At least one without a listener of its own. */
  readonly dialects: readonly Dialect[]
  readonly version: string
  readonly metrics: HttpMetrics
  /** Names (without port) under which this server may be called, beside addresses, localhost and the machine's own name; `*` is every name. */
  readonly trustedHosts?: readonly string[]
  /** Networks of proxies whose word on who asks counts. Default: none. */
  readonly trustedProxies?: readonly AddressRange[]
  /** Who asks, by what was shown. Default: by address alone. */
  readonly identities?: Identities | undefined
  /** Of a route that has no limit of its own. */
  readonly maxBodyBytes?: number
  readonly log?: HttpLog
  /** Whether each request gets a log line, asked at each; default never. */
  readonly logRequests?: () => boolean
  readonly clock?: Clock
  /** Keeps errors that nobody expected from ending more than what they happened in. */
  readonly guard: Guard
  /** How long a request may take to arrive. Defaults in limits.ts. */
  readonly timeouts?: { readonly requestMs?: number, readonly headersMs?: number, readonly checkMs?: number }
  /** What all clients share. Defaults in limits.ts. */
  readonly shares?: CommonsLimits
}

export interface Http {
  /** The app of the main listener, to inject requests into. */
  readonly app: FastifyInstance
  /** The app of each dialect that has a listener of its own, by name. */
  readonly own: ReadonlyMap<string, FastifyInstance>
  /**
   * Listens for the main dialects, and for the others where they say. Gives the URLs of each main listener.
   * @throws the system's error if an address cannot be listened on; what was opened is closed with `close`
   */
  listenAll (main: readonly Listener[]): Promise<readonly (readonly string[])[]>
  /** The same with one main listener. */
  listen (main: Listener): Promise<readonly string[]>
  /**
   * Takes another certificate for the main listeners with TLS, or for that of a dialect, for connections from now on. @throws the error of
   * OpenSSL
   */
  renew (tls: ListenerTls, dialect?: string): void
  /** How all listeners end in order, before `close`. */
  readonly leaving: Leaving
  /** Where each dialect that has a listener of its own listens. */
  readonly ownUrls: ReadonlyMap<string, readonly string[]>
  /** Ends sockets, streams and long polls within seconds. Closing twice is fine. */
  close (): Promise<void>
}

const silent: HttpLog = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** Makes the apps of all dialects. Nothing listens yet. */
export async function buildHttp (options: HttpOptions): Promise<Http> {
  const { guard } = options
  const closing = new Closing(guard)
  const shared = {
    guard,
    version: options.version,
    clock: guardedClock(options.clock ?? systemClock, guard, 'http-timer'),
    log: options.log ?? silent,
    closing,
    metrics: options.metrics,
    commons: new Commons(guard, { bodyBytes: Math.max(maxBodyBytesTogether, options.maxBodyBytes ?? 0), ...options.shares }),
    peers: new Peers(options.trustedProxies),
    identities: options.identities ?? byAddress,
    trustedHosts: options.trustedHosts ?? [],
    maxBodyBytes: options.maxBodyBytes ?? maxBodyBytes,
    logRequests: options.logRequests ?? (() => false),
    timeouts: options.timeouts ?? {}
  }
  const app = await buildApp({ ...shared, dialects: options.dialects.filter(({ listen }) => listen === undefined) })
  const own = new Map<string, FastifyInstance>()
  for (const dialect of options.dialects) {
    if (dialect.listen !== undefined) own.set(dialect.name, await buildApp({ ...shared, dialects: [dialect] }))
  }
  const apps = [app, ...own.values()]
  const opened: Listening[] = []
  const secure: { readonly target: FastifyInstance, readonly listening: Listening }[] = []
  const ownUrls = new Map<string, readonly string[]>()
  let closed: Promise<void> | undefined

  const open = async (target: FastifyInstance, listener: Listener): Promise<readonly string[]> => {
    const listening = await listen(target, guard, listener)
    opened.push(listening)
    if (listener.tls !== undefined) secure.push({ target, listening })
    return listening.urls
  }
  const listenAll = async (main: readonly Listener[]): Promise<readonly (readonly string[])[]> => {
    const urls: (readonly string[])[] = []
    for (const listener of main) urls.push(await open(app, listener))
    for (const { name, listen: listener } of options.dialects) {
      const target = own.get(name)
      if (target !== undefined && listener !== undefined) ownUrls.set(name, await open(target, listener))
    }
    return urls
  }
  const close = async (): Promise<void> => {
    const listeners = opened.map((listening) => listening.close()) // no new connections; resolved when the last one has gone
    await Promise.all(apps.map((each) => each.close()))
    await Promise.all(listeners)
    for (const each of apps) each.server.close() // ends its watch for late requests; earlier it would cut answers that are on their way
  }
  return {
    app,
    own,
    ownUrls,
    leaving: {
      get asked () { return apps.reduce((sum, { leaving }) => sum + leaving.asked, 0) },
      get isBusy () { return apps.some(({ leaving }) => leaving.isBusy) },
      begin: () => { for (const each of apps) each.leaving.begin() },
      cut: () => { for (const each of apps) each.leaving.cut() }
    },
    listenAll,
    listen: async (main) => (await listenAll([main]))[0] ?? [],
    renew: (tls, dialect) => {
      const renewed = dialect === undefined ? app : own.get(dialect)
      for (const { target, listening } of secure) if (target === renewed) listening.renew(tls)
    },
    close: () => closed ??= close()
  }
}
