// The header that a balancer in front sends before anything else, so that the client's own address is known (HAProxy's
// proxy-protocol.txt, versions 1 and 2). A pure function of the octets so far: the sockets are in proxied-sockets.ts.
import { isIP } from 'node:net'
import { showIp } from '../../../model/address/ranges.ts'
import { crc32c } from './crc32c.ts'

/** Who connected to the balancer, and where. */
export interface ProxiedClient {
  readonly address: string
  readonly port: number
  /** The address and port of the balancer that it connected to. */
  readonly localAddress: string
  readonly localPort: number
}

export type ProxyHeader =
  /** There must come more. */
  | { readonly kind: 'part' }
  /** Not the header, or a damaged one: `problem` completes "it ...". */
  | { readonly kind: 'refused', readonly problem: string }
  /** So many octets are the header. Without a client the balancer speaks for itself (its health checks): the peer is the client. */
  | { readonly kind: 'whole', readonly length: number, readonly client?: ProxiedClient }

/** The longest line of version 1, with its end (section 2.1). */
export const maxTextOctets = 107
/** Of version 2: the addresses and what a balancer tells of a TLS client's certificate fit; beyond it somebody wants memory. */
export const maxBinaryOctets = 4_096

const part: ProxyHeader = { kind: 'part' }
const textStart = Buffer.from('PROXY ')
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** Reads the header at the start of what a connection sent. */
export function readProxyHeader (octets: Buffer): ProxyHeader {
  if (startsLike(octets, signature)) return octets.length < signature.length + 4 ? part : readBinary(octets)
  if (startsLike(octets, textStart)) return readText(octets)
  return refused('does not begin with a PROXY protocol header')
}

/** Whether the octets begin with the sign, as far as they go. */
function startsLike (octets: Buffer, sign: Buffer): boolean {
  const length = Math.min(octets.length, sign.length)
  return octets.subarray(0, length).equals(sign.subarray(0, length))
}

/** `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n`; of `PROXY UNKNOWN` the rest is not looked at. */
function readText (octets: Buffer): ProxyHeader {
  const end = octets.indexOf('\r\n')
  if (end === -1) return octets.length >= maxTextOctets ? refused(`has a first line of more than ${maxTextOctets} octets`) : part
  const length = end + 2
  if (length > maxTextOctets) return refused(`has a first line of more than ${maxTextOctets} octets`)
  const line = octets.toString('latin1', 0, end)
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { kind: 'whole', length }
  const [, family, address = '', localAddress = '', port = '', localPort = ''] = /^PROXY TCP([46]) (\S+) (\S+) (\d+) (\d+)$/.exec(line) ?? []
  if (family === undefined) return refused('has a line that is not of the form PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT')
  if (isIP(address) !== Number(family) || isIP(localAddress) !== Number(family) || /%/.test(address + localAddress)) {
    return refused(`names an address that is not of IPv${family}`)
  }
  if (!isPort(port) || !isPort(localPort)) return refused('names a port that is not a number from 0 to 65535')
  return { kind: 'whole', length, client: { address: address.toLowerCase(), port: Number(port), localAddress: localAddress.toLowerCase(), localPort: Number(localPort) } }
}

function isPort (text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

/** Octets of both addresses and ports, by the octet of family and transport (section 2.2). UNIX sockets have paths. */
const addressOctets: Readonly<Record<number, number>> = { 0x11: 12, 0x21: 36, 0x31: 216 }
const checksumType = 0x03

function readBinary (octets: Buffer): ProxyHeader {
  const [versionAndCommand = 0, transport = 0] = octets.subarray(12)
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) return refused('is of a version or command that there is not')
  const start = signature.length + 4
  const length = start + octets.readUInt16BE(14)
  if (length > maxBinaryOctets) return refused(`is longer than ${maxBinaryOctets} octets`)
  if (octets.length < length) return part
  if (versionAndCommand === 0x20) return { kind: 'whole', length } // LOCAL: what follows is not looked at
  const width = transport === 0 ? 0 : addressOctets[transport]
  if (width === undefined) return refused('is of a family or transport that TCP has not')
  if (start + width > length) return refused('is shorter than its addresses')
  const problem = additionsProblem(octets.subarray(0, length), start + width)
  if (problem !== undefined) return refused(problem)
  if (transport !== 0x11 && transport !== 0x21) return { kind: 'whole', length }
  const family = transport === 0x11 ? 4 : 6
  const size = family === 4 ? 4 : 16
  const address = (at: number): string => showIp(family, BigInt(`0x${octets.toString('hex', at, at + size)}`))
  const ports = start + 2 * size
  return {
    kind: 'whole', length,
    client: { address: address(start), port: octets.readUInt16BE(ports), localAddress: address(start + size), localPort: octets.readUInt16BE(ports + 2) }
  }
}

/** What is wrong with what follows the addresses: types, lengths and values (2.2.1 ff.). Of them only the checksum concerns us. */
function additionsProblem (header: Buffer, from: number): string | undefined {
  for (let at = from; at < header.length;) {
    if (at + 3 > header.length) return 'ends within an addition'
    const value = at + 3
    const end = value + header.readUInt16BE(at + 1)
    if (end > header.length) return 'ends within an addition'
    if (header[at] === checksumType) {
      if (end - value !== 4) return 'has a checksum that is not of four octets'
      const blank = Buffer.from(header)
      blank.fill(0, value, end)
      if (crc32c(blank) !== header.readUInt32BE(value)) return 'does not fit its checksum'
    }
    at = end
  }
  return undefined
}

function refused (problem: string): ProxyHeader {
  return { kind: 'refused', problem }
}
