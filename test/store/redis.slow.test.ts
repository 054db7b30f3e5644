import t from 'tap'
import { storeContract } from './contract.ts'
import { openRedisHarness } from './redis-harness.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

if (noRedis === false) {
  const server = await RedisServer.start({ config: ['appendonly yes', 'appendfsync always'] })
  t.teardown(() => server.dispose())
  storeContract('redis', async () => openRedisHarness(server), { severalNodes: true, restart: true, modelRuns: 2 })
} else {
  t.test('Redis keeps the contract of a store', { skip: noRedis }, () => undefined)
}
