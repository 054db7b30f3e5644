// Register, change, deregister: what an instance's owner asks for.
import type { Static } from 'typebox'
import type { Instance, Registration } from '../../../client-sdk/src/wire.ts'
import type { Clock } from '../../clock.ts'
import { RegistryError } from '../../errors.ts'
import { PatchBody, bodyOf, instanceOf, ownedBody, patched, storedBody, withKnownOrder } from '../../model/instance/instance.ts'
import { rememberBody } from '../../model/instance/stored-instance.ts'
import { maxInstancesPerService, maxNamespaces, maxServicesPerNamespace } from '../../model/limits.ts'
import { instanceKey } from '../../model/names.ts'
import { checked, checker } from '../../model/validate.ts'
import type { Granted, Store } from '../../store/store.ts'
import type { Actor, Owned, Ownership } from '../actor.ts'
import type { InstanceEntry } from '../catalog/service-entry.ts'
import type { Feed } from '../feed/feed.ts'
import { type InstanceName, checkName } from '../instance-name.ts'
import type { Lookup } from '../lookup.ts'
import { requirePermitted } from '../ownership.ts'
import { leaseName, randomText } from '../random-text.ts'
import { type Decision, certain, outdated } from './certain.ts'
import { Turns } from './turns.ts'

const checkPatch = checker(PatchBody)

export interface Registered {
  readonly instance: Instance
  readonly outcome: Granted['outcome']
  readonly revision: number
  /** The stored text of the content that the instance shows, if it is at hand. */
  readonly body?: string | undefined
}

export interface CommandParts {
  readonly store: Store
  readonly feed: Feed
  readonly lookup: Lookup
  readonly clock: Clock
}

export class InstanceCommands {
  readonly #parts: CommandParts
  readonly #turns: Turns

  constructor (parts: CommandParts) {
    this.#parts = parts
    this.#turns = new Turns(parts.clock)
  }

  /**
   * Registers an instance, or renews it if nothing is new. The same generation with other content is an update, another
   * generation replaces the life before. The address of the actor stands in for an absent one.
   * @param registration its shape fits `RegistrationBody`
   * @throws RegistryError REG_INVALID, REG_LIMIT_REACHED, REG_FORBIDDEN, REG_STORE_UNAVAILABLE, REG_STORE_FULL, REG_OUTCOME_UNKNOWN
   */
  async register (actor: Actor, name: InstanceName, registration: Registration): Promise<Registered> {
    const { store, feed, lookup, clock } = this.#parts
    lookup.requireLoaded()
    checkName(name)
    const { body, ttlMs } = bodyOf(registration, actor.address)
    if (this.#fullness(name) !== undefined) await this.#refuseIfFull(name)
    const known = feed.catalog.entry(name.namespace, name.service, name.id)
    const { ownership } = actor
    // Without a control of access, or while it only reports, who has no name leaves the owner as it is.
    const owner = ownership?.isBinding === true ? ownership.owner : ownership?.owner ?? known?.instance.owner
    if (known !== undefined && ownership?.isBinding === false && isOthers(ownership, known.instance)) ownership.permits(known.instance) // it is reported
    const content = ownedBody(withKnownOrder(body, known?.instance.ports), owner, actor.dialect)
    const text = JSON.stringify(content)
    rememberBody(text, content)
    const granted = await store.grant({
      key: instanceKey(name.namespace, name.service, name.id),
      lease: leaseName(clock.now()),
      generation: registration.generation === undefined ? undefined : String(registration.generation),
      newGeneration: registration.generation === undefined ? randomText() : '',
      isNew: known === undefined,
      ttlMs,
      body: text,
      by: actor.name,
      owner: ownership?.isBinding === true ? ownership.owner ?? '' : undefined
    })
    const entry = feed.catalog.entry(name.namespace, name.service, name.id)
    const { outcome, generation, revision } = granted
    // Another write may have come behind this one: then the instance shows its content.
    if (entry?.lease === granted.lease) return { instance: entry.instance, outcome, revision, body: entry.recordRevision === revision ? text : undefined }
    // It may have been removed already: the caller still gets what was stored.
    const now = clock.now()
    const facts = { ...name, generation, ttlMs, createdAtMs: now, updatedAtMs: now, revision, suspect: false, override: undefined }
    return { instance: instanceOf(content, facts), outcome, revision }
  }

  /**
   * Changes status, labels, metadata or weight. Patches of one instance at the same time are merged, whichever nodes they come through.
   * @throws RegistryError REG_..._NOT_FOUND, REG_GENERATION_SUPERSEDED, REG_INVALID, REG_CONFLICT and REG_OVERLOADED after seconds of waiting
   */
  async patch (actor: Actor, name: InstanceName, patch: Static<typeof PatchBody>, generation: string | undefined): Promise<Instance> {
    const { store, feed, lookup } = this.#parts
    lookup.requireLoaded()
    checked(checkPatch, patch) // whichever adapter it came through
    return this.#turns.take(instanceKey(name.namespace, name.service, name.id), () => certain(this.#parts, (): Decision<Instance> => {
      const entry = lookup.requireEntry(name)
      requirePermitted(actor, entry.instance)
      requireGeneration(entry, generation)
      const before = storedBody(entry.instance)
      const after = patched(before, patch)
      const body = JSON.stringify(after)
      if (body === JSON.stringify(before)) return { done: entry.instance }
      return {
        write: async () => {
          const revised = await store.revise({ lease: entry.lease, expected: entry.recordRevision, body, reason: 'updated', by: actor.name })
          if (revised.outcome !== 'updated') return outdated
          const now = feed.catalog.entry(name.namespace, name.service, name.id)
          // It may have gone since: its owner still learns what was stored.
          return now?.lease === entry.lease ? now.instance : { ...entry.instance, ...after, revision: revised.revision }
        }
      }
    }))
  }

  /**
   * Ends a registration. Gives the revision of its end.
   * @throws RegistryError REG_..._NOT_FOUND; REG_GENERATION_SUPERSEDED if another life than `generation` is registered
   */
  async deregister (actor: Actor, name: InstanceName, generation: string | undefined): Promise<number> {
    const { store, lookup } = this.#parts
    lookup.requireLoaded()
    return certain(this.#parts, (): Decision<number> => {
      const entry = lookup.requireEntry(name)
      requirePermitted(actor, entry.instance)
      requireGeneration(entry, generation)
      return {
        write: async () => {
          const [revision = 0] = await store.revoke([entry.lease], actor.name)
          return revision === 0 ? outdated : revision // gone already, or another life is registered now
        }
      }
    })
  }

  /** A limit may have been reached in an older view only: the refusal is said by a current one. */
  async #refuseIfFull (name: InstanceName): Promise<void> {
    await this.#parts.store.sync()
    const full = this.#fullness(name)
    if (full !== undefined) throw new RegistryError('REG_LIMIT_REACHED', full)
  }

  /** Which limit leaves no room for one more of this name. */
  #fullness ({ namespace, service, id }: InstanceName): string | undefined {
    const { catalog } = this.#parts.feed
    const group = catalog.registered(namespace, service)
    if (group !== undefined) {
      if (group.size < maxInstancesPerService || group.get(id) !== undefined) return undefined
      return `service "${service}" has ${maxInstancesPerService} instances already`
    }
    if (catalog.hasNamespace(namespace)) {
      return catalog.namespaceCounts(namespace).services < maxServicesPerNamespace ? undefined : `namespace "${namespace}" has ${maxServicesPerNamespace} services already`
    }
    return catalog.namespaces().length < maxNamespaces ? undefined : `there are ${maxNamespaces} namespaces already`
  }
}

function isOthers ({ owner }: Ownership, instance: Owned): boolean {
  return instance.owner !== undefined && instance.owner !== owner
}

/** Whether a reference names another life than the registered one. */
export function isOtherLife (entry: InstanceEntry, generation: string | undefined): boolean {
  return generation !== undefined && String(generation) !== entry.instance.generation
}

function requireGeneration (entry: InstanceEntry, generation: string | undefined): void {
  if (!isOtherLife(entry, generation)) return
  const { id, service, generation: current } = entry.instance
  const message = `generation ${JSON.stringify(generation)} of instance "${id}" of service "${service}" is superseded by ${JSON.stringify(current)}`
  throw new RegistryError('REG_GENERATION_SUPERSEDED', message, [
    { field: 'generation', value: generation, rule: 'must be the generation that is registered now' }
  ])
}
