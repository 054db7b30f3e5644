// What the names of a service are answered with: which service stands behind the name, which of its endpoints are meant, and
// what of them the type asks for.
import type { DnsSource } from '../source.ts'
import type { DnsPolicy } from '../../model/service/dns-annotations.ts'
import type { Service } from '../../model/service/types.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { AnswerCache } from './answer-cache.ts'
import type { Plan } from './plan.ts'
import type { PlanService } from './plan-table.ts'
import { hasAnswerable } from './answer-part.ts'
import type { Records } from '../wire/record-set.ts'
import type { RecordName } from '../names/record-name.ts'
import type { ServiceName } from '../names/service-name.ts'
import type { Choice } from '../names/selection-name.ts'
import type { HostAnswers, ServiceAnswers } from './service-records.ts'
import { headerLength, portServiceStart, recordTypes } from '../wire/wire.ts'

const { A, AAAA, SRV, HTTPS, SVCB, ANY } = recordTypes

export type NameOfService = Extract<RecordName, { kind: 'service' | 'endpoint' | 'protocol' | 'port' | 'selection-branch' | 'selection' }>

export function isOfService (name: RecordName): name is NameOfService {
  return 'service' in name
}

export interface PlanContext {
  readonly catalog: DnsSource['catalog']
  readonly cache: AnswerCache
  /** What ANY gets where there are records. */
  readonly minimalAny: Records
  /** The zone that the client is in, in lower case; undefined = not known. */
  readonly clientZone: string | undefined
  /** Takes down which services the plan is made from, found or not, each once. */
  readonly looked?: PlanService[] | undefined
}

/** A service as it stands in the catalog. */
interface Found {
  /** undefined = implicit. */
  readonly manifest: Service | undefined
  readonly endpoints: EndpointSet
  readonly policy: DnsPolicy
}

/** The service whose records answer a name: itself, or the one that it falls back to. */
interface Standing {
  readonly name: ServiceName
  readonly isOwn: boolean
  /** At the names of the service and its ports. */
  readonly answers: ServiceAnswers
  /** Of the endpoints; the same as `answers` where there are no cluster IPs. */
  readonly hosts: HostAnswers
}

export function planService (name: NameOfService, type: number, context: PlanContext): Plan {
  const { cache } = context
  const found = find(name.namespace, name.service, context)
  if (found === undefined) return 'no-such-name'
  const { manifest, policy } = found
  if (manifest?.spec.type === 'ExternalName') return name.kind === 'service' ? cache.ofAlias(manifest, policy) ?? 'no-such-records' : 'no-such-name'
  const own = cache.ofEndpoints(found.endpoints, policy)
  if (name.kind === 'endpoint') {
    if (!own.hasHost(name.hostname)) return 'no-such-name'
    return type === A || type === AAAA ? own.hostAddresses(name.hostname, type) ?? 'no-such-records' : orAny(type, context)
  }
  const standing = (own.isEmpty ? standIn(name, policy, context) : undefined) ?? standingOf(name, found, own, context)
  return standing === undefined ? 'no-such-name' : planStanding(name, type, standing, policy, context)
}

function find (namespace: string, service: string, { catalog, cache, looked }: PlanContext): Found | undefined {
  const declared = catalog.declared(namespace, service)
  const endpoints = declared === undefined ? catalog.endpoints(namespace, service) : declared.endpoints
  // The texts of the endpoint set, where there is one: those of the question would be kept beside them.
  if (looked !== undefined) note(looked, endpoints ?? { namespace, service })
  if (endpoints === undefined) return undefined
  return { manifest: declared?.manifest, endpoints, policy: cache.policyOf(declared?.manifest, catalog.namespaceAnnotations(namespace)) }
}

function note (looked: PlanService[], { namespace, service }: PlanService): void {
  if (!looked.some((known) => known.service === service && known.namespace === namespace)) looked.push({ namespace, service })
}

/**
 * A service that is found by its endpoints, of which none is answered, is no name at all: the Kubernetes specification wants NXDOMAIN,
 * and then there is nothing below it either: no host, no port.
 */
function standingOf (name: ServiceName, { manifest, policy }: Found, hosts: HostAnswers, { cache }: PlanContext): Standing | undefined {
  if (cache.isByClusterIps(manifest)) return { name, isOwn: true, answers: cache.ofClusterIps(manifest, policy), hosts }
  return hosts.isEmpty ? undefined : { name, isOwn: true, answers: hosts, hosts }
}

/** The first of the fallbacks that has an endpoint. Their own fallbacks are not used: no chains, no circles. */
function standIn ({ zone }: ServiceName, policy: DnsPolicy, context: PlanContext): Standing | undefined {
  for (const { namespace, service } of policy.fallbacks) {
    const other = find(namespace, service, context)
    if (other === undefined || !hasAnswerable(other.endpoints)) continue
    const { manifest } = other
    const hosts = context.cache.ofEndpoints(other.endpoints, other.policy, policy)
    const answers = context.cache.isByClusterIps(manifest) ? context.cache.ofClusterIps(manifest, other.policy, policy) : hosts
    return { name: { zone, namespace, service }, isOwn: false, answers, hosts }
  }
  return undefined
}

function planStanding (name: Exclude<NameOfService, { kind: 'endpoint' }>, type: number, standing: Standing, policy: DnsPolicy, context: PlanContext): Plan {
  const { answers, hosts, isOwn } = standing
  switch (name.kind) {
    case 'service': {
      const start = isOwn ? headerLength : undefined
      if (type === HTTPS || type === SVCB) {
        return policy.https ? nearest(standing, context)?.bindings(type) ?? answers.bindings(type) ?? 'no-such-records' : 'no-such-records'
      }
      return recordsOf(type, standing.name, nearest(standing, context), start) ?? recordsOf(type, standing.name, answers, start) ?? orAny(type, context)
    }
    case 'protocol':
      return answers.hasProtocol(name.protocol) ? 'no-such-records' : 'no-such-name'
    case 'port': {
      const { port, protocol } = name
      if (!answers.hasPort(port, protocol)) return 'no-such-name'
      if (type !== SRV) return orAny(type, context)
      const start = isOwn ? portServiceStart(port, protocol) : undefined
      return nearest(standing, context)?.port(standing.name, port, protocol, start) ?? answers.port(standing.name, port, protocol, start) ?? 'no-such-records'
    }
    case 'selection-branch':
      return 'no-such-records'
    case 'selection': {
      const { port, serviceStart } = name
      if (port !== undefined && !hosts.hasPort(port.name, port.protocol)) return 'no-such-name'
      const { near, rest } = chosen(hosts, name.choice, context)
      const start = isOwn ? serviceStart : undefined
      // What `prefer` falls back to has one form for all zones: invented zones take no memory.
      const restStart = rest === hosts ? undefined : start
      if (type === ANY) return near !== undefined || rest !== undefined ? context.minimalAny : 'no-such-records'
      if (port === undefined) return recordsOf(type, standing.name, near, start) ?? recordsOf(type, standing.name, rest, restStart) ?? 'no-such-records'
      if (type !== SRV) return 'no-such-records'
      return near?.port(standing.name, port.name, port.protocol, start) ?? rest?.port(standing.name, port.name, port.protocol, restStart) ?? 'no-such-records'
    }
  }
}

/**
 * The endpoints that a choice means: those to take first, and those for what the first have no records of, so that a preference
 * never takes away an answer.
 */
function chosen (hosts: HostAnswers, choice: Choice, { clientZone }: PlanContext): Record<'near' | 'rest', HostAnswers | undefined> {
  if (choice.by === 'pin') return { near: hosts.inZone(choice.zone), rest: undefined }
  if (choice.by === 'prefer') return { near: hosts.inZone(choice.zone), rest: hosts.isEmpty ? undefined : hosts }
  const tagged = hosts.tagged(choice.tags)
  return { near: clientZone === undefined ? undefined : tagged?.inZone(clientZone), rest: tagged }
}

/** The endpoints near the client, where the endpoints are what is answered. */
function nearest ({ answers, hosts }: Standing, { clientZone }: PlanContext): HostAnswers | undefined {
  return clientZone !== undefined && answers === hosts ? hosts.inZone(clientZone) : undefined
}

function recordsOf (type: number, name: ServiceName, answers: ServiceAnswers | undefined, serviceStart: number | undefined): Records | undefined {
  if (type === A || type === AAAA) return answers?.addresses(type)
  return type === SRV ? answers?.allPorts(name, serviceStart) : undefined
}

function orAny (type: number, { minimalAny }: PlanContext): Plan {
  return type === ANY ? minimalAny : 'no-such-records'
}
