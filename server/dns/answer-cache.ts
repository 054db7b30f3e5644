// Precompiled answers: what a service's names answer, as bytes, built on the first question after a change and kept as
// long as what they were made from: the endpoint set, or the manifest of a declared service.
import type { EndpointSet } from '../model/endpoints.ts'
import type { Service } from '../model/service/types.ts'
import { type Alias, aliasTo } from './alias.ts'
import { ClusterIpAnswers } from './cluster-ip-answers.ts'
import { EndpointAnswers } from './endpoint-answers.ts'
import { kept } from './service-records.ts'
import type { Zone } from './zone.ts'

export interface AnswerCacheOptions {
  readonly ttlSeconds: number
  /** In which targets of aliases are looked for, the longest name first. */
  readonly zones: readonly Zone[]
  /** Told at each making. */
  readonly built: () => void
}

/** Gives precompiled answers. What nobody holds any more takes its answers with it. */
export class AnswerCache {
  readonly #endpoints = new WeakMap<EndpointSet, EndpointAnswers>()
  readonly #clusterIps = new WeakMap<Service, ClusterIpAnswers>()
  readonly #aliases = new WeakMap<Service, Alias | undefined>()
  readonly #options: AnswerCacheOptions

  constructor (options: AnswerCacheOptions) {
    this.#options = options
  }

  ofEndpoints (endpoints: EndpointSet): EndpointAnswers {
    return kept(this.#endpoints, endpoints, () => this.#built(new EndpointAnswers(endpoints.answered, this.#options.ttlSeconds)))
  }

  /** @param manifest of a service with cluster IPs; its endpoints are no part of its answers */
  ofClusterIps (manifest: Service): ClusterIpAnswers {
    return kept(this.#clusterIps, manifest, () => this.#built(new ClusterIpAnswers(manifest, this.#options.ttlSeconds)))
  }

  /** @param manifest of an ExternalName service. undefined if DNS cannot carry the external name */
  ofAlias (manifest: Service): Alias | undefined {
    return kept(this.#aliases, manifest, () => this.#built(aliasTo(manifest.spec.externalName ?? '', this.#options)))
  }

  #built<Made> (made: Made): Made {
    this.#options.built()
    return made
  }
}
