// Precompiled answers: what a service's names answer, as bytes, built on the first question after a change and kept as
// long as what they were made from: the endpoint set, or the manifest of a declared service.
import { beside } from '../../beside.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import { type DnsPolicy, defaultDnsPolicy, dnsPolicyOf } from '../../model/service/dns-annotations.ts'
import { isHeadless } from '../../model/service/facts.ts'
import type { Labels, Service } from '../../model/service/types.ts'
import { type Alias, type AliasOptions, aliasTo } from './alias.ts'
import { BrowseIndex } from '../browse/browse-index.ts'
import { ClusterIpAnswers } from './cluster-ip-answers.ts'
import { answerParts } from './answer-part.ts'
import type { Turn } from './drawn-records.ts'
import { EndpointAnswers } from './endpoint-answers.ts'
import { LargeAnswers } from './large-answers.ts'
import { maxRecordsPerSet } from '../wire/record-set.ts'
import type { AnswerLimits, HostAnswers } from './service-records.ts'

export interface AnswerCacheOptions extends AliasOptions {
  /** Services with cluster IPs are answered by these, default; false: by their endpoints, as headless ones are. */
  readonly clusterIps?: boolean
  /** Of services that say nothing about it. */
  readonly ttlSeconds: number
  /** Told of endpoints that DNS cannot carry, at each making. */
  readonly leftOut?: ((set: EndpointSet, count: number) => void) | undefined
  /** Told at each making. */
  readonly built?: (() => void) | undefined
}

/**
 * The answers of one thing under different limits: its own, those while the store is away, those of services that fall back to it.
 * More of them at once take turns.
 */
const maxVariants = 4

const nothing: readonly never[] = []

interface Variant<Answers> {
  readonly limits: AnswerLimits
  readonly answers: Answers
}

/** Answers by what they were made from; who holds none of it any more takes them with him. */
class Variants<Source extends object, Answers> {
  readonly #bySource = beside<Source, readonly Variant<Answers>[]>()

  has (source: Source): boolean {
    return this.#bySource.has(source)
  }

  of (source: Source, limits: AnswerLimits, make: (source: Source, limits: AnswerLimits) => Answers): Answers {
    const known = this.#bySource.get(source) ?? nothing
    for (const variant of known) {
      if (variant.limits.ttlSeconds === limits.ttlSeconds && variant.limits.maxRecords === limits.maxRecords) return variant.answers
    }
    const answers = make(source, limits)
    this.#bySource.set(source, [...known.slice(1 - maxVariants), { limits, answers }])
    return answers
  }
}

interface KnownPolicy {
  readonly defaults: Labels | undefined
  readonly policy: DnsPolicy
}

class Kept {
  readonly endpoints = new Variants<EndpointSet, HostAnswers>()
  /** Of the last service of one endpoint at most. */
  single = new Variants<EndpointSet, HostAnswers>()
  readonly clusterIps = new Variants<Service, ClusterIpAnswers>()
  readonly aliases = new Variants<Service, Alias | undefined>()
  /** By the annotations of the service, or those of its namespace where it has none. */
  readonly policies = beside<Labels, KnownPolicy>()
}

const turns = beside<object, Turn>()

/** The turn of a service goes on when it changes: else the first of many endpoints would be shown over and over. */
function turnOf ({ origin }: EndpointSet): Turn {
  let turn = turns.get(origin)
  if (turn === undefined) turns.set(origin, turn = { at: 0 })
  return turn
}

/** Gives precompiled answers. */
export class AnswerCache {
  readonly #options: AnswerCacheOptions
  readonly #maxTtlSeconds: number
  readonly #kept: Kept
  /** The last ones: nearly all services have the same, and keep the same object. */
  #limit: AnswerLimits = { ttlSeconds: 0, maxRecords: 0 }
  /** What DNS-based service discovery finds. */
  readonly browsed: BrowseIndex

  constructor (options: AnswerCacheOptions, maxTtlSeconds = Infinity, keeper = new Kept()) {
    this.#options = options
    this.browsed = new BrowseIndex((manifest) => this.isByClusterIps(manifest))
    this.#maxTtlSeconds = maxTtlSeconds
    this.#kept = keeper
  }

  /** Of answers that no single service decides. */
  get ttlSeconds (): number {
    return Math.min(this.#options.ttlSeconds, this.#maxTtlSeconds)
  }

  /** The same answers with a TTL of at most so many seconds; those that have no longer one anyway are not made again. */
  capped (maxTtlSeconds: number): AnswerCache {
    return new AnswerCache(this.#options, maxTtlSeconds, this.#kept)
  }

  /** The same answers for clients that cluster IPs are, or are not, of use to. */
  for (clusterIps: boolean): AnswerCache {
    return new AnswerCache({ ...this.#options, clusterIps }, this.#maxTtlSeconds, this.#kept)
  }

  /** Whether a service is found by its cluster IPs here, and not by its endpoints. @param manifest undefined for an implicit one */
  isByClusterIps (manifest: Service | undefined): manifest is Service {
    return manifest !== undefined && this.#options.clusterIps !== false && !isHeadless(manifest)
  }

  /** @param manifest undefined for an implicit service @param defaults the annotations of the namespace */
  policyOf (manifest: Service | undefined, defaults: Labels | undefined): DnsPolicy {
    const key = manifest?.metadata.annotations ?? defaults
    if (key === undefined) return defaultDnsPolicy
    const known = this.#kept.policies.get(key)
    if (known !== undefined && known.defaults === defaults) return known.policy
    const policy = dnsPolicyOf(manifest?.metadata, defaults)
    this.#kept.policies.set(key, { defaults, policy })
    return policy
  }

  /**
   * @param of the policy of the asked service, if this one is its fallback: the answers get no longer TTL than that
   * one's
   */
  ofEndpoints (endpoints: EndpointSet, policy: DnsPolicy, of = policy): HostAnswers {
    // A second at least, or a short lease would make every lookup a question; an operator who wants that sets 0.
    const leaseSeconds = endpoints.leaseMs === undefined ? Infinity : Math.max(1, Math.floor(endpoints.leaseMs / 1_000))
    const make = (set: EndpointSet, limits: AnswerLimits): HostAnswers => {
      const parts = answerParts(set)
      const leftOut = parts.reduce((sum, part) => sum + part.leftOut, 0)
      if (leftOut > 0) this.#options.leftOut?.(set, leftOut)
      const [only, ...others] = parts
      return this.#built(others.length > 0 ? new LargeAnswers(parts, limits, turnOf(set)) : new EndpointAnswers(only?.endpoints ?? nothing, limits))
    }
    const limits = this.#limits(policy, of, leaseSeconds)
    if (endpoints.size > 1) return this.#kept.endpoints.of(endpoints, limits, make)
    // Of a single endpoint the table of plans has the octets, and answers are made faster than they are worth keeping: those that were
    // made last are asked for in the other types, too.
    if (!this.#kept.single.has(endpoints)) this.#kept.single = new Variants()
    return this.#kept.single.of(endpoints, limits, make)
  }

  /** @param manifest of a service with cluster IPs; its endpoints are no part of its answers */
  ofClusterIps (manifest: Service, policy: DnsPolicy, of = policy): ClusterIpAnswers {
    return this.#kept.clusterIps.of(manifest, this.#limits(policy, of), (service, limits) => this.#built(new ClusterIpAnswers(service, limits)))
  }

  /** @param manifest of an ExternalName service. undefined if DNS cannot carry the external name */
  ofAlias (manifest: Service, policy: DnsPolicy): Alias | undefined {
    return this.#kept.aliases.of(manifest, this.#limits(policy, policy), ({ spec }, { ttlSeconds }) =>
      this.#built(aliasTo(spec.externalName ?? '', { ...this.#options, ttlSeconds })))
  }

  #built<Made> (made: Made): Made {
    this.#options.built?.()
    return made
  }

  #limits (policy: DnsPolicy, of: DnsPolicy, leaseSeconds = Infinity): AnswerLimits {
    const { ttlSeconds: usual } = this.#options
    const ttlSeconds = Math.min(policy.ttlSeconds ?? usual, of.ttlSeconds ?? usual, leaseSeconds, this.#maxTtlSeconds)
    const maxRecords = of.maxRecords ?? maxRecordsPerSet
    if (this.#limit.ttlSeconds !== ttlSeconds || this.#limit.maxRecords !== maxRecords) this.#limit = { ttlSeconds, maxRecords }
    return this.#limit
  }
}
