// Servers that are closed with their test, and the replica that a lossy failover promotes.
import type { Test } from 'tap'
import { RedisProxy } from './redis-proxy.ts'
import { RedisServer, type RedisServerOptions } from './redis-server.ts'

export async function startServer (t: Test, options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options)
  t.teardown(() => server.dispose())
  return server
}

export async function startProxy (t: Test, target: number): Promise<RedisProxy> {
  const proxy = await RedisProxy.start(target)
  t.teardown(() => proxy.dispose())
  return proxy
}

/** A replica that has all of its master, and is a master of its own from now on. */
export async function standIn (t: Test, master: RedisServer): Promise<RedisServer> {
  const replica = await startServer(t)
  await replica.admin.replicaof('127.0.0.1', master.port)
  // WAIT counts replicas that have everything that this connection wrote before.
  await master.admin.set('mark', '1')
  while (await master.admin.wait(1, 1_000) < 1) { /* WAIT itself waits */ }
  await replica.admin.replicaof('NO', 'ONE')
  return replica
}
