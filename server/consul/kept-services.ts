// What an agent of Consul's does for its services by itself, and the registry's leases don't: a service without a TTL stays until somebody ends
// it, and one whose TTL ran out stays too, critical, until `DeregisterCriticalServiceAfter`. So the registry renews the leases of the first, and
// gives the second another lease before the one that ran out takes them away. Every node does it: the second to come changes nothing.
import type { Instance } from '../../client-sdk/src/wire.ts'
import type { Clock } from '../clock.ts'
import { instanceKey } from '../model/names.ts'
import { type Access, type Core, registryActor } from '../registry/core.ts'
import { RegistryError } from '../errors.ts'
import type { Directory } from './directory.ts'
import { isKeptByUs, registrationWith } from './form/mapping.ts'
import { recordOf } from './form/record.ts'

export interface KeptServicesOptions {
  readonly core: Core
  readonly clock: Clock
  readonly warn: (message: string) => void
}

/** Leases of a day are renewed this often: a store may be away for most of a day. */
const renewMs = 3_600_000
/** Leases in one call. */
const batch = 1_000
/**
 * After a lease ran out the sweep needs a moment to see whether too many did: then it is an outage of the registry's, and nothing is said of
 * the services. It looks four times a second, and takes nothing away for as long as its grace.
 */
const doubtMs = 500
/** Looked at in one round; the others are looked at in the next. */
const maxPerRound = 200

export class KeptServices {
  readonly #options: KeptServicesOptions
  readonly #access: Access
  /** Consul's services whose leases ran out, and since when this node knows. */
  readonly #suspects = new Map<string, { readonly instance: Instance, readonly sinceMs: number }>()
  #cancelLook: (() => void) | undefined
  #cancelRenewal: (() => void) | undefined
  #isClosed = false

  constructor (options: KeptServicesOptions) {
    this.#options = options
    this.#access = options.core.as({ ...registryActor, dialect: 'consul' })
  }

  /** Begins to renew. */
  start (directory: Directory): void {
    this.#cancelRenewal = this.#options.clock.after(renewMs, async () => {
      try {
        await this.#renew(directory)
      } finally {
        if (!this.#isClosed) this.start(directory)
      }
    })
  }

  close (): void {
    this.#isClosed = true
    this.#cancelLook?.()
    this.#cancelRenewal?.()
    this.#suspects.clear()
  }

  /** An instance came, changed or went. */
  readonly changed = (instance: Instance, isThere: boolean): void => {
    const key = instanceKey(instance.namespace, instance.service, instance.id)
    const record = recordOf(instance)
    const isOver = !isThere || !instance.suspect || record === undefined || record.imported === true || (record.lapsed !== undefined && !isKeptByUs(record))
    if (isOver) return void this.#suspects.delete(key)
    if (!this.#suspects.has(key)) this.#suspects.set(key, { instance, sinceMs: this.#options.clock.now() })
    this.#cancelLook ??= this.#options.clock.after(doubtMs, () => this.#look())
  }

  /** Of the suspects that nothing holds back, each becomes critical, and stays. */
  async #look (): Promise<void> {
    try {
      const now = this.#options.clock.now()
      const due = [...this.#suspects].filter(([, { sinceMs }]) => now - sinceMs >= doubtMs).slice(0, maxPerRound)
      if (due.length > 0) await this.#access.caughtUp() // a heartbeat may have come through another node
      for (const [key, { instance }] of due) await this.#keep(key, instance)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      this.#options.warn(`services of Consul's clients whose TTL ran out could not be kept yet: ${error.message}`)
    } finally {
      this.#cancelLook = this.#suspects.size === 0 || this.#isClosed ? undefined : this.#options.clock.after(doubtMs, () => this.#look())
    }
  }

  async #keep (key: string, { namespace, service, id }: Instance): Promise<void> {
    const { registrySinceMs, services } = this.#access.protection()
    if (registrySinceMs !== undefined || services.has(`${namespace}/${service}`)) return // it stays a suspect, and nothing takes it away
    const instance = this.#find({ namespace, service, id })
    const record = instance === undefined ? undefined : recordOf(instance)
    if (instance === undefined || record === undefined || !instance.suspect) return void this.#suspects.delete(key)
    const isTtl = record.checks.some(({ ttlMs }) => ttlMs !== undefined)
    const checks = record.checks.map((check) => (check.ttlMs === undefined ? check : { ...check, status: 'critical' as const }))
    const kept = isTtl ? { ...record, checks, lapsed: record.lapsed ?? 'ttl' as const } : record
    const status = isTtl ? instance.status === 'starting' ? 'starting' : 'down' : instance.status
    await this.#access.register(instance, registrationWith(instance, kept, status))
    this.#suspects.delete(key)
  }

  #find (name: { readonly namespace: string, readonly service: string, readonly id: string }): Instance | undefined {
    try {
      return this.#access.instance(name)
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return undefined
      throw error
    }
  }

  async #renew (directory: Directory): Promise<void> {
    let leases: { namespace: string, service: string, id: string }[] = []
    const send = async (): Promise<void> => {
      if (leases.length > 0) await this.#access.heartbeat(leases.splice(0))
    }
    try {
      for await (const instance of directory.instances()) {
        const record = recordOf(instance)
        if (record === undefined || !isKeptByUs(record)) continue
        const { namespace, service, id } = instance
        leases.push({ namespace, service, id })
        if (leases.length >= batch) await send()
      }
      await send()
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      leases = []
      this.#options.warn(`leases of Consul's services without a TTL could not be renewed: ${error.message}; it is tried again in an hour, and they last a day`)
    }
  }
}
