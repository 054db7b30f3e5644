// Services as they were in one moment. A catalog changes, what it is made of does not: manifests and endpoint sets are replaced.
import type { DeclaredService, DnsSource } from '../source.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Labels } from '../../model/service/types.ts'

/** A registry with nothing in it. */
export const emptySource: DnsSource = {
  loaded: true, revision: 0, staleSeconds: 0,
  catalog: {
    hasNamespace: () => false,
    namespaceAnnotations: () => undefined,
    namespaces: () => [],
    services: () => [],
    endpoints: () => undefined,
    declared: () => undefined,
    object: () => undefined,
    addresses: { byClusterIp: () => [], endpointsAt: () => ({ services: new Map(), isCut: false }), hasInstance: () => false, hasWithin: () => false }
  }
}

export interface TakenService {
  readonly declared: DeclaredService | undefined
  readonly endpoints: EndpointSet
  /** Of its namespace. */
  readonly annotations: Labels | undefined
}

/** A registry of those few services that the names of one are answered from: itself, and whom it falls back to. */
export class TakenServices {
  readonly #catalog: DnsSource['catalog']
  readonly #services = new Map<string, TakenService>()
  readonly #annotations = new Map<string, Labels | undefined>()

  constructor (catalog: DnsSource['catalog']) {
    this.#catalog = catalog
  }

  take (namespace: string, service: string): TakenService | undefined {
    const taken = takeService(this.#catalog, namespace, service)
    if (taken === undefined) return undefined
    this.#services.set(`${namespace}/${service}`, taken)
    this.#annotations.set(namespace, taken.annotations)
    return taken
  }

  get all (): Iterable<TakenService> {
    return this.#services.values()
  }

  /** Everything that answers are made from. */
  get stamps (): (object | undefined)[] {
    return [...this.#services.values()].flatMap(({ declared, endpoints, annotations }) => [declared?.manifest, endpoints, annotations])
  }

  get source (): DnsSource {
    const get = (namespace: string, service: string): TakenService | undefined => this.#services.get(`${namespace}/${service}`)
    return {
      ...emptySource,
      catalog: {
        ...emptySource.catalog,
        declared: (namespace, service) => get(namespace, service)?.declared,
        endpoints: (namespace, service) => get(namespace, service)?.endpoints,
        namespaceAnnotations: (namespace) => this.#annotations.get(namespace)
      }
    }
  }
}

export function takeService (catalog: DnsSource['catalog'], namespace: string, service: string): TakenService | undefined {
  const live = catalog.declared(namespace, service)
  const declared = live === undefined ? undefined : { manifest: live.manifest, endpoints: live.endpoints }
  const endpoints = declared?.endpoints ?? catalog.endpoints(namespace, service)
  return endpoints === undefined ? undefined : { declared, endpoints, annotations: catalog.namespaceAnnotations(namespace) }
}
