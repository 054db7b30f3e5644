// Bodies in protobuf, which kubectl sends for `create service` and `create namespace` from 1.32 on:
//
//   body    = "k8s" NUL Unknown
//   Unknown = { 1: TypeMeta { 1: apiVersion, 2: kind }, 2: raw octets of the object, 3: encoding, 4: content type }
//
// Kubernetes writes empty texts and zeros: they are absent fields. What a type does not know is passed over, as
// protobuf has it.
import { isUtf8 } from 'node:buffer'
import type { Field, FieldType, StructType } from '../../../model/fields/field-type.ts'
import type { Members } from '../../../model/fields/values.ts'
import { badRequest, tooLarge } from '../refusal.ts'
import { WireError, wireFields, type WireValue } from './wire-reader.ts'

export const protobufMedia = 'application/vnd.kubernetes.protobuf'
const prefix = Buffer.from('k8s\0')

export interface Envelope {
  readonly apiVersion: string
  readonly kind: string
  readonly raw: Buffer
}

/** @throws StatusError 400 */
export function readEnvelope (body: Buffer): Envelope {
  if (!body.subarray(0, prefix.length).equals(prefix)) {
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  }
  let [apiVersion, kind] = ['', '']
  let raw = Buffer.alloc(0)
  reading(() => {
    for (const { number, value } of wireFields(body.subarray(prefix.length))) {
      if (number === 1) {
        for (const field of wireFields(octets(value))) {
          if (field.number === 1) apiVersion = textIn(field.value)
          if (field.number === 2) kind = textIn(field.value)
        }
      } else if (number === 2) raw = Buffer.from(octets(value))
      else if (number === 3 && octets(value).length > 0) {
        throw new WireError(`unsupported content encoding ${JSON.stringify(textIn(value).slice(0, 50))}`)
      }
    }
  })
  return { apiVersion, kind, raw }
}

/** The object of an envelope as JSON has it. @throws StatusError 400 */
export function decodeMessage ({ apiVersion, kind, raw }: Envelope, type: StructType): Members {
  return { apiVersion, kind, ...reading(() => message(raw, type, { left: maxFields })) }
}

function reading<T> (read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof WireError) throw badRequest(`error decoding protobuf: ${error.message}`)
    throw error
  }
}

/** Fields of one body: as many as a body in JSON may have. */
const maxFields = 50_000

interface Budget {
  left: number
}

/** Types end: no message holds itself, so that this recursion does. */
function message (bytes: Buffer, type: StructType, budget: Budget): Members {
  const byNumber = numbersOf(type)
  const result = new Map<string, unknown>()
  for (const { number, value } of wireFields(bytes)) {
    if (--budget.left < 0) throw tooLarge(`a body has at most ${maxFields} fields`)
    const known = byNumber.get(number)
    if (known === undefined) continue
    const [name, { type: of }] = known
    if (name === embedded) {
      for (const [member, read] of Object.entries(of.shape === 'struct' ? message(octets(value), of, budget) : {})) result.set(member, read)
      continue
    }
    if (of.shape === 'list') {
      const items = result.get(name)
      const item = valueOf(value, of.of, budget)
      if (Array.isArray(items)) items.push(item)
      else result.set(name, [item])
    } else if (of.shape === 'map') {
      const [key, text] = entryOf(octets(value), of.of)
      const entries = (result.get(name) ?? new Map()) as Map<string, string> // set by this line alone
      result.set(name, entries.set(key, text))
    } else {
      const read = valueOf(value, of, budget)
      if (read !== undefined && read !== '' && read !== 0) result.set(name, read)
    }
  }
  const plain = (value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value)
  return Object.fromEntries([...result].map(([name, value]) => [name, plain(value)]))
}

/** Stands for a message whose fields are shown as those of its owner: no field is called so. */
const embedded = ''

const numbers = new WeakMap<StructType, ReadonlyMap<number, readonly [string, Field]>>()

function numbersOf (type: StructType): ReadonlyMap<number, readonly [string, Field]> {
  let known = numbers.get(type)
  if (known === undefined) {
    const travelling = [...type.fields].filter(([, { number }]) => number > 0)
    const within = Map.groupBy(travelling, ([, field]) => field.within)
    known = new Map([...within].flatMap(([at, fields]): [number, readonly [string, Field]][] => {
      if (at === undefined) return fields.map(([name, field]) => [field.number, [name, field]])
      const own = new Map(fields.map(([name, field]) => [name, { ...field, within: undefined }]))
      return [[at, [embedded, { type: { ...type, fields: own }, number: at, about: '', required: false, fallback: undefined, within: undefined }]]]
    }))
    numbers.set(type, known)
  }
  return known
}

function valueOf (value: WireValue, type: FieldType, budget: Budget): unknown {
  switch (type.shape) {
    case 'text': return textIn(value)
    case 'bytes': return octets(value).toString('base64')
    case 'quantity': return quantityIn(octets(value))
    case 'int32': return Number(BigInt.asIntN(32, varintIn(value)))
    case 'int64': return Number(BigInt.asIntN(64, varintIn(value)))
    case 'flag': return varintIn(value) !== 0n
    case 'int-or-text': return intOrText(octets(value))
    case 'time': return timeIn(octets(value))
    case 'any': return undefined // fieldsV1 is not written by clients in this form
    case 'struct': return message(octets(value), type, budget)
    default: throw new WireError('a list or a map within a list')
  }
}

/** { 1: 0 = number, 1 = text; 2: the number; 3: the text }. Zero is no port. */
function intOrText (bytes: Buffer): string | number {
  let [isText, number, text] = [false, 0, '']
  for (const field of wireFields(bytes)) {
    if (field.number === 1) isText = varintIn(field.value) === 1n
    if (field.number === 2) number = Number(BigInt.asIntN(32, varintIn(field.value)))
    if (field.number === 3) text = textIn(field.value)
  }
  return isText ? text : number
}

/** { 1: the text } */
function quantityIn (bytes: Buffer): string {
  let text = ''
  for (const { number, value } of wireFields(bytes)) if (number === 1) text = textIn(value)
  return text
}

/** { 1: seconds, 2: nanoseconds } */
function timeIn (bytes: Buffer): string {
  let seconds = 0n
  for (const { number, value } of wireFields(bytes)) if (number === 1) seconds = BigInt.asIntN(64, varintIn(value))
  const ms = Number(seconds) * 1000
  return seconds === 0n || !(Math.abs(ms) < 8e15) ? '' : new Date(ms).toISOString().replace('.000Z', 'Z')
}

function entryOf (bytes: Buffer, of: FieldType): readonly [string, string] {
  let [key, text] = ['', '']
  for (const { number, value } of wireFields(bytes)) {
    if (number === 1) key = textIn(value)
    if (number === 2) text = of.shape === 'bytes' ? octets(value).toString('base64') : textIn(value)
  }
  return [key, text]
}

function octets (value: WireValue): Buffer {
  if (typeof value === 'bigint') throw new WireError('proto: wrong wireType = 0')
  return value
}

function textIn (value: WireValue): string {
  const bytes = octets(value)
  if (!isUtf8(bytes)) throw new WireError('proto: a text is no UTF-8')
  return bytes.toString()
}

function varintIn (value: WireValue): bigint {
  if (typeof value !== 'bigint') throw new WireError('proto: wrong wireType = 2')
  return value
}
