// The instance: its schema, its stored form and the form that the registry shows.
import { Type, type Static } from 'typebox'
import type { FieldError, Instance, Override, Port, Registration, Status } from '../../../client-sdk/src/wire.ts'
import { invalid } from '../../errors.ts'
import { parseAddress } from '../address/address.ts'
import {
  defaultTtlMs, defaultWeight, maxLabels, maxMetadataBytes, maxMetadataPairs, maxPorts, maxTextLength, maxTtlMs,
  maxVersionLength, maxWeight, minTtlMs
} from '../limits.ts'
import {
  generationPattern, generationRule, idPattern, idRule, labelKeyPattern, labelKeyRule, labelPattern, labelRule,
  labelValuePattern, labelValueRule, portNamePattern, portNameRule, subdomainPattern, subdomainRule
} from '../names.ts'
import { mapOf } from '../validate.ts'

const closed = { additionalProperties: false } as const

export const statuses = ['starting', 'up', 'warning', 'draining', 'down'] as const satisfies readonly Status[]
export const protocols = ['TCP', 'UDP', 'SCTP'] as const

export const LabelName = Type.String({ pattern: labelPattern, rule: labelRule })
export const InstanceId = Type.String({ pattern: idPattern, rule: idRule })
/** A text, or a whole number that is kept as text: both are common ways to name a life. */
export const Generation = Type.Unsafe<string>(Type.Union([
  Type.String({ pattern: generationPattern }), Type.Integer({ minimum: 0 })
], { rule: generationRule }))
export const StatusName = Type.Enum([...statuses])
export const Weight = Type.Integer({ minimum: 0, maximum: maxWeight, rule: `must be a whole number 0-${maxWeight}` })
export const Labels = Type.Record(
  Type.String({ pattern: labelKeyPattern }), Type.String({ pattern: labelValuePattern, rule: labelValueRule }),
  { ...closed, maxProperties: maxLabels, keyRule: labelKeyRule }
)
export const Metadata = mapOf(Type.String(), { maxProperties: maxMetadataPairs })
export const Topology = Type.String({ pattern: labelValuePattern, minLength: 1, rule: labelValueRule })
/** The machine that an instance runs on: what Kubernetes calls `nodeName`. */
export const NodeName = Type.String({ pattern: subdomainPattern, rule: subdomainRule })
export const ShortText = Type.String({ maxLength: maxTextLength, rule: `must be a text of at most ${maxTextLength} characters` })

const PortInput = Type.Object({
  name: Type.Optional(Type.Unsafe<string>(Type.Union([Type.Literal(''), Type.String({ pattern: portNamePattern })], { rule: portNameRule }))),
  port: Type.Integer({ minimum: 1, maximum: 65_535, rule: 'must be a whole number 1-65535' }),
  protocol: Type.Optional(Type.Enum([...protocols]))
}, closed)

/** The body of a registration. */
export const RegistrationBody = Type.Object({
  address: Type.Optional(Type.String({ description: 'IPv4 or IPv6; default: the address that the request comes from' })),
  ports: Type.Optional(Type.Array(PortInput, { maxItems: maxPorts })),
  generation: Type.Optional(Generation),
  hostname: Type.Optional(LabelName),
  labels: Type.Optional(Labels),
  metadata: Type.Optional(Metadata),
  weight: Type.Optional(Weight),
  priority: Type.Optional(Weight),
  zone: Type.Optional(Topology),
  region: Type.Optional(Topology),
  node: Type.Optional(NodeName),
  version: Type.Optional(Type.String({ minLength: 1, maxLength: maxVersionLength })),
  status: Type.Optional(StatusName),
  lease: Type.Optional(Type.Object({
    ttlMs: Type.Optional(Type.Integer({ minimum: minTtlMs, maximum: maxTtlMs, rule: `must be a whole number of milliseconds ${minTtlMs}-${maxTtlMs}` }))
  }, closed))
}, closed)

/** A merge patch (RFC 7396) on what an instance may change without registering again. */
export const PatchBody = Type.Object({
  status: Type.Optional(StatusName),
  labels: Type.Optional(Type.Record(
    Type.String({ pattern: labelKeyPattern }), Type.Union([Type.Null(), Type.String({ pattern: labelValuePattern })], { rule: labelValueRule }),
    { ...closed, maxProperties: 2 * maxLabels, keyRule: labelKeyRule } // all of them anew
  )),
  metadata: Type.Optional(mapOf(Type.Union([Type.Null(), Type.String()], { rule: 'must be a text, or null' }), { maxProperties: 2 * maxMetadataPairs })),
  weight: Type.Optional(Weight)
}, closed)

/** The body of an override. */
export const OverrideBody = Type.Object({
  status: Type.Optional(Type.Enum(['draining', 'down'])),
  weight: Type.Optional(Weight),
  author: Type.Optional(ShortText),
  reason: Type.Optional(ShortText),
  until: Type.Optional(Type.String({ description: 'ISO 8601 time at which it ends by itself' }))
}, { ...closed, minProperties: 1 })

/** What the store keeps of an instance, as canonical JSON: the same content is the same text. */
export interface InstanceBody {
  readonly address: string
  readonly ports: readonly Port[]
  readonly hostname?: string
  readonly labels: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
  readonly weight: number
  readonly priority: number
  readonly zone?: string
  readonly region?: string
  readonly node?: string
  readonly version?: string
  readonly status: Status
  /** The dialect that it registered in; absent for the registry's own API. */
  readonly source?: string
  /** Who registered it. It stands last: a store finds it there (`ownerOf` in store.ts). */
  readonly owner?: string
}

/**
 * Makes the stored form of a registration whose shape has been checked: defaults, canonical address, sorted keys.
 * @param registration fits `RegistrationBody`
 * @param peerAddress stands in for an absent `address`
 * @throws RegistryError REG_INVALID with all faults at once
 */
export function bodyOf (registration: Registration, peerAddress: string | undefined): { body: InstanceBody, ttlMs: number } {
  const faults: FieldError[] = []
  const address = parseAddress(registration.address ?? peerAddress ?? '')
  if ('problem' in address) {
    faults.push({ field: 'address', value: registration.address ?? peerAddress, rule: address.problem })
  }
  const ports = (registration.ports ?? []).map((port): Port => ({ name: port.name ?? '', port: port.port, protocol: port.protocol ?? 'TCP' }))
  faults.push(...portFaults(ports), ...labelFaults(registration.labels ?? {}), ...metadataFaults(registration.metadata ?? {}))
  if (faults.length > 0 || 'problem' in address) throw invalid(faults)
  const { hostname, zone, region, node, version } = registration
  return {
    ttlMs: registration.lease?.ttlMs ?? defaultTtlMs,
    body: {
      address: address.text,
      ports,
      ...(hostname === undefined ? {} : { hostname }),
      labels: sorted(registration.labels ?? {}),
      metadata: sorted(registration.metadata ?? {}),
      weight: registration.weight ?? defaultWeight,
      priority: registration.priority ?? 0,
      ...(zone === undefined ? {} : { zone }),
      ...(region === undefined ? {} : { region }),
      ...(node === undefined ? {} : { node }),
      ...(version === undefined ? {} : { version }),
      status: registration.status ?? 'up'
    }
  }
}

/**
 * The ports in the order that is known, where they are the same ones: an order that changes is no change of the
 * instance. The order itself is kept, since the first port is the one that callers mean who name none.
 */
export function withKnownOrder (body: InstanceBody, known: readonly Port[] | undefined): InstanceBody {
  if (known === undefined || known.length !== body.ports.length) return body
  const key = ({ name, port, protocol }: Port): string => `${protocol} ${port} ${name}`
  const keys = new Set(known.map(key))
  return body.ports.every((port) => keys.has(key(port))) ? { ...body, ports: known } : body
}

/** Applies a merge patch. @throws RegistryError REG_INVALID when the result breaks a limit */
export function patched (body: InstanceBody, patch: Static<typeof PatchBody>): InstanceBody {
  const labels = merged(body.labels, patch.labels)
  const metadata = merged(body.metadata, patch.metadata)
  const faults = [...labelFaults(labels), ...metadataFaults(metadata)]
  if (Object.keys(labels).length > maxLabels) faults.push({ field: 'labels', rule: `must not have more than ${maxLabels} entries` })
  if (Object.keys(metadata).length > maxMetadataPairs) faults.push({ field: 'metadata', rule: `must not have more than ${maxMetadataPairs} entries` })
  if (faults.length > 0) throw invalid(faults)
  return { ...body, labels, metadata, weight: patch.weight ?? body.weight, status: patch.status ?? body.status }
}

function merged (base: Readonly<Record<string, string>>, patch: Readonly<Record<string, string | null>> | undefined): Record<string, string> {
  if (patch === undefined) return { ...base }
  const all = Object.entries<string | null>({ ...base, ...patch })
  return sorted(Object.fromEntries(all.filter((pair): pair is [string, string] => pair[1] !== null)))
}

const noFaults: FieldError[] = []

function sorted (map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function portFaults (ports: readonly Port[]): FieldError[] {
  if (ports.length < 2) return noFaults
  const faults: FieldError[] = []
  const names = new Set<string>()
  const numbers = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const name = `${port.protocol} ${port.name}`
    const number = `${port.protocol} ${port.port}`
    if (names.has(name)) {
      const rule = port.name === '' ? 'is required when there are several ports of a protocol' : 'must be unique within its protocol'
      faults.push({ field: `ports[${index}].name`, value: port.name, rule })
    }
    if (numbers.has(number)) faults.push({ field: `ports[${index}].port`, value: port.port, rule: 'must be unique within its protocol' })
    names.add(name)
    numbers.add(number)
  }
  return faults
}

/** `rollcall.dev/` is ours: a client's own label there would hide the implicit one. */
export function labelFaults (labels: Readonly<Record<string, string>>): FieldError[] {
  return Object.keys(labels).filter((key) => key.startsWith(reservedLabelPrefix))
    .map((key) => ({ field: `labels[${JSON.stringify(key)}]`, value: labels[key], rule: `must not begin with "${reservedLabelPrefix}", which is the registry's own` }))
}

const reservedLabelPrefix = 'rollcall.dev/'

export function metadataFaults (metadata: Readonly<Record<string, string>>): FieldError[] {
  let bytes = 0
  for (const [key, value] of Object.entries(metadata)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  return bytes <= maxMetadataBytes ? [] : [{ field: 'metadata', value: bytes, rule: `must not hold more than ${maxMetadataBytes} octets of keys and values` }]
}

/** What surrounds a body: who it is, its lease, and what the registry knows of it. */
export interface InstanceFacts {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly generation: string
  readonly ttlMs: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly revision: number
  readonly suspect: boolean
  readonly override: Override | undefined
}

/**
 * The instance as clients see it, with the conditions of a Kubernetes EndpointSlice: `serving` = effective status up,
 * warning or draining, and not suspect; `terminating` = draining; `ready` = serving and not terminating.
 */
export function instanceOf (body: InstanceBody, facts: InstanceFacts): Instance {
  const { override, suspect } = facts
  const effectiveStatus = override?.status ?? body.status
  const serving = isServing(effectiveStatus) && !suspect
  const createdAt = isoText(facts.createdAtMs)
  return {
    namespace: facts.namespace,
    service: facts.service,
    id: facts.id,
    generation: facts.generation,
    ...body,
    effectiveStatus,
    suspect,
    conditions: conditions(serving, effectiveStatus === 'draining'),
    ...(override === undefined ? {} : { override }),
    lease: leaseOf(facts.ttlMs),
    createdAt,
    updatedAt: facts.updatedAtMs === facts.createdAtMs ? createdAt : isoText(facts.updatedAtMs),
    revision: facts.revision
  }
}

let lastMs = Number.NaN
let lastText = ''

/** Many register in one millisecond, and stand beside each other in the store: its text is made once, and kept once. */
function isoText (atMs: number): string {
  if (atMs !== lastMs) {
    lastText = new Date(atMs).toISOString()
    lastMs = atMs
  }
  return lastText
}

/** The stored form of a shown instance, in canonical key order. */
export function storedBody (instance: Instance): InstanceBody {
  const { address, ports, hostname, labels, metadata, weight, priority, zone, region, node, version, status, source, owner } = instance
  return {
    address,
    ports,
    ...(hostname === undefined ? {} : { hostname }),
    labels,
    metadata,
    weight,
    priority,
    ...(zone === undefined ? {} : { zone }),
    ...(region === undefined ? {} : { region }),
    ...(node === undefined ? {} : { node }),
    ...(version === undefined ? {} : { version }),
    status,
    ...(source === undefined ? {} : { source }),
    ...(owner === undefined ? {} : { owner })
  }
}

/** A body as this owner registers it, in this dialect. */
export function ownedBody (body: InstanceBody, owner: string | undefined, source?: string): InstanceBody {
  const sourced = source === undefined ? body : { ...body, source }
  return owner === undefined ? sourced : { ...sourced, owner }
}

/** Whether an instance of this effective status answers calls: one that drains still does, it only wants no new ones. */
export function isServing (status: Status): boolean {
  return status === 'up' || status === 'warning' || status === 'draining'
}

// A hundred thousand instances share a handful of these objects.
const conditionTable = [false, true].map((serving) => [false, true].map((terminating) =>
  Object.freeze({ ready: serving && !terminating, serving, terminating })))
const leaseTable = new Map<number, Instance['lease']>()
const maxLeaseTable = 1_000 // distinct TTLs kept; a client that invents more gets objects of its own

function conditions (serving: boolean, terminating: boolean): Instance['conditions'] {
  const found = conditionTable[Number(serving)]?.[Number(terminating)]
  return found ?? { ready: serving && !terminating, serving, terminating }
}

function leaseOf (ttlMs: number): Instance['lease'] {
  let lease = leaseTable.get(ttlMs)
  if (lease === undefined) {
    lease = Object.freeze({ ttlMs })
    if (leaseTable.size < maxLeaseTable) leaseTable.set(ttlMs, lease)
  }
  return lease
}
