// The contract of a store, whole. Each store calls it from a file of three lines; `StoreHarness` in world.ts says what it needs.
import { besideContract, besideNodesContract } from './contract-beside.ts'
import { commitContract } from './contract-commit.ts'
import { expiryContract } from './contract-expiry.ts'
import { leaseContract } from './contract-lease.ts'
import { logContract } from './contract-log.ts'
import { modelContract } from './contract-model.ts'
import { nodesContract, restartContract } from './contract-nodes.ts'
import { scenarios, type StoreFeatures, type StoreHarness } from './keyspace.ts'

export type { StoreFeatures, StoreHarness } from './keyspace.ts'

/**
 * @param name goes before the name of each test
 * @param open makes a harness on a fresh keyspace; called once for each test
 */
export function storeContract (name: string, open: () => Promise<StoreHarness>, features: StoreFeatures): void {
  const scenario = scenarios(name, open)
  leaseContract(scenario)
  expiryContract(scenario)
  commitContract(scenario)
  besideContract(scenario)
  logContract(scenario, features.restart)
  if (features.severalNodes) {
    nodesContract(scenario)
    besideNodesContract(scenario)
  }
  if (features.restart) restartContract(scenario)
  modelContract(scenario, features.modelRuns)
}
