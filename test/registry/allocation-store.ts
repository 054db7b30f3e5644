// A store of objects in memory, of which each node sees the changes only when it syncs, and allocators on it.
import { Allocator } from '../../server/registry/allocation/allocator.ts'
import { type Holder, claimBody, claimKey, type ClaimTarget } from '../../server/registry/allocation/claims.ts'
import type { LoadBalancerNeed, Need } from '../../server/model/service/needs.ts'
import type { IpFamily } from '../../server/model/service/types.ts'
import type { Plan } from '../../server/registry/allocation/needs.ts'
import { type LoadBalancerPool, parsePortRange, readPools, readServiceCidrs } from '../../server/model/address/ranges.ts'
import type { Committed, ObjectRecord, ObjectWrite } from '../../server/store/store.ts'

export interface Settings {
  readonly cidrs?: readonly string[]
  readonly ports?: string
  readonly pools?: readonly string[]
  readonly random?: () => number
}

export function allocator ({ cidrs = ['10.96.0.0/12'], ports = '30000-32767', pools = [], random = dice(1) }: Settings = {}): Allocator {
  const nodePorts = parsePortRange(ports)
  if ('problem' in nodePorts) throw new Error(nodePorts.problem)
  const loadBalancers: LoadBalancerPool[] = readPools(pools)
  return new Allocator({ serviceCidrs: readServiceCidrs(cidrs), nodePorts, pools: loadBalancers, random })
}

/** The same numbers on every run (mulberry32). */
export function dice (seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function holder (name: string): Holder {
  const [namespace = '', service = ''] = name.split('/')
  return { namespace, service }
}

const asked = <Value>(requested: Value | undefined): { requested?: Value } => (requested === undefined ? {} : { requested })
export const ip = (requested?: string, family: IpFamily = 'IPv4'): Need =>
  ({ kind: 'clusterIP', key: `clusterIP/${family}`, family, field: 'spec.clusterIPs', ...asked(requested) })
export const port = (servicePort: number, requested?: number): Need =>
  ({ kind: 'nodePort', key: `nodePort/${servicePort}`, field: 'spec.ports[0].nodePort', ...asked(requested) })
export const check = (requested?: number): Need =>
  ({ kind: 'healthCheckNodePort', key: 'healthCheckNodePort', field: 'spec.healthCheckNodePort', ...asked(requested) })
export const balancer = (rest: Partial<LoadBalancerNeed> = {}): Need =>
  ({ kind: 'loadBalancer', key: `loadBalancer/${rest.family ?? 'IPv4'}`, family: 'IPv4', field: 'spec.loadBalancerIP', ...rest })

/** A plan for one service after the other, in one write. */
export function planned (allocator: Allocator, ...services: readonly (readonly [string, ...Need[]])[]): Plan {
  return allocator.plan(services.map(([name, ...needs]) => ({ holder: holder(name), needs })), { reason: 'updated' })
}

/** What each service got, in the order in which it was decided: kept, asked for, chosen, and then `pending`. */
export function values (plan: Plan): (string | number)[][] {
  return plan.results.map((result) => [...result.values.values(), ...Array.from(result.pending.keys(), () => 'pending')])
}

/** `+key` for what is claimed, `-key` for what is released. */
export function shortly (plan: Plan): string[] {
  return plan.writes.map(({ type, key }) => `${type === 'put' ? '+' : '-'}${key}`).sort()
}

/** Tells an allocator that a service has a value. */
export function give (allocator: Allocator, name: string, ...targets: readonly ClaimTarget[]): void {
  for (const target of targets) allocator.taken({ key: claimKey(target), revision: 1, body: claimBody(holder(name)) })
}

export interface Node {
  readonly allocator: Allocator
  commit (writes: readonly ObjectWrite[], by: string): Promise<Committed>
  sync (): Promise<void>
}

type StoredObject = Pick<ObjectRecord, 'key' | 'revision' | 'body'>

export class ObjectStore {
  readonly objects = new Map<string, StoredObject>()
  /** What was put, or the key of what was deleted. */
  readonly #log: (StoredObject | string)[] = []
  conflicts = 0

  /** A node sees what it writes at once, and what others wrote when it syncs. */
  node (allocator: Allocator): Node {
    let seen = 0
    const catchUp = (): void => {
      for (; seen < this.#log.length; seen += 1) {
        const change = this.#log[seen]
        if (typeof change === 'string') allocator.freed(change)
        else if (change !== undefined) allocator.taken(change)
      }
    }
    return {
      allocator,
      sync: async () => catchUp(),
      commit: async (writes) => {
        await Promise.resolve() // others get their turn between a plan and its commit
        const committed = this.#commit(writes)
        if (committed.outcome === 'committed') catchUp()
        return committed
      }
    }
  }

  #commit (writes: readonly ObjectWrite[]): Committed {
    const failed = writes.flatMap(({ key, expected }, index) =>
      expected === undefined || expected === (this.objects.get(key)?.revision ?? 0) ? [] : [index])
    if (failed.length > 0) {
      this.conflicts += 1
      return { outcome: 'conflict', failed }
    }
    return {
      outcome: 'committed',
      revisions: writes.map((write) => {
        const revision = this.#log.length + 1
        if (write.type === 'put') {
          const object = { key: write.key, revision, body: write.body }
          this.objects.set(write.key, object)
          this.#log.push(object)
        } else {
          this.objects.delete(write.key)
          this.#log.push(write.key)
        }
        return revision
      })
    }
  }
}
