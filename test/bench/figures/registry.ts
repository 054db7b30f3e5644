// A registry on Redis, filled.
import { call, instancePath } from '../../support/processes.ts'
import { RedisServer } from '../../support/redis-server.ts'
import { type Program, load, startRegistry } from '../lib.ts'

/** Instances of each service. */
export const perService = 100
const prefix = 'rollcall:{0}'

export interface Filled extends AsyncDisposable {
  readonly node: Program
  readonly redis: RedisServer
  /** Instances that Redis has. */
  count (): Promise<number>
}

/** @param config lines of redis.conf */
export async function filledRegistry (size: number, config: readonly string[], flags: readonly string[] = [], ttlMs = 3_600_000): Promise<Filled> {
  const redis = await RedisServer.start({ config })
  const node = await startRegistry({ redis: redis.url }, '0-1', flags)
  await load({
    url: node.url, connections: 32, method: 'PUT', amount: size, request: (index) => ({
      path: instancePath(`instance-${index}`, `service-${Math.floor(index / perService)}`),
      body: JSON.stringify({
        address: `10.${index >> 16 & 255}.${index >> 8 & 255}.${index & 255}`, ports: [{ name: 'http', port: 8080 }],
        labels: { app: `app-${index % 1_000}`, version: `v${index % 3}` }, generation: 'g', lease: { ttlMs }
      })
    })
  })
  return {
    node, redis,
    count: () => redis.admin.hlen(`${prefix}:inst`),
    [Symbol.asyncDispose]: async () => {
      await node[Symbol.asyncDispose]()
      await redis.dispose()
    }
  }
}

/** Whether a write is taken now. */
export async function takesWrites (node: Program): Promise<boolean> {
  const { status } = await call('PUT', `${node.url}${instancePath('probe', 'probe')}`, { address: '10.9.9.9', generation: 'g' }).catch(() => ({ status: 0 }))
  return status === 200 || status === 201
}
