// The endpoints behind one port of a service: which of them gets the next request. Who may be asked at all is choice.ts' rule; of these
// the choice is smooth and by weight (each gets its share evenly spread), without those that failed five times in a row.
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { callable } from '../../../client-sdk/src/rules.ts'
import { drainLimitOf } from '../../model/service/traffic-annotations.ts'
import type { ServicePort } from '../../model/service/types.ts'
import { type Candidate, candidatesOf, usable } from '../choice.ts'
import type { Target } from '../front-end.ts'
import type { Machine } from '../machine.ts'
import type { ServiceState } from './ports.ts'
import type { BackendRef } from './rules.ts'
import { Upstream } from './upstream.ts'

/** Why nobody can be asked: the reason of a 503. */
export interface GroupProblem {
  readonly reason: 'no-service' | 'no-port' | 'no-endpoints' | 'external-name' | 'protocol'
  /** A sentence. */
  readonly message: string
}

interface WantedPort {
  /** As in the ports of the endpoints; undefined: it is looked for by number. */
  readonly name?: string | undefined
  readonly number?: number | undefined
  readonly isH2c: boolean
}

interface Targets {
  /** `address port` -> id, of all endpoints, whether they may be chosen or not. */
  readonly listed: ReadonlyMap<string, string>
  readonly targets: readonly Target[]
}

/** How long upgraded connections go on when their endpoint has left the service, which may be back under another id. */
const defaultDrainMs = 5_000

export class EndpointGroup {
  readonly ref: BackendRef
  readonly #machine: Machine
  /** All that were ever listed and are not gone yet, by `address port`. */
  readonly #upstreams = new Map<string, Upstream>()
  /** Those that may be chosen now. */
  #choosable: readonly Upstream[] = []
  /** Endpoint object -> what it is as a candidate: a change of one endpoint must not read the thousand others anew. */
  #read: ReadonlyMap<Endpoint, readonly Candidate[]> = new Map()
  #wanted = ''
  #ejected = 0
  problem: GroupProblem | undefined
  isH2c = false
  drainMs = defaultDrainMs
  /** The state of its service has changed since. */
  isStale = true

  constructor (ref: BackendRef, machine: Machine) {
    this.ref = ref
    this.#machine = machine
  }

  /** Endpoints that are, or were, asked. */
  get upstreams (): Iterable<Upstream> {
    return this.#upstreams.values()
  }

  hasTunnels (): boolean {
    for (const { tunnels } of this.#upstreams.values()) if (tunnels.size > 0) return true
    return false
  }

  get choosable (): readonly Upstream[] {
    return this.#choosable
  }

  /** @returns the endpoints that have left the service */
  refresh (state: ServiceState | undefined, allowExternalNames: boolean): Upstream[] {
    this.isStale = false
    const found = this.#targets(state, allowExternalNames)
    this.problem = 'reason' in found ? found : undefined
    const { listed, targets } = 'reason' in found ? { listed: new Map<string, string>(), targets: [] } : found
    const choosable: Upstream[] = []
    for (const { address, port, weight } of targets) {
      const key = `${address} ${port}`
      const known = this.#upstreams.get(key)
      const upstream = known ?? new Upstream(listed.get(key) ?? '', address, port, weight)
      if (known === undefined) this.#upstreams.set(key, upstream)
      upstream.weight = weight
      upstream.id = listed.get(key) ?? upstream.id
      choosable.push(upstream)
    }
    this.#choosable = choosable
    const gone: Upstream[] = []
    for (const upstream of this.#upstreams.values()) {
      const isListed = listed.has(upstream.key)
      if (upstream.isListed && !isListed) gone.push(upstream)
      upstream.isListed = isListed
    }
    this.#limitEjections()
    return gone
  }

  /** One that has left, and nothing goes to it any more. */
  forget (upstream: Upstream): void {
    if (!upstream.isListed) this.#upstreams.delete(upstream.key)
  }

  /** @param tried are not chosen again, unless there is no other. undefined: all were tried, or there is none */
  pick (nowMs: number, tried: readonly Upstream[] = []): Upstream | undefined {
    return this.#smooth(tried, nowMs) ?? (this.#ejected > 0 ? this.#smooth(tried, Infinity) : undefined)
  }

  /** The one with this key, if it may be chosen: for a client that has been there before. */
  named (key: string, nowMs: number): Upstream | undefined {
    const upstream = this.#upstreams.get(key)
    return upstream === undefined || upstream.isEjected(nowMs) || !this.#choosable.includes(upstream) ? undefined : upstream
  }

  /** @returns whether it is ejected by this: never more than half of them are */
  failed (upstream: Upstream, nowMs: number): boolean {
    if (!upstream.failed() || upstream.isEjected(nowMs)) return false
    const ejected = this.ejectedNow(nowMs)
    if (ejected + 1 > this.#choosable.length / 2 || !this.#choosable.includes(upstream)) return false
    upstream.eject(nowMs)
    this.#ejected = ejected + 1
    return true
  }

  ejectedNow (nowMs: number): number {
    return this.#ejected === 0 ? 0 : this.#ejected = this.#choosable.filter((each) => each.isEjected(nowMs)).length
  }

  /** Smooth weighted round robin: everyone's credit grows by its weight, the richest is chosen and pays for all. */
  #smooth (tried: readonly Upstream[], nowMs: number): Upstream | undefined {
    let best: Upstream | undefined
    let total = 0
    for (const upstream of this.#choosable) {
      if ((this.#ejected > 0 && upstream.ejectedUntilMs > nowMs) || tried.includes(upstream)) continue
      total += upstream.weight
      upstream.credit += upstream.weight
      if (best === undefined || upstream.credit > best.credit) best = upstream
    }
    if (best !== undefined) best.credit -= total
    return best
  }

  /** Others have left: of what is ejected only half of the rest may stay so, and those that come back soonest come back now. */
  #limitEjections (): void {
    if (this.#ejected === 0) return
    const ejected = this.#choosable.filter(({ ejectedUntilMs }) => ejectedUntilMs > 0).sort((one, other) => other.ejectedUntilMs - one.ejectedUntilMs)
    const most = Math.floor(this.#choosable.length / 2)
    for (const upstream of ejected.slice(most)) upstream.ejectedUntilMs = 0
    this.#ejected = Math.min(ejected.length, most)
  }

  #targets (state: ServiceState | undefined, allowExternalNames: boolean): GroupProblem | Targets {
    const { service, port } = this.ref
    if (state === undefined) return { reason: 'no-service', message: `there is no service ${service}` }
    const { manifest, endpoints } = state
    this.drainMs = drainLimitOf(manifest?.metadata.annotations) ?? defaultDrainMs
    if (manifest?.spec.type === 'ExternalName') return this.#external(manifest.spec.externalName ?? '', manifest.spec.ports ?? [], allowExternalNames)
    const wanted = wantedPort(manifest?.spec.ports, endpoints, port)
    if ('reason' in wanted) return { ...wanted, message: `the service ${service} ${wanted.message}` }
    this.isH2c = wanted.isH2c
    const text = JSON.stringify(wanted)
    const known = text === this.#wanted ? this.#read : new Map<Endpoint, readonly Candidate[]>()
    this.#wanted = text
    this.#read = new Map(endpoints.map((endpoint) => [endpoint, known.get(endpoint) ?? this.#candidates(endpoint, wanted)]))
    const candidates = [...this.#read.values()].flat()
    const targets = usable(candidates, this.#machine, manifest?.spec.trafficDistribution)
    const listed = new Map(candidates.map((each) => [`${each.address} ${each.port}`, each.endpoint.id]))
    if (targets.length > 0) return { listed, targets }
    const why = endpoints.length === 0
      ? 'has no endpoints'
      : callable(endpoints).length === 0 ? `has ${endpoints.length} endpoints, none of which may be called` : `has ${endpoints.length} endpoints, none at an address that is called`
    return listed.size > 0 || endpoints.length > 0
      ? { reason: 'no-endpoints', message: `the service ${service} ${why}` }
      : { reason: 'no-endpoints', message: `the service ${service} has no endpoints` }
  }

  #candidates (endpoint: Endpoint, { name, number }: WantedPort): readonly Candidate[] {
    const found = number === undefined ? undefined : endpoint.ports.find((each) => each.port === number && (each.protocol ?? 'TCP') === 'TCP')
    if (number !== undefined && found === undefined) return []
    return candidatesOf([endpoint], { name: (number === undefined ? name : found?.name) ?? '', protocol: 'TCP' }, this.#machine).candidates
  }

  #external (name: string, ports: readonly ServicePort[], isAllowed: boolean): GroupProblem | Targets {
    const { service, port } = this.ref
    if (!isAllowed) {
      return { reason: 'external-name', message: `the service ${service} is of type ExternalName, which is called only where the agent allows it` }
    }
    const number = typeof port === 'number' ? port : ports.find((each) => each.name === port)?.port
    if (number === undefined) return { reason: 'no-port', message: `the service ${service} has no port ${port}` }
    this.isH2c = false
    return { listed: new Map([[`${name} ${number}`, name]]), targets: [{ address: name, port: number, weight: 1 }] }
  }
}

const h2cProtocols = new Set(['kubernetes.io/h2c', 'h2c', 'grpc'])
const tlsProtocols = new Set(['https', 'kubernetes.io/wss', 'h2', 'tls'])

/** The port of a service by number or name. An implicit service has those of its endpoints. */
function wantedPort (ports: readonly ServicePort[] | undefined, endpoints: readonly Endpoint[], port: number | string): WantedPort | GroupProblem {
  if (ports === undefined || (ports.length === 0 && endpoints.length > 0)) {
    const isWanted = (each: { readonly port: number, readonly name?: string }): boolean => (typeof port === 'number' ? each.port === port : each.name === port)
    const isThere = endpoints.length === 0 || endpoints.some((endpoint) => endpoint.ports.some(isWanted))
    if (!isThere) return { reason: 'no-port', message: `has no port ${port}` }
    return typeof port === 'number' ? { number: port, isH2c: false } : { name: port, isH2c: false }
  }
  const found = ports.find((each) => (typeof port === 'number' ? each.port === port : each.name === port) && each.protocol === 'TCP')
  if (found === undefined) return { reason: 'no-port', message: `has no port ${port} over TCP` }
  const { name, appProtocol = '' } = found
  if (tlsProtocols.has(appProtocol)) {
    return { reason: 'protocol', message: `speaks ${appProtocol} at its port ${port}: the ingress speaks HTTP/1.1 or h2c to endpoints, without TLS` }
  }
  return { name, isH2c: h2cProtocols.has(appProtocol) }
}
