// The audit file: a line for each command, permitted or not, with no secret in it; put aside when it is large, opened anew when it was moved.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Audit } from '../../server/access/audit.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { anonymous, registryActor } from '../../server/registry/core.ts'
import { bearer, build, pathOf, tokenOf } from '../support/world.ts'

function directory (t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'rollcall-audit-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const linesOf = (path: string): any[] => readFileSync(path, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line))

t.test('every write has a name in the file, the refused ones too, and no secret is in it', async (t) => {
  const path = join(directory(t), 'audit.log')
  const world = await build(t, { control: { mode: 'on', audit: { path, maxBytes: 1_000_000 } } })
  const { send, control } = world
  const token = await tokenOf(world, 'agent', [{ role: 'agent', namespaces: ['shop'] }])
  const admin = await tokenOf(world, 'admin', [{ role: 'admin' }])
  await send('PUT', pathOf('a'), { address: '10.0.0.1', metadata: { password: 'hunter2' } }, bearer(token))
  await send('PUT', pathOf('pay/orders/a'), { address: '10.0.0.1' }, bearer(token))
  await send('PUT', pathOf('b'), { address: '10.0.0.1' })
  await send('PUT', `${pathOf('a')}/override`, { status: 'down', reason: 'hunter2' }, bearer(admin))
  await send('POST', '/v1/apply', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: { ports: [{ port: 80 }] } }, bearer(admin))
  await send('DELETE', pathOf('nothing'), undefined, bearer(token))
  await send('PUT', '/v1/namespaces/shop/external-metrics/queue', { value: 1 }, bearer(admin))
  await send('DELETE', '/v1/namespaces/shop/external-metrics/queue', undefined, bearer(token))
  const made = (await send('POST', '/v1/tokens', { name: 'new' }, bearer(admin))).json()
  await send('DELETE', '/v1/tokens/agent', undefined, bearer(admin))
  await control.close()
  const lines = linesOf(path)
  t.match(lines.map(({ who, what, on, outcome }) => [who, what, on, outcome]), [
    ['registry', 'create-token', /agent/, 'ok'], ['registry', 'create-token', /admin/, 'ok'],
    ['token:agent', 'register', 'shop/orders/a', 'ok'], ['token:agent', 'register', 'pay/orders/a', 'REG_FORBIDDEN'], ['127.0.0.1', 'register', 'shop/orders/b', 'REG_UNAUTHENTICATED'],
    ['token:admin', 'override', 'shop/orders/a', 'ok'], ['token:admin', 'apply', 'Service shop/web', 'ok'], ['token:agent', 'deregister', 'shop/orders/nothing', 'REG_INSTANCE_NOT_FOUND'],
    ['token:admin', 'put-external-metric', 'shop/queue', 'ok'], ['token:agent', 'remove-external-metric', 'shop/queue', 'REG_FORBIDDEN'],
    ['token:admin', 'create-token', /new/, 'ok'], ['token:admin', 'revoke-token', /agent/, 'ok']
  ])
  for (const line of lines) t.match(line, { at: /^\d{4}-.*Z$/, kind: /./, door: /^(?:http|process)$/ })
  t.equal(lines.find(({ what, outcome }) => what === 'register' && outcome === 'ok').revision > 0, true)
  const text = readFileSync(path, 'utf8')
  for (const secret of [token, admin, made.token, 'hunter2']) t.notMatch(text, secret)
  t.equal(statSync(path).mode & 0o777, 0o600)
})

t.test('a large file is put aside, and one that was moved is made anew', async (t) => {
  const path = join(directory(t), 'audit.log')
  const audit = new Audit({ path, maxBytes: 1_000, clock: { now: () => 0 }, guard: standaloneGuard, warn: (message) => t.fail(message) })
  for (let n = 0; n < 12; n++) audit.write(anonymous('10.0.0.1'), { what: 'register', on: `shop/orders/${n}`, outcome: 'ok' })
  renameSync(path, `${path}.moved`)
  audit.reopen()
  audit.write(registryActor, { what: 'register', on: 'x'.repeat(5_000), outcome: 'ok' })
  await audit.close()
  t.ok(existsSync(`${path}.1`) && existsSync(`${path}.moved`))
  const [line] = linesOf(path)
  t.match(line, { who: 'registry', door: 'process', on: /^x{1000}\.\.\.$/ }, 'a name without end is cut')
  t.throws(() => new Audit({ path: '/nowhere/audit', maxBytes: 1, clock: { now: () => 0 }, guard: standaloneGuard, warn: () => undefined }), { code: 'REG_INVALID', message: /can be written \(ENOENT\)/ })
})

t.test('without access control there is a file all the same, and nothing is refused', async (t) => {
  const path = join(directory(t), 'audit.log')
  const world = await build(t, { control: { mode: 'off', audit: { path, maxBytes: 1_000_000 } } })
  t.equal((await world.send('PUT', pathOf('a'), { address: '10.0.0.1' })).statusCode, 201)
  t.same(world.warnings, [])
  await world.control.close()
  t.match(linesOf(path), [{ who: '127.0.0.1', what: 'register', outcome: 'ok' }])
})

t.test('refused reads, heartbeats and tokens have a line now and then, through each door, and the next one tells how many were left out', async (t) => {
  const path = join(directory(t), 'audit.log')
  const world = await build(t, { control: { mode: 'on', audit: { path, maxBytes: 1_000_000 } } })
  const { send, control, clock } = world
  await world.register('shop/orders/a')
  const a = await tokenOf(world, 'a', [{ role: 'agent', namespaces: ['shop'] }])
  const b = await tokenOf(world, 'b', [{ role: 'agent', namespaces: ['shop'] }])
  await send('PUT', pathOf('mine'), { address: '10.0.0.1' }, bearer(a))
  const lease = (namespace: string, id: string): object => ({ leases: [{ namespace, service: 'orders', id }] })
  for (let n = 0; n < 3; n++) {
    await send('GET', '/v1/namespaces/pay/services/orders/endpoints', undefined, bearer(b))
    await send('GET', '/metrics', undefined, bearer(b))
    await send('GET', '/v1/policies', undefined, bearer(b))
    await send('GET', '/v1/tokens', undefined, bearer(b))
    await send('POST', '/v1/heartbeats', lease('shop', 'mine'), bearer(b))
    await send('POST', '/v1/heartbeats', lease('pay', 'x'))
    await send('GET', '/v1/services', undefined, bearer(`rc_${'A'.repeat(43)}`))
  }
  const { url } = await world.listen()
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`, { headers: bearer(b) })
  const answered = Promise.withResolvers<string>()
  socket.onopen = () => socket.send(JSON.stringify({ type: 'heartbeat', id: 1, ...lease('shop', 'mine') }))
  socket.onmessage = ({ data }) => { if (!String(data).includes('"hello"')) answered.resolve(String(data)) }
  t.match(await answered.promise, /forbidden/)
  socket.close()
  await send('POST', '/v1/tokens', { name: 'new' }, bearer(b))
  await send('DELETE', '/v1/tokens/a', undefined, bearer(b))
  clock.advance(60_000)
  await send('GET', '/v1/namespaces/pay/services/orders', undefined, bearer(b))
  await control.close()
  const refused = linesOf(path).filter(({ outcome }) => outcome !== 'ok').map(({ who, what, on, outcome, leftOut }) => [who, what, on, outcome, leftOut])
  t.same(refused, [
    ['token:b', 'read', 'pay/orders', 'REG_FORBIDDEN', undefined], ['token:b', 'heartbeat', 'shop/orders/mine', 'REG_FORBIDDEN', undefined],
    ['127.0.0.1', 'heartbeat', 'pay/orders/x', 'REG_UNAUTHENTICATED', undefined], ['127.0.0.1', 'authenticate', '', 'REG_UNAUTHENTICATED', undefined],
    ['token:b', 'create-token', '(new)', 'REG_FORBIDDEN', undefined], ['token:b', 'revoke-token', 'a', 'REG_FORBIDDEN', undefined],
    ['token:b', 'read', 'pay/orders', 'REG_FORBIDDEN', 11]
  ])
})
