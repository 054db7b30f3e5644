// Precompiled answers: what a service's names answer, as bytes, built on the first question after a change and kept as
// long as what they were made from: the endpoint set, or the manifest of a declared service.
import type { EndpointSet } from '../model/endpoints.ts'
import type { Service } from '../model/service/types.ts'
import { type Alias, aliasTo } from './alias.ts'
import { BrowseIndex } from './browse-index.ts'
import { ClusterIpAnswers } from './cluster-ip-answers.ts'
import { EndpointAnswers } from './endpoint-answers.ts'
import { kept } from './service-records.ts'
import type { Zone } from './zone.ts'

export interface AnswerCacheOptions {
  readonly ttlSeconds: number
  /** In which targets of aliases are looked for, the longest name first. */
  readonly zones: readonly Zone[]
}

/** Gives precompiled answers. What nobody holds any more takes its answers with it. */
export class AnswerCache {
  readonly #endpoints = new WeakMap<EndpointSet, EndpointAnswers>()
  readonly #clusterIps = new WeakMap<Service, ClusterIpAnswers>()
  readonly #aliases = new WeakMap<Service, Alias | undefined>()
  readonly #options: AnswerCacheOptions

  /** What DNS-based service discovery finds. */
  readonly browsed = new BrowseIndex()

  constructor (options: AnswerCacheOptions) {
    this.#options = options
  }

  get ttlSeconds (): number {
    return this.#options.ttlSeconds
  }

  ofEndpoints (endpoints: EndpointSet): EndpointAnswers {
    return kept(this.#endpoints, endpoints, () => new EndpointAnswers(endpoints.answered, this.#options.ttlSeconds))
  }

  /** @param manifest of a service with cluster IPs; its endpoints are no part of its answers */
  ofClusterIps (manifest: Service): ClusterIpAnswers {
    return kept(this.#clusterIps, manifest, () => new ClusterIpAnswers(manifest, this.#options.ttlSeconds))
  }

  /** @param manifest of an ExternalName service. undefined if DNS cannot carry the external name */
  ofAlias (manifest: Service): Alias | undefined {
    return kept(this.#aliases, manifest, () => aliasTo(manifest.spec.externalName ?? '', this.#options))
  }
}
