// The one mapping between Consul's words and the registry's, both ways: pure functions, tested as a table (test/consul/mapping.test.ts).
//
//   instance                        check of Consul's                      the other way
//   up                              passing                                all checks pass, or there is none
//   warning                         warning                                one warns, none is critical
//   starting                        critical                               one is critical, and it was never up
//   down                            critical                               one is critical
//   draining, or an override        critical, and `_service_maintenance`   maintenance on: an override `draining`
//   suspect                         critical; passing while all are        (nobody says so)
//                                   (fail open), with a note
//
//   weight 100                      Weights.Passing 1                      100 for each, 65,535 at most; the rest is kept beside
//   zone, region                    Locality                               the same
//   labels                          Tags                                   tags.ts
//   metadata                        Meta                                   record.ts keeps the rest
//   address, node                   Node.Address, Node.Node                Service.Address, or the caller's
//   first port                      Port                                   the one port
import type { Instance, Registration, Status } from '../../../client-sdk/src/wire.ts'
import { badRequest } from '../consul-error.ts'
import { parseAddress } from '../../model/address/address.ts'
import { defaultWeight, maxMetadataPairs, maxTtlMs, maxWeight, minTtlMs } from '../../model/limits.ts'
import { isLabelValue, labelValueRule } from '../../model/names.ts'
import type { CheckDefinition, CheckStatus } from './check-definition.ts'
import { foldedName } from './names.ts'
import { type ConsulRecord, type StoredCheck, recordKey } from './record.ts'
import type { ServiceDefinition } from './service-definition.ts'
import { labelsOf, saySame } from './tags.ts'

export const maintenanceCheckPrefix = '_service_maintenance:'
export const maintenanceName = 'Service Maintenance Mode'
export const defaultMaintenanceReason = 'Maintenance mode is enabled for this service, but no reason was provided. This is a default message.'

/** The worst of some checks, as Consul aggregates them. */
export function worst (statuses: readonly CheckStatus[]): CheckStatus {
  return statuses.includes('critical') ? 'critical' : statuses.includes('warning') ? 'warning' : 'passing'
}

/** The status of an instance by its checks. @param before what it was; undefined = it is new */
export function statusOf (checks: readonly Pick<StoredCheck, 'status'>[], before: Status | undefined): Status {
  const status = worst(checks.map((check) => check.status))
  if (status !== 'critical') return status === 'warning' ? 'warning' : 'up'
  return before === undefined || before === 'starting' ? 'starting' : 'down'
}

/** What a check says of an instance of this status. */
export function checkStatusOf (status: Status): CheckStatus {
  return status === 'up' ? 'passing' : status === 'warning' ? 'warning' : 'critical'
}

/** What one of `Weights` is in the registry: Consul's default is ours. */
export function weightOf (weight: number): number {
  return Math.min(weight * defaultWeight, maxWeight)
}

/** The weight of an instance of this status by what was registered; undefined = nothing was: the default. */
export function registeredWeight (weights: ConsulRecord['weights'], status: Status): number | undefined {
  return weights === undefined ? undefined : weightOf(weights[status === 'warning' ? 1 : 0])
}

/** How long the lease of an instance lasts: its shortest TTL. Without any nobody renews it but the registry (kept-services.ts). */
export function leaseMs (checks: readonly StoredCheck[], lapsed: boolean): number {
  if (lapsed) {
    const after = checks.flatMap(({ deregisterAfterMs, status }) => (deregisterAfterMs === undefined || status !== 'critical' ? [] : [deregisterAfterMs]))
    return Math.min(...after, maxTtlMs)
  }
  const ttls = checks.flatMap(({ ttlMs }) => (ttlMs === undefined ? [] : [ttlMs]))
  return Math.round(Math.max(minTtlMs, Math.min(...ttls, maxTtlMs)))
}

/** Whether a check that is critical lets the service go after a time. */
export function isCountedDown (checks: readonly StoredCheck[]): boolean {
  return checks.some(({ status, deregisterAfterMs }) => status === 'critical' && deregisterAfterMs !== undefined)
}

/** Whether the registry itself renews the lease, as an agent of Consul's stands for what it has registered. */
export function isKeptByUs ({ checks, lapsed, imported }: ConsulRecord): boolean {
  if (imported !== undefined) return false
  if (lapsed !== undefined) return !checks.some(({ deregisterAfterMs }) => deregisterAfterMs !== undefined)
  return !checks.some(({ ttlMs }) => ttlMs !== undefined)
}

/** A check as it is stored. @param place of those of the service, from 0 @param count of them @param known the same check before */
export function storedCheck (
  check: CheckDefinition, service: { readonly id: string, readonly name: string }, place: number, count: number, known: readonly StoredCheck[]
): StoredCheck {
  const id = check.checkId === '' ? `service:${service.id}${count > 1 ? `:${place + 1}` : ''}` : check.checkId
  const before = known.find((each) => each.id === id)
  // Nobody here runs it: it says what heartbeats say, and until then what no heartbeat denied.
  const initial: CheckStatus = check.kind === 'ttl' ? 'critical' : 'passing'
  return {
    id,
    name: check.name === '' ? `Service '${service.name}' check` : check.name,
    kind: check.kind,
    status: check.status ?? before?.status ?? initial,
    ...(check.notes === '' ? {} : { notes: check.notes }),
    ...numbers(check),
    ...(Object.keys(check.target).length === 0 ? {} : { target: check.target })
  }
}

function numbers ({ ttlMs, intervalMs, timeoutMs, deregisterAfterMs }: CheckDefinition): Partial<StoredCheck> {
  return {
    ...(ttlMs === undefined ? {} : { ttlMs }), ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(deregisterAfterMs === undefined ? {} : { deregisterAfterMs })
  }
}

export interface RegistrationParts {
  readonly service: ServiceDefinition
  /** The address that the request came from. */
  readonly agent: string
  readonly instanceId: string
  readonly checks: readonly StoredCheck[]
  readonly status: Status
  /** Of a registration with a node of its own, through the catalog. */
  readonly node?: { readonly name: string | undefined, readonly address: string } | undefined
  /** `rollcall import` keeps it. */
  readonly isImported?: boolean
}

/** The registration that a service is. @throws ConsulError 400 */
export function registrationOf ({ service, agent, instanceId, checks, status, node, isImported = false }: RegistrationParts): Registration {
  const labels = labelsOf(service.tags)
  const address = parseAddress(service.address.replace(/^\[(.*)\]$/, '$1'))
  const isAddress = !('problem' in address)
  const pairs = Object.entries(service.meta)
  const room = maxMetadataPairs - 1
  const weights = service.weights === undefined ? undefined : [service.weights.passing, service.weights.warning] as const
  const record: ConsulRecord = {
    agent,
    checks,
    ...(service.id === instanceId ? {} : { id: service.id }),
    ...(service.name === foldedName(service.name) ? {} : { name: service.name }),
    ...(saySame(service.tags, labels) ? {} : { tags: service.tags }),
    ...(pairs.length > room ? { meta: Object.fromEntries(pairs.slice(room)) } : {}),
    ...(isAddress && address.text === service.address ? {} : { address: service.address }),
    ...(Object.keys(service.taggedAddresses).length === 0 ? {} : { taggedAddresses: service.taggedAddresses }),
    ...(service.socketPath === '' ? {} : { socketPath: service.socketPath }),
    ...(service.enableTagOverride ? { enableTagOverride: true } : {}),
    ...(weights === undefined ? {} : { weights }),
    ...(isImported ? { imported: true } : {})
  }
  const weight = registeredWeight(weights, status)
  return {
    address: isAddress ? address.text : node?.address ?? agent,
    ...(service.port === 0 ? {} : { ports: [{ port: service.port }] }),
    labels,
    metadata: { ...Object.fromEntries(pairs.slice(0, room)), [recordKey]: JSON.stringify(record) },
    ...(weight === undefined ? {} : { weight }),
    ...topology(service.locality),
    ...(node?.name === undefined ? {} : { node: node.name }),
    status,
    lease: { ttlMs: leaseMs(checks, false) }
  }
}

function topology (locality: ServiceDefinition['locality']): Pick<Registration, 'zone' | 'region'> {
  const { zone = '', region = '' } = locality ?? {}
  for (const [name, value] of Object.entries({ Zone: zone, Region: region })) {
    if (!isLabelValue(value)) throw badRequest(`Invalid Locality: ${name} ${labelValueRule}`)
  }
  return { ...(zone === '' ? {} : { zone }), ...(region === '' ? {} : { region }) }
}

/** The registration that an instance has, with its record changed: what is written when its checks change what the lease is. */
export function registrationWith (instance: Instance, record: ConsulRecord, status: Status): Registration {
  const { address, ports, labels, metadata, priority, hostname, zone, region, node, version, generation } = instance
  return {
    address, ports, labels, priority, generation, status,
    metadata: { ...metadata, [recordKey]: JSON.stringify(record) },
    weight: registeredWeight(record.weights, status) ?? instance.weight,
    ...(hostname === undefined ? {} : { hostname }), ...(zone === undefined ? {} : { zone }), ...(region === undefined ? {} : { region }),
    ...(node === undefined ? {} : { node }), ...(version === undefined ? {} : { version }),
    lease: { ttlMs: leaseMs(record.checks, record.lapsed !== undefined) }
  }
}
