// HTTPS and SVCB records (RFC 9460): that HTTP is spoken at a service, at which port and in which versions.
//
//   rdata  = priority(2) target *param         the target "." is the owner itself (2.5.2)
//   param  = key(2) length(2) value            in ascending order of keys (2.2)
//   alpn   = 1, *(length(1) protocol)          7.1
//   port   = 3, port(2)                        7.2
//   hints  = 4, *IPv4(4); 6, *IPv6(16)         7.3
import { familyOf } from '../../model/address/address.ts'
import { octetsOf } from '../../model/address/octets.ts'
import type { WeightedRecord } from '../wire/record-set.ts'
import { questionPointer, recordBytes, recordTypes } from '../wire/wire.ts'

export type BindingType = typeof recordTypes.HTTPS | typeof recordTypes.SVCB

/** A client needs one address to begin with; each more makes the answer longer. */
export const maxHints = 8
const httpsPort = 443 // what a client takes where no port is given (RFC 9460 9.1)

const keys = { alpn: 1, port: 3, ipv4hint: 4, ipv6hint: 6 } as const

/** What is spoken at a port, the best first. */
const flavours = ['https', 'h2', 'http'] as const
type Flavour = (typeof flavours)[number]

const protocolIds: Readonly<Record<Flavour, readonly string[]>> = { https: ['h2', 'http/1.1'], h2: ['h2'], http: ['http/1.1'] }

/** By the first or the last part of a port's name: `http`, `http-admin`, `api-http`. */
const byName: ReadonlyMap<string, Flavour> = new Map([
  ['https', 'https'], ['wss', 'https'], ['http2', 'h2'], ['h2', 'h2'], ['h2c', 'h2'], ['grpc', 'h2'], ['http', 'http'], ['web', 'http'], ['ws', 'http']
])
/** By `appProtocol`, which decides alone where a port has one. */
const byAppProtocol: ReadonlyMap<string, Flavour> = new Map([
  ['https', 'https'], ['wss', 'https'], ['kubernetes.io/wss', 'https'], ['h2', 'h2'], ['http2', 'h2'], ['h2c', 'h2'], ['grpc', 'h2'], ['kubernetes.io/h2c', 'h2'],
  ['http', 'http'], ['ws', 'http'], ['kubernetes.io/ws', 'http']
])

export interface BoundPort {
  readonly name?: string
  readonly port: number
  readonly protocol: string
  readonly appProtocol?: string
}

export interface Offer {
  readonly port: BoundPort
  readonly addresses: readonly string[]
}

function flavourOf ({ name = '', protocol, appProtocol }: BoundPort): Flavour | undefined {
  if (protocol !== 'TCP') return undefined
  if (appProtocol !== undefined) return byAppProtocol.get(appProtocol.toLowerCase())
  const parts = name.split('-')
  return byName.get(parts[0] ?? '') ?? byName.get(parts.at(-1) ?? '')
}

/**
 * The records of a set, one for each port at which HTTP is spoken: those with TLS first.
 * @param offers ports and where they are; the addresses in the order of preference
 */
export function bindingRecords (type: BindingType, offers: Iterable<Offer>, ttlSeconds: number): WeightedRecord[] {
  const found = new Map<number, { flavour: Flavour, addresses: Set<string> }>()
  for (const { port, addresses } of offers) {
    const flavour = flavourOf(port)
    if (flavour === undefined) continue
    const known = found.get(port.port)
    if (known === undefined) {
      found.set(port.port, { flavour, addresses: new Set(addresses) })
      continue
    }
    for (const address of addresses) known.addresses.add(address)
    if (flavours.indexOf(flavour) < flavours.indexOf(known.flavour)) known.flavour = flavour
  }
  const hasTls = [...found.values()].some(({ flavour }) => flavour === 'https')
  return Array.from(found, ([port, { flavour, addresses }]) => {
    const priority = flavour === 'https' || !hasTls ? 1 : 2 // 0 would be an alias (2.4.2)
    const rdata = bindingRdata(priority, protocolIds[flavour], type === recordTypes.HTTPS && port === httpsPort ? undefined : port, [...addresses])
    return { priority, weight: 1, bytes: recordBytes(questionPointer, type, ttlSeconds, rdata) }
  })
}

function bindingRdata (priority: number, alpn: readonly string[], port: number | undefined, addresses: readonly string[]): Buffer {
  const ids = Buffer.concat(alpn.map((id) => Buffer.concat([Buffer.from([id.length]), Buffer.from(id, 'latin1')])))
  return Buffer.concat([
    uint16(priority), Buffer.from([0]),
    param(keys.alpn, ids),
    param(keys.port, port === undefined ? Buffer.alloc(0) : uint16(port)),
    param(keys.ipv4hint, hints(addresses, 4)),
    param(keys.ipv6hint, hints(addresses, 6))
  ])
}

/** An empty value is no parameter. */
function param (key: number, value: Buffer): Buffer {
  return value.length === 0 ? value : Buffer.concat([uint16(key), uint16(value.length), value])
}

function hints (addresses: readonly string[], family: 4 | 6): Buffer {
  const own = addresses.filter((address) => familyOf(address) === family)
  return Buffer.concat(own.slice(0, maxHints).map(octetsOf))
}

function uint16 (value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}
