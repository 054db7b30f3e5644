// Queries as bytes, written by hand: each part can be chosen, and each count can lie.

export interface Option {
  readonly code: number
  readonly data: Buffer
  /** The length that the record claims to have, if not the true one. */
  readonly length?: number
}

export interface Edns {
  readonly size: number
  readonly version?: number
  readonly flags?: number
  readonly extendedRcode?: number
  readonly options?: readonly Option[]
}

export interface Query {
  /** Without QR they are those of a query: opcode, AA, TC, RD, RA, Z, AD, CD, rcode. */
  readonly flags?: number
  readonly labels: readonly Buffer[]
  readonly type: number
  readonly class?: number
  /** Records in wire form. */
  readonly answers?: readonly Buffer[]
  readonly authorities?: readonly Buffer[]
  readonly edns?: Edns | undefined
  /** Behind OPT. */
  readonly additionals?: readonly Buffer[]
  readonly trailing?: Buffer
  /** Of question, answer, authority and additional, if not the truth. */
  readonly counts?: readonly number[]
}

export function u16 (...values: readonly number[]): Buffer {
  const octets = Buffer.alloc(values.length * 2)
  for (const [index, value] of values.entries()) octets.writeUInt16BE(value & 0xffff, index * 2)
  return octets
}

/** Labels of any octets, none longer than 255: what is no label in DNS can be written too. */
export function nameOctets (labels: readonly Buffer[]): Buffer {
  return Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.alloc(1)])
}

export function labelsOf (name: string): Buffer[] {
  return name === '.' ? [] : name.split('.').map((label) => Buffer.from(label, 'latin1'))
}

export function record (owner: Buffer, type: number, recordClass: number, ttl: number, rdata: Buffer): Buffer {
  return Buffer.concat([owner, u16(type, recordClass, ttl >>> 16, ttl, rdata.length), rdata])
}

function optOctets ({ size, version = 0, flags = 0, extendedRcode = 0, options = [] }: Edns): Buffer {
  const data = options.flatMap((option) => [u16(option.code, option.length ?? option.data.length), option.data])
  return record(Buffer.alloc(1), 41, size, extendedRcode * 2 ** 24 + version * 2 ** 16 + flags, Buffer.concat(data))
}

/** The id is 0. */
export function queryOctets (query: Query): Buffer {
  const { flags = 0x0100, labels, type, answers = [], authorities = [], edns, additionals = [], trailing = Buffer.alloc(0) } = query
  const opts = edns === undefined ? [] : [optOctets(edns)]
  const counts = query.counts ?? [1, answers.length, authorities.length, opts.length + additionals.length]
  return Buffer.concat([
    u16(0, flags, ...counts), nameOctets(labels), u16(type, query.class ?? 1), ...answers, ...authorities, ...opts, ...additionals, trailing
  ])
}
