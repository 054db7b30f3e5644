// An operator's drain, outage or weight on an instance.
import type { Static } from 'typebox'
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import type { OverrideBody } from '../../model/instance/instance.ts'
import { maxOverrides } from '../../model/limits.ts'
import type { Actor } from '../actor.ts'
import type { InstanceName } from '../instance-name.ts'
import { overrideKey, storedOverride } from '../overrides.ts'
import { type Decision, certain, outdated } from './certain.ts'
import type { CommandParts } from './instances.ts'

export class OverrideCommands {
  readonly #parts: CommandParts

  constructor (parts: CommandParts) {
    this.#parts = parts
  }

  /**
   * Sets an override, in place of the one before. Gives the instance under it.
   * @throws RegistryError REG_..._NOT_FOUND, REG_INVALID, REG_LIMIT_REACHED
   */
  async set (actor: Actor, name: InstanceName, input: Static<typeof OverrideBody>): Promise<Instance> {
    const { store, feed, lookup, clock } = this.#parts
    lookup.requireLoaded()
    const { body, endsAtMs } = storedOverride(input, actor.name, clock.now())
    const key = overrideKey(name.namespace, name.service, name.id)
    return certain(this.#parts, (): Decision<Instance> => {
      lookup.requireEntry(name)
      if (feed.catalog.object(key) === undefined && feed.catalog.overrideCount >= maxOverrides) {
        throw new RegistryError('REG_LIMIT_REACHED', `there are ${maxOverrides} overrides already`)
      }
      return {
        says: true, // that the instance is there, which no expectation of the write can say
        write: async () => {
          const committed = await store.commit([{ type: 'put', key, body, endsAtMs, reason: 'override' }], actor.name)
          const isUnchanged = committed.outcome === 'committed' && committed.revisions[0] === 0
          if (isUnchanged) await store.sync() // it was there before this node knew
          return lookup.requireEntry(name).instance
        }
      }
    })
  }

  /** Ends an override before its time. Gives the revision of its end. @throws RegistryError REG_OVERRIDE_NOT_FOUND, REG_..._NOT_FOUND */
  async remove (actor: Actor, name: InstanceName): Promise<number> {
    const { store, feed, lookup } = this.#parts
    lookup.requireLoaded()
    const key = overrideKey(name.namespace, name.service, name.id)
    return certain(this.#parts, (): Decision<number> => {
      if (feed.catalog.object(key) === undefined) {
        lookup.requireEntry(name)
        throw new RegistryError('REG_OVERRIDE_NOT_FOUND', `instance "${name.id}" of service "${name.service}" has no override`)
      }
      return {
        write: async () => {
          const committed = await store.commit([{ type: 'delete', key, reason: 'override-removed' }], actor.name)
          const revision = committed.outcome === 'committed' ? committed.revisions[0] ?? 0 : 0
          return revision === 0 ? outdated : revision
        }
      }
    })
  }
}
