// Manifests in short, and what tests of declared services ask again and again.
import { parsePortRange, readPools, readServiceCidrs } from '../../server/model/address/ranges.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import type { Service } from '../../server/model/service/types.ts'
import type { Applied } from '../../server/registry/services/apply-plan.ts'
import type { Registry, RegistryOptions } from '../../server/registry/registry.ts'
import { tester } from './world.ts'

/** A Service of namespace shop; `more` is further metadata. */
export const service = (name: string, spec: string, more = ''): string => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop${more} }
spec: { ${spec} }
`
export const stream = (...documents: readonly string[]): string => documents.join('---\n')

export async function apply (registry: Registry, text: string, dryRun = false): Promise<readonly Applied[]> {
  return (await registry.as(tester).apply(readManifests(text), { dryRun })).results
}

export function stored (registry: Registry, name: string): Service {
  const found = registry.catalog.declared('shop', name)
  if (found === undefined) throw new Error(`no service ${name}`)
  return found.manifest
}

/** Ids of what callers are sent to. */
export const ready = (registry: Registry, name: string): string[] => registry.catalog.endpoints('shop', name)?.answered.map(({ id }) => id) ?? []

export const allocation = (pools: string[] = [], ports = '30000-32767', cidrs = ['10.96.0.0/12']): Required<Pick<RegistryOptions, 'allocation'>> => {
  const nodePorts = parsePortRange(ports)
  if ('problem' in nodePorts) throw new Error(nodePorts.problem)
  return { allocation: { serviceCidrs: readServiceCidrs(cidrs), nodePorts, pools: readPools(pools) } }
}
