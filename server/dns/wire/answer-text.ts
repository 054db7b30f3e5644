// An answer of ours as text, for people: records as a zone file has them (RFC 1035 5.1). Never on the way of a query.
import ipaddr from 'ipaddr.js'
import type { DnsRecord } from '../../../client-sdk/src/wire.ts'
import { type ForwardRecord, readReply } from '../forward/reply-reader.ts'
import { nameEnd, nameText } from './name.ts'
import { headerLength, optionCodes, optionHeaderLength, questionTailLength, rcodeText, recordTypes, typeText } from './wire.ts'

export interface AnswerText {
  readonly rcode: string
  /** `aa`, `tc`, `rd`, `ra`, as dig shows them. */
  readonly flags: readonly string[]
  readonly answer: readonly DnsRecord[]
  readonly authority: readonly DnsRecord[]
  readonly additional: readonly DnsRecord[]
  readonly octets: number
}

const flagNames = [['qr', 0x8000], ['aa', 0x0400], ['tc', 0x0200], ['rd', 0x0100], ['ra', 0x0080]] as const
const serviceParameters = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint'] as const

/** The number of `A`, `a` or `TYPE65280`; undefined = there is no such type. */
export function typeNumber (text: string): number | undefined {
  const known = recordTypes[text.toUpperCase() as keyof typeof recordTypes] as number | undefined // absent if it is no such key
  if (known !== undefined) return known
  const number = Number(/^TYPE(\d{1,5})$/i.exec(text)?.[1] ?? Number.NaN)
  return number <= 65_535 ? number : undefined
}

/** Reads an answer of this server. @param name of the question, in wire form @throws Error if it is malformed, which is a fault of ours */
export function answerText (message: Buffer, name: Buffer): AnswerText {
  const flags = message.readUInt16BE(2)
  const reply = readReply(Buffer.from(message), name, Infinity) // it changes what it reads
  if (reply === undefined) throw new Error(`our own answer cannot be read: ${message.toString('hex')}`)
  const section = (records: readonly ForwardRecord[]): DnsRecord[] =>
    records.map((record) => ({ name: nameText(record.name).text, ttl: record.ttl, type: typeText(record.type), data: dataText(record.type, record.rdata) }))
  return {
    rcode: rcodeText(reply.rcode),
    flags: flagNames.filter(([, bit]) => (flags & bit) !== 0).map(([flag]) => flag),
    answer: section(reply.answers),
    authority: section(reply.authorities),
    additional: section(reply.additionals),
    octets: message.length
  }
}

/** Why an answer of ours is what it is (RFC 8914). @param name of the question, in wire form */
export function extendedErrorOf (message: Buffer, name: Buffer): { readonly code: number, readonly text: string } | undefined {
  const start = optDataStart(message, headerLength + name.length + questionTailLength)
  if (start === undefined) return undefined
  const end = start + message.readUInt16BE(start - 2)
  for (let at = start; at < end;) {
    const code = message.readUInt16BE(at)
    const length = message.readUInt16BE(at + 2)
    const data = at + optionHeaderLength
    if (code === optionCodes.extendedError) return { code: message.readUInt16BE(data), text: message.toString('utf8', data + 2, data + length) }
    at = data + length
  }
  return undefined
}

/** @param start of the first record */
function optDataStart (message: Buffer, start: number): number | undefined {
  let at = start
  for (let left = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10); left > 0; left--) {
    const fixed = nameEnd(message, at)
    const data = fixed + 10
    if (message.readUInt16BE(fixed) === recordTypes.OPT) return data
    at = data + message.readUInt16BE(data - 2)
  }
  return undefined
}

function dataText (type: number, rdata: Buffer): string {
  switch (type) {
    case recordTypes.A:
    case recordTypes.AAAA: return addressText(rdata)
    case recordTypes.NS:
    case recordTypes.CNAME:
    case recordTypes.PTR: return nameText(rdata).text
    case recordTypes.MX: return `${rdata.readUInt16BE(0)} ${nameText(rdata, 2).text}`
    case recordTypes.SRV: return `${numbers(rdata, 0, 3).join(' ')} ${nameText(rdata, 6).text}`
    case recordTypes.SOA: {
      const primary = nameText(rdata)
      const admin = nameText(rdata, primary.end)
      const rest = Array.from({ length: 5 }, (_, index) => rdata.readUInt32BE(admin.end + 4 * index))
      return `${primary.text} ${admin.text} ${rest.join(' ')}`
    }
    case recordTypes.TXT:
    case recordTypes.HINFO: return strings(rdata).join(' ')
    case recordTypes.SVCB:
    case recordTypes.HTTPS: return bindingText(rdata) ?? unknownText(rdata)
    default: return unknownText(rdata)
  }
}

/** RFC 3597 5. */
function unknownText (rdata: Buffer): string {
  return rdata.length === 0 ? '\\# 0' : `\\# ${rdata.length} ${rdata.toString('hex')}`
}

function numbers (rdata: Buffer, start: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => rdata.readUInt16BE(start + 2 * index))
}

/** In the form of RFC 5952. */
function addressText (bytes: Buffer): string {
  return ipaddr.fromByteArray([...bytes]).toString()
}

function strings (rdata: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at < rdata.length; at += 1 + (rdata[at] ?? 0)) {
    const text = rdata.subarray(at + 1, at + 1 + (rdata[at] ?? 0))
    found.push(`"${quoted(text)}"`)
  }
  return found
}

/** Octets as they stand between quotation marks. */
function quoted (bytes: Buffer): string {
  return Array.from(bytes, (byte) => {
    if (byte < 0x20 || byte > 0x7e) return `\\${String(byte).padStart(3, '0')}`
    const character = String.fromCharCode(byte)
    return '"\\'.includes(character) ? `\\${character}` : character
  }).join('')
}

/** RFC 9460 2.1. undefined = malformed: the forwarder looks into no data without names in them, and passes it on as it came. */
function bindingText (rdata: Buffer): string | undefined {
  if (rdata.length < 3) return undefined
  const target = nameText(rdata, 2)
  const parts = [String(rdata.readUInt16BE(0)), target.text]
  let at = target.end
  while (at + 4 <= rdata.length) {
    const [key = 0, length = 0] = numbers(rdata, at, 2)
    const value = rdata.subarray(at + 4, at + 4 + length)
    const text = value.length === length ? parameterText(key, value) : undefined
    if (text === undefined) return undefined
    parts.push(text)
    at += 4 + length
  }
  return at === rdata.length ? parts.join(' ') : undefined
}

function parameterText (key: number, value: Buffer): string | undefined {
  const name = serviceParameters[key] ?? `key${key}`
  switch (name) {
    case 'alpn': return `alpn="${strings(value).map((text) => text.slice(1, -1)).join(',')}"`
    case 'no-default-alpn': return value.length === 0 ? name : undefined
    case 'port': return value.length === 2 ? `port=${value.readUInt16BE(0)}` : undefined
    case 'ipv4hint': return value.length % 4 === 0 ? `ipv4hint=${addresses(value, 4)}` : undefined
    case 'ipv6hint': return value.length % 16 === 0 ? `ipv6hint=${addresses(value, 16)}` : undefined
    case 'mandatory': {
      if (value.length % 2 !== 0) return undefined
      return `mandatory=${numbers(value, 0, value.length / 2).map((number) => serviceParameters[number] ?? `key${number}`).join(',')}`
    }
    case 'ech': return `ech="${value.toString('base64')}"`
    default: return `${name}="${quoted(value)}"`
  }
}

function addresses (value: Buffer, bytes: number): string {
  return Array.from({ length: value.length / bytes }, (_, index) => addressText(value.subarray(bytes * index, bytes * (index + 1)))).join(',')
}
