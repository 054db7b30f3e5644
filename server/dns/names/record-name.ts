// The grammar of the names that are served. What is below a zone, counted from the right:
//
//   1.  ZONE                                        the apex
//   2.  dns-version.ZONE                            version of the Kubernetes DNS specification
//   3.  dns.ZONE                                    nothing of its own, 4 is below
//   4.  ns.dns.ZONE                                 the name server
//   5.  svc.ZONE                                    nothing of its own, services are below
//   6.  NAMESPACE.svc.ZONE                          nothing of its own, services are below
//   7.  SERVICE.NAMESPACE.svc.ZONE
//   8.  HOSTNAME.SERVICE.NAMESPACE.svc.ZONE         an endpoint
//   9.  _PROTOCOL.SERVICE.NAMESPACE.svc.ZONE        nothing of its own, 10 is below
//  10.  _PORT._PROTOCOL.SERVICE.NAMESPACE.svc.ZONE
//  11.  ..._zone.SERVICE.NAMESPACE.svc.ZONE         a choice among the endpoints: selection-name.ts
//  12.  ..._tag.SERVICE.NAMESPACE.svc.ZONE
//
// What is below Consul's domain is read in consul-zone.ts.
// What is below pod.ZONE, _udp.ZONE and _PROTOCOL.NAMESPACE.svc.ZONE is read in browse-name.ts, what is below in-addr.arpa and
// ip6.arpa in reverse-zone.ts.
// Names stay labels of octets until each was found to be [a-z0-9_-]: a dot inside a label never becomes two labels.
// 8 and 9 can't be the same name: a hostname has no underscore (RFC 1123).
import { type ConsulName, ConsulZone, maxConsulLabels } from './consul-zone.ts'
import { type BrowseName, type PodName, namespaceBrowseName, podName, zoneBrowseName } from './browse-name.ts'
import { type ReverseName, ReverseZone, maxReverseLabels } from './reverse-zone.ts'
import { type SelectionName, maxSelectionLabels, selectionNameOf } from './selection-name.ts'
import { type ServiceName, type TransportName, transports } from './service-name.ts'
import { foldedByte, isNameAt } from '../wire/name.ts'
import { recordTypes } from '../wire/wire.ts'
import type { Zone } from './zone.ts'
import type { QueryReader } from '../wire/query-reader.ts'

export type RecordName =
  | { readonly kind: 'outside' }
  | { readonly kind: 'unknown', readonly zone: Zone }
  /** Another zone of ours begins there, or below. */
  | { readonly kind: 'cut', readonly zone: Zone }
  | { readonly kind: 'apex' | 'version' | 'name-servers' | 'name-server' | 'services', readonly zone: Zone }
  | { readonly kind: 'namespace', readonly zone: Zone, readonly namespace: string }
  | ServiceName & { readonly kind: 'service' }
  | ServiceName & { readonly kind: 'endpoint', readonly hostname: string }
  | ServiceName & { readonly kind: 'protocol', readonly protocol: TransportName }
  | ServiceName & { readonly kind: 'port', readonly port: string, readonly protocol: TransportName }
  | SelectionName | ReverseName | PodName | BrowseName | ConsulName

/** What a label of ours can be. */
const plainLabel = /^[a-z0-9_-]+$/
const outside: RecordName = { kind: 'outside' }
const maxLabelsBelowZone = 3 + maxSelectionLabels // shape 12, the longest one there is

/**
 * Reads the name of a question.
 * @param zones the longest first, so that a zone below another one wins; reverse zones last, as nothing is below them
 */
export function readRecordName (query: QueryReader, zones: readonly Zone[]): RecordName {
  const zone = zoneOf(query.type, query.labelCount, zones, (candidate) => isBelow(query, candidate))
  if (zone === undefined) return outside
  const count = query.labelCount - zone.labels.length
  if (count > maxLabelsBelow(zone)) return { kind: 'unknown', zone }
  const labels: string[] = [] // from the right
  for (let index = count - 1; index >= 0; index--) {
    const label = readLabel(query.message, query.labels[index] ?? 0)
    if (label === undefined) return { kind: 'unknown', zone }
    labels.push(label)
  }
  return nameIn(zone, labels, zones)
}

/** Reads a name whose labels are text in lower case, as the target of an alias is. @param type that is asked for there */
export function recordNameOf (labels: readonly string[], zones: readonly Zone[], type = 0): RecordName {
  const zone = zoneOf(type, labels.length, zones, (candidate) => {
    const from = labels.length - candidate.labels.length
    return from >= 0 && candidate.labels.every((label, index) => labels[from + index] === label)
  })
  if (zone === undefined) return outside
  const below = labels.slice(0, labels.length - zone.labels.length)
  const isPlain = below.length <= maxLabelsBelow(zone) && below.every((label) => plainLabel.test(label))
  return isPlain ? nameIn(zone, below.reverse(), zones) : { kind: 'unknown', zone }
}

/** The longest zone that a name is in. The DS of a zone is the parent's to say, where that is ours too (RFC 4035 3.1.4.1). */
function zoneOf (type: number, labelCount: number, zones: readonly Zone[], hasName: (zone: Zone) => boolean): Zone | undefined {
  const zone = zones.find(hasName)
  if (type !== recordTypes.DS || zone?.labels.length !== labelCount) return zone
  return zones.find((other) => other !== zone && hasName(other)) ?? zone
}

/** @param labels below the zone, from the right */
function nameIn (zone: Zone, labels: readonly string[], zones: readonly Zone[]): RecordName {
  const name = nameOf(zone, labels)
  return name.kind === 'unknown' && zones.some((other) => isZoneBelow(other, zone, labels)) ? { kind: 'cut', zone } : name
}

/** Whether one zone is at or below a name in another one: then the name exists there. @param labels as of `nameIn` */
function isZoneBelow (zone: Zone, parent: Zone, labels: readonly string[]): boolean {
  const depth = zone.labels.length - parent.labels.length
  return depth >= labels.length && zone.name.endsWith(`.${parent.name}`) && labels.every((label, index) => zone.labels[depth - 1 - index] === label)
}

function maxLabelsBelow (zone: Zone): number {
  return zone instanceof ReverseZone ? maxReverseLabels : zone instanceof ConsulZone ? maxConsulLabels : maxLabelsBelowZone
}

/** @param labels below the zone, from the right */
function nameOf (zone: Zone, labels: readonly string[]): RecordName {
  const [first, namespace, service] = labels
  if (first === undefined) return { kind: 'apex', zone }
  if (zone instanceof ReverseZone || zone instanceof ConsulZone) return zone.read(labels) ?? { kind: 'unknown', zone }
  if (first !== 'svc') return specialName(zone, labels)
  if (namespace === undefined) return { kind: 'services', zone }
  if (service === undefined) return { kind: 'namespace', zone, namespace }
  if (service.startsWith('_')) return namespaceBrowseName(zone, namespace, labels.slice(2)) ?? { kind: 'unknown', zone }
  return belowService({ zone, namespace, service }, labels.slice(3))
}

/** @param labels below the service, from the right */
function belowService (name: ServiceName, labels: readonly string[]): RecordName {
  const [first, second, third] = labels
  if (first === undefined) return { kind: 'service', ...name }
  const unknown = { kind: 'unknown', zone: name.zone } as const
  if (first === '_zone' || first === '_tag') return selectionNameOf(name, labels) ?? unknown
  const protocol = transports.get(first)
  if (protocol === undefined) return second === undefined && !first.startsWith('_') ? { kind: 'endpoint', ...name, hostname: first } : unknown
  if (second === undefined) return { kind: 'protocol', ...name, protocol }
  return second.startsWith('_') && third === undefined ? { kind: 'port', ...name, port: second.slice(1), protocol } : unknown
}

function specialName (zone: Zone, labels: readonly string[]): RecordName {
  const [first, second, third] = labels
  if (first === 'pod') return podName(zone, labels.slice(1)) ?? { kind: 'unknown', zone }
  if (first === '_udp') return zoneBrowseName(zone, labels) ?? { kind: 'unknown', zone }
  if (first === 'dns-version' && second === undefined) return { kind: 'version', zone }
  if (first === 'dns' && second === undefined) return { kind: 'name-servers', zone }
  if (first === 'dns' && second === 'ns' && third === undefined) return { kind: 'name-server', zone }
  return { kind: 'unknown', zone }
}

function isBelow (query: QueryReader, zone: Zone): boolean {
  if (query.labelCount < zone.labels.length) return false
  const start = query.labels[query.labelCount - zone.labels.length] ?? 0
  const end = (query.labels[query.labelCount] ?? 0) + 1
  return isNameAt(query.message, start, end, zone.wire)
}

/** The label in lower case, undefined if it holds anything but [A-Za-z0-9_-]. Folds ASCII only (RFC 4343). */
function readLabel (message: Buffer, at: number): string | undefined {
  const length = message[at] ?? 0
  let hasUpperCase = false
  for (let index = at + 1; index <= at + length; index++) {
    const byte = message[index] ?? 0
    const folded = foldedByte(byte)
    if (folded !== byte) hasUpperCase = true
    const isPlain = (folded >= 0x61 && folded <= 0x7a) || (folded >= 0x30 && folded <= 0x39) || folded === 0x2d || folded === 0x5f
    if (!isPlain) return undefined
  }
  const label = message.toString('latin1', at + 1, at + 1 + length)
  return hasUpperCase ? label.toLowerCase() : label
}
