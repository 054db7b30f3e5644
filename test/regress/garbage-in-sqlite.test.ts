// A row of the embedded store that could not be read, or was written while checks were off, ended every start: a label that is no text threw
// inside the feed, garbage where JSON should be threw while it was loaded.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { HandClock } from '../support/hand-clock.ts'
import { maxTtlMs } from '../../server/model/limits.ts'
import { Registry } from '../../server/registry/registry.ts'
import { tester } from '../support/world.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'

const body = { address: '10.0.0.1', ports: [], labels: {}, metadata: {}, weight: 100, priority: 0, status: 'up' }
const orders = (id: string): { namespace: string, service: string, id: string } => ({ namespace: 'shop', service: 'orders', id })

t.test('a node starts, sets unreadable records aside, and keeps them until they are removed or written anew', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-garbage-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const clock = new HandClock()
  const open = async (): Promise<Registry & { warnings: string[] }> => {
    const warnings: string[] = []
    const log = { info: () => undefined, warn: (message: string) => warnings.push(message) }
    const registry = new Registry({ store: createSqliteStore({ directory, now: () => clock.now(), holdMs: 0 }), clock, protection: { holdMs: 0 }, log })
    await registry.open()
    return Object.assign(registry, { warnings })
  }
  const first = await open()
  await first.as(tester).put({ kind: 'Service', namespace: 'shop', name: 'web' }, { apiVersion: 'v1', kind: 'Service', spec: { selector: { app: 'web' }, clusterIP: 'None' } })
  for (const id of ['a', 'b', 'c', 'd', 'e']) await first.as(tester).register(orders(id), { labels: { app: 'web' }, address: '10.0.0.1' })
  await first.close()

  const db = new DatabaseSync(join(directory, 'rollcall.db'))
  const write = (id: string, set: string, ...values: (string | bigint)[]): void => { db.prepare(`UPDATE instances SET ${set}, sum = NULL WHERE key = 'shop/orders/${id}'`).run(...values) }
  write('a', 'body = ?', '{"address":')
  write('b', 'body = ?', JSON.stringify({ ...body, labels: { app: { toString: 1 } } }))
  write('c', 'ttl_ms = ?', 2n ** 62n)
  write('d', 'created_at_ms = ?', 2n ** 60n)
  db.prepare('INSERT INTO objects VALUES (?, 1, 1, 0, 0, 0, ?, NULL)').run('override/shop/orders/e', '{"status":"nonsense"}')
  db.prepare("UPDATE log SET body = 'x', header = '[]', sum = NULL WHERE revision = 3").run()
  const rows = (): unknown => db.prepare('SELECT key, body FROM instances ORDER BY key').all()
  const planted = rows()
  db.close()

  const second = await open()
  t.same(second.unreadable.list().map(({ key }) => key), ['instance/shop/orders/a', 'instance/shop/orders/b', 'instance/shop/orders/c', 'instance/shop/orders/d', 'log/3', 'override/shop/orders/e'])
  t.equal(second.warnings.length, 6)
  t.same(second.catalog.service('shop', 'web')?.instances.map(({ id }) => id), ['e'])
  t.equal(second.catalog.entry('shop', 'orders', 'e')?.instance.effectiveStatus, 'up')
  await t.rejects(second.unreadable.remove(tester, 'log/3'), { code: 'REG_INVALID' })

  // Nobody renews them but the node itself, well beyond the longest lease.
  for (let hours = 0; hours < 60; hours += 3) {
    clock.advance(maxTtlMs / 8)
    await second.store.sync()
    await second.sweep()
  }
  t.equal(second.catalog.entry('shop', 'orders', 'e'), undefined, 'what is well ends with its lease')
  t.equal(second.unreadable.count, 6)

  t.match(await second.as(tester).register(orders('b'), { address: '10.0.0.9' }), { instance: { address: '10.0.0.9' } })
  await second.unreadable.remove(tester, 'instance/shop/orders/a')
  await second.unreadable.remove(tester, 'override/shop/orders/e')
  t.same(second.unreadable.list().map(({ key }) => key), ['instance/shop/orders/c', 'instance/shop/orders/d', 'log/3'])
  await second.close()
  t.same((planted as { key: string }[]).map(({ key }) => key), ['shop/orders/a', 'shop/orders/b', 'shop/orders/c', 'shop/orders/d', 'shop/orders/e'])
  const after = new DatabaseSync(join(directory, 'rollcall.db'))
  t.same(after.prepare('SELECT key FROM instances ORDER BY key').all().map(({ key }) => key), ['shop/orders/b', 'shop/orders/c', 'shop/orders/d'])
  after.close()
})
