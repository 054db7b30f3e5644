// One import of another registry's instances: what is there becomes registered here, and goes when it goes there. What an owner has
// registered here by himself meanwhile is another life (generation) of the instance, and is left alone.
import type { HeartbeatAnswer, Instance, LeaseReference, Registration } from '../../client-sdk/src/wire.ts'
import type { Api } from './api.ts'
import { RefusedError } from './errors.ts'
import { instancePath, orNothing } from './paths.ts'

/** An instance of the other registry, in our words. */
export interface Imported {
  readonly service: string
  readonly id: string
  readonly registration: Registration
}

/** What the other registry has now. */
export interface SourceList {
  readonly instances: readonly Imported[]
  /** Those that cannot be registered here, and why. */
  readonly refused: readonly string[]
}

export interface Source {
  /** @throws Error saying what is wrong with the other registry */
  read (signal: AbortSignal): Promise<SourceList>
}

/** Names what was imported: a registration of its own has another generation. */
export const importedGeneration = 'imported'
/** Leases in one call. */
const batch = 1_000
/** Registrations at once. */
const atOnce = 16

export interface Round {
  readonly registered: number
  readonly renewed: number
  readonly removed: number
  /** Registered here by themselves. */
  readonly moved: number
}

export interface RunOptions {
  readonly api: Pick<Api, 'get' | 'list' | 'put' | 'post' | 'delete'>
  readonly namespace: string
  /** Of a lease; a shorter one of the source is lengthened to this. */
  readonly leastTtlMs: number
  /** A sentence for the person at the terminal. */
  readonly say: (text: string) => void
}

export class ImportRun {
  readonly #options: RunOptions
  /** What was registered by this run, as text, by `service/id`. */
  readonly #kept = new Map<string, { readonly item: Imported, readonly text: string }>()
  #refused = new Set<string>()

  constructor (options: RunOptions) {
    this.#options = options
  }

  /** Makes the registry have what the source has. @throws what the registry refuses as a whole */
  async round (items: readonly Imported[]): Promise<Round> {
    const wanted = new Map(items.map((item) => [keyOf(item), this.#lasting(item)]))
    const removed = await this.#removeOthers(wanted)
    const unchanged = [...wanted].filter(([key, item]) => this.#kept.get(key)?.text === JSON.stringify(item.registration))
    const { renewed, lost, moved } = await this.#renew(unchanged.map(([, item]) => item))
    const same = new Set(unchanged.map(([key]) => key).filter((key) => !lost.has(key)))
    const others = [...wanted].filter(([key]) => !same.has(key)).map(([, item]) => item)
    const { registered, taken } = others.length === 0 ? { registered: 0, taken: 0 } : await this.#register(others)
    return { registered, renewed, removed, moved: moved + taken }
  }

  #lasting (item: Imported): Imported {
    const ttlMs = Math.max(this.#options.leastTtlMs, item.registration.lease?.ttlMs ?? 0)
    return { ...item, registration: { ...item.registration, generation: importedGeneration, lease: { ttlMs } } }
  }

  async #removeOthers (wanted: ReadonlyMap<string, Imported>): Promise<number> {
    const { api, namespace } = this.#options
    let removed = 0
    for (const [key, { item: { service, id } }] of [...this.#kept]) {
      if (wanted.has(key)) continue
      this.#kept.delete(key)
      try {
        await api.delete(instancePath(namespace, service, id), { generation: importedGeneration })
        removed += 1
      } catch (error) {
        if (!(error instanceof RefusedError) || (error.status !== 404 && error.status !== 409)) throw error // gone, or another life
      }
    }
    return removed
  }

  async #renew (items: readonly Imported[]): Promise<{ readonly renewed: number, readonly lost: ReadonlySet<string>, readonly moved: number }> {
    const { api, namespace } = this.#options
    const lost = new Set<string>()
    let [renewed, moved] = [0, 0]
    for (let from = 0; from < items.length; from += batch) {
      const leases = items.slice(from, from + batch).map(({ service, id }): LeaseReference => ({ namespace, service, id, generation: importedGeneration }))
      const answer = await api.post<HeartbeatAnswer>('/v1/heartbeats', { leases })
      renewed += answer.renewed
      moved += answer.superseded.length
      for (const each of answer.unknown) lost.add(keyOf(each))
      for (const each of [...answer.unknown, ...answer.superseded, ...answer.forbidden ?? []]) this.#kept.delete(keyOf(each))
    }
    return { renewed, lost, moved }
  }

  async #register (items: readonly Imported[]): Promise<{ readonly registered: number, readonly taken: number }> {
    const { api, namespace, say } = this.#options
    const known = await orNothing(api.list<Instance>('/v1/instances', { namespace })) // there may be no such namespace yet
    const others = new Map(known?.items.map((instance) => [keyOf(instance), instance.generation]))
    const free = items.filter((item) => (others.get(keyOf(item)) ?? importedGeneration) === importedGeneration)
    let registered = 0
    const refused = new Set<string>()
    for (let from = 0; from < free.length; from += atOnce) {
      await Promise.all(free.slice(from, from + atOnce).map(async (item) => {
        const key = keyOf(item)
        try {
          await api.put(instancePath(namespace, item.service, item.id), item.registration)
          this.#kept.set(key, { item, text: JSON.stringify(item.registration) })
          registered += 1
        } catch (error) {
          if (!(error instanceof RefusedError) || error.status === 401 || (error.status ?? 500) >= 500) throw error
          refused.add(key)
          if (!this.#refused.has(key)) say(`${key} is not imported: ${error.message}`) // once
        }
      }))
    }
    this.#refused = refused
    return { registered, taken: items.length - free.length }
  }
}

function keyOf ({ service, id }: { readonly service: string, readonly id: string }): string {
  return `${service}/${id}`
}
