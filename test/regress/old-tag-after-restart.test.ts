// Two instances at ETag e.3, one deregistered, a restart: the node showed e.3 with one instance in it, answered 304 to the old tag, and a
// long poll after e.3 slept through. So an SDK that was cut off during the restart kept the dead endpoint for good.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { standaloneGuard } from '../../server/guard.ts'
import { nativeDialect } from '../../server/http/api/native.ts'
import { HttpMetrics } from '../../server/http/server/metrics.ts'
import { buildHttp } from '../../server/http/server/server.ts'
import { Metrics } from '../../server/metrics/metrics.ts'
import { RegistryMetrics } from '../../server/registry/metrics.ts'
import { Registry } from '../../server/registry/registry.ts'
import { tester } from '../support/world.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'

t.test('a tag of before a deregistration is no tag after a restart', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-tag-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const open = async () => {
    const registry = new Registry({ store: createSqliteStore({ directory, now: Date.now }) })
    const metrics = new Metrics({ version: '0', processMetrics: false })
    const native = nativeDialect({ core: registry, counters: new RegistryMetrics(metrics.register), metrics, node: 'n', version: '0' })
    const { app } = await buildHttp({ dialects: [native], version: '0', metrics: new HttpMetrics(metrics.register), guard: standaloneGuard })
    await registry.open()
    const close = async (): Promise<void> => {
      await app.close()
      await registry.close()
    }
    t.teardown(close)
    return { registry, app, close }
  }
  const url = '/v1/namespaces/shop/services/orders/endpoints'
  const first = await open()
  for (const id of ['one', 'two']) await first.registry.as(tester).register({ namespace: 'shop', service: 'orders', id }, { address: '10.0.0.1', ports: [{ port: 80 }] })
  const answer = await first.app.inject({ url })
  const etag = String(answer.headers.etag)
  const { revision } = answer.json<{ revision: string }>()
  await first.registry.as(tester).deregister({ namespace: 'shop', service: 'orders', id: 'one' })
  await first.close()
  const second = await open()
  const again = await second.app.inject({ url, headers: { 'if-none-match': etag } })
  t.equal(again.statusCode, 200)
  t.not(again.headers.etag, etag)
  const poll = await second.app.inject({ url: `${url}?after=${revision}&wait=60s` })
  t.equal(poll.json<{ endpoints: unknown[] }>().endpoints.length, 1, 'the long poll is answered at once')
})
