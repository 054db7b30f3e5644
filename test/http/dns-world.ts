// An app whose node answers DNS.
import type { Test } from 'tap'
import { type DnsOptions, dnsCore } from '../../server/dns/server.ts'
import type { Feed } from '../../server/registry/feed/feed.ts'
import { type World, build } from './world.ts'

/** The desk is made before the registry is, and looks at it when it is asked. */
export async function buildWithDns (t: Test, options: Partial<DnsOptions> = {}): Promise<World> {
  const held: { feed?: Feed } = {}
  const source = new Proxy({}, { get: (_target, key) => Reflect.get(held.feed ?? {}, key) }) as Feed // all of it is the feed's
  const core = dnsCore({ source, random: () => 0, ...options }, ['127.0.0.1'])
  t.teardown(() => core.close())
  const world = await build(t, { dns: core.desk })
  held.feed = world.registry.feed
  return world
}
