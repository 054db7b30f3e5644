// An endpoint as Consul's answers show it: a service on a node, with its checks.
import type { Endpoint, Instance, Override } from '../../../client-sdk/src/wire.ts'
import { isIP } from 'node:net'
import { defaultWeight } from '../../model/limits.ts'
import type { CheckStatus } from '../form/check-definition.ts'
import { goDuration } from '../form/go-duration.ts'
import { nodeIdOf } from '../form/names.ts'
import { type ConsulRecord, type StoredCheck, recordKey, recordOf } from '../form/record.ts'
import type { TaggedAddress } from '../form/service-definition.ts'
import { tagsOf } from '../form/tags.ts'
import { checkStatusOf, defaultMaintenanceReason, maintenanceCheckPrefix, maintenanceName, registeredWeight, worst } from '../form/mapping.ts'

export interface ConsulNode {
  readonly ID: string
  readonly Node: string
  readonly Address: string
  readonly Datacenter: string
  readonly TaggedAddresses: Readonly<Record<string, string>>
  readonly Meta: Readonly<Record<string, string>>
  readonly CreateIndex: number
  readonly ModifyIndex: number
}

export interface ConsulService {
  readonly ID: string
  readonly Service: string
  readonly Tags: readonly string[]
  readonly Address: string
  readonly TaggedAddresses?: Readonly<Record<string, TaggedAddress>>
  readonly Meta: Readonly<Record<string, string>>
  readonly Port: number
  readonly SocketPath?: string
  readonly Weights: { readonly Passing: number, readonly Warning: number }
  readonly EnableTagOverride: boolean
  readonly Locality?: { readonly Region: string, readonly Zone: string }
  readonly CreateIndex: number
  readonly ModifyIndex: number
}

export interface ConsulCheck {
  readonly Node: string
  readonly CheckID: string
  readonly Name: string
  readonly Status: CheckStatus
  readonly Notes: string
  readonly Output: string
  readonly ServiceID: string
  readonly ServiceName: string
  readonly ServiceTags: readonly string[]
  readonly Type: string
  readonly Interval: string
  readonly Timeout: string
  readonly ExposedPort: number
  readonly Definition: Readonly<Record<string, unknown>>
  readonly CreateIndex: number
  readonly ModifyIndex: number
}

export interface Entry {
  readonly node: ConsulNode
  readonly service: ConsulService
  /** Those of the service; the one of the node stands in `nodeCheckOf`. */
  readonly checks: readonly ConsulCheck[]
  readonly status: CheckStatus
  readonly record: ConsulRecord | undefined
}

/** What an entry is made of. */
export interface EntryParts {
  /** Under which name it is found. */
  readonly service: string
  readonly endpoint: Omit<Endpoint, 'conditions'>
  /** undefined = it was written by hand. */
  readonly instance: Instance | undefined
  readonly datacenter: string
  /** What one of the shown weights is: see `weightScale`. */
  readonly scale: number
  /** All of its service are suspect, and are called all the same. */
  readonly failOpen: boolean
  readonly index: (revision: number) => number
  /** Of what was written by hand. */
  readonly revision: number
  readonly outputOf: (checkId: string) => string | undefined
}

/** What one of Consul's weights is in this service: the default is 1 where all are whole multiples of it; else weights are shown as they are. */
export function weightScale (endpoints: readonly Pick<Endpoint, 'weight'>[]): number {
  return endpoints.every(({ weight }) => weight % defaultWeight === 0 || weight === 65_535) ? defaultWeight : 1
}

export function entryOf (parts: EntryParts): Entry {
  const { endpoint, instance, datacenter, index } = parts
  const record = recordOf(endpoint)
  const indexes = { CreateIndex: index(instance?.revision ?? parts.revision), ModifyIndex: index(instance?.revision ?? parts.revision) }
  const node = nodeOf(endpoint.node, endpoint.address, datacenter, indexes)
  const service = serviceOf(parts, record, indexes)
  const checks = checksOf(parts, record, node, service)
  return { node, service, checks, status: worst(checks.map(({ Status }) => Status)), record }
}

export function nodeOf (name: string | undefined, address: string, datacenter: string, indexes: Pick<ConsulNode, 'CreateIndex' | 'ModifyIndex'>): ConsulNode {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  return {
    ID: nodeIdOf(address),
    Node: name ?? address,
    Address: address,
    Datacenter: datacenter,
    TaggedAddresses: { lan: address, [`lan_${family}`]: address, wan: address, [`wan_${family}`]: address },
    Meta: { 'consul-network-segment': '' },
    ...indexes
  }
}

type Indexes = Pick<ConsulService, 'CreateIndex' | 'ModifyIndex'>

function serviceOf ({ service, endpoint, scale }: EntryParts, record: ConsulRecord | undefined, indexes: Indexes): ConsulService {
  const { id, metadata, labels, ports, address, zone, region } = endpoint
  const meta = Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== recordKey))
  const shownAddress = record?.address ?? address
  const port = ports[0]?.port ?? 0
  const tagged = taggedAddresses(record?.taggedAddresses, shownAddress, port)
  return {
    ID: record?.id ?? id,
    Service: record?.name ?? service,
    Tags: tagsOf(labels, record?.tags),
    Address: shownAddress,
    ...(tagged === undefined ? {} : { TaggedAddresses: tagged }),
    Meta: { ...meta, ...record?.meta },
    Port: port,
    ...(record?.socketPath === undefined ? {} : { SocketPath: record.socketPath }),
    Weights: weightsOf(endpoint, record, scale),
    EnableTagOverride: record?.enableTagOverride ?? false,
    ...(zone === undefined && region === undefined ? {} : { Locality: { Region: region ?? '', Zone: zone ?? '' } }),
    ...indexes
  }
}

function taggedAddresses (given: ConsulRecord['taggedAddresses'], address: string, port: number): ConsulService['TaggedAddresses'] {
  if (address === '') return given
  const family = isIP(address) === 0 ? undefined : isIP(address) === 6 ? 'ipv6' : 'ipv4'
  const own = { Address: address, Port: port }
  return family === undefined ? given : { [`lan_${family}`]: own, [`wan_${family}`]: own, ...given }
}

/** Those that were registered, as long as nobody changed the weight since. */
function weightsOf ({ weight, status }: EntryParts['endpoint'], record: ConsulRecord | undefined, scale: number): ConsulService['Weights'] {
  const registered = record?.weights
  if (registered !== undefined && scale === defaultWeight && registeredWeight(registered, status) === weight) {
    return { Passing: registered[0], Warning: registered[1] }
  }
  const shown = Math.ceil(weight / scale)
  return { Passing: shown, Warning: shown }
}

function checksOf (parts: EntryParts, record: ConsulRecord | undefined, { Node }: ConsulNode, service: ConsulService): ConsulCheck[] {
  const { endpoint, instance, failOpen } = parts
  const about = {
    Node, ServiceID: service.ID, ServiceName: service.Service, ServiceTags: service.Tags, ExposedPort: 0,
    CreateIndex: service.CreateIndex, ModifyIndex: service.ModifyIndex
  }
  const own = instance?.status ?? endpoint.status
  const isSuspect = endpoint.suspect && !failOpen
  const isDoubtful = endpoint.suspect || (own !== 'up' && own !== 'draining')
  const said = ownChecks(service, record, isDoubtful).map((check): ConsulCheck => {
    // Somebody else has said it last, where the checks say another thing than the instance.
    const agrees = record === undefined ? undefined : worst(record.checks.map(({ status }) => status)) === checkStatusOf(own === 'draining' ? 'up' : own)
    const base = own === 'draining' ? 'passing' : agrees === true ? check.status : checkStatusOf(own)
    return {
      ...about, CheckID: check.id, Name: check.name, Status: isSuspect ? 'critical' : base, Notes: check.notes ?? '',
      Output: outputText(check, record, endpoint.suspect, failOpen, parts.outputOf(check.id)), Type: check.kind,
      Interval: check.intervalMs === undefined ? '' : goDuration(check.intervalMs), Timeout: check.timeoutMs === undefined ? '' : goDuration(check.timeoutMs),
      Definition: definitionOf(check)
    }
  })
  const maintenance = maintenanceOf(own, instance?.override)
  if (maintenance === undefined) return said
  return [...said, {
    ...about, CheckID: `${maintenanceCheckPrefix}${service.ID}`, Name: maintenanceName, Status: 'critical', Notes: maintenance, Output: '', Type: 'maintenance',
    Interval: '', Timeout: '', Definition: {}
  }]
}

/** What was registered in another way has one check: its lease. One that registered without a check has none, unless something is wrong. */
function ownChecks ({ ID, Service }: ConsulService, record: ConsulRecord | undefined, isDoubtful: boolean): readonly StoredCheck[] {
  if (record !== undefined && (record.checks.length > 0 || !isDoubtful)) return record.checks
  return [{ id: `service:${ID}`, name: `Service '${Service}' check`, kind: 'ttl', status: 'passing' }]
}

function maintenanceOf (own: Instance['status'], override: Override | undefined): string | undefined {
  if (override?.status !== undefined) return override.reason === '' ? defaultMaintenanceReason : override.reason
  return own === 'draining' ? 'the instance drains: it answers, and wants no new calls' : undefined
}

function outputText ({ kind }: StoredCheck, record: ConsulRecord | undefined, isSuspect: boolean, failOpen: boolean, said: string | undefined): string {
  const before = said === undefined ? '' : `: ${said}`
  if (record?.lapsed === 'ttl' && kind === 'ttl') return `TTL expired (last output before timeout follows)${before}`
  if (isSuspect) {
    return failOpen
      ? `no heartbeat arrived in time, but no instance of this service sends any: all of them are called as before${before}`
      : `no heartbeat arrived in time${before}`
  }
  if (kind !== 'ttl') return said ?? `nobody runs this ${kind} check: its status follows heartbeats (PUT /v1/agent/check/pass, warn or fail)`
  return said ?? ''
}

function definitionOf ({ target, intervalMs, timeoutMs, deregisterAfterMs, ttlMs }: StoredCheck): Record<string, unknown> {
  return {
    ...target,
    ...(ttlMs === undefined ? {} : { TTL: goDuration(ttlMs) }),
    ...(intervalMs === undefined ? {} : { Interval: goDuration(intervalMs) }),
    ...(timeoutMs === undefined ? {} : { Timeout: goDuration(timeoutMs) }),
    ...(deregisterAfterMs === undefined ? {} : { DeregisterCriticalServiceAfter: goDuration(deregisterAfterMs) })
  }
}

/** What Consul's own gossip says of each node; nobody gossips here, and what lives is said by the checks of services. */
export function nodeCheckOf ({ Node, CreateIndex, ModifyIndex }: ConsulNode): ConsulCheck {
  return {
    Node, CheckID: 'serfHealth', Name: 'Serf Health Status', Status: 'passing', Notes: '', Output: 'Agent alive and reachable', ServiceID: '', ServiceName: '', ServiceTags: [],
    Type: '', Interval: '', Timeout: '', ExposedPort: 0, Definition: {}, CreateIndex, ModifyIndex
  }
}
