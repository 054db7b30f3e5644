// Renews leases. A heartbeat is no change, but the status that it carries may be one.
import type { Heartbeat, HeartbeatAnswer, LeaseReference, Status } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import { instanceKey } from '../../model/names.ts'
import type { Actor } from '../actor.ts'
import type { InstanceEntry } from '../catalog/service-entry.ts'
import { isPermitted } from '../ownership.ts'
import type { KeepResult, LeaseKeeper } from '../leases/lease-keeper.ts'
import { type Loads, checkLoad } from '../leases/loads.ts'
import type { BoundLease, LeaseSession } from '../leases/sessions.ts'
import { Slice } from '../../slice.ts'
import { type CommandParts, type InstanceCommands, isOtherLife } from './instances.ts'

export interface HeartbeatParts extends CommandParts {
  readonly keeper: LeaseKeeper
  readonly loads: Loads
  readonly instances: Pick<InstanceCommands, 'patch'>
  readonly warn: (message: string) => void
}

/** Heartbeats that are taken without a pause: a millisecond or two. */
const beatsAtOnce = 500
/** A lease that the store does not know is looked for again this often: each time another life must have begun meanwhile. */
const maxRounds = 3

interface Kept {
  readonly heartbeat: Heartbeat
  readonly entry: InstanceEntry
}

/** What the view says of heartbeats. */
interface Sorted {
  readonly kept: Kept[]
  readonly unknown: Heartbeat[]
  readonly superseded: Heartbeat[]
  readonly forbidden: Heartbeat[]
}

export class HeartbeatCommands {
  readonly #parts: HeartbeatParts

  constructor (parts: HeartbeatParts) {
    this.#parts = parts
  }

  /**
   * Renews many leases. A status that differs from the stored one is stored as a change. While the store is away nothing is called
   * unknown or superseded, and `stored` is false.
   * @param session binds the renewed leases whose generation was named: if it breaks, they turn suspect
   * @throws RegistryError REG_INVALID for a load that breaks its rule, REG_OVERLOADED
   */
  async beat (actor: Actor, heartbeats: readonly Heartbeat[], session?: LeaseSession): Promise<HeartbeatAnswer> {
    this.#parts.lookup.requireLoaded()
    for (const [index, { load }] of heartbeats.entries()) if (load !== undefined) checkLoad(load, `leases[${index}].load`)
    if (heartbeats.length <= beatsAtOnce) return this.#beatSome(actor, heartbeats, session)
    const slice = new Slice()
    const answers: HeartbeatAnswer[] = []
    for (let from = 0; from < heartbeats.length; from += beatsAtOnce) {
      await slice.next() // the body of so many was read in this turn
      answers.push(await this.#beatSome(actor, heartbeats.slice(from, from + beatsAtOnce), session))
    }
    return {
      renewed: answers.reduce((sum, { renewed }) => sum + renewed, 0),
      unknown: answers.flatMap(({ unknown }) => unknown),
      superseded: answers.flatMap(({ superseded }) => superseded),
      stored: answers.every(({ stored }) => stored)
    }
  }

  async #beatSome (actor: Actor, heartbeats: readonly Heartbeat[], session: LeaseSession | undefined): Promise<HeartbeatAnswer> {
    const { feed } = this.#parts
    const unknown: Heartbeat[] = []
    const superseded: Heartbeat[] = []
    const forbidden: Heartbeat[] = []
    const renewed: Kept[] = []
    let stored = feed.storeHealth.available
    let isCurrent = false
    let pending = heartbeats
    for (let round = 0; pending.length > 0 && round < maxRounds; round++) {
      let sorted = this.#sort(actor, pending)
      if (!isCurrent && sorted.kept.length < pending.length) {
        isCurrent = await this.#prove()
        sorted = this.#sort(actor, pending)
      }
      if (isCurrent) {
        unknown.push(...sorted.unknown)
        superseded.push(...sorted.superseded)
        forbidden.push(...sorted.forbidden)
      } else if (sorted.kept.length < pending.length) stored = false
      const result = await this.#keep(sorted.kept, session)
      if (!result.stored && sorted.kept.length > 0) stored = false
      if (result.unknown.size === 0) {
        renewed.push(...sorted.kept)
        break
      }
      renewed.push(...sorted.kept.filter(({ entry }) => !result.unknown.has(entry.lease)))
      // The store knows these leases no more. Perhaps another life has begun, and a heartbeat without generation means that one.
      pending = sorted.kept.filter(({ entry }) => result.unknown.has(entry.lease)).map(({ heartbeat }) => heartbeat)
      isCurrent = await this.#prove()
      if (round === maxRounds - 1) unknown.push(...pending)
    }
    if (stored) await this.#report(actor, renewed)
    const refused = forbidden.length === 0 ? {} : { forbidden: forbidden.map(reference) }
    const others = unknown.length + superseded.length + forbidden.length
    return { renewed: heartbeats.length - others, unknown: unknown.map(reference), superseded: superseded.map(reference), ...refused, stored }
  }

  #sort (actor: Actor, heartbeats: readonly Heartbeat[]): Sorted {
    const { catalog } = this.#parts.feed
    const sorted: Sorted = { kept: [], unknown: [], superseded: [], forbidden: [] }
    for (const heartbeat of heartbeats) {
      const entry = catalog.entry(heartbeat.namespace, heartbeat.service, heartbeat.id)
      if (entry === undefined) sorted.unknown.push(heartbeat)
      else if (!isPermitted(actor, entry.instance)) sorted.forbidden.push(heartbeat)
      else if (isOtherLife(entry, heartbeat.generation)) sorted.superseded.push(heartbeat)
      else sorted.kept.push({ heartbeat, entry })
    }
    return sorted
  }

  /** Brings the view up to date. False while the store is away: then nothing can be proved. */
  async #prove (): Promise<boolean> {
    if (!this.#parts.feed.storeHealth.available) return false
    try {
      await this.#parts.store.sync()
      return true
    } catch (error) {
      if (error instanceof RegistryError) return false
      throw error
    }
  }

  async #keep (kept: readonly Kept[], session: LeaseSession | undefined): Promise<KeepResult> {
    const { keeper, loads } = this.#parts
    const result = await keeper.keep(kept.map(({ entry }) => ({ lease: entry.lease, ttlMs: entry.instance.lease.ttlMs })))
    const bound: BoundLease[] = []
    for (const { heartbeat, entry } of kept) {
      if (result.unknown.has(entry.lease)) continue
      if (heartbeat.load !== undefined) loads.set(heartbeat, entry.lease, heartbeat.load)
      const deadlineMs = result.deadlines.get(entry.instance.lease.ttlMs)
      // Without the generation it may come from another process: its socket does not become the session of the
      // instance.
      if (session === undefined || heartbeat.generation === undefined || deadlineMs === undefined) continue
      const key = instanceKey(heartbeat.namespace, heartbeat.service, heartbeat.id)
      bound.push({ key, lease: entry.lease, deadlineMs, listens: listenerOf(entry) })
    }
    session?.bind(bound)
    return result
  }

  /** Stores the statuses that are others than the stored ones. */
  async #report (actor: Actor, renewed: readonly Kept[]): Promise<void> {
    const said = renewed.filter(({ heartbeat }) => heartbeat.status !== undefined)
    if (said.length === 0) return
    // "The same already" must not be said by an older view: one question for all of them.
    if (said.some((kept) => !this.#differs(kept))) await this.#prove()
    await Promise.all(said.filter((kept) => this.#differs(kept)).map(({ heartbeat }) => this.#patch(actor, heartbeat, heartbeat.status ?? 'up')))
  }

  #differs ({ heartbeat: { namespace, service, id, status } }: Kept): boolean {
    const entry = this.#parts.feed.catalog.entry(namespace, service, id)
    return entry !== undefined && entry.instance.status !== status
  }

  async #patch (actor: Actor, heartbeat: Heartbeat, status: Status): Promise<void> {
    try {
      await this.#parts.instances.patch(actor, heartbeat, { status }, heartbeat.generation)
    } catch (error) {
      // The lease is renewed; the next heartbeat reports the status again. Its owner going away meanwhile is no fault.
      this.#parts.warn(`the status of ${instanceKey(heartbeat.namespace, heartbeat.service, heartbeat.id)} was not stored: ${String(error)}`)
    }
  }
}

/** Where the process of an instance takes connections, if it says so. */
function listenerOf ({ instance: { address, ports } }: InstanceEntry): BoundLease['listens'] {
  const port = ports.find(({ protocol }) => protocol === 'TCP')?.port
  return port === undefined ? undefined : { address, port }
}

function reference ({ namespace, service, id, generation }: LeaseReference): LeaseReference {
  return { namespace, service, id, ...(generation === undefined ? {} : { generation }) }
}
