// DNS messages as bytes: the numbers, and names and records in wire form. query-reader.ts reads, message-writer.ts writes.
//
//   message  = header question answer authority additional            RFC 1035 4.1
//   header   = id(2) flags(2) qdcount(2) ancount(2) nscount(2) arcount(2)
//   flags    = QR(1) opcode(4) AA(1) TC(1) RD(1) RA(1) Z(1) AD(1) CD(1) rcode(4)
//   question = name type(2) class(2)
//   record   = name type(2) class(2) ttl(4) rdlength(2) rdata
//   OPT      = root 41 payload(2) extended-rcode(1) version(1) flags(2) rdlength(2) *option    RFC 6891 6.1.2
//   option   = code(2) length(2) data

export const recordTypes = {
  A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, HINFO: 13, MX: 15, TXT: 16, AAAA: 28, SRV: 33, NAPTR: 35, OPT: 41, DS: 43,
  SVCB: 64, HTTPS: 65, TSIG: 250, IXFR: 251, AXFR: 252, ANY: 255
} as const

/** Those above 15 need OPT (RFC 6891 6.1.3). */
export const rcodes = {
  NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, NOTAUTH: 9, BADVERS: 16, BADCOOKIE: 23
} as const

const typeTexts = new Map<number, string>(Object.entries(recordTypes).map(([name, type]) => [type, name]))
const rcodeTexts = new Map<number, string>(Object.entries(rcodes).map(([name, rcode]) => [rcode, name]))

/** `A`, `SRV`; `TYPE65280` for an unknown one (RFC 3597 5). */
export function typeText (type: number): string {
  return typeTexts.get(type) ?? `TYPE${type}`
}

export function rcodeText (rcode: number): string {
  return rcodeTexts.get(rcode) ?? String(rcode)
}

/** RFC 8914: why an answer is what it is. */
export const extendedErrors = {
  staleAnswer: 3, notReady: 14, prohibited: 18, staleNxdomain: 19, notAuthoritative: 20, notSupported: 21, noReachableAuthority: 22, networkError: 23
} as const

/** RFC 5001, 7873, 7828, 7830, 8914. */
export const optionCodes = { nsid: 3, cookie: 10, keepalive: 11, padding: 12, extendedError: 15 } as const

/** RFC 8467 4.1: answers to padded queries are multiples of it. */
export const paddingBlock = 468

export const classIn = 1
export const classChaos = 3
export const headerLength = 12
/** Type and class, behind the name of a question. */
export const questionTailLength = 4
/** Every answer record of ours is written as one of the question's name: its owner is a pointer to it (RFC 1035 4.1.4). */
export const questionPointer = 0xc000 | headerLength

/** RFC 1035 2.3.4. */
export const maxNameLength = 255
export const maxLabelBytes = 63
/** RFC 1035 4.2.1: what a client without EDNS can take. */
export const plainUdpLimit = 512
/** DNS flag day 2020: fits an IPv6 packet of minimum MTU, so no answer is ever fragmented, and amplification is bounded. */
export const ednsUdpLimit = 1_232
/** The two-octet length of a message over TCP (RFC 1035 4.2.2). */
export const tcpLimit = 65_535

// The flags of the header, and of OPT.
export const flagResponse = 0x8000
export const flagAuthoritative = 0x0400
export const flagTruncated = 0x0200
export const flagRecursionDesired = 0x0100
export const flagRecursionAvailable = 0x0080
export const flagCheckingDisabled = 0x0010
export const opcodeMask = 0x7800
export const flagDnssecOk = 0x8000

/** Code and length of an option. */
export const optionHeaderLength = 4

/** Where the service begins in a question for `_port._protocol.service...`. */
export function portServiceStart (port: string, protocol: string): number {
  return headerLength + 1 + 1 + port.length + 1 + 1 + protocol.length
}

/** The first place of a message that a pointer does not reach (RFC 1035 4.1.4). */
export const pointerLimit = 0x4000

/** A pointer to an offset of the message (RFC 1035 4.1.4). */
export function pointerTo (offset: number): number {
  return 0xc000 | offset
}

/** The wire form of a name whose labels are plain text: `length label ... 0`. */
export function nameBytes (labels: readonly string[]): Buffer {
  return Buffer.concat([labelBytes(labels), Buffer.from([0])])
}

/** Labels without the root: the front of a name that goes on with a pointer. */
export function labelBytes (labels: readonly string[]): Buffer {
  return Buffer.concat(labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])))
}

/** Joins octets that are kept for long. In memory of their own: a few octets out of Node's pool would hold 8 KiB of it. */
export function joinedBytes (parts: readonly Buffer[]): Buffer {
  const joined = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) at += part.copy(joined, at)
  return joined
}

/**
 * A record, of class IN unless another is given.
 * @param owner a name in wire form, or the offset that a pointer goes to
 */
export function recordBytes (owner: Buffer | number, type: number, ttlSeconds: number, rdata: Buffer, recordClass = classIn): Buffer {
  const name = typeof owner === 'number' ? Buffer.from([owner >> 8, owner & 0xff]) : owner
  const record = Buffer.alloc(name.length + 10 + rdata.length)
  name.copy(record)
  record.writeUInt16BE(type, name.length)
  record.writeUInt16BE(recordClass, name.length + 2)
  record.writeUInt32BE(ttlSeconds, name.length + 4)
  record.writeUInt16BE(rdata.length, name.length + 8)
  rdata.copy(record, name.length + 10)
  return record
}
