// What the flags of `rollcall proxy --ingress` say.
import type { Invocation } from './cli/command.ts'
import { UsageError } from './cli/errors.ts'
import { readDuration } from './config/duration-text.ts'
import { readNetworks } from './model/address/ranges.ts'
import { isLabel } from './model/names.ts'
import { dns1123Subdomain } from './model/service/grammar.ts'
import type { ServerLimits } from './proxy/ingress/listen/ingress-servers.ts'
import type { IngressTimeouts } from './proxy/ingress/ports.ts'
import type { IngressAddress, Scheme } from './proxy/ingress/workers/place-sockets.ts'
import { ranged, readHostPort } from './proxy-flag-values.ts'
import { ingressFlags } from './cli/proxy-ingress-flags.ts'

export interface IngressSettings {
  /** At least one. */
  readonly addresses: readonly IngressAddress[]
  readonly workers: number
  readonly classes: readonly string[]
  /** Networks in CIDR form. */
  readonly trusted: readonly string[]
  readonly proxied: readonly string[]
  readonly certificateDirectory: string | undefined
  readonly defaultCertificate: { readonly certFile: string, readonly keyFile: string } | undefined
  /** `namespace/name`. */
  readonly service: string | undefined
  readonly allowExternalNames: boolean
  /** Endpoints at loopback addresses are asked, wherever it listens. */
  readonly takesLoopback: boolean
  readonly accessSample: number | undefined
  readonly timeouts: Partial<IngressTimeouts>
  readonly limits: ServerLimits
  readonly graceMs: number
}

const maxWorkers = 64
const maxAddresses = 16
const maxNetworks = 256
/** Requests at once on one connection of HTTP/2: what RFC 9113 6.5.2 advises not to go below. */
const streams = 128
const hour = 3_600_000

/** @returns undefined: no ingress is served. @throws UsageError */
export function readIngressSettings (call: Invocation): IngressSettings | undefined {
  const addresses = [...addressesOf(call, 'ingress', 'http'), ...addressesOf(call, 'ingress-tls', 'https')]
  if (addresses.length === 0) {
    const useless = Object.keys(ingressFlags).find((name) => call.text(name) !== undefined)
    if (useless !== undefined) throw new UsageError(`--${useless} is for --ingress or --ingress-tls, and there is neither`)
    return undefined
  }
  if (addresses.length > maxAddresses) throw new UsageError(`--ingress and --ingress-tls must not have more than ${maxAddresses} addresses`)
  const list = (name: string): string[] => (call.text(name) ?? '').split(',').map((text) => text.trim()).filter((text) => text !== '')
  const networks = (name: string): string[] => call.read(name, () => ranged(() => atMost(readNetworks(list(name), name), maxNetworks, 'networks').map(({ text }) => text))) ?? []
  const duration = (name: string, otherwise: number): number => call.read(name, (text) => within(readDuration(text), 1, hour, '1ms to 1h')) ?? otherwise
  const certFile = call.text('ingress-default-cert')
  const keyFile = call.text('ingress-default-key')
  if ((certFile === undefined) !== (keyFile === undefined)) throw new UsageError('--ingress-default-cert and --ingress-default-key need each other')
  return {
    addresses,
    workers: call.read('ingress-workers', (text) => whole(text, 1, maxWorkers)) ?? 1,
    classes: call.read('ingress-class', () => list('ingress-class').map((name) => {
      if (dns1123Subdomain(name).length > 0) throw new Error('must be names of IngressClasses, in lower case')
      return name
    })) ?? [],
    trusted: networks('ingress-trusted'), proxied: networks('ingress-proxy-protocol'),
    certificateDirectory: call.text('ingress-certificates'),
    defaultCertificate: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    service: call.read('ingress-service', (text) => {
      const [namespace = '', name = '', ...rest] = text.split('/')
      if (!isLabel(namespace) || !isLabel(name) || rest.length > 0) throw new Error('must be NAMESPACE/NAME')
      return text
    }),
    allowExternalNames: call.flag('ingress-external-names'), takesLoopback: call.flag('ingress-loopback'),
    accessSample: call.read('ingress-access-log', (text) => {
      if (text === 'off') return undefined
      if (!/^(?:0|1|0?\.\d+|1\.0+|0\.\d*)$/.test(text)) throw new Error('must be a share from 0 to 1, or off')
      return Number(text)
    }),
    timeouts: {
      connectMs: duration('ingress-connect-timeout', 2_000), responseMs: duration('ingress-response-timeout', 60_000), bodyIdleMs: duration('ingress-body-timeout', 60_000)
    },
    limits: {
      connections: call.read('ingress-connections', (text) => whole(text, 1, 1_000_000)) ?? 10_000,
      headBytes: call.read('ingress-head-limit', (text) => whole(text, 1_024, 1_048_576)) ?? 16_384,
      headMs: duration('ingress-head-timeout', 10_000), idleMs: duration('ingress-idle-timeout', 72_000), streams
    },
    graceMs: call.read('ingress-grace', (text) => within(readDuration(text), 0, hour, '0s to 1h')) ?? 10_000
  }
}

function addressesOf (call: Invocation, name: string, scheme: Scheme): IngressAddress[] {
  return call.read(name, (text) => text.split(',').map((each) => ({ ...readHostPort(each.trim(), 'must be HOST:PORT, several with commas'), scheme }))) ?? []
}

function atMost<Item> (items: readonly Item[], most: number, what: string): readonly Item[] {
  if (items.length > most) throw new Error(`must not have more than ${most} ${what}`)
  return items
}

function within (value: number, least: number, most: number, words: string): number {
  if (value < least || value > most) throw new Error(`must be from ${words}`)
  return value
}

function whole (text: string, least: number, most: number): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error('must be a whole number')
  return within(Number(text), least, most, `${least} to ${most}`)
}
