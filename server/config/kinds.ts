// The kinds of values that a setting may have: how a text becomes a value, and a value a text again.
// A reader throws a RuleError whose message completes "<field> ..." in the error that a person sees.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { showDuration, showInUnits } from '../model/duration.ts'
import { hideTsigSecret } from '../dns/transfer/peers.ts'
import { readDuration } from './duration-text.ts'
import { RuleError } from './rule-error.ts'

export interface Listener {
  /** An IP literal without brackets, or a host name. */
  readonly host: string
  /** 0 = the system chooses a free one, and the ready line names it. */
  readonly port: number
}

export interface Kind {
  /** What stands for the value in the help: `--http HOST:PORT`. */
  readonly metavar: string
  read (text: string): unknown
  show (value: never): string
  /** What a text of this kind may hold: no error repeats it, however it is written. */
  readonly secret?: 'password' | 'secret'
}

const sizeUnits = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

export { showDuration } from '../model/duration.ts'
export { durationRule, readDuration } from './duration-text.ts'
export { RuleError } from './rule-error.ts'

export function readSize (text: string): number {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)?$/.exec(text)
  const unit = (match?.[2] ?? 'B') as keyof typeof sizeUnits // the expression allows no other
  const bytes = Number(match?.[1]) * sizeUnits[unit]
  if (!Number.isSafeInteger(bytes)) throw new RuleError('must be a size, like 1MiB, 512KiB or 1048576 (octets)')
  return bytes
}

export function showSize (bytes: number): string {
  return showInUnits(bytes, sizeUnits)
}

const hostName = /^(?=.{1,253}$)[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*$/

/** An IP literal without brackets, or a host name; `999.1.1.1` is neither. */
export function isHost (text: string): boolean {
  return isIP(text) !== 0 || (hostName.test(text) && !/^[\d.]+$/.test(text))
}

const listenerRule = 'must be HOST:PORT, like 127.0.0.1:7500, [::1]:7500 or localhost:0 (0 = any free port)'

export function readListener (text: string): Listener {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const [, bracketed, plain, digits] = match ?? []
  const host = bracketed ?? plain ?? ''
  const port = Number(digits)
  const legal = bracketed === undefined ? isHost(host) : isIP(host) === 6
  if (!legal || !(port <= 65_535)) throw new RuleError(listenerRule)
  return { host, port }
}

export function showListener (listener: Listener): string {
  return `${listener.host.includes(':') ? `[${listener.host}]` : listener.host}:${listener.port}`
}

/** A server that questions are passed on to. */
export interface Upstream {
  /** An IPv4 or IPv6 literal. */
  readonly address: string
  readonly port: number
}

const dnsPort = 53
const upstreamRule = 'must be an IP address with or without a port, like 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353'

/**
 * Reads `ADDRESS`, `IPv4:PORT` or `[IPv6]:PORT`; the port is 53 unless given. A name is refused: it would have to be asked of the very
 * server that it names. So is an address that stands for any or for many.
 */
export function readUpstream (text: string): Upstream {
  const [, bracketed, plain, digits] = /^(?:\[([^[\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const address = bracketed ?? plain ?? text
  const port = digits === undefined ? dnsPort : Number(digits)
  const isLegal = bracketed === undefined ? isIP(address) !== 0 : isIP(address) === 6
  if (!isLegal || port < 1 || port > 65_535) throw new RuleError(upstreamRule)
  const range = ipaddr.process(address).range()
  if (range === 'unspecified' || range === 'broadcast' || range === 'multicast') throw new RuleError('must be the address of one server')
  return { address, port }
}

/** True if only this machine reaches it. A name other than `localhost` may resolve to anything, so it counts as not. */
export function isLoopback (host: string): boolean {
  if (isIP(host) === 0) return host.toLowerCase() === 'localhost'
  return ipaddr.process(host).range() === 'loopback'
}

/** Where a node is, as clients write it. */
export function isNodeUrl (text: string): boolean {
  if (!/^https?:\/\/[^/@?#\s\\]+(?:\/[^@?#\s\\]*)?$/.test(text) || !URL.canParse(text)) return false
  return isHost(new URL(text).hostname.replace(/^\[(.*)\]$/, '$1'))
}

/** True if an address stands for one machine that others can reach: not loopback, not "all addresses". */
export function isReachable (host: string): boolean {
  return isIP(host) === 0 ? !isLoopback(host) : !['loopback', 'unspecified', 'linkLocal'].includes(ipaddr.process(host).range())
}

const plainNumber = (text: string): number => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN)

function readNumber (text: string): number {
  const value = plainNumber(text)
  if (Number.isNaN(value)) throw new RuleError('must be a number')
  return value
}

function readCount (text: string): number | 'auto' {
  const value = text === 'auto' ? text : plainNumber(text)
  if (Number.isNaN(value)) throw new RuleError('must be a number, or auto')
  return value
}

function readBoolean (text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new RuleError('must be true or false')
  return text === 'true'
}

// What a secret looks like that has got into the wrong setting: a user in a URL, a text of several lines, a PEM file, a word that
// says so, letters and digits as base64 has them.
const secretSigns = [/@/, /[\r\n]/, /-----/, /pass|secret|token|auth|hmac-|key[:=]/i, /(?=[^\s,.]*[A-Z])(?=[^\s,.]*[a-z])(?=[^\s,.]*\d)[A-Za-z0-9+/_-]{16,}/, /={1,2}$/]

/** A text as the value of a field error, `{}` if it may hold a secret: with a slip it may be anything. */
export function shownValue (text: string): { readonly value?: string } {
  return secretSigns.some((sign) => sign.test(text)) ? {} : { value: text }
}

/**
 * A text with the passwords of its URLs, and of query parameters that name a secret, hidden.
 * @example hideSecrets('redis://user:pass@host:6379') // 'redis://user:***@host:6379'
 */
export function hideSecrets (text: string): string {
  return text
    .split(/,(?=[a-z+]+:\/\/)/) // several URLs in one text
    // Up to the last "@": a password may hold one unescaped, and too much hidden is better than too little.
    .map((url) => url.replace(/^([^/]*\/\/[^:/?#@]*:)[^]*@/, '$1***@').replace(/^([^/]*\/\/)[^:*][^:]*@/, '$1***@'))
    .join(',')
    .replace(/([?&][^=&,]*(?:pass|token|secret|auth)[^=&,]*=)[^&,]*/gi, '$1***')
    .replace(/(\bhmac-[a-z0-9-]+:)[^,]*/gi, '$1***') // a key of DNS, and one without its algorithm
    .replace(/^([^=/?]+=)[A-Za-z0-9+/]{20,}={0,2}$/, '$1***')
}

/** True if `hideSecrets` would hide something. */
export function holdsSecret (text: string): boolean {
  return hideSecrets(text) !== text
}

const text = (metavar: string): Kind => ({ metavar, read: (given) => given, show: (value: string) => value })

export const kinds = {
  listener: { metavar: 'HOST:PORT', read: readListener, show: showListener },
  upstream: { metavar: 'ADDRESS[:PORT]', read: readUpstream, show: ({ address: host, port }: Upstream) => showListener({ host, port }) },
  duration: { metavar: 'DURATION', read: readDuration, show: showDuration },
  /** A duration that must be whole seconds, because the protocol behind it counts in them. */
  seconds: { metavar: 'DURATION', read: (given) => readDuration(given) / 1_000, show: (value: number) => `${value}s` },
  size: { metavar: 'SIZE', read: readSize, show: showSize },
  number: { metavar: 'NUMBER', read: readNumber, show: String },
  /** How many, or as many as fit the machine. */
  count: { metavar: 'NUMBER|auto', read: readCount, show: String },
  boolean: { metavar: '', read: readBoolean, show: String },
  level: text('LEVEL'),
  word: text('WORD'),
  directory: text('DIR'),
  file: text('FILE'),
  url: { metavar: 'URL', read: (given) => given, show: (value: string) => hideSecrets(value), secret: 'password' },
  name: text('NAME'),
  /** A URL whose query may hold a secret. */
  webhook: { metavar: '[NAME=]URL', read: (given) => given, show: (value: string) => hideSecrets(value), secret: 'secret' },
  webhookSecret: text('[NAME=]FILE'),
  network: text('CIDR'),
  ports: text('FIRST-LAST'),
  pool: text('NAME=RANGE'),
  clientZone: text('CIDR=ZONE'),
  issuer: text('ISSUER[=JWKS-URL]'),
  dnsView: text('NAME=CIDR:NAMESPACES'),
  tsigKey: { metavar: 'NAME=[ALGORITHM:]BASE64', read: (given) => given, show: (value: string) => hideTsigSecret(value), secret: 'secret' },
  transferRule: text('CIDR|key:NAME|CIDR+key:NAME'),
  notifyTarget: text('ADDRESS:PORT[+key:NAME]')
} as const satisfies Record<string, Kind>

export type KindName = keyof typeof kinds
