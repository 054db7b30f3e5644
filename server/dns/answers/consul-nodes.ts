// Machines by their names, as endpoints say them: there is no list of them. Each run of endpoints is looked at once for as long as it is the
// same; what one question looks at is bounded, and until everything was looked at the answer is "not ready": ask again.
import { beside } from '../../beside.ts'
import { isIP } from 'node:net'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import type { DnsCatalog } from '../source.ts'

/** Endpoints looked at for one question: their texts are read for it, some microseconds each. */
const maxLooked = 1_000
/** Addresses of one machine. */
const maxAddresses = 16
const nothing: ReadonlyMap<string, ReadonlySet<string>> = new Map()
const nodesOfRuns = beside<object, ReadonlyMap<string, ReadonlySet<string>>>()

/** The addresses of a machine that has instances in a namespace; none = there is no such machine. */
export function nodeAddresses (catalog: DnsCatalog, namespace: string, node: string): readonly string[] | 'not-ready' {
  if (isIP(node) !== 0) return catalog.addresses.hasInstance(namespace, node) ? [node] : []
  const found = new Set<string>()
  let left = maxLooked
  for (const service of catalog.services(namespace)) {
    for (const run of catalog.endpoints(namespace, service)?.parts ?? []) {
      let nodes = nodesOfRuns.get(run)
      if (nodes === undefined) {
        if (left <= 0) return 'not-ready'
        left -= run.items.length
        nodesOfRuns.set(run, nodes = nodesOf(run.items))
      }
      for (const address of nodes.get(node) ?? []) if (found.size < maxAddresses) found.add(address)
    }
  }
  return [...found]
}

function nodesOf (endpoints: readonly Endpoint[]): ReadonlyMap<string, ReadonlySet<string>> {
  let nodes: Map<string, Set<string>> | undefined
  for (const { node, address } of endpoints) {
    if (node === undefined) continue
    nodes ??= new Map()
    nodes.set(node, (nodes.get(node) ?? new Set()).add(address))
  }
  return nodes ?? nothing
}
