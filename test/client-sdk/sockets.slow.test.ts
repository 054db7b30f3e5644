// With the runtime's own fetch and WebSocket, real connections and real processes.
import t from 'tap'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { createTestRegistry } from '../../client-sdk/src/testing.ts'
import { httpRegistry } from './http-registry.ts'
import { runChild } from '../support/processes.ts'

const service = 'test/client-sdk/service.ts'

t.test('register, resolve, watch and leave over real sockets', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const rollcall = new Rollcall({ address: server.address, namespace: 'shop' })
  const registration = await rollcall.register({ service: 'orders', id: 'o-1', ports: { http: 8080 }, session: true })
  t.equal((await rollcall.resolve('orders', { port: 'http' })).url(), 'http://127.0.0.1:8080')
  const watch = rollcall.watch({ service: 'orders' })
  t.match((await watch.next()).value, { type: 'snapshot', instances: [{ id: 'o-1' }] })
  await registration.setStatus('warning')
  t.match((await watch.next()).value, { type: 'put', instance: { status: 'warning' } })
  await registration.deregister()
  t.match((await watch.next()).value, { type: 'delete', reason: 'deregistered' })
  await rollcall.close()
  t.match(await watch.next(), { done: true })
})

t.test('when a node dies the other one goes on: requests and watch', async (t) => {
  const registry = createTestRegistry()
  const [first, second] = [await httpRegistry(registry), await httpRegistry(registry)]
  t.teardown(first.close)
  t.teardown(second.close)
  const rollcall = new Rollcall({ address: [first.address, second.address], namespace: 'shop' })
  t.teardown(() => rollcall.close())
  await rollcall.register({ service: 'orders', id: 'o-1', port: 8080 })
  const watch = rollcall.watch({ service: 'orders' })
  await watch.next()
  await first.close()
  registry.register('shop', 'orders', 'o-2')
  t.match((await watch.next()).value, { type: 'put', instance: { id: 'o-2' } }, 'not missed')
  t.match(await rollcall.instance({ service: 'orders', id: 'o-2' }), { id: 'o-2' })
  t.equal(rollcall.address, second.address)
})

t.test('an address where nobody listens is named in the error', async (t) => {
  const server = await httpRegistry()
  await server.close()
  const rollcall = new Rollcall({ address: server.address, timeoutMs: 3_000 })
  t.teardown(() => rollcall.close())
  await t.rejects(rollcall.instance({ service: 'orders', id: 'o-1' }), { code: 'REGISTRY_UNAVAILABLE', message: new RegExp(`${server.address}/.*ECONNREFUSED`) })
})

t.test('a process that is told to end deregisters, and then dies of the signal', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const server = await httpRegistry()
    t.teardown(server.close)
    const child = runChild([service, 'plain'], { ROLLCALL_ADDRESS: server.address })
    await child.line(/^ready/)
    t.match(server.registry.instances, [{ id: 's-plain' }])
    child.process.kill(signal)
    t.match(await child.ended, { code: null, signal })
    t.strictSame(server.registry.instances, [])
    t.ok(child.lines.includes('event deregistered'))
    t.equal(child.errors(), '')
  }
})

t.test('a program that reads its settings again at SIGHUP stays registered', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const child = runChild([service, 'reload-on-hup'], { ROLLCALL_ADDRESS: server.address })
  await child.line(/^ready/)
  child.process.kill('SIGHUP')
  await child.line(/^reloaded/)
  t.match(server.registry.instances, [{ id: 's-reload-on-hup' }])
  child.process.kill('SIGTERM')
  t.match(await child.ended, { signal: 'SIGTERM' })
  t.notOk(child.lines.slice(0, child.lines.indexOf('reloaded')).includes('event deregistered'))
})

t.test('a session, too', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const child = runChild([service, 'session'], { ROLLCALL_ADDRESS: server.address })
  await child.line(/^ready/)
  child.process.kill('SIGTERM')
  t.match(await child.ended, { signal: 'SIGTERM' })
  t.strictSame(server.registry.instances, [])
})

t.test('with drainMs it drains first', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const child = runChild([service, 'drain'], { ROLLCALL_ADDRESS: server.address })
  await child.line(/^ready/)
  child.process.kill('SIGTERM')
  t.match(await child.ended, { signal: 'SIGTERM' })
  t.strictSame(server.registry.requests.map(({ method }) => method).filter((method) => method !== 'POST'), ['PUT', 'PATCH', 'DELETE'])
})

t.test('a program with a handler of its own ends when it wants to', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const child = runChild([service, 'own-handler'], { ROLLCALL_ADDRESS: server.address })
  await child.line(/^ready/)
  child.process.kill('SIGTERM')
  await child.line(/^own handler/)
  await child.line(/^event deregistered/)
  t.strictSame(server.registry.instances, [])
  child.process.kill('SIGUSR2')
  t.match(await child.ended, { code: 0, signal: null })
})

t.test('a library that only ends the process if nobody else does is not waited for', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const child = runChild([service, 'polite-library'], { ROLLCALL_ADDRESS: server.address })
  await child.line(/^ready/)
  child.process.kill('SIGTERM')
  t.match(await child.ended, { code: null, signal: 'SIGTERM' })
  t.strictSame(server.registry.instances, [])
  t.ok(child.lines.includes('the library ends it'))
})

t.test('a process with nothing left to do is not kept alive by its heartbeats, and deregisters', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const child = runChild([service, 'nothing-left'], { ROLLCALL_ADDRESS: server.address })
  t.match(await child.ended, { code: 0 })
  t.strictSame(server.registry.instances, [])
  t.ok(child.lines.includes('event deregistered'))
})

t.test('a process that is told to end while the registry is away ends all the same', async (t) => {
  const server = await httpRegistry()
  const child = runChild([service, 'plain'], { ROLLCALL_ADDRESS: server.address })
  await child.line(/^ready/)
  await server.close()
  child.process.kill('SIGTERM')
  t.match(await child.ended, { signal: 'SIGTERM' })
  t.ok(child.lines.includes('event error'))
  t.notOk(child.lines.some((line) => line.startsWith('UNHANDLED')))
})

t.test('a second signal ends it at once', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const child = runChild([service, 'plain'], { ROLLCALL_ADDRESS: server.address })
  await child.line(/^ready/)
  const { registry } = server
  const asked = new Promise<void>((resolve) => {
    const { fetch } = registry
    Object.assign(registry, {
      fetch: async (...args: Parameters<typeof fetch>) => {
        if (args[1].method !== 'DELETE') return fetch(...args)
        resolve()
        return new Promise(() => {})
      }
    })
  })
  child.process.kill('SIGTERM')
  await asked
  child.process.kill('SIGTERM')
  t.match(await child.ended, { signal: 'SIGTERM' })
})
