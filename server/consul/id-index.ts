// Instances by what Consul's clients know them by: their own id, or those of their checks.
import type { Instance } from '../../client-sdk/src/wire.ts'

export interface NameOfInstance {
  readonly namespace: string
  readonly service: string
  readonly id: string
}

export class IdIndex {
  /** By namespace and id: `service/id`, or several of them. */
  readonly #namespaces = new Map<string, Map<string, string | Set<string>>>()
  readonly #idsOf: (instance: Instance) => readonly string[]

  constructor (idsOf: (instance: Instance) => readonly string[]) {
    this.#idsOf = idsOf
  }

  add (instance: Instance): void {
    for (const id of this.#idsOf(instance)) this.#add(instance, id)
  }

  delete (instance: Instance): void {
    for (const id of this.#idsOf(instance)) this.#delete(instance, id)
  }

  #add (instance: Instance, id: string): void {
    const ids = this.#namespaces.get(instance.namespace) ?? new Map<string, string | Set<string>>()
    this.#namespaces.set(instance.namespace, ids)
    const name = `${instance.service}/${instance.id}`
    const known = ids.get(id)
    if (known === undefined || known === name) ids.set(id, name)
    else if (typeof known === 'string') ids.set(id, new Set([known, name]))
    else known.add(name)
  }

  #delete (instance: Instance, id: string): void {
    const ids = this.#namespaces.get(instance.namespace)
    const name = `${instance.service}/${instance.id}`
    const known = ids?.get(id)
    if (ids === undefined || known === undefined) return
    if (known === name) ids.delete(id)
    else if (typeof known !== 'string') {
      known.delete(name)
      const [only, second] = known
      if (only !== undefined && second === undefined) ids.set(id, only)
    }
    if (ids.size === 0) this.#namespaces.delete(instance.namespace)
  }

  find (namespace: string, id: string): NameOfInstance[] {
    const found = this.#namespaces.get(namespace)?.get(id)
    const names = found === undefined ? [] : typeof found === 'string' ? [found] : [...found]
    return names.map((name) => {
      const end = name.indexOf('/') // no label holds one
      return { namespace, service: name.slice(0, end), id: name.slice(end + 1) }
    })
  }
}
