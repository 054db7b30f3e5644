// A registry on an embedded store in memory, with a clock that the test moves.
import { setImmediate } from 'node:timers/promises'
import type { Heartbeat, HeartbeatAnswer, Registration } from '../../client-sdk/src/wire.ts'
import type { Access, Actor, Delivery, InstanceName, LeaseSession, Registered, Watch } from '../../server/registry/core.ts'
import { Registry, type RegistryOptions } from '../../server/registry/registry.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { ManualClock } from '../manual-clock.ts'

/** Who does things in tests. */
export const tester: Actor = { name: 'test', kind: 'anonymous', address: '10.0.0.1' }

export interface World extends AsyncDisposable {
  readonly registry: Registry
  /** The core as the tester has it. */
  readonly access: Access
  readonly clock: ManualClock
  readonly warnings: string[]
  /** Registers `id` of shop/orders at 10.0.0.1. */
  readonly register: (id: string, registration?: Registration, name?: Partial<InstanceName>) => Promise<Registered>
  /** Sends heartbeats without letting them wait for company. */
  readonly beat: (heartbeats: readonly Heartbeat[], session?: LeaseSession) => Promise<HeartbeatAnswer>
}

export interface Closable {
  teardown (callback: () => unknown): void
}

/** @param holdMs 0 = a lease may expire at once; a store that has just begun holds otherwise */
export async function world (t: Closable, options: Partial<RegistryOptions> = {}): Promise<World> {
  const clock = new ManualClock()
  const warnings: string[] = []
  const store = options.store ?? createSqliteStore({ directory: ':memory:', now: () => clock.now(), holdMs: 0 })
  const registry = new Registry({
    clock, random: () => 0.5, log: { info: () => undefined, warn: (message) => warnings.push(message) }, protection: { holdMs: 0 }, ...options, store
  })
  await registry.open()
  t.teardown(() => registry.close())
  const access = registry.as(tester)
  return {
    registry,
    access,
    clock,
    warnings,
    register: (id, registration = {}, name = {}) => access.register({ namespace: 'shop', service: 'orders', id, ...name }, registration),
    beat: async (heartbeats, session) => {
      let settled = false
      const answer = access.heartbeat(heartbeats, session).finally(() => { settled = true })
      answer.catch(() => undefined) // the caller gets it below
      while (!settled) {
        clock.hasten(10)
        await setImmediate()
      }
      return answer
    },
    [Symbol.asyncDispose]: () => registry.close()
  }
}

/** Everything that a watch hands out now. */
export function drain (watch: Pick<Watch, 'next'>): Delivery[] {
  const deliveries: Delivery[] = []
  for (let next = watch.next(); next !== undefined; next = watch.next()) deliveries.push(next)
  return deliveries
}

/** A delivery in short: `put a registered`, `delete b expired`, `snapshot a,b`, `reset why`. */
export function short (delivery: Delivery): string {
  switch (delivery.type) {
    case 'snapshot': return `snapshot ${delivery.instances.map((instance) => instance.id).join(',')}`
    case 'change': return `${delivery.event} ${delivery.kind === 'instance' ? delivery.instance.id : `service ${delivery.service.metadata.name}`} ${delivery.change.reason}`
    case 'reset': return `reset ${delivery.reason}`
    case 'bookmark': return 'bookmark'
  }
}
