// The DNS of a registry node: zones, a responder, and a UDP and a TCP listener on one port.
import { hostname } from 'node:os'
import { type Guard, standaloneGuard } from '../guard.ts'
import { invalid } from '../errors.ts'
import { type ListenAddress, hostPort, listenAddresses, listenOnAll } from '../listen-addresses.ts'
import { type AddressRange, readNetworks } from '../model/address/ranges.ts'
import type { ClientZone } from './protect/client-zone-setting.ts'
import type { DnsPeers } from './transfer/peers.ts'
import { type Clock, guardedClock, systemClock } from '../clock.ts'
import type { TransferSource } from './source.ts'
import { AccessList } from './protect/access-list.ts'
import { ClientReach, type ClusterIpSetting } from './protect/client-reach.ts'
import { ClientZones } from './protect/client-zones.ts'
import type { DnsView } from './protect/view-setting.ts'
import { Views } from './protect/views.ts'
import { DnsCounters } from './counters.ts'
import { DnsDesk } from './desk.ts'
import { oursOf } from './forward/answer-chain.ts'
import { Forwarder, type UpstreamAddress } from './forward/forwarder.ts'
import { QueryLog } from './query-log.ts'
import { RateLimiter } from './protect/rate-limit.ts'
import { Recursion } from './forward/recursion.ts'
import { Responder } from './responder.ts'
import { TcpListener } from './listen/tcp-listener.ts'
import { type BatchSetting, batchingFor } from './listen/batching.ts'
import { listenUdp } from './listen/every-address.ts'
import { maxConnections } from './listen/tcp-limits.ts'
import { Tracer } from './trace.ts'
import type { ListenerOptions } from './listen/udp-listener.ts'
import { ZoneTransfers } from './transfer/transfer.ts'
import { ConsulZone } from './names/consul-zone.ts'
import { type ZonesOptions, defaultTtlSeconds, zonesOf } from './names/zones.ts'

export { type AnswerCount, type DropReason, DnsCounters, dropReasons, forwardEvents, latencyBounds } from './counters.ts'

export interface DnsOptions extends ZonesOptions {
  /** The registry's feed, or something like it. */
  readonly source: TransferSource
  /** An address, or a name that is looked up once: it listens on all of its addresses. Several: on all of theirs. */
  readonly host: string | readonly string[]
  /** 0 = any free one, the same for UDP and TCP at every address. */
  readonly port: number
  /** Clients in a network get endpoints of its zone first; the longest prefix counts. Default none. */
  readonly clientZones?: readonly ClientZone[]
  /** What clients may look up, by network. Default: everything. */
  readonly views?: readonly DnsView[]
  /**
   * `always`: a service with a cluster IP is answered with it, as the DNS specification says; `auto`: to clients that an agent
   * carries, and with its endpoints to the others. Default `always`.
   */
  readonly clusterIps?: ClusterIpSetting
  /** What this node calls itself when it is asked (NSID, `id.server`). Default: the name of the machine. */
  readonly node?: string
  /** What `version.bind` says. Default `rollcall`. */
  readonly version?: string
  /** Answers of one kind a second over UDP to one network that has not shown that it asked, 1-1,000,000. Default: no limit. */
  readonly rateLimit?: number | undefined
  /** Which part of the queries is logged by `log.info`, 0-1. Default 0. */
  readonly queryLogRatio?: number | undefined
  /** The keys that queries may be signed with, and which clients may have whole zones. Default: none. */
  readonly transfer?: Pick<DnsPeers, 'keys' | 'transferTo'> | undefined
  /**
   * The upstreams for names outside the zones, and for which clients (CIDR). Default: none, and such names are refused.
   */
  readonly forward?: {
    readonly upstreams: readonly UpstreamAddress[]
    /** As CIDR, or as they were read. */
    readonly clients: readonly (string | AddressRange)[]
    /** Whether letters go out in a random case and must come back in it, default true. */
    readonly mixesCase?: boolean
  } | undefined
  /** DNS over TLS (RFC 7858) on a port of its own, with a certificate and its key in PEM form. Default: none. */
  readonly tls?: { readonly host: string | readonly string[], readonly port: number, readonly cert: string, readonly key: string } | undefined
  /** Whether class CH is answered: which program and which node this is. Default: if it listens on loopback alone. */
  readonly chaos?: boolean | undefined
  /** Open TCP connections, and as many with TLS, default 1,000. */
  readonly maxConnections?: number
  /** Shares the port with other listeners of this user that say so too: the kernel spreads clients over them. Default: it is ours alone. */
  readonly reusePort?: boolean
  readonly log?: { warn (message: string): void, error (message: string): void, info? (facts: object, message: string): void }
  /**
   * `auto`: datagrams that come together are taken and answered by one call where that can be done; `off`: each by one of its own.
   * Default `auto`.
   */
  readonly batch?: BatchSetting
  /** Where it counts; default: counters of its own, in `DnsServer.counters`. */
  readonly counters?: DnsCounters
  /** Chooses the first address, in [0, 1). */
  readonly random?: () => number
  readonly clock?: Clock
  /** Limits an unexpected error to the callback in which it happened. Default: one that writes to stderr. */
  readonly guard?: Guard | undefined
}

/** The settings of a DNS server that can be sent to a thread. The rest is made in it. */
export type DnsThreadSettings = Omit<DnsOptions, 'source' | 'counters' | 'log' | 'random' | 'clock' | 'guard' | 'reusePort'>

/** What a thread hears while it answers. */
export interface DnsThreadOrder {
  readonly type: 'renew'
  readonly certificate: Certificate
}

export interface Place {
  readonly address: string
  readonly port: number
}

export interface DnsServer {
  /** The first address that it is bound to. */
  readonly address: string
  /** Of every address. */
  readonly port: number
  /** Every address. */
  readonly places: readonly Place[]
  /** Where DNS over TLS is answered: the first of `tlsPlaces`. */
  readonly tls: Place | undefined
  readonly tlsPlaces: readonly Place[]
  readonly counters: DnsCounters
  /** Answers questions that do not come over DNS itself. */
  readonly desk: DnsDesk
  /** Takes another certificate and its key, in PEM form, for connections from now on. Does nothing without TLS. */
  renew (certificate: Certificate): void
  /** Stops accepting, answers what has arrived and lets answers leave, for two seconds at most. Calling it again waits for the same end. */
  close (): Promise<void>
  [Symbol.asyncDispose] (): Promise<void>
}

export interface Certificate {
  readonly cert: string
  readonly key: string
}

const noTransfer = { keys: [], transferTo: [] }
const maxTtlSeconds = 3_600 // an hour of dead addresses is a mistake, not a setting
/** A fault that every packet causes must not fill the disk. */
const failureLogIntervalMs = 60_000

/** What answers, without a socket. */
export interface DnsCore {
  readonly responder: Responder
  readonly desk: DnsDesk
  /** Ends what waits for others. */
  close (): void
}

/**
 * Starts to answer. Resolves when all listeners are bound.
 * @throws RegistryError REG_INVALID for a bad setting; the error of the system if it can't bind
 * @example const dns = await startDns({ source: registry.feed, host: '127.0.0.1', port: 7553 })
 */
export async function startDns (options: DnsOptions): Promise<DnsServer> {
  const { log, guard = standaloneGuard, counters = new DnsCounters(), tls } = options
  const clock = guardedClock(options.clock ?? systemClock, guard, 'dns-timer')
  const addresses = await listenAddresses(options.host)
  const overTls = tls === undefined ? [] : await listenAddresses(tls.host)
  refuseOwnAddress(options, addresses)
  const core = dnsCore({ ...options, clock, counters }, addresses.map(({ address }) => address), overTls.map(({ address }) => address))
  const common = {
    batching: batchingFor(options.batch ?? 'auto', counters), responder: core.responder, counters, clock, guard,
    maxConnections: options.maxConnections ?? maxConnections, reusePort: options.reusePort ?? false,
    report: (message: string) => log?.warn(message)
  } as const
  const leftOut = (address: string, error: Error): void => log?.warn(`DNS: ${address} is left out, as this machine has no such address: ${error.message}`)
  const plain = await listenOnAll(addresses, options.port, (address, port) => listenOnOnePort({ ...common, ...address, port }), leftOut)
  const closeAll = async (listeners: readonly { close (): Promise<unknown> }[]): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()))
  }
  const listenTls = (address: ListenAddress, port: number): Promise<TcpListener> => TcpListener.listen({ ...common, ...address, port, tls })
  const secure = tls === undefined ? [] : await listenOnAll(overTls, tls.port, listenTls, leftOut).catch(async (error: unknown) => {
    await closeAll(plain)
    throw error
  })
  const close = async (): Promise<void> => {
    await closeAll([...plain, ...secure])
    core.close() // all answers have left by now
  }
  const renew = (certificate: Certificate): void => { for (const listener of secure) listener.renew(certificate) }
  const places = plain.map(placeOf)
  const tlsPlaces = secure.map(placeOf)
  return {
    ...placeOf(plain[0]), places, tls: tlsPlaces[0], tlsPlaces, counters, desk: core.desk, renew, close, [Symbol.asyncDispose]: close
  }
}

function placeOf ({ address, port }: Place): Place {
  return { address, port }
}

/**
 * Makes what answers.
 * @param addresses where it is reached, for the name of the name server
 * @param overTls where it is reached by TLS
 * @throws RegistryError REG_INVALID for a bad setting
 */
export function dnsCore (options: Omit<DnsOptions, 'host' | 'port' | 'tls'>, addresses: readonly string[], overTls: readonly string[] = []): DnsCore {
  const { source, log, ttlSeconds = defaultTtlSeconds, guard = standaloneGuard, counters = new DnsCounters(), forward } = options
  const clock = guardedClock(options.clock ?? systemClock, guard, 'dns-timer')
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0 || ttlSeconds > maxTtlSeconds) {
    throw invalid([{ field: 'ttlSeconds', value: ttlSeconds, rule: `must be a whole number 0-${maxTtlSeconds}` }])
  }
  const zones = zonesOf(options, addresses)
  let lastLoggedMs = -Infinity
  const failed = (error: unknown): void => {
    if (clock.now() - lastLoggedMs < failureLogIntervalMs) return
    lastLoggedMs = clock.now()
    log?.error(`DNS: a message was answered SERVFAIL, because of a fault of this program: ${error instanceof Error ? error.stack : String(error)}`)
  }
  const { random = Math.random, rateLimit, queryLogRatio = 0, transfer = noTransfer } = options
  const clientZones = options.clientZones === undefined || options.clientZones.length === 0 ? undefined : new ClientZones(options.clientZones)
  const forwarder = forward === undefined || forward.upstreams.length === 0
    ? undefined
    : new Forwarder({
      upstreams: forward.upstreams, mixesCase: forward.mixesCase ?? true, isOurs: oursOf(zones.map(({ wire }) => wire)), clock, guard, failed,
      count: (event) => counters.forwarded(event)
    })
  const recursion = forwarder === undefined ? undefined : new Recursion(forwarder, new AccessList(networksOf(forward?.clients ?? [])))
  const clientReach = options.clusterIps === 'auto' ? new ClientReach({ source }) : undefined
  const responder = new Responder({
    source,
    zones,
    ttlSeconds,
    clientZones,
    views: options.views === undefined || options.views.length === 0 ? undefined : new Views(options.views),
    clientReach,
    node: options.node ?? hostname(),
    version: options.version ?? 'rollcall',
    chaos: options.chaos ?? [...addresses, ...overTls].every(isLoopback),
    recursion,
    random,
    clock,
    counters,
    failed,
    warn: (message) => log?.warn(message),
    transfers: new ZoneTransfers({
      source, zones: zones.filter((zone) => !(zone instanceof ConsulZone)), ttlSeconds,
      clusterIps: clientReach === undefined, keys: transfer.keys, allowed: transfer.transferTo, clock, counters, failed
    }),
    limiter: rateLimit === undefined ? undefined : new RateLimiter(rateLimit, Math.random),
    queryLog: queryLogRatio === 0 ? undefined : new QueryLog({
      ratio: queryLogRatio,
      write: (line) => log?.info?.(line, 'dns query'),
      leftOut: (count) => log?.info?.({ count }, 'dns queries left out of the log: too many a second'),
      clock,
      random: Math.random
    })
  })
  const desk = new DnsDesk({ responder, tracer: new Tracer({ source, zones, ttlSeconds, clientZones, clientReach, recursion }) })
  return {
    responder,
    desk,
    close: () => {
      recursion?.close()
      responder.close()
      clientReach?.close()
    }
  }
}

function networksOf (networks: readonly (string | AddressRange)[]): AddressRange[] {
  return networks.flatMap((network) => (typeof network === 'string' ? readNetworks([network], 'forward.clients') : network))
}

/** A server that asks itself would wait for its own answer. */
function refuseOwnAddress ({ forward, port }: DnsOptions, addresses: readonly ListenAddress[]): void {
  const isOwn = ({ address }: UpstreamAddress): boolean =>
    addresses.some((own) => own.address === address || (isWildcard(own.address) && isLoopback(address)))
  const own = forward?.upstreams.find((upstream) => upstream.port === port && isOwn(upstream))
  if (own !== undefined) {
    throw invalid([{ field: 'forward.upstreams', value: hostPort(own), rule: 'must be another server than this one' }])
  }
}

/** UDP and TCP at one address. */
interface BothListeners extends Place {
  close (): Promise<unknown>
}

async function listenOnOnePort (options: ListenerOptions & { readonly maxConnections: number }): Promise<BothListeners> {
  const udp = await listenUdp(options)
  const { port } = udp
  try {
    const tcp = await TcpListener.listen({ ...options, port })
    return { address: options.address, port, close: () => Promise.all([udp.close(), tcp.close()]) }
  } catch (error) {
    await udp.close()
    throw error
  }
}

function isWildcard (address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

function isLoopback (address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
