// Why an answer is what it is, in words: the rules that a question met, in the order in which they decided. For people, and for one
// question at a time: it looks at the registry as the answer does, and never at a cache.
import type { DnsSource } from './source.ts'
import type { DnsTraceStep, Endpoint } from '../../client-sdk/src/wire.ts'
import type { EndpointSet } from '../model/instance/endpoints.ts'
import { type DnsPolicy, dnsPolicyOf } from '../model/service/dns-annotations.ts'
import { pointerPolicyOf } from '../model/service/pointer-policy.ts'
import { isHeadless } from '../model/service/facts.ts'
import type { Service } from '../model/service/types.ts'
import { Alias, aliasTo, maxAliases } from './answers/alias.ts'
import type { AnswerText } from './wire/answer-text.ts'
import type { ClientReach, Reach } from './protect/client-reach.ts'
import type { ClientZones } from './protect/client-zones.ts'
import { answerable } from './answers/answer-part.ts'
import { hostnameOf, isAnswerable } from './answers/endpoint-host.ts'
import { type RecordName, recordNameOf } from './names/record-name.ts'
import { maxRecordsPerSet } from './wire/record-set.ts'
import type { Recursion } from './forward/recursion.ts'
import type { Client } from './protect/client.ts'
import { SightView, type View } from './protect/views.ts'
import { ReverseZone } from './names/reverse-zone.ts'
import type { NameOfService } from './answers/service-plan.ts'
import { recordTypes, typeText } from './wire/wire.ts'
import { type Zone, maxNegativeTtlSeconds } from './names/zone.ts'

export interface TracerOptions {
  readonly source: DnsSource
  /** As the responder has them. */
  readonly zones: readonly Zone[]
  readonly ttlSeconds: number
  readonly clientZones: ClientZones | undefined
  /** undefined = cluster IPs are answered to every client. */
  readonly clientReach?: ClientReach | undefined
  readonly recursion: Recursion | undefined
}

/** Endpoints that are named one by one. */
const maxNamed = 10

export class Tracer {
  readonly #options: TracerOptions

  constructor (options: TracerOptions) {
    this.#options = options
  }

  get zones (): readonly Zone[] {
    return this.#options.zones
  }

  /** Whether names outside the zones are forwarded. */
  get forwards (): boolean {
    return this.#options.recursion !== undefined
  }

  /** Whether a client is answered cluster IPs, and why. */
  reach (client: string): Reach {
    const { clientReach } = this.#options
    if (clientReach === undefined) return { clusterIps: true, reason: '--dns-cluster-ip always: every client gets cluster IPs' }
    const { clusterIps, reason } = clientReach.explain(client)
    return { clusterIps, reason: `--dns-cluster-ip auto: ${reason}` }
  }

  /** Whether they are asked for this client. */
  permits (client: string): boolean {
    return this.#options.recursion?.permits(client) === true
  }

  /** The zone that answers name, and that short names are completed with. */
  get firstZone (): Zone | undefined {
    const reverse = this.zones.find((zone) => zone instanceof ReverseZone)
    return reverse instanceof ReverseZone ? reverse.target : this.zones[0]
  }

  /**
   * @param labels in lower case
   * @param asker whose question it is
   * @param answer what came of it
   */
  trace (labels: readonly string[], type: number, { address: client, sight }: Client, answer: AnswerText): DnsTraceStep[] {
    const { source, zones, recursion } = this.#options
    const view = sight === undefined ? undefined : new SightView(sight)
    const name = recordNameOf(labels, zones, type)
    if (name.kind === 'outside') return [this.#outside(client), outcome(type, answer)]
    if (!source.loaded) return [step('registry', 'it has not been loaded yet: SERVFAIL, extended error 14')]
    const steps = [step('zone', `${name.zone.name} is served here`)]
    if (source.staleSeconds > 0) {
      steps.push(step('store', `it has been away for ${source.staleSeconds} s: the last known state is answered, with a TTL of at most ${maxNegativeTtlSeconds} s and extended error 3 or 19`))
    }
    steps.push(...this.#named(name, { type, client, answer, aliases: [], view }))
    if (name.zone instanceof ReverseZone && recursion?.permits(client) === true && !answer.flags.includes('aa')) {
      steps.push(step('forward', 'such addresses may have names elsewhere: an upstream of --dns-forward is asked'))
    }
    return [...steps, outcome(type, answer)]
  }

  #outside (client: string): DnsTraceStep {
    const { recursion } = this.#options
    if (recursion === undefined) return step('zone', 'the name is in no zone that is served here, and nothing is forwarded: REFUSED, extended error 20')
    return recursion.permits(client)
      ? step('forward', 'the name is in no zone that is served here: an upstream of --dns-forward is asked')
      : step('forward', `the name is in no zone that is served here, and ${client} is not in --dns-forward-from: REFUSED, extended error 18`)
  }

  #named (name: Exclude<RecordName, { kind: 'outside' }>, asked: Asked): DnsTraceStep[] {
    const { catalog } = this.#options.source
    // Nothing of a name that one may not look up: not even whether it exists.
    if (asked.view?.permits(name) === false) return [step('access', 'no policy permits you to read what has this name: REFUSED, extended error 18')]
    switch (name.kind) {
      case 'cut': return [step('name', 'another zone of this server begins there or below: NODATA')]
      case 'unknown': return [step('name', 'it has none of the shapes that names in this zone have')]
      case 'apex': return [step('name', name.zone instanceof ReverseZone ? 'the zone itself: SOA, NS, and PTR where it is one address' : 'the zone itself: SOA and NS')]
      case 'version': return [step('name', 'the version of the Kubernetes DNS specification: TXT')]
      case 'name-server': return [step('name', 'the name server: the address that DNS listens on, if it is one')]
      case 'name-servers':
      case 'services':
      case 'pods': return [step('name', 'nothing of its own, names are below: NODATA')]
      case 'namespace':
      case 'pod-namespace': return [step('namespace', catalog.hasNamespace(name.namespace) ? `${name.namespace} exists, and names are below: NODATA` : `there is no namespace ${name.namespace}: NXDOMAIN`)]
      case 'pod': return [step('instance by address', catalog.addresses.hasInstance(name.namespace, name.address)
        ? `an instance of namespace ${name.namespace} is registered with ${name.address}, whatever its status`
        : `no instance of namespace ${name.namespace} is registered with ${name.address}: NXDOMAIN`)]
      case 'network': return [step('reverse zone', catalog.addresses.hasWithin(name.prefix) ? 'addresses are below: NODATA' : 'nothing is registered below')]
      case 'address': return this.#address(name.address)
      case 'browse-part': return [name.namespace === undefined || catalog.hasNamespace(name.namespace)
        ? step('DNS-SD', 'nothing of its own, lists are below: NODATA')
        : step('namespace', `there is no namespace ${name.namespace}: NXDOMAIN`)]
      case 'domains': return [step('DNS-SD', 'the namespaces in which services can be browsed (RFC 6763 11)')]
      case 'types': return [step('DNS-SD', 'the types of ports that services have (RFC 6763 9)')]
      case 'type-protocol': return [step('DNS-SD', `types over ${name.protocol} are below, if there are any`)]
      case 'type': return [step('DNS-SD', `who has a port called ${name.type} over ${name.protocol} in namespace ${name.namespace}`)]
      case 'offer': return [step('DNS-SD', `SRV and TXT of ${name.label}, if it has a port called ${name.type} over ${name.protocol} in namespace ${name.namespace}`)]
      case 'consul-branch': return [step('Consul', 'nothing of its own, names are below: NODATA')]
      case 'consul-address': return [step('Consul', `the address itself: what SRV below ${name.zone.name} leads to`)]
      case 'consul-node': return [step('Consul', `the machine ${name.node}, as instances of namespace ${name.namespace} name it`)]
      case 'consul-service': return [step('Consul', `what is answered of ${name.namespace}/${name.called}${name.tag === undefined ? '' : ` and has the tag ${name.tag}`}; NXDOMAIN if that is nobody`)]
      case 'service':
      case 'endpoint':
      case 'protocol':
      case 'port':
      case 'selection-branch':
      case 'selection': return this.#service(name, asked)
    }
  }

  #address (address: string): DnsTraceStep[] {
    const { addresses } = this.#options.source.catalog
    const owner = addresses.byClusterIp(address).find(({ manifest }) => pointerPolicyOf(manifest) !== 'none')
    if (owner !== undefined) return [step('cluster IP', `${address} is given to ${owner.namespace}/${owner.name}: its name, and no other`)]
    const { services } = addresses.endpointsAt(address, maxRecordsPerSet)
    if (services.size === 0) return [step('reverse zone', `${address} is no cluster IP that has a name, and no answered endpoint has it`)]
    const names = [...services.keys()].map(({ namespace, name, manifest }) => {
      const policy = pointerPolicyOf(manifest)
      return `${namespace}/${name}${policy === undefined ? '' : ` (rollcall.dev/dns-ptr: ${policy})`}`
    })
    return [step('endpoints', `${address} is an answered endpoint of ${listed(names.sort())}: its hostnames first, then its dashed addresses`)]
  }

  #service (name: NameOfService, asked: Asked): DnsTraceStep[] {
    const { namespace, service } = name
    const path = `${namespace}/${service}`
    const found = this.#find(namespace, service, asked.client)
    if (found === undefined) return [step('service', `${path} is neither declared nor has an instance registered under it: NXDOMAIN`)]
    const { manifest, endpoints, policy, hasClusterIps } = found
    if (manifest?.spec.type === 'ExternalName') return this.#alias(path, name, manifest, policy, asked)
    const steps = [
      step('service', hasClusterIps
        ? `${path} is declared (${manifest?.spec.type}): found by its cluster IPs ${clusterIps(manifest)}, with or without instances behind it`
        : manifest === undefined ? `${path} is implicit: found by the instances that registered under it`
          : isHeadless(manifest) ? `${path} is declared without a cluster IP (headless): found by its endpoints`
            : `${path} is declared (${manifest.spec.type}): its cluster IPs ${clusterIps(manifest)} are of no use to this client, which gets the endpoints`),
      ...this.#reachSteps(manifest, asked.client),
      ...endpointSteps(endpoints)
    ]
    if (name.kind === 'endpoint') {
      const called = endpoints.answered.filter((endpoint) => hostnameOf(endpoint) === name.hostname)
      if (called.length === 0) return [...steps, step('name', `no answered endpoint is called ${name.hostname}, by its hostname or its dashed address: NXDOMAIN`)]
      return [...steps, step('name', `the answered endpoints called ${name.hostname}: ${listed(called.map(({ id }) => id))}`), ...this.#ttl([policy], endpoints.leaseMs, asked)]
    }
    if (endpoints.answered.length > 0) return [...steps, ...this.#standing(name, found, [policy], asked)]
    for (const fallback of policy.fallbacks) {
      const other = this.#find(fallback.namespace, fallback.service, asked.client)
      if (other === undefined || other.endpoints.answered.length === 0) continue
      const by = other.hasClusterIps ? `its cluster IPs ${clusterIps(other.manifest)}` : `its ${other.endpoints.answered.length} answered endpoints`
      steps.push(step('fallback', `no endpoint is answered: ${fallback.namespace}/${fallback.service} stands in, with ${by} (rollcall.dev/dns-fallback)`))
      return [...steps, ...this.#standing(name, other, [policy, other.policy], asked)]
    }
    if (policy.fallbacks.length > 0) steps.push(step('fallback', 'none of those named by rollcall.dev/dns-fallback has an answered endpoint'))
    if (!hasClusterIps) return [...steps, step('service', 'found by its endpoints, and there are none: NXDOMAIN, here and below')]
    return [...steps, ...this.#standing(name, found, [policy], asked)]
  }

  #find (namespace: string, service: string, client: string): Found | undefined {
    const { catalog } = this.#options.source
    const declared = catalog.declared(namespace, service)
    const endpoints = declared?.endpoints ?? catalog.endpoints(namespace, service)
    if (endpoints === undefined) return undefined
    const manifest = declared?.manifest
    const policy = dnsPolicyOf(manifest?.metadata, catalog.namespaceAnnotations(namespace))
    return { manifest, endpoints, policy, hasClusterIps: manifest !== undefined && !isHeadless(manifest) && this.reach(client).clusterIps }
  }

  /** Why a service with cluster IPs is answered with these, or is not. */
  #reachSteps (manifest: Service | undefined, client: string): DnsTraceStep[] {
    if (manifest === undefined || isHeadless(manifest)) return []
    return [step('reach', this.reach(client).reason)]
  }

  /**
   * @param found who answers: the service itself, or the one that stands in
   * @param policies whose TTLs count; the first one is of the name that was asked for
   */
  #standing (name: Exclude<NameOfService, { kind: 'endpoint' }>, found: Found, policies: readonly DnsPolicy[], asked: Asked): DnsTraceStep[] {
    const { endpoints: { answered, leaseMs }, hasClusterIps, manifest } = found
    const isByEndpoints = !hasClusterIps || name.kind === 'selection'
    const ports = isByEndpoints ? answered.flatMap((endpoint) => endpoint.ports) : manifest?.spec.ports ?? []
    const steps = portSteps(name, ports)
    const choice = this.#choiceSteps(name, isByEndpoints, asked.client)
    const { maxRecords = maxRecordsPerSet } = found.policy
    if (name.kind === 'service' && isBinding(asked.type) && policies[0]?.https === false) steps.push(step('binding', `${typeText(asked.type)} records are switched off (rollcall.dev/dns-https)`))
    if (asked.answer.answer.length === 0) return [...steps, ...choice]
    if (asked.type === recordTypes.ANY) return [...steps, ...choice, step('type', 'ANY gets one HINFO (RFC 8482)')]
    steps.push(...choice, ...this.#ttl(policies, isByEndpoints ? leaseMs : undefined, asked))
    if (!isByEndpoints || isBinding(asked.type)) return steps
    if (answered.length > 1) steps.push(step('order', 'the first record is chosen by weight among the best priority, the rest rotate'))
    if (answered.length > maxRecords) steps.push(step('size', `at most ${maxRecords} records of a set are shown, in a window that moves on with each answer`))
    return steps
  }

  #alias (path: string, name: NameOfService, { spec }: Service, policy: DnsPolicy, asked: Asked): DnsTraceStep[] {
    const { recursion, ttlSeconds, zones } = this.#options
    const { type, client, aliases } = asked
    const target = spec.externalName ?? ''
    if (aliases.includes(path)) return [step('alias', `the chain turns back to ${path}: it ends here, and the client asks on`)]
    if (aliases.length >= maxAliases) return [step('alias', `${path} is one more alias, behind ${maxAliases}: the client asks on`)]
    const here = step('service', `${path} is declared (ExternalName): an alias of ${target}`)
    if (name.kind !== 'service') return [here, step('name', 'nothing is below an alias: NXDOMAIN')]
    const alias = aliasTo(target, { ttlSeconds: policy.ttlSeconds ?? ttlSeconds, zones })
    if (!(alias instanceof Alias)) return [here, step('alias', 'DNS cannot carry this name: NODATA')]
    const steps = [here, ...this.#ttl([policy], undefined, asked)]
    if (type === recordTypes.CNAME || type === recordTypes.ANY) return steps
    if (alias.target.kind === 'outside') {
      const isAsked = recursion?.permits(client) === true
      return [...steps, step('alias', isAsked ? 'its target is in no zone of ours: an upstream of --dns-forward is asked for it' : 'its target is in no zone of ours: the client asks on')]
    }
    return [...steps, ...this.#named(alias.target, { ...asked, aliases: [...aliases, path] })]
  }

  #choiceSteps (name: NameOfService, isByEndpoints: boolean, client: string): DnsTraceStep[] {
    const zone = this.#options.clientZones?.zoneOf(client)
    const near = zone === undefined || !isByEndpoints ? [] : [step('client zone', `${client} is in zone ${zone} (--client-zone): records of endpoints there, of all if there are none`)]
    if (name.kind === 'service' || name.kind === 'port') return near
    if (name.kind !== 'selection') return []
    const { choice } = name
    if (choice.by === 'tags') return [step('choice', `endpoints with all of the tags ${choice.tags.join(', ')}, and no others`), ...near]
    return [step('choice', choice.by === 'pin' ? `endpoints in zone ${choice.zone}, and no others` : `records of endpoints in zone ${choice.zone}, of all if there are none`)]
  }

  /** @param leaseMs the shortest lease of the endpoints that are answered */
  #ttl (policies: readonly DnsPolicy[], leaseMs: number | undefined, { answer }: Asked): DnsTraceStep[] {
    if (answer.answer.length === 0) return []
    const { ttlSeconds: common, source } = this.#options
    const [said, from] = policies.map(({ ttlSeconds }) => [ttlSeconds ?? common, ttlSeconds === undefined ? '--dns-ttl' : 'rollcall.dev/dns-ttl'] as const)
      .reduce((least, each) => (each[0] < least[0] ? each : least))
    const lease = leaseMs === undefined ? Infinity : Math.max(1, Math.floor(leaseMs / 1_000))
    const seconds = Math.min(said, lease)
    if (source.staleSeconds > 0 && seconds > maxNegativeTtlSeconds) return [step('ttl', `${maxNegativeTtlSeconds} s while the store is away, instead of ${seconds} s`)]
    return [step('ttl', lease < said ? `${lease} s: the shortest lease of the endpoints, less than the ${said} s of ${from}` : `${said} s, by ${from}`)]
  }
}

/** What a question looks for, and whose it is. */
interface Asked {
  readonly type: number
  readonly client: string
  readonly answer: AnswerText
  /** The aliases on the way, as `namespace/service`. */
  readonly aliases: readonly string[]
  /** What the client may look up; undefined = everything. */
  readonly view: View | undefined
}

/** A service as it stands in the catalog. */
interface Found {
  /** undefined = implicit. */
  readonly manifest: Service | undefined
  readonly endpoints: EndpointSet
  readonly policy: DnsPolicy
  readonly hasClusterIps: boolean
}

function step (rule: string, message: string): DnsTraceStep {
  return { rule, message }
}

/** The last step is read from the answer itself. */
function outcome (type: number, { rcode, answer, authority }: AnswerText): DnsTraceStep {
  if (rcode === 'NXDOMAIN') return step('answer', answer.length > 0 ? 'NXDOMAIN: nothing is at or below the name that the alias leads to' : 'NXDOMAIN: nothing is at or below the name')
  if (rcode !== 'NOERROR') return step('answer', `${rcode}: the extended error says why`)
  const isAliasAlone = answer.length > 0 && type !== recordTypes.CNAME && type !== recordTypes.ANY && answer.every((record) => record.type === 'CNAME')
  if (answer.length > 0 && !isAliasAlone) return step('answer', `${answer.length} ${answer.length === 1 ? 'record' : 'records'}`)
  if (isAliasAlone && !authority.some((record) => record.type === 'SOA')) return step('answer', 'the alias, and the client asks on')
  return step('answer', `NODATA: ${isAliasAlone ? 'what the alias leads to' : 'the name'} exists, and has no ${typeText(type)} records`)
}

function isBinding (type: number): boolean {
  return type === recordTypes.HTTPS || type === recordTypes.SVCB
}

function listed (names: readonly string[]): string {
  return `${names.slice(0, maxNamed).join(', ')}${names.length > maxNamed ? `, and ${names.length - maxNamed} more` : ''}`
}

function clusterIps (manifest: Service | undefined): string {
  const { clusterIPs = [], clusterIP = '' } = manifest?.spec ?? {}
  return (clusterIPs.length > 0 ? clusterIPs : [clusterIP]).join(', ')
}

function endpointSteps (set: EndpointSet): DnsTraceStep[] {
  const { all, failOpen } = set
  const answered = answerable(set)

  const called = new Set(answered)
  const left = all.filter((endpoint) => !called.has(endpoint))
  const steps = [step('endpoints', `${answered.length} of ${all.length} are answered`)]
  const isDraining = !failOpen && answered.length > 0 && answered.every(({ conditions }) => conditions.terminating)
  if (isDraining) steps.push(step('draining', 'none is ready: those that drain and still serve are answered, before any suspect'))
  if (failOpen) steps.push(step('fail open', 'none is ready and some are out only because they are suspect: those are answered'))
  for (const endpoint of left.slice(0, maxNamed)) steps.push(step('not answered', `${endpoint.id} (${endpoint.address}): ${reasonOf(endpoint)}`))
  if (left.length > maxNamed) steps.push(step('not answered', `and ${left.length - maxNamed} more`))
  return steps
}

function reasonOf (endpoint: Endpoint): string {
  const { suspect, status, conditions } = endpoint
  if (!isAnswerable(endpoint)) return 'its record has what DNS cannot carry: a port, a weight, a name or an address'
  if (suspect) return 'suspect: its lease ran out, or its session broke'
  if (conditions.terminating) return 'draining'
  return conditions.ready ? 'ready, but others are answered' : `not ready: its status is ${status}`
}

/** @param ports that names may be made of */
function portSteps (name: Exclude<NameOfService, { kind: 'endpoint' }>, ports: readonly { readonly name?: string, readonly protocol?: string }[]): DnsTraceStep[] {
  if (name.kind === 'selection-branch') return [step('name', 'nothing of its own, choices are below: NODATA')]
  if (name.kind === 'service') return []
  const labels = new Set(ports.flatMap(({ name: port = '', protocol = 'TCP' }) => (port === '' ? [] : [`_${port}._${protocol.toLowerCase()}`])))
  const all = labels.size === 0 ? 'there are none' : `there are ${listed([...labels].sort())}`
  if (name.kind === 'protocol') {
    const isThere = [...labels].some((label) => label.endsWith(`._${name.protocol.toLowerCase()}`))
    return [step('name', isThere ? `nothing of its own, ports over ${name.protocol} are below: NODATA` : `no port over ${name.protocol} has a name (${all}): NXDOMAIN`)]
  }
  const port = name.kind === 'port' ? { name: name.port, protocol: name.protocol } : name.port
  if (port === undefined) return []
  const isThere = labels.has(`_${port.name}._${port.protocol.toLowerCase()}`)
  return [step('name', isThere ? `the port called ${port.name} over ${port.protocol}: SRV` : `no port is called ${port.name} over ${port.protocol} (${all}): NXDOMAIN`)]
}
