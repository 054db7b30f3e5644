// What of a registration by Consul has no place in the registry's own model: it stands as JSON in one entry of the instance's metadata, so
// that every node has it, and a client reads back what it wrote.
import { beside } from '../../beside.ts'
import type { CheckKind, CheckStatus } from './check-definition.ts'
import type { TaggedAddress } from './service-definition.ts'

/** The metadata entry. */
export const recordKey = 'rollcall.dev/consul'

export interface StoredCheck {
  readonly id: string
  readonly name: string
  readonly kind: CheckKind
  readonly status: CheckStatus
  readonly notes?: string
  readonly ttlMs?: number
  readonly intervalMs?: number
  readonly timeoutMs?: number
  readonly deregisterAfterMs?: number
  readonly target?: Readonly<Record<string, string>>
}

/** What is absent is as the instance itself says. */
export interface ConsulRecord {
  /** The address of whoever registered it: ids are unique for each, as they are with an agent of Consul's on each machine. */
  readonly agent: string
  readonly checks: readonly StoredCheck[]
  /** The id and the name as they were given, where the registry's grammar has another form of them. */
  readonly id?: string
  readonly name?: string
  /** Where the labels do not say the same, in the same order. */
  readonly tags?: readonly string[]
  /** Pairs of `Meta` for which the metadata has no room. */
  readonly meta?: Readonly<Record<string, string>>
  /** Empty, or a host name: the instance has the address of the caller then. */
  readonly address?: string
  readonly taggedAddresses?: Readonly<Record<string, TaggedAddress>>
  readonly socketPath?: string
  readonly enableTagOverride?: true
  /** `[Passing, Warning]` */
  readonly weights?: readonly [number, number]
  /** `rollcall import` registered it, and renews it: nobody else keeps it. */
  readonly imported?: true
  /** It is critical because its TTL ran out, or was said to be: it stays until its next pass, or until `DeregisterCriticalServiceAfter`. */
  readonly lapsed?: 'ttl' | 'failed'
}

/** The last one read of each text: instances of a service are read again and again. */
const read = beside<object, ConsulRecord | undefined>()

/** undefined = it was registered in another way, or its entry was written by somebody else. @param of the object of the metadata */
export function recordOf (of: { readonly metadata: Readonly<Record<string, string>> }): ConsulRecord | undefined {
  const { metadata } = of
  const text = metadata[recordKey]
  if (text === undefined) return undefined
  if (read.has(metadata)) return read.get(metadata)
  const record = parsed(text)
  read.set(metadata, record)
  return record
}

function parsed (text: string): ConsulRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return isRecord(value) ? value : undefined
}

/** Any client can write metadata: what is not as this file writes it is nobody's registration. */
function isRecord (value: unknown): value is ConsulRecord {
  if (!isObject(value)) return false
  const { agent, checks, id, name, tags, meta, address, taggedAddresses, socketPath, weights } = value
  return typeof agent === 'string' && Array.isArray(checks) && checks.every(isCheck) &&
    [id, name, address, socketPath].every((each) => each === undefined || typeof each === 'string') &&
    (tags === undefined || (Array.isArray(tags) && tags.every((each) => typeof each === 'string'))) &&
    (meta === undefined || isTexts(meta)) &&
    (taggedAddresses === undefined || (isObject(taggedAddresses) && Object.values(taggedAddresses).every((each) => isObject(each) && typeof each.Address === 'string' && typeof each.Port === 'number'))) &&
    (weights === undefined || (Array.isArray(weights) && weights.length === 2 && weights.every((each) => typeof each === 'number')))
}

function isCheck (value: unknown): boolean {
  if (!isObject(value)) return false
  const { id, name, kind, status, notes, ttlMs, intervalMs, timeoutMs, deregisterAfterMs, target } = value
  return [id, name, kind].every((each) => typeof each === 'string') && (status === 'passing' || status === 'warning' || status === 'critical') &&
    (notes === undefined || typeof notes === 'string') && (target === undefined || isTexts(target)) &&
    [ttlMs, intervalMs, timeoutMs, deregisterAfterMs].every((each) => each === undefined || typeof each === 'number')
}

function isTexts (value: unknown): boolean {
  return isObject(value) && Object.values(value).every((each) => typeof each === 'string')
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
