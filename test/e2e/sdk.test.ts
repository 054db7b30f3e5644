// The SDK against the real registry, in a process of its own.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Rollcall, type Watch, type WatchEvent } from '../../client-sdk/src/index.ts'
import { runChild } from '../support/processes.ts'

/** Starts a registry on a free port and gives its address. */
async function registry (t: { teardown (action: () => unknown): void }, data: string): Promise<string> {
  const child = runChild(['server/main.ts', 'serve', '--http', '127.0.0.1:0', '--dns', '127.0.0.1:0', '--data', data])
  t.teardown(async () => {
    child.process.kill('SIGTERM')
    await child.ended
  })
  const ready = await child.line(/"msg":"ready"/)
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(ready)?.[0]
  if (address === undefined) throw new Error(`the ready line names no address: ${ready}`)
  return address
}

/** The next event that says something: a registry may send bookmarks at any time. */
async function event (watch: Watch): Promise<WatchEvent | undefined> {
  for (;;) {
    const { value, done } = await watch.next()
    if (done === true) return undefined
    if (value.type !== 'bookmark') return value
  }
}

t.test('register, find, watch, change and leave', async (t) => {
  const address = await registry(t, t.testdir({}))
  const rollcall = new Rollcall({ address, namespace: 'shop' })
  t.teardown(() => rollcall.close())
  const watch = rollcall.watch({ service: 'orders' })
  t.match(await event(watch), { type: 'snapshot', instances: [] })
  const registration = await rollcall.register({ service: 'orders', id: 'o-1', address: '10.0.0.1', ports: { http: 8080 }, labels: { v: '1' } })
  t.match(await event(watch), { type: 'put', reason: 'registered', instance: { id: 'o-1', generation: registration.generation } })
  t.equal((await rollcall.resolve('orders', { port: 'http' })).url(), 'http://10.0.0.1:8080')
  t.strictSame((await rollcall.resolveAll('orders')).map(({ instance }) => instance), (await rollcall.endpoints('orders')).endpoints)
  await registration.update({ labels: { v: null, w: '2' }, weight: 7 })
  t.match(await event(watch), { type: 'put', reason: 'updated', instance: { labels: { w: '2' }, weight: 7 } })
  t.match(await rollcall.heartbeat([registration.reference, { service: 'orders', id: 'nobody' }]), { renewed: 1, unknown: [{ id: 'nobody' }], superseded: [] })
  await registration.drain(0)
  t.match(await event(watch), { type: 'put', instance: { effectiveStatus: 'draining', conditions: { ready: false } } })
  await registration.deregister()
  t.match(await event(watch), { type: 'delete', reason: 'deregistered' })
  // The list that `resolve` keeps hears of it by a subscription of its own, and the one that drained was answered until then.
  const refused = async (): Promise<unknown> => rollcall.resolve('orders').then(() => undefined, (error: unknown) => error)
  let error = await refused()
  while (error === undefined) {
    await setImmediate()
    error = await refused()
  }
  t.match(error, { code: 'REGISTRY_NO_ENDPOINT' })
})

t.test('errors carry the codes of the registry', async (t) => {
  const address = await registry(t, t.testdir({}))
  const rollcall = new Rollcall({ address, namespace: 'shop' })
  t.teardown(() => rollcall.close())
  await t.rejects(rollcall.register({ service: 'Orders', port: 0 }), { code: 'REG_INVALID' })
  await t.rejects(rollcall.instance({ service: 'orders', id: 'o-1' }), { code: 'REG_NAMESPACE_NOT_FOUND' })
  await t.rejects(rollcall.watch({ selector: 'a in (' }).next(), { code: 'REG_SELECTOR_INVALID' })
  const first = await rollcall.register({ service: 'orders', id: 'o-1', port: 1 })
  const second = await rollcall.register({ service: 'orders', id: 'o-1', port: 2 })
  await t.rejects(first.setStatus('down'), { code: 'REG_GENERATION_SUPERSEDED' })
  t.equal(first.state, 'superseded')
  t.match(await rollcall.instance({ service: 'orders', id: 'o-1' }), { generation: second.generation })
})

t.test('a session that breaks makes its instance suspect, and a new one is trusted again', async (t) => {
  const address = await registry(t, t.testdir({}))
  const rollcall = new Rollcall({ address, namespace: 'shop' })
  t.teardown(() => rollcall.close())
  const watch = rollcall.watch({ service: 'orders' })
  await event(watch)
  const child = runChild(['test/client-sdk/service.ts', 'session'], { ROLLCALL_ADDRESS: address, ROLLCALL_NAMESPACE: 'shop' })
  await child.line(/^event session/)
  t.match(await event(watch), { type: 'put', reason: 'registered' })
  child.process.kill('SIGKILL')
  t.match(await event(watch), { type: 'put', reason: 'suspect', instance: { id: 's-session', suspect: true } })
})
