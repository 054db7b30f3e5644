// Services to endpoints: pure, made anew where they changed and nowhere else, shared by REST, DNS and every later adapter.
import { endpointOf } from '../../../client-sdk/src/rules.ts'
import type { Endpoint, Instance } from '../../../client-sdk/src/wire.ts'
import { type EndpointKey, type EndpointList, type EndpointPart, type Standing, endpointList, standingOf, standings } from './endpoint-part.ts'

const nobody: readonly Endpoint[] = []

/** The endpoints of one service at one revision. The object's identity is the cache key of what adapters build from it. */
export class EndpointSet {
  readonly namespace: string
  readonly service: string
  /** The revision of the service's last change. */
  readonly revision: number
  /**
   * The shortest lease among its instances: no cache should keep an answer for longer. undefined without leases, as for
   * hand-written endpoints.
   */
  readonly leaseMs: number | undefined
  /** Of those that are answered; undefined = nobody is. */
  readonly standing: Standing | undefined
  readonly #list: EndpointList
  readonly #origin: object
  #all: readonly Endpoint[] | undefined
  #answered: readonly Endpoint[] | undefined

  constructor (namespace: string, service: string, revision: number, list: EndpointList, leaseMs: number | undefined, origin: object = {}) {
    this.namespace = namespace
    this.service = service
    this.revision = revision
    this.leaseMs = leaseMs
    this.#origin = origin
    this.#list = list
    this.standing = standings.find((standing) => list.chunks.some(({ counts }) => counts[standing] > 0))
  }

  /** No endpoint is ready or draining, and some are out only because they are suspect: those are answered. */
  get failOpen (): boolean {
    return this.standing === 'suspect' || this.standing === 'suspect-leaving'
  }

  /** The same for all sets of a service, for as long as it is the same service. */
  get origin (): object {
    return this.#origin
  }

  /** How many endpoints there are. */
  get size (): number {
    return this.#list.length
  }

  get ready (): number {
    return this.parts.reduce((sum, { counts }) => sum + counts.ready, 0)
  }

  /** The endpoints in runs, ordered by id: a run is the same object until one of its endpoints changes. */
  get parts (): readonly EndpointPart[] {
    return this.#list.chunks
  }

  /** Those that are answered, in the same runs: each list is the same until one of its run changes. */
  get answeredParts (): readonly (readonly Endpoint[])[] {
    const { standing } = this
    return standing === undefined ? [] : this.parts.flatMap((part) => (part.counts[standing] === 0 ? [] : [part.called(standing)]))
  }

  /** Makes the JSON of all, run by run: for the first time it takes 100 ms of 30,000 endpoints. */
  * written (): Generator<void> {
    for (const part of this.parts) {
      part.write()
      yield
    }
  }

  /** The JSON of all, or of those that are answered, in pieces, with commas between the endpoints. */
  * json (which: 'all' | 'answered'): Generator<Buffer> {
    const { standing } = this
    if (which === 'answered' && standing === undefined) return
    const wanted = which === 'all' ? undefined : standing
    const parts = wanted === undefined ? this.parts : this.parts.filter(({ counts }) => counts[wanted] > 0)
    for (const [index, part] of parts.entries()) yield * part.json(wanted, index === parts.length - 1)
  }

  /** All of them in one list, ordered by id. Of a large service it is copied: who can should take the parts. */
  get all (): readonly Endpoint[] {
    return this.#all ??= joined(this.parts.map(({ items }) => items))
  }

  /**
   * What a caller gets: the ready ones; if there are none the draining ones; then, with `failOpen`, the suspect ones. Ordered by id, in
   * one list: see `all`.
   */
  get answered (): readonly Endpoint[] {
    return this.#answered ??= joined(this.answeredParts)
  }

  get (key: EndpointKey): Endpoint | undefined {
    return this.#list.get(key)
  }

  /** The answered endpoints that have an id: several, if they are of different services. */
  answeredAs (id: string): Endpoint[] {
    const found: Endpoint[] = []
    for (const endpoint of this.#list.from({ id })) {
      if (endpoint.id !== id) break
      found.push(endpoint)
    }
    const { standing } = this
    return standing === undefined ? [] : found.filter((endpoint) => standingOf(endpoint) === standing)
  }
}

function joined (parts: readonly (readonly Endpoint[])[]): readonly Endpoint[] {
  const [only = nobody] = parts
  return parts.length <= 1 ? only : parts.flat()
}

/** Derives the endpoints of a service from its instances. */
export function endpointsOf (namespace: string, service: string, revision: number, instances: Iterable<Instance>): EndpointSet {
  let leaseMs = Infinity
  const endpoints: Endpoint[] = []
  for (const instance of instances) {
    leaseMs = Math.min(leaseMs, instance.lease.ttlMs)
    endpoints.push(endpointOf(instance))
  }
  return endpointSet(namespace, service, revision, endpoints, leaseMs)
}

/**
 * Orders endpoints and decides which are answered: the one rule for implicit and declared services.
 * @param leaseMs the shortest lease behind them, Infinity = there are no leases
 */
export function endpointSet (namespace: string, service: string, revision: number, endpoints: Iterable<Endpoint>, leaseMs = Infinity): EndpointSet {
  return new EndpointSet(namespace, service, revision, endpointList(endpoints), leaseMs === Infinity ? undefined : leaseMs)
}
