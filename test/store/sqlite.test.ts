import { storeContract } from './contract.ts'
import { openSqliteHarness } from './sqlite-harness.ts'

storeContract('sqlite', async () => openSqliteHarness(), { severalNodes: false, restart: true, modelRuns: 60 })
