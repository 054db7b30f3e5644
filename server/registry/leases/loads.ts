// What instances said of their load in heartbeats: the newest word of each life, in the memory of the node that heard it. It is no
// change: nothing is stored, no revision grows, no watcher wakes.
import { loadFaults } from '../../../client-sdk/src/rules.ts'
import type { Instance, LoadValue } from '../../../client-sdk/src/wire.ts'
import { invalid } from '../../errors.ts'
import type { Feed } from '../feed/feed.ts'

export type Load = Readonly<Record<string, LoadValue>>

export interface KeptLoad {
  readonly load: Load
  /** When it was heard, on this node's clock: an old word says nothing. */
  readonly atMs: number
}

/** At most one for each registered instance. */
export class Loads {
  readonly #feed: Feed
  readonly #kept = new Map<string, KeptLoad & { readonly lease: string }>()

  constructor (feed: Feed) {
    this.#feed = feed
    feed.listen({
      name: 'loads',
      changed: ({ kind, event, target }) => { if (kind === 'instance' && event === 'delete') this.#kept.delete(keyOf(target)) },
      loaded: () => this.#prune()
    })
  }

  get size (): number {
    return this.#kept.size
  }

  set (instance: Pick<Instance, 'namespace' | 'service' | 'id'>, lease: string, load: Load, nowMs: number): void {
    this.#kept.set(keyOf(instance), { load, atMs: nowMs, lease })
  }

  /** The newest word of the life that is registered now. */
  get ({ namespace, service, id }: Pick<Instance, 'namespace' | 'service' | 'id'>): KeptLoad | undefined {
    const kept = this.#kept.get(keyOf({ namespace, service, id }))
    return kept?.lease === this.#feed.catalog.entry(namespace, service, id)?.lease ? kept : undefined
  }

  /** Every instance that said something, in no particular order. */
  * entries (): Generator<readonly [Instance, KeptLoad]> {
    for (const [key, kept] of this.#kept) {
      const entry = this.#entry(key)
      if (entry?.lease === kept.lease) yield [entry.instance, kept]
    }
  }

  #prune (): void {
    for (const [key, { lease }] of this.#kept) if (this.#entry(key)?.lease !== lease) this.#kept.delete(key)
  }

  #entry (key: string): ReturnType<Feed['catalog']['entry']> {
    const [namespace = '', service = '', id = ''] = key.split('/')
    return this.#feed.catalog.entry(namespace, service, id)
  }
}

/** @throws RegistryError REG_INVALID for too many, a bad name, or what is no number */
export function checkLoad (load: Load, field: string): void {
  const faults = loadFaults(load, field)
  if (faults.length > 0) throw invalid(faults)
}

function keyOf ({ namespace, service, id }: Pick<Instance, 'namespace' | 'service' | 'id'>): string {
  return `${namespace}/${service}/${id}`
}
