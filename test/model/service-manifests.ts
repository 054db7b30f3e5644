// Manifests for tests, and the way from a manifest to its stored form without a registry: allocators that count.
import { allocationPlan, withAllocations } from '../../server/model/service/needs.ts'
import type { RegistryFacts } from '../../server/model/service/facts.ts'
import { decoded } from '../../server/model/service/schema.ts'
import type { Service } from '../../server/model/service/types.ts'
import { prepared } from '../../server/model/service/update.ts'

export const one: RegistryFacts = { families: ['IPv4'] }
export const both: RegistryFacts = { families: ['IPv4', 'IPv6'] }

export type Loose = Record<string, unknown>

export function manifest (spec: Loose, metadata: Loose = {}): Loose {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', ...metadata }, spec }
}

export function read (value: Loose): Service {
  const result = decoded('Service', value, 'shop')
  if ('refusal' in result) throw new Error(JSON.stringify(result.refusal))
  return result.manifest as Service
}

/** A manifest on its way into the store, over what is there. */
export function applied (value: Loose, old?: Service, registry: RegistryFacts = one): Service {
  const service = prepared(read(value), old, registry)
  const plan = allocationPlan(service, old)
  let next = 30_500
  const results = plan.needs.map((need): [string, string | number] => {
    if (need.requested !== undefined) return [need.key, need.requested]
    if (need.kind === 'clusterIP') return [need.key, need.family === 'IPv4' ? '10.96.7.7' : 'fd00::7']
    if (need.kind === 'loadBalancer') return [need.key, need.family === 'IPv4' ? '192.0.2.7' : '2001:db8::7']
    return [need.key, next++]
  })
  const stored = withAllocations(service, plan, new Map(results))
  return old === undefined ? { ...stored, metadata: { ...stored.metadata, uid: 'u1', creationTimestamp: '2026-01-01T00:00:00Z' } } : stored
}
