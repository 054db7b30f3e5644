// An instance as it comes back from a store. An older version, another program or an operator may have written it: it
// is checked like input from a client, and fits the types from here on.
import { type Static, Type } from 'typebox'
import { FaultList, type Refusal } from '../../refusal.ts'
import { parseAddress } from '../address/address.ts'
import { maxPorts, maxTtlMs, maxVersionLength, minTtlMs } from '../limits.ts'
import { generationPattern, generationRule, idRule, isId, isLabel, labelRule, portNamePattern, portNameRule, splitKey } from '../names.ts'
import { readJson, unknownFault } from '../stored-text.ts'
import { checker } from '../validate.ts'
import {
  type InstanceBody, LabelName, Labels, Metadata, NodeName, StatusName, Topology, Weight, labelFaults, metadataFaults, portFaults, protocols
} from './instance.ts'

/** An identity with its kind. Nothing in it is escaped in JSON: stores compare it as it stands. */
const ownerPattern = '^[!#-[\\]-~]+$'
const maxOwnerLength = 300
/** The name of a dialect. */
const sourcePattern = '^[a-z][-a-z0-9]{0,62}$'

const closed = { additionalProperties: false } as const

/** What `bodyOf` makes: everything that has a default is there. */
const StoredBody = Type.Object({
  address: Type.String({ maxLength: 45 }),
  ports: Type.Array(Type.Object({
    name: Type.Unsafe<string>(Type.Union([Type.Literal(''), Type.String({ pattern: portNamePattern })], { rule: portNameRule })),
    port: Type.Integer({ minimum: 1, maximum: 65_535, rule: 'must be a whole number 1-65535' }),
    protocol: Type.Enum([...protocols])
  }, closed), { maxItems: maxPorts }),
  hostname: Type.Optional(LabelName),
  labels: Labels,
  metadata: Metadata,
  weight: Weight,
  priority: Weight,
  zone: Type.Optional(Topology),
  region: Type.Optional(Topology),
  node: Type.Optional(NodeName),
  version: Type.Optional(Type.String({ minLength: 1, maxLength: maxVersionLength })),
  status: StatusName,
  source: Type.Optional(Type.String({ pattern: sourcePattern, rule: 'must be the name of a dialect, like eureka' })),
  owner: Type.Optional(Type.String({ minLength: 1, maxLength: maxOwnerLength, pattern: ownerPattern, rule: 'must be an identity, like token:web' }))
}, closed)

const checkBody = checker(StoredBody)
/** Times that `Date` can write. */
const maxTimeMs = 8_640_000_000_000_000

/** Bodies that this process has just written, by their text: the same text has the same content, and need not be read again. */
const written = new Map<string, InstanceBody>()
/** Writes that are on their way to the store. */
const maxWritten = 1_000
/** Longer ones are rare, and a thousand of them would fill the memory. */
const maxWrittenLength = 4_096

/** Told of a body that is about to be stored as this text. It has been checked, and nobody changes it any more. */
export function rememberBody (text: string, body: InstanceBody): void {
  if (text.length > maxWrittenLength) return
  if (written.size >= maxWritten) written.clear()
  written.set(text, body)
}

/** Reads the stored text of an instance. Costs some two microseconds, or none for what was written here just now. */
export function readInstanceBody (text: string): { readonly body: InstanceBody } | { readonly refusal: Refusal } {
  const known = written.get(text)
  if (known === undefined) return readText(text)
  written.delete(text)
  return { body: known }
}

function readText (text: string): { readonly body: InstanceBody } | { readonly refusal: Refusal } {
  const read = readJson(text, checkBody)
  if ('refusal' in read) return read
  const body = read.value as Static<typeof StoredBody> // it has just been checked
  const list = new FaultList()
  const rule = addressRule(body.address)
  if (rule !== undefined) list.add(() => ({ field: 'address', value: body.address, rule }))
  for (const faults of [portFaults(body.ports), labelFaults(body.labels), metadataFaults(body.metadata)]) list.addAll(faults)
  return list.isEmpty ? { body: body } : { refusal: list.refusal(unknownFault) } // absent fields are absent, not undefined: it was JSON
}

/** What surrounds the body, as every store keeps it. */
export interface StoredInstance {
  readonly key: string
  readonly lease: string
  readonly generation: string
  readonly ttlMs: number
  readonly createdRevision: number
  readonly revision: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly suspect: boolean
  readonly body: string
}

export interface ReadInstance {
  readonly name: { readonly namespace: string, readonly service: string, readonly id: string }
  readonly body: InstanceBody
}

const isGeneration = new RegExp(generationPattern)

/** Reads a whole record: its key, its numbers and its body. Costs some three microseconds. @param readBody does the same as the default */
export function readInstanceRecord (record: StoredInstance, readBody = readInstanceBody): ReadInstance | { readonly refusal: Refusal } {
  const list = new FaultList()
  const name = splitKey(record.key)
  if (!isLabel(name.namespace)) list.add(() => ({ field: 'namespace', value: name.namespace, rule: labelRule }))
  if (!isLabel(name.service)) list.add(() => ({ field: 'service', value: name.service, rule: labelRule }))
  if (!isId(name.id)) list.add(() => ({ field: 'id', value: name.id, rule: idRule }))
  if (record.lease === '') list.add(() => ({ field: 'lease', value: '', rule: 'must not be empty' }))
  if (!isGeneration.test(record.generation)) list.add(() => ({ field: 'generation', value: record.generation, rule: generationRule }))
  whole(list, 'ttlMs', record.ttlMs, minTtlMs, maxTtlMs)
  whole(list, 'createdRevision', record.createdRevision, 1, Number.MAX_SAFE_INTEGER)
  whole(list, 'revision', record.revision, 1, Number.MAX_SAFE_INTEGER)
  whole(list, 'createdAtMs', record.createdAtMs, -maxTimeMs, maxTimeMs)
  whole(list, 'updatedAtMs', record.updatedAtMs, -maxTimeMs, maxTimeMs)
  const read = readBody(record.body)
  if ('refusal' in read) list.addAll(read.refusal.faults, read.refusal.more)
  else if (list.isEmpty) return { name, body: read.body }
  return { refusal: list.refusal(unknownFault) }
}

function whole (list: FaultList, field: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) list.add(() => ({ field, value, rule: `must be a whole number ${least}-${most}` }))
}

function addressRule (text: string): string | undefined {
  const address = parseAddress(text)
  if ('problem' in address) return address.problem
  return address.text === text ? undefined : `must be written as ${address.text}`
}
