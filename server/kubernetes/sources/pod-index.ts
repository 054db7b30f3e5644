// Which instances of a namespace have which id: the id is the name of the pod, and where several services have the same
// one, the instance that registered first has the name, and the others are `id.service`. So every node gives the same
// names.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import type { Access, AppliedChange, InstanceName } from '../../registry/core.ts'
import { podNameOfId } from '../objects/pod.ts'
import { isOwn } from '../own-name.ts'
import { unitOf } from '../shelf/source.ts'
import { Slice } from '../../slice.ts'
import { instanceAt } from './found.ts'

/** Instances that are read at once. */
const pageItems = 1_000

export class PodIndex {
  readonly #core: Access
  /** Services by `namespace/id`; of most ids there is one, which is kept without a set. */
  readonly #services = new Map<string, string | Set<string>>()
  /** Set while it follows the changes: it is filled, or is being filled. */
  #filling: Promise<void> | undefined
  #life = 0

  constructor (core: Access) {
    this.#core = core
  }

  changed ({ kind, event, target: { namespace, service, id } }: AppliedChange): void {
    if (this.#filling === undefined || kind !== 'instance' || id === '' || isOwn({ namespace, service })) return
    if (event === 'put' || instanceAt(this.#core, { namespace, service, id }) !== undefined) this.#add({ namespace, service, id })
    else this.#remove({ namespace, service, id })
  }

  reset (): void {
    this.#life += 1
    this.#filling = undefined
    this.#services.clear()
  }

  /**
   * Resolves when it is filled, which is done in slices: sources whose objects name pods wait for it before they make
   * any.
   */
  async begin (): Promise<void> {
    let life: number
    do {
      life = this.#life
      await (this.#filling ??= this.#fill())
    } while (life !== this.#life)
  }

  /** `namespace/id` of all. */
  async units (): Promise<Iterable<string>> {
    await this.begin()
    return this.#services.keys()
  }

  /** The instances of an id, with the names of their pods. */
  * pods (unit: string): Generator<readonly [Instance, string]> {
    const services = this.#services.get(unit)
    if (services === undefined) return
    const at = unit.indexOf('/')
    const [namespace, id] = [unit.slice(0, at), unit.slice(at + 1)]
    const found = (typeof services === 'string' ? [services] : [...services]).flatMap((service) => instanceAt(this.#core, { namespace, service, id }) ?? [])
    found.sort((a, b) => order(a.createdAt, b.createdAt) || order(a.service, b.service))
    for (const [place, instance] of found.entries()) yield [instance, place === 0 ? podNameOfId(id) : podNameOfId(`${id}.${instance.service}`)]
  }

  /** The name of the pod of an instance, also of one that is not registered any more. */
  nameOf ({ namespace, service, id }: InstanceName): string {
    const services = this.#services.get(unitOf(namespace, id))
    if (services === undefined || typeof services === 'string') return podNameOfId(id)
    for (const [instance, name] of this.pods(unitOf(namespace, id))) if (instance.service === service) return name
    return podNameOfId(id)
  }

  async #fill (): Promise<void> {
    const life = this.#life
    const slice = new Slice()
    let after: Parameters<Access['instances']>[1]
    do {
      const { items, next } = this.#core.instances({}, after, pageItems)
      for (const instance of items) if (!isOwn(instance)) this.#add(instance)
      after = next
      if (slice.isOver()) await slice.next()
    } while (after !== undefined && life === this.#life)
  }

  #add ({ namespace, service, id }: InstanceName): void {
    const unit = unitOf(namespace, id)
    const known = this.#services.get(unit)
    if (known === undefined) this.#services.set(unit, service)
    else if (typeof known !== 'string') known.add(service)
    else if (known !== service) this.#services.set(unit, new Set([known, service]))
  }

  #remove ({ namespace, service, id }: InstanceName): void {
    const unit = unitOf(namespace, id)
    const known = this.#services.get(unit)
    if (known === service) this.#services.delete(unit)
    else if (known !== undefined && typeof known !== 'string' && known.delete(service) && known.size === 0) this.#services.delete(unit)
  }
}

function order (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
