// What is wrong with an object, in the form and with the words that a user of Kubernetes knows (1.2): each cause has a reason,
// the path of its field and a message. They are collected, and reported all at once.
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import { maxToldFaults } from '../../refusal.ts'

export type CauseReason =
  | 'FieldValueRequired' | 'FieldValueInvalid' | 'FieldValueNotSupported' | 'FieldValueDuplicate'
  | 'FieldValueForbidden' | 'FieldValueTooLong' | 'FieldValueTooMany'

export interface Cause {
  readonly reason: CauseReason
  readonly field: string
  /** As Kubernetes says it, reason and value first: `Invalid value: 0: must be between 1 and 65535, inclusive`. */
  readonly message: string
  /** The broken rule alone, and the value alone where one was given. */
  readonly rule: string
  readonly value?: unknown
}

/** The service that has the value which another one asked for. */
export interface Holder {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** `spec.ports[0].nodePort` of it, where that helps. */
  readonly field?: string
}

export function required (field: string, rule = ''): Cause {
  return { reason: 'FieldValueRequired', field, message: rule === '' ? 'Required value' : `Required value: ${rule}`, rule: rule === '' ? 'is required' : rule }
}

export function invalidValue (field: string, value: unknown, rule: string): Cause {
  return { reason: 'FieldValueInvalid', field, message: `Invalid value: ${quoted(value)}: ${rule}`, rule, value }
}

export function notSupported (field: string, value: unknown, supported: readonly string[]): Cause {
  const values = [...supported].sort().map((text) => JSON.stringify(text)).join(', ')
  return { reason: 'FieldValueNotSupported', field, message: `Unsupported value: ${quoted(value)}: supported values: ${values}`, rule: `must be one of ${values}`, value }
}

export function duplicate (field: string, value: unknown): Cause {
  return { reason: 'FieldValueDuplicate', field, message: `Duplicate value: ${quoted(value)}`, rule: 'must not be repeated', value }
}

export function forbidden (field: string, rule: string): Cause {
  return { reason: 'FieldValueForbidden', field, message: `Forbidden: ${rule}`, rule }
}

export function tooLong (field: string, bytes: number): Cause {
  const rule = `may not be more than ${bytes} bytes`
  return { reason: 'FieldValueTooLong', field, message: `Too long: ${rule}`, rule }
}

export function tooMany (field: string, count: number, most: number): Cause {
  const rule = `must have at most ${most} items`
  return { reason: 'FieldValueTooMany', field, message: `Too many: ${count}: ${rule}`, rule, value: count }
}

// What an allocator refuses. Kubernetes' sentence first, then who holds it: that is what the reader has to know next.

export function nodePortTaken (field: string, port: number, holder?: Holder): Cause {
  return invalidValue(field, port, `provided port is already allocated${by(holder)}`)
}

export function nodePortOutOfRange (field: string, port: number, range: string): Cause {
  return invalidValue(field, port, `provided port is not in the valid range. The range of valid ports is ${range}`)
}

export function nodePortsExhausted (field: string, range: string): Cause {
  return invalidValue(field, 0, `failed to allocate a node port: all ports of the range ${range} are allocated`)
}

export function clusterIpTaken (address: string, holder?: Holder): Cause {
  return invalidValue('spec.clusterIPs', [address], `failed to allocate IP ${address}: provided IP is already allocated${by(holder)}`)
}

export function clusterIpOutOfRange (address: string, ranges: readonly string[]): Cause {
  const are = ranges.length === 0 ? 'There is no range of its family' : `The range of valid IPs is ${ranges.join(', ')}`
  return invalidValue('spec.clusterIPs', [address], `failed to allocate IP ${address}: provided IP is not in the valid range. ${are}`)
}

export function clusterIpsExhausted (family: string, ranges: readonly string[]): Cause {
  return invalidValue('spec.clusterIPs', [], `failed to allocate an ${family} address: all of ${ranges.join(', ')} are allocated`)
}

export function loadBalancerIpTaken (field: string, address: string, holder?: Holder): Cause {
  return invalidValue(field, address, `provided IP is already allocated${by(holder)}`)
}

export function loadBalancerIpOutOfPools (field: string, address: string, pools: readonly string[]): Cause {
  return invalidValue(field, address, pools.length === 0 ? 'there is no load-balancer pool' : `provided IP is in none of the pools ${pools.join(', ')}`)
}

function by (holder: Holder | undefined): string {
  if (holder === undefined) return ''
  return `: ${holder.kind} "${holder.namespace}/${holder.name}" holds it${holder.field === undefined ? '' : ` (${holder.field})`}`
}

/** The sentence for people: `Service "web" is invalid: spec.ports: Required value`. */
export function messageOf (kind: string, name: string, causes: readonly Cause[]): string {
  const texts = causes.map((cause) => `${cause.field}: ${cause.message}`)
  return `${kind} ${JSON.stringify(name)} is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`
}

/** Causes as the registry's own errors carry them. */
export function fieldErrors (causes: readonly Cause[]): readonly FieldError[] {
  return causes.map(({ field, rule, reason, ...cause }) => ('value' in cause ? { field, value: cause.value, rule, reason } : { field, rule, reason }))
}

/** Throws REG_MANIFEST_INVALID with every cause, if there are causes. */
export function refuse (kind: string, name: string, causes: readonly Cause[]): void {
  if (causes.length > 0) throw new RegistryError('REG_MANIFEST_INVALID', messageOf(kind, name, causes.slice(0, maxToldFaults)), fieldErrors(causes))
}

const maxShown = 256 // a message names the value, it does not repeat a megabyte of it

function quoted (value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  return text.length > maxShown ? `${text.slice(0, maxShown)}...` : text
}
