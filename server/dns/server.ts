// The DNS door of a registry node: zones, a responder, and a UDP and a TCP listener on one port.
import { lookup } from 'node:dns/promises'
import { hostname } from 'node:os'
import { type Guard, standaloneGuard } from '../guard.ts'
import { invalid } from '../errors.ts'
import { parseAddress } from '../model/address/address.ts'
import { readNetworks } from '../model/address/ranges.ts'
import type { ClientZone } from './protect/client-zone-setting.ts'
import type { DnsPeers } from './transfer/peers.ts'
import { type Clock, guardedClock, systemClock } from '../clock.ts'
import { AccessList } from './protect/access-list.ts'
import { ClientZones } from './protect/client-zones.ts'
import { DnsCounters } from './counters.ts'
import { DnsDesk } from './desk.ts'
import { Forwarder, type UpstreamAddress } from './forward/forwarder.ts'
import { QueryLog } from './query-log.ts'
import { RateLimiter } from './protect/rate-limit.ts'
import { Recursion } from './forward/recursion.ts'
import { Responder } from './responder.ts'
import { TcpListener } from './listen/tcp-listener.ts'
import { maxConnections } from './listen/tcp-limits.ts'
import { Tracer } from './trace.ts'
import { UdpListener } from './listen/udp-listener.ts'
import { reverseZones } from './names/reverse-zone.ts'
import { ZoneTransfers } from './transfer/transfer.ts'
import type { TransferSource } from './transfer/zone-content.ts'
import { Zone, maxZones } from './names/zone.ts'

export type { DnsSource } from './answers/answer-plan.ts'
export { type AnswerCount, type DropReason, DnsCounters, dropReasons, forwardEvents, latencyBounds } from './counters.ts'

export interface DnsOptions {
  /** The registry's feed, or something like it. */
  readonly source: TransferSource
  /** An address, or a name that is looked up once. */
  readonly host: string
  /** 0 = any free one, the same for UDP and TCP. */
  readonly port: number
  /** Default `cluster.local`. */
  readonly zones?: readonly string[]
  /** Networks (CIDR) whose addresses are answered with names of the first zone: each is one or more reverse zones. Default: none. */
  readonly reverse?: readonly string[]
  /** How long an answer may be kept, 0-3600, default 5. Raising it spares queries and shows dead endpoints for longer. */
  readonly ttlSeconds?: number
  /** Clients in a network are given endpoints of its zone first; the longest prefix counts. Default none. */
  readonly clientZones?: readonly ClientZone[]
  /** What this node calls itself when it is asked (NSID, `id.server`). Default: the name of the machine. */
  readonly node?: string
  /** What `version.bind` says. Default `rollcall`. */
  readonly version?: string
  /** Answers of one kind a second over UDP to one network that has not shown that it asked, 1-1,000,000. Default: no limit. */
  readonly rateLimit?: number | undefined
  /** Which part of the queries is logged by `log.info`, 0-1. Default 0. */
  readonly queryLogRatio?: number | undefined
  /** The keys that queries may be signed with, and who may have whole zones. Default: none, and nobody. */
  readonly transfer?: Pick<DnsPeers, 'keys' | 'transferTo'> | undefined
  /** Who is asked for names outside the zones, and for which clients (CIDR). Default: nobody, and such names are refused. */
  readonly forward?: { readonly upstreams: readonly UpstreamAddress[], readonly clients: readonly string[] } | undefined
  /** DNS over TLS (RFC 7858) on a port of its own, with a certificate and its key in PEM form. Default: none. */
  readonly tls?: { readonly host: string, readonly port: number, readonly cert: string, readonly key: string } | undefined
  /** Open TCP connections, and as many with TLS, default 1,000. */
  readonly maxConnections?: number
  /** Shares the port with other listeners of this user that say so too: the kernel spreads clients over them. Default: it is ours alone. */
  readonly reusePort?: boolean
  readonly log?: { warn (message: string): void, error (message: string): void, info? (facts: object, message: string): void }
  /** Where it counts; default: counters of its own, in `DnsServer.counters`. */
  readonly counters?: DnsCounters
  /** Chooses the first address, in [0, 1). */
  readonly random?: () => number
  readonly clock?: Clock
  /** Keeps errors that nobody expected from ending more than what they happened in. Default: one that writes to stderr. */
  readonly guard?: Guard | undefined
}

export interface DnsServer {
  /** The address that it is bound to. */
  readonly address: string
  readonly port: number
  /** Where DNS over TLS is answered. */
  readonly tls: { readonly address: string, readonly port: number } | undefined
  readonly counters: DnsCounters
  /** Answers what comes by other doors. */
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
const defaultTtlSeconds = 5
const maxTtlSeconds = 3_600 // an hour of dead addresses is a mistake, not a setting
/** A free UDP port may be taken for TCP. Each try picks another at random: so many failures mean that ports are out. */
const maxPortAttempts = 32
/** A fault that every packet meets must not fill the disk. */
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
  const { log, guard = standaloneGuard, counters = new DnsCounters() } = options
  const clock = guardedClock(options.clock ?? systemClock, guard, 'dns-timer')
  const { address, family } = await lookup(options.host)
  refuseOwnAddress(options, address)
  const core = dnsCore({ ...options, clock, counters }, address)
  const common = {
    responder: core.responder, counters, clock, guard, maxConnections: options.maxConnections ?? maxConnections, reusePort: options.reusePort ?? false,
    report: (message: string) => log?.warn(message)
  } as const
  const { udp, tcp } = await listenOnOnePort({ ...common, address, family: family === 6 ? 6 : 4 }, options.port)
  const tls = await listenTls(options.tls, common).catch(async (error: unknown) => {
    await Promise.all([udp.close(), tcp.close()])
    throw error
  })
  const close = async (): Promise<void> => {
    await Promise.all([udp.close(), tcp.close(), tls?.listener.close()])
    core.close() // what somebody waited for has left by now
  }
  return {
    address, port: udp.port, tls: tls === undefined ? undefined : { address: tls.address, port: tls.listener.port },
    counters, desk: core.desk, renew: (certificate) => tls?.listener.renew(certificate), close, [Symbol.asyncDispose]: close
  }
}

/**
 * Makes what answers.
 * @param address where it is reached, for the name of the name server
 * @throws RegistryError REG_INVALID for a bad setting
 */
export function dnsCore (options: Omit<DnsOptions, 'host' | 'port' | 'tls'>, address: string): DnsCore {
  const { source, log, ttlSeconds = defaultTtlSeconds, guard = standaloneGuard, counters = new DnsCounters(), forward } = options
  const clock = guardedClock(options.clock ?? systemClock, guard, 'dns-timer')
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0 || ttlSeconds > maxTtlSeconds) {
    throw invalid([{ field: 'ttlSeconds', value: ttlSeconds, rule: `must be a whole number 0-${maxTtlSeconds}` }])
  }
  const zones = zonesOf(options, address)
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
    : new Forwarder({ upstreams: forward.upstreams, clock, guard, count: (event) => counters.forwarded(event) })
  const recursion = forwarder === undefined ? undefined : new Recursion(forwarder, new AccessList(readNetworks(forward?.clients ?? [], 'forward.clients')))
  const responder = new Responder({
    source,
    zones,
    ttlSeconds,
    clientZones,
    node: options.node ?? hostname(),
    version: options.version ?? 'rollcall',
    recursion,
    random,
    clock,
    counters,
    failed,
    transfers: new ZoneTransfers({ source, zones, ttlSeconds, keys: transfer.keys, allowed: transfer.transferTo, clock, counters, failed }),
    limiter: rateLimit === undefined ? undefined : new RateLimiter(rateLimit, Math.random),
    queryLog: queryLogRatio === 0 ? undefined : new QueryLog({
      ratio: queryLogRatio,
      write: (line) => log?.info?.(line, 'dns query'),
      leftOut: (count) => log?.info?.({ count }, 'dns queries left out of the log: too many a second'),
      clock,
      random: Math.random
    })
  })
  const desk = new DnsDesk({ responder, tracer: new Tracer({ source, zones, ttlSeconds, clientZones, recursion }) })
  return { responder, desk, close: () => recursion?.close() }
}

/** A server that asks itself would wait for its own answer. */
function refuseOwnAddress ({ forward, port }: DnsOptions, address: string): void {
  const own = forward?.upstreams.find((upstream) => upstream.port === port && (upstream.address === address || isWildcard(address)))
  if (own !== undefined && (own.address === address || isLoopback(own.address))) {
    throw invalid([{ field: 'forward.upstreams', value: `${own.address}:${own.port}`, rule: 'must be another server than this one' }])
  }
}

type Common = Pick<Parameters<typeof TcpListener.listen>[0], 'responder' | 'counters' | 'clock' | 'guard' | 'maxConnections' | 'reusePort' | 'report'>

async function listenTls (options: DnsOptions['tls'], common: Common): Promise<{ listener: TcpListener, address: string } | undefined> {
  if (options === undefined) return undefined
  const { host, port, cert, key } = options
  const { address, family } = await lookup(host)
  return { listener: await TcpListener.listen({ ...common, address, family: family === 6 ? 6 : 4, port, tls: { cert, key } }), address }
}

type PortlessOptions = Omit<Parameters<typeof TcpListener.listen>[0], 'port'>

async function listenOnOnePort (options: PortlessOptions, port: number): Promise<{ udp: UdpListener, tcp: TcpListener }> {
  for (let attempt = 1; ; attempt++) {
    const udp = await UdpListener.listen({ ...options, port })
    try {
      return { udp, tcp: await TcpListener.listen({ ...options, port: udp.port }) }
    } catch (error) {
      await udp.close()
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (port !== 0 || !isTaken || attempt === maxPortAttempts) throw error
    }
  }
}

/**
 * The longest first, so that a zone below another one wins. Reverse zones last: most questions are for names.
 * @param host the address that is listened on
 * @throws RegistryError REG_INVALID
 */
export function zonesOf (
  { zones: names = ['cluster.local'], reverse = [], ttlSeconds = defaultTtlSeconds }: Pick<DnsOptions, 'zones' | 'reverse' | 'ttlSeconds'>, host: string
): Zone[] {
  if (names.length === 0 || names.length > maxZones) throw invalid([{ field: 'zones', value: names, rule: `must name 1-${maxZones} zones` }])
  const parsed = parseAddress(host)
  const address = 'problem' in parsed ? undefined : parsed // listening everywhere: which address a client can reach is not ours to say
  const zones = names.map((name) => new Zone(name, { ttlSeconds, address }))
  for (const [index, zone] of zones.entries()) {
    if (zones.findIndex(({ name }) => name === zone.name) !== index) throw invalid([{ field: 'zones', value: zone.name, rule: 'must be given once' }])
    if (isReverseName(zone.labels)) throw invalid([{ field: 'zones', value: zone.name, rule: 'must not be a reverse zone: those are made of networks (service-cidr, instance-cidr)' }])
  }
  const [first] = zones
  const ofNetworks = first === undefined ? [] : reverseZones(reverse, first, { ttlSeconds, address })
  return [...zones.sort((a, b) => b.labels.length - a.labels.length), ...ofNetworks]
}

/** Whether a zone is, is in, or has in it the reverse names. */
function isReverseName (labels: readonly string[]): boolean {
  const [last, parent] = [labels.at(-1), labels.at(-2)]
  return last === 'arpa' && (parent === undefined || parent === 'in-addr' || parent === 'ip6')
}

function isWildcard (address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

function isLoopback (address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
