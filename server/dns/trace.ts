// Why an answer is what it is, in words: the rules that a question met, in the order in which they decided. For people, and for one
// question at a time: it looks at the registry as the answer does, and never at a cache.
import type { DnsTraceStep, Endpoint } from '../../client-sdk/src/wire.ts'
import type { EndpointSet } from '../model/endpoints.ts'
import { type DnsPolicy, dnsPolicyOf } from '../model/service/dns-annotations.ts'
import { isHeadless } from '../model/service/facts.ts'
import type { Service } from '../model/service/types.ts'
import { Alias, aliasTo, maxAliases } from './alias.ts'
import type { DnsSource } from './answer-plan.ts'
import type { ClientZones } from './client-zones.ts'
import { type RecordName, type ServiceName, recordNameOf } from './record-name.ts'
import { maxRecordsPerSet } from './record-set.ts'
import type { Recursion } from './recursion.ts'
import { ReverseZone } from './reverse-zone.ts'
import { recordTypes, typeText } from './wire.ts'
import type { Zone } from './zone.ts'

export interface TracerOptions {
  readonly source: DnsSource
  /** As the responder has them. */
  readonly zones: readonly Zone[]
  readonly ttlSeconds: number
  readonly clientZones: ClientZones | undefined
  readonly recursion: Recursion | undefined
}

/** Endpoints that are named one by one. */
const maxNamed = 10

export class Tracer {
  readonly #options: TracerOptions

  constructor (options: TracerOptions) {
    this.#options = options
  }

  /** The zones that names are completed with. */
  get zones (): readonly Zone[] {
    return this.#options.zones.filter((zone) => !(zone instanceof ReverseZone))
  }

  /** Whether anybody is asked for names outside the zones. */
  get forwards (): boolean {
    return this.#options.recursion !== undefined
  }

  /** The zone that answers name. */
  get firstZone (): Zone | undefined {
    const reverse = this.#options.zones.find((zone) => zone instanceof ReverseZone)
    return reverse instanceof ReverseZone ? reverse.target : this.zones[0]
  }

  /** @param labels in lower case @param client whose question it is */
  trace (labels: readonly string[], type: number, client: string): DnsTraceStep[] {
    const { source, zones } = this.#options
    const name = recordNameOf(labels, zones)
    if (name.kind === 'outside') return [this.#outside(client)]
    if (!source.loaded) return [step('registry', 'it has not been loaded yet: SERVFAIL, extended error 14')]
    const steps = [step('zone', `${name.zone.name} is served here`)]
    if (source.staleSeconds > 0) steps.push(step('store', `it has been away for ${source.staleSeconds} s: the last known state is answered, with a TTL of at most 5 s and extended error 3`))
    return [...steps, ...this.#named(name, type, client, 0)]
  }

  #outside (client: string): DnsTraceStep {
    const { recursion } = this.#options
    if (recursion === undefined) return step('zone', 'the name is in no zone that is served here, and nothing is forwarded: REFUSED, extended error 20')
    return recursion.permits(client)
      ? step('forward', 'the name is in no zone that is served here: an upstream of --dns-forward is asked')
      : step('forward', `the name is in no zone that is served here, and ${client} is not in --dns-forward-from: REFUSED, extended error 18`)
  }

  #named (name: Exclude<RecordName, { kind: 'outside' }>, type: number, client: string, aliases: number): DnsTraceStep[] {
    const { catalog } = this.#options.source
    switch (name.kind) {
      case 'unknown': return [step('name', 'it has none of the shapes that names in this zone have: NXDOMAIN')]
      case 'apex': return [step('name', 'the zone itself: SOA and NS')]
      case 'version': return [step('name', 'the version of the Kubernetes DNS specification: TXT')]
      case 'name-server': return [step('name', 'the name server: the address that DNS listens on')]
      case 'name-servers':
      case 'services':
      case 'pods': return [step('name', 'nothing of its own, names are below: NODATA')]
      case 'namespace':
      case 'pod-namespace': return [this.#namespace(name.namespace)]
      case 'pod': return [step('instance by address', catalog.addresses.hasInstance(name.namespace, name.address)
        ? `an instance of namespace ${name.namespace} is registered with ${name.address}, whatever its status`
        : `no instance of namespace ${name.namespace} is registered with ${name.address}: NXDOMAIN`)]
      case 'network': return [step('reverse zone', catalog.addresses.hasWithin(name.prefix) ? 'addresses are below: NODATA' : 'nothing is registered below: NXDOMAIN')]
      case 'address': return this.#address(name.address)
      case 'browse-part': return [step('DNS-SD', 'nothing of its own, lists are below: NODATA')]
      case 'domains': return [step('DNS-SD', 'the namespaces in which services can be browsed (RFC 6763 11)')]
      case 'types': return [step('DNS-SD', 'the types of ports that services have (RFC 6763 9)')]
      case 'type-protocol': return [step('DNS-SD', `types over ${name.protocol} are below, if there are any`)]
      case 'type': return [step('DNS-SD', `who has a port called ${name.type} over ${name.protocol} in namespace ${name.namespace}`)]
      case 'offer': return [step('DNS-SD', `SRV and TXT of ${name.label}, a port called ${name.type} over ${name.protocol} in namespace ${name.namespace}`)]
      case 'service':
      case 'endpoint':
      case 'protocol':
      case 'port':
      case 'selection-branch':
      case 'selection': return this.#service(name, type, client, aliases)
    }
  }

  #namespace (namespace: string): DnsTraceStep {
    return step('namespace', this.#options.source.catalog.hasNamespace(namespace) ? `${namespace} exists, and names are below: NODATA` : `there is no namespace ${namespace}: NXDOMAIN`)
  }

  #address (address: string): DnsTraceStep[] {
    const { addresses } = this.#options.source.catalog
    const [owner] = addresses.byClusterIp(address)
    if (owner !== undefined) return [step('cluster IP', `${address} is given to ${owner.namespace}/${owner.name}: its name, and no other`)]
    const { services } = addresses.endpointsAt(address, maxRecordsPerSet)
    if (services.size === 0) return [step('reverse zone', `${address} is no cluster IP, and no answered endpoint has it: NXDOMAIN`)]
    const names = [...services.keys()].map(({ namespace, name }) => `${namespace}/${name}`).sort()
    return [step('endpoints', `${address} is an answered endpoint of ${names.slice(0, maxNamed).join(', ')}${names.length > maxNamed ? ', ...' : ''}: hostnames first, then in this order`)]
  }

  #service (name: Extract<RecordName, ServiceName>, type: number, client: string, aliases: number): DnsTraceStep[] {
    const { catalog } = this.#options.source
    const { namespace, service } = name
    const path = `${namespace}/${service}`
    const declared = catalog.declared(namespace, service)
    const endpoints = declared?.endpoints ?? catalog.endpoints(namespace, service)
    if (endpoints === undefined) {
      return [step('service', `${path} is neither declared nor has anybody registered under it: NXDOMAIN`)]
    }
    const manifest = declared?.manifest
    const policy = dnsPolicyOf(manifest?.metadata, catalog.namespaceAnnotations(namespace))
    if (manifest?.spec.type === 'ExternalName') return this.#alias(path, name, manifest, policy, type, client, aliases)
    const hasClusterIps = manifest !== undefined && !isHeadless(manifest)
    const steps = [
      step('service', hasClusterIps
        ? `${path} is declared (${manifest.spec.type}): found by its cluster IPs ${clusterIps(manifest)}, whoever is behind it`
        : manifest === undefined ? `${path} is implicit: found by the instances that registered under it` : `${path} is declared without a cluster IP (headless): found by its endpoints`),
      ...endpointSteps(endpoints)
    ]
    if (endpoints.answered.length === 0) {
      const other = policy.fallbacks.find((fallback) => (catalog.endpoints(fallback.namespace, fallback.service)?.answered.length ?? 0) > 0)
      if (other !== undefined) steps.push(step('fallback', `no endpoint is answered: ${other.namespace}/${other.service} stands in (rollcall.dev/dns-fallback)`))
      else if (!hasClusterIps) return [...steps, step('service', 'found by its endpoints, and there are none: NXDOMAIN, here and below')]
    }
    steps.push(...shapeSteps(name, endpoints, hasClusterIps), ...this.#choiceSteps(name, hasClusterIps, client))
    return [...steps, this.#ttl(policy, hasClusterIps ? undefined : endpoints.leaseMs), ...limitSteps(policy, endpoints, type)]
  }

  #alias (path: string, name: RecordName, { spec }: Service, { ttlSeconds }: DnsPolicy, type: number, client: string, aliases: number): DnsTraceStep[] {
    const target = spec.externalName ?? ''
    const here = step('service', `${path} is declared (ExternalName): an alias of ${target}`)
    if (name.kind !== 'service') return [here, step('name', 'nothing is below an alias: NXDOMAIN')]
    const alias = aliasTo(target, { ttlSeconds: ttlSeconds ?? this.#options.ttlSeconds, zones: this.#options.zones })
    if (!(alias instanceof Alias)) return [here, step('alias', 'DNS cannot carry this name: NODATA')]
    if (type === recordTypes.CNAME || type === recordTypes.ANY) return [here]
    if (alias.target.kind === 'outside') {
      const { recursion } = this.#options
      return [here, step('alias', recursion?.permits(client) === true ? 'its target is in no zone of ours: an upstream is asked for it' : 'its target is in no zone of ours: the client asks on')]
    }
    if (aliases + 1 >= maxAliases) return [here, step('alias', `more than ${maxAliases} aliases in a row: the client asks on`)]
    return [here, ...this.#named(alias.target, type, client, aliases + 1)]
  }

  #choiceSteps (name: RecordName, hasClusterIps: boolean, client: string): DnsTraceStep[] {
    const zone = this.#options.clientZones?.zoneOf(client)
    if (name.kind === 'selection') {
      const { choice } = name
      if (choice.by === 'tags') return [step('choice', `endpoints with all of the tags ${choice.tags.join(', ')}; NODATA if there are none`)]
      return [step('choice', choice.by === 'pin' ? `endpoints in zone ${choice.zone}; NODATA if there are none` : `endpoints in zone ${choice.zone}, all if there are none`)]
    }
    if (hasClusterIps || zone === undefined || (name.kind !== 'service' && name.kind !== 'port')) return []
    return [step('client zone', `${client} is in zone ${zone} (--client-zone): endpoints there, all if there are none`)]
  }

  #ttl ({ ttlSeconds }: DnsPolicy, leaseMs: number | undefined): DnsTraceStep {
    const said = ttlSeconds ?? this.#options.ttlSeconds
    const from = ttlSeconds === undefined ? '--dns-ttl' : 'rollcall.dev/dns-ttl'
    const lease = leaseMs === undefined ? Infinity : Math.max(1, Math.floor(leaseMs / 1_000))
    return step('ttl', lease < said ? `${lease} s: the shortest lease of the endpoints, less than the ${said} s of ${from}` : `${said} s, by ${from}`)
  }
}

function step (rule: string, message: string): DnsTraceStep {
  return { rule, message }
}

function clusterIps ({ spec: { clusterIPs = [], clusterIP = '' } }: Service): string {
  return (clusterIPs.length > 0 ? clusterIPs : [clusterIP]).join(', ')
}

function endpointSteps ({ all, answered, failOpen }: EndpointSet): DnsTraceStep[] {
  const left = all.filter((endpoint) => !answered.includes(endpoint))
  const steps = [step('endpoints', `${answered.length} of ${all.length} are answered`)]
  if (failOpen) steps.push(step('fail open', 'none is ready and some are out only because they are suspect: those are answered'))
  for (const endpoint of left.slice(0, maxNamed)) steps.push(step('not answered', `${endpoint.id} (${endpoint.address}): ${reasonOf(endpoint)}`))
  if (left.length > maxNamed) steps.push(step('not answered', `and ${left.length - maxNamed} more`))
  return steps
}

function reasonOf ({ suspect, status, conditions }: Endpoint): string {
  if (suspect) return 'suspect: its lease ran out, or its session broke'
  if (conditions.terminating) return 'draining'
  return conditions.ready ? 'ready, but others are answered' : `not ready: its status is ${status}`
}

function shapeSteps (name: RecordName, { answered }: EndpointSet, hasClusterIps: boolean): DnsTraceStep[] {
  if (name.kind === 'endpoint') return [step('name', `the answered endpoints called ${name.hostname}, by their hostname or address; NXDOMAIN if there are none`)]
  if (name.kind === 'protocol') return [step('name', `ports over ${name.protocol} are below: NODATA if there are any with a name, else NXDOMAIN`)]
  if (name.kind === 'port') return [step('name', `SRV of the port called ${name.port} over ${name.protocol}; NXDOMAIN if there is none`)]
  if (name.kind === 'selection-branch') return [step('name', 'nothing of its own, choices are below: NODATA')]
  return name.kind === 'service' && !hasClusterIps && answered.length > 1 ? [step('order', 'the first record is chosen by weight among the best priority, the rest rotate')] : []
}

function limitSteps ({ maxRecords = maxRecordsPerSet, https }: DnsPolicy, { answered }: EndpointSet, type: number): DnsTraceStep[] {
  const isBinding = type === recordTypes.HTTPS || type === recordTypes.SVCB
  return [
    ...(answered.length > maxRecords ? [step('size', `at most ${maxRecords} records of a set are shown, in a window that moves on with each answer`)] : []),
    ...(isBinding && !https ? [step('binding', `${typeText(type)} records are switched off (rollcall.dev/dns-https)`)] : [])
  ]
}
