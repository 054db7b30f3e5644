// Finds things in this node's view, or says by name what is missing.
import { RegistryError } from '../errors.ts'
import type { InstanceEntry, ServiceView } from './catalog/service-entry.ts'
import type { Feed } from './feed/feed.ts'
import type { InstanceName } from './instance-name.ts'

export class Lookup {
  readonly #feed: Feed

  constructor (feed: Feed) {
    this.#feed = feed
  }

  /** @throws RegistryError REG_NOT_LOADED before the first full load */
  requireLoaded (): void {
    if (!this.#feed.loaded) throw new RegistryError('REG_NOT_LOADED', 'the registry is loading its data, try again in a moment', undefined, { retryAfterSeconds: 1 })
  }

  /** @throws RegistryError REG_NAMESPACE_NOT_FOUND */
  requireNamespace (namespace: string): void {
    if (!this.#feed.catalog.hasNamespace(namespace)) throw new RegistryError('REG_NAMESPACE_NOT_FOUND', `namespace "${namespace}" not found`)
  }

  /**
   * What stands under a name: the declared service, else the implicit one.
   * @throws RegistryError REG_NAMESPACE_NOT_FOUND or REG_SERVICE_NOT_FOUND, whichever is missing
   */
  requireService (namespace: string, service: string): ServiceView {
    const found = this.#feed.catalog.service(namespace, service)
    if (found !== undefined) return found
    this.requireNamespace(namespace)
    throw new RegistryError('REG_SERVICE_NOT_FOUND', `service "${service}" not found in namespace "${namespace}"`)
  }

  /** @throws RegistryError naming what is missing: namespace, service or instance */
  requireEntry ({ namespace, service, id }: InstanceName): InstanceEntry {
    const entry = this.#feed.catalog.entry(namespace, service, id)
    if (entry === undefined) this.requireService(namespace, service)
    if (entry === undefined) throw new RegistryError('REG_INSTANCE_NOT_FOUND', `instance "${id}" not found in service "${service}" of namespace "${namespace}"`)
    return entry
  }
}
