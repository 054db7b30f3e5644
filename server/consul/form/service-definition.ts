// A service as it is registered with an agent: `PUT /v1/agent/service/register`, read and checked as Consul does.
import { isIP } from 'node:net'
import { badRequest, undecoded } from '../consul-error.ts'
import { type CheckDefinition, checkDefinition } from './check-definition.ts'
import { type Fields, boolField, fieldsOf, intField, listField, mapField, objectField, textField, textsField } from './fields.ts'

export interface TaggedAddress {
  readonly Address: string
  readonly Port: number
}

export interface ServiceDefinition {
  readonly kind: string
  /** Never empty. */
  readonly id: string
  readonly name: string
  readonly tags: readonly string[]
  /** 0 = it has none. */
  readonly port: number
  /** '' = that of its node. */
  readonly address: string
  readonly socketPath: string
  readonly taggedAddresses: Readonly<Record<string, TaggedAddress>>
  readonly enableTagOverride: boolean
  readonly meta: Readonly<Record<string, string>>
  /** undefined = the default of both, 1. */
  readonly weights: { readonly passing: number, readonly warning: number } | undefined
  readonly locality: { readonly region: string, readonly zone: string } | undefined
  readonly namespace: string | undefined
  readonly checks: readonly CheckDefinition[]
}

/** Consul's own limits. */
const maxMetaPairs = 64
const maxMetaKey = 128
const maxMetaValue = 512
const maxWeight = 65_535
/** Each is a status that is stored and shown: more are no service of anybody's. */
const maxChecks = 64
const kinds = ['', 'connect-proxy', 'mesh-gateway', 'terminating-gateway', 'ingress-gateway', 'api-gateway']

/** @throws ConsulError 400 */
export function serviceDefinition (body: unknown): ServiceDefinition {
  return serviceFields(fieldsOf(body, 'the body'))
}

/** @throws ConsulError 400 */
export function serviceFields (fields: Fields): ServiceDefinition {
  const name = textField(fields, 'Name') ?? ''
  if (name === '') throw badRequest('Missing service name')
  const kind = textField(fields, 'Kind') ?? ''
  if (kind !== '') throw badRequest(`Invalid service: Kind ${kinds.includes(kind) ? kind : JSON.stringify(kind.slice(0, 64))} is of Consul's mesh, which this registry has not`)
  if (hasContent(fields.get('proxy')) || hasContent(fields.get('connect'))) throw badRequest("Invalid service: Proxy and Connect are of Consul's mesh, which this registry has not")
  const address = textField(fields, 'Address') ?? ''
  if (isAnywhere(address)) throw badRequest('Invalid service address')
  const partition = textField(fields, 'Partition') ?? ''
  if (partition !== '' && partition !== 'default') throw badRequest('Invalid service: Partition must be "default": this registry has none')
  const meta = mapField(fields, 'Meta') ?? {}
  checkMeta(meta)
  return {
    kind,
    id: (textField(fields, 'ID') ?? '') || name,
    name,
    tags: textsField(fields, 'Tags') ?? [],
    port: intField(fields, 'Port', 0, 65_535) ?? 0,
    address,
    socketPath: textField(fields, 'SocketPath') ?? '',
    taggedAddresses: taggedAddresses(fields),
    enableTagOverride: boolField(fields, 'EnableTagOverride') ?? false,
    meta,
    weights: weights(fields),
    locality: locality(fields),
    namespace: textField(fields, 'Namespace') || undefined,
    checks: checks(fields)
  }
}

function hasContent (value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && !(typeof value === 'object' && Object.values(value).every((each) => !hasContent(each)))
}

function isAnywhere (address: string): boolean {
  return address === '0.0.0.0' || address === '[::]' || (isIP(address) === 6 && /^[0:]+$/.test(address))
}

/** @throws ConsulError 400 in Consul's words */
export function checkMeta (meta: Readonly<Record<string, string>>): void {
  const pairs = Object.entries(meta)
  if (pairs.length > maxMetaPairs) throw badRequest(`Invalid Service Meta: metadata cannot contain more than ${maxMetaPairs} key/value pairs`)
  for (const [key, value] of pairs) {
    const fault = metaFault(key, value)
    if (fault !== undefined) throw badRequest(`Invalid Service Meta: couldn't load metadata pair (${JSON.stringify(key.slice(0, maxMetaKey))}): ${fault}`)
  }
}

function metaFault (key: string, value: string): string | undefined {
  if (key === '') return 'key cannot be blank'
  if (!/^[a-zA-Z0-9_-]+$/.test(key) || key === '__proto__') return 'key contains invalid characters'
  if (key.length > maxMetaKey) return `key is too long (limit: ${maxMetaKey} characters)`
  if (key.startsWith('consul-')) return "key prefix 'consul-' is reserved for internal use"
  return value.length > maxMetaValue ? `value is too long (limit: ${maxMetaValue} characters)` : undefined
}

function taggedAddresses (fields: Fields): Record<string, TaggedAddress> {
  const value = fields.get('taggedaddresses') ?? {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw undecoded('TaggedAddresses must be an object')
  const found: [string, TaggedAddress][] = Object.entries(value).map(([name, each]) => {
    const where = `TaggedAddresses[${JSON.stringify(name.slice(0, 64))}]`
    const of = typeof each === 'string' ? new Map<string, unknown>([['address', each]]) : fieldsOf(each, where)
    return [name, { Address: textField(of, 'Address') ?? '', Port: intField(of, 'Port', 0, 65_535) ?? 0 }]
  })
  return Object.fromEntries(found)
}

function weights (fields: Fields): ServiceDefinition['weights'] {
  const given = objectField(fields, 'Weights')
  if (given === undefined) return undefined
  const passing = intField(given, 'Passing', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) ?? 0
  const warning = intField(given, 'Warning', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) ?? 0
  const fault = passing < 1
    ? 'Passing must be greater than 0'
    : warning < 0 ? 'Warning must be greater or equal than 0' : passing > maxWeight || warning > maxWeight ? 'DNS Weight must be between 0 and 65535' : undefined
  if (fault !== undefined) throw badRequest(`Invalid Weights: ${fault}`)
  return { passing, warning }
}

function locality (fields: Fields): ServiceDefinition['locality'] {
  const given = objectField(fields, 'Locality')
  if (given === undefined) return undefined
  return { region: textField(given, 'Region') ?? '', zone: textField(given, 'Zone') ?? '' }
}

function checks (fields: Fields): readonly CheckDefinition[] {
  const single = objectField(fields, 'Check')
  const list = listField(fields, 'Checks') ?? []
  const all = [...single === undefined || single.size === 0 ? [] : [single], ...list.map((each, index) => fieldsOf(each, `Checks[${index}]`))]
  if (all.length > maxChecks) throw badRequest(`Invalid check: a service must not have more than ${maxChecks} checks`)
  return all.map(checkDefinition)
}
