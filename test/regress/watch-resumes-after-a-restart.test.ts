// A node of 200 changes a second was restarted: of what a watch had missed meanwhile the store's log held everything, the node the newest
// thousand (Redis), and one deregistration of an instance that was older than those made all cursors before it void. Nearly every watch got
// `too old` and a whole snapshot.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { cursorText, parseCursor } from '../../server/registry/core.ts'
import { Registry } from '../../server/registry/registry.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import type { Store } from '../../server/store/store.ts'
import { apply, service } from '../support/declared.ts'
import { short } from '../support/deliveries.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'
import { tester } from '../support/world.ts'

const stores: Readonly<Record<string, (t: Test) => Promise<() => Store>>> = {
  sqlite: async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'rollcall-resume-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    return () => createSqliteStore({ directory, now: Date.now })
  },
  redis: async (t) => {
    const server = await RedisServer.start()
    t.teardown(() => server.dispose())
    return () => createRedisStore({ url: server.url, timeouts: { connectMs: 5_000, commandMs: 5_000 } })
  }
}

for (const [kind, make] of Object.entries(stores)) {
  t.test(`${kind}: a watch resumes behind a restart where it left off`, { skip: kind === 'redis' && noRedis }, async (t) => {
    const store = await make(t)
    const open = async (): Promise<Registry> => {
      const registry = new Registry({ store: store(), ringLimit: 5 }) // as a node that remembers far less than the log holds
      await registry.open()
      return registry
    }
    const name = (id: string) => ({ namespace: 'shop', service: 'orders', id })
    const first = await open()
    await apply(first, service('orders', 'clusterIP: None, selector: { app: x }'))
    for (const id of ['old', 'stays']) await first.as(tester).register(name(id), { address: '10.0.0.1', labels: { app: 'x' } })
    await apply(first, service('gone', 'clusterIP: None'))
    const { epoch, revision } = first.feed
    await first.close()

    const second = await open()
    const access = second.as(tester)
    await access.deregister(name('old'))
    for (let n = 0; n < 20; n++) await access.register(name(`new-${n}`), { address: '10.0.0.2', labels: { app: 'x' } })
    await access.patch(name('stays'), { weight: 7 })
    await access.delete([{ kind: 'Service', namespace: 'shop', name: 'gone' }])
    await second.close()

    const third = await open()
    t.teardown(() => third.close())
    const since = parseCursor(cursorText(epoch, revision), 'since')
    const watch = third.as(tester).watch({ namespace: 'shop' }, since, () => undefined)
    const told: string[] = []
    while (told.length < 23) {
      const next = watch.next()
      if (next === undefined) await setImmediate()
      else told.push(short(next))
    }
    t.same(told, ['delete old deregistered', ...Array.from({ length: 20 }, (_, n) => `put new-${n} registered`), 'put stays updated', 'delete service gone removed'])

    const endpoints = third.as(tester).watchEndpoints({ namespace: 'shop' }, since, () => undefined)
    const services = new Map<string, number | undefined>()
    while (services.size < 2) {
      const next = endpoints.next()
      if (next === undefined) await setImmediate()
      else if (next.type !== 'endpoints') throw new Error(`no ${next.type}`)
      else if (next.event === 'put') services.set(next.endpoints.set.service, next.endpoints.set.size)
      else services.set(next.event === 'delete' ? next.name.service : '', undefined)
    }
    t.same([...services].sort(), [['gone', undefined], ['orders', 21]])
    const { changes } = await third.as(tester).events({ limit: 100, id: 'old' })
    t.same(changes.map(({ reason }) => reason), ['deregistered', 'registered'])
  })
}
