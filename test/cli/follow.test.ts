// get -w, get events, and what the CLI prints of things that are gone and of a registry that is not well: against a real
// registry.
import { once } from 'node:events'
import { createServer, connect, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { place } from './place.ts'
import { listening, ran } from './other-servers.ts'

const web = (spec: string): string => `apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n${spec}`
const http = { ports: [{ name: 'http', port: 8080 }], labels: { app: 'web' } }

t.test('get services -w follows READY of a declared service, whatever changes it', async (t) => {
  const { world, begin, piped } = await place(t)
  await piped(web('  clusterIP: None\n  selector: {app: web}\n  ports: [{port: 80, targetPort: http}]\n'), 'apply',
    '-f', '-')
  const services = begin('get', 'services', '-w')
  await services.line(/^web .* 0\/0$/)
  await world.register('default/front/a', { address: '10.0.0.1', ...http })
  await services.line(/^web .* 1\/1$/)
  await world.register('default/front/a', { address: '10.0.0.1', ...http, status: 'down' })
  await services.line(/^web .* 0\/1$/)
  await piped(web('  clusterIP: None\n  ports: [{port: 80}]\n'), 'apply', '-f', '-')
  await services.line(/^web .* 0\/0$/)
  await piped('apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\nsubsets: [{addresses: [{ip: 10.0.0.9}, {ip: 10.0.0.8}], ports: [{port: 80}]}]\n', 'apply', '-f', '-')
  await services.line(/^web .* 2\/2$/)
  const { out } = await services.interrupt()
  t.equal(new Set(out).size, out.length, 'no line twice')
})

t.test('get endpoints NAME -w shows exactly the endpoints of that name, and that one left', async (t) => {
  const { world, begin, piped } = await place(t)
  await world.register('default/front/a', { address: '10.0.0.1', ...http })
  await piped(web('  clusterIP: None\n  selector: {app: web}\n  ports: [{port: 80, targetPort: http}]\n'), 'apply',
    '-f', '-')
  const endpoints = begin('get', 'endpoints', 'web', '-w')
  await endpoints.line(/^front\/a +web +10\.0\.0\.1 +8080 +true +up$/)
  await world.register('default/other/x', { address: '10.0.0.7', ports: [] })
  await world.register('default/back/b', { address: '10.0.0.2', ...http })
  await endpoints.line(/^back\/b +web +10\.0\.0\.2 +8080 +true +up$/)
  await world.register('default/front/a', { address: '10.0.0.1', ...http, status: 'down' })
  await endpoints.line(/^front\/a +web +10\.0\.0\.1 +8080 +false +left$/)
  await world.send('DELETE', '/v1/namespaces/default/services/back/instances/b')
  await endpoints.line(/^back\/b .* false +left$/)
  const { out } = await endpoints.interrupt()
  t.equal(out.length, 5, out.join('\n'))
})

t.test('get endpoints -w of a large service asks for it once, and shows each change of it alone', async (t) => {
  const { world, begin } = await place(t)
  const asked: string[] = []
  world.app.server.on('request', ({ url = '' }) => { asked.push(url) })
  const ids = Array.from({ length: 120 }, (_, n) => `i${String(n).padStart(3, '0')}`)
  for (const id of ids) await world.register(`default/front/${id}`, { address: '10.0.0.1', ...http })
  const endpoints = begin('get', 'endpoints', 'front', '-w')
  await endpoints.line(/^i119 /)
  for (let n = 0; n < 10; n++) {
    await world.register(`default/front/i05${n}`, { address: '10.0.0.2', ...http })
    await endpoints.line(new RegExp(`^i05${n} .* 10\\.0\\.0\\.2 `))
  }
  for (const id of ids.slice(0, 110)) await world.register(`default/front/${id}`, { address: '10.0.0.3', ...http, status: 'down' })
  await endpoints.line(/^i109 .* left$/)
  for (const id of ids.slice(110)) await world.register(`default/front/${id}`, { address: '10.0.0.3', ...http, status: 'draining' })
  await endpoints.line(/^i119 .* 10\.0\.0\.3 .*draining/)
  const { out } = await endpoints.interrupt()
  t.equal(out.filter((line) => line.includes(' 10.0.0.2 ') && !line.endsWith('left')).length, 10, 'a line for each change, and none for the others')
  t.equal(asked.filter((url) => url.endsWith('/services/front/endpoints')).length, 1, 'the rest was told')
})

t.test('get endpoints -o name prints names that other commands take, each once', async (t) => {
  const { world, rollcall, piped } = await place(t)
  await world.register('default/front/a', { address: '10.0.0.1', ...http })
  await piped(`${web('  clusterIP: None\n  selector: {app: web}\n  ports: [{port: 80, targetPort: http}]\n')}---\n${web('  ports: [{port: 1}]\n').replace('name: web', 'name: db')}---
apiVersion: v1\nkind: Endpoints\nmetadata: {name: db}\nsubsets: [{addresses: [{ip: 10.0.0.9}], ports: [{port: 1}]}]\n`,
  'apply', '-f', '-')
  t.same((await rollcall('get', 'endpoints', 'web', '-o', 'name')).out, ['front/a'])
  t.match(await rollcall('get', 'endpoints', '-o', 'name'),
    { out: ['front/a'], err: [/^rollcall: 1 endpoints have no name/] })
  t.equal((await rollcall('describe', 'instance', 'front/a')).exitCode, 0)
})

t.test('events say what happened, the newest last, by service and id, also of what is gone, and go on', async (t) => {
  const { world, rollcall, begin } = await place(t)
  await world.register('default/orders/o-1', { address: '10.0.0.1' })
  await world.register('default/orders/o-2', { address: '10.0.0.2' })
  await world.register('shop/orders/o-1', { address: '10.0.0.3' })
  await world.send('DELETE', '/v1/namespaces/default/services/orders/instances/o-1')
  const messages =
    async (...argv: string[]): Promise<string[]> =>
      (await rollcall('get', 'events', ...argv)).out.slice(1).map((line) =>
        line.replace(/^\S+ +/, '').replace(/ {2,}/g, ' ').split(' ').slice(0, 2).join(' '))
  t.same(await messages(), ['registered orders/o-1', 'registered orders/o-2', 'deregistered orders/o-1'])
  t.same(await messages('--id', 'o-1'), ['registered orders/o-1', 'deregistered orders/o-1'])
  t.same(await messages('orders/o-2'), ['registered orders/o-2'])
  t.same(await messages('--service', 'other'), [])
  t.equal((await messages('-A')).length, 4)
  const following = begin('get', 'events', '--id', 'o-1', '-w')
  await following.line(/deregistered +orders\/o-1/)
  await world.register('default/orders/o-3', { address: '10.0.0.4' })
  await world.register('default/orders/o-1', { address: '10.0.0.5' })
  await following.line(/registered +orders\/o-1 .* at 10\.0\.0\.5$/)
  const { out, exitCode } = await following.interrupt()
  t.match([exitCode, out.length], [0, 4], out.join('\n'))
  t.match(await rollcall('get', 'events', '-o', 'name'), { exitCode: 2 })
  t.match(await rollcall('get', 'events', 'orders/o-1', '--id', 'x'), { exitCode: 2 })
  t.match(await rollcall('get', 'services', '--id', 'x'), { exitCode: 2, err: [/--id is not for services/] })
})

t.test('a thing that is gone is said to be, when and why, also when its namespace went with it', async (t) => {
  const { world, rollcall } = await place(t)
  await world.register('shop/orders/o-1', { address: '10.0.0.1' })
  await world.send('DELETE', '/v1/namespaces/shop/services/orders/instances/o-1')
  for (const argv of [['explain', 'orders/o-1'], ['describe', 'instance', 'orders/o-1'],
    ['get', 'instance', 'orders/o-1']]) {
    t.match(await rollcall(...argv, '-n', 'shop'),
      { exitCode: 1, out: [],
        err: [/^rollcall: orders\/o-1 is not there any more: o-1 of orders in shop was deregistered .*, 0s ago \(20/] },
      argv.join(' '))
  }
  for (const argv of [['get', 'service', 'orders'], ['describe', 'service', 'orders'], ['get', 'endpoints', 'orders'],
    ['resolve', 'orders'], ['get', 'instances', 'orders'], ['get', 'service', 'orders', '-o', 'yaml']]) {
    t.match(await rollcall(...argv, '-n', 'shop'),
      { exitCode: 1, err: [/^rollcall: service orders is not there any more: .* was deregistered/] }, argv.join(' '))
  }
  t.match(await rollcall('explain', 'orders/never', '-n', 'shop'), { exitCode: 1, err: [/REG_NAMESPACE_NOT_FOUND/] },
    'one that never was is not')
})

t.test('a watch says that its connection is lost, and when it is back', async (t) => {
  const { world, begin } = await place(t)
  const { host, port } = await world.listen()
  const sockets = new Set<Socket>()
  const proxy = createServer((client) => {
    const server = connect(port, host)
    sockets.add(client)
    for (const [one, other] of [[client, server], [server, client]] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => { proxy.close() })
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  await world.register('default/orders/o-1', { address: '10.0.0.1' })
  for (const argv of [['get', 'instances', '-w'], ['get', 'services', '-w'], ['watch']]) {
    const watching = begin(...argv, '--address', address)
    await watching.line(/orders/)
    for (const socket of sockets) socket.destroy()
    await watching.line(/^rollcall: the connection to the registry is lost/)
    await watching.line(/^rollcall: the connection is back/)
    const { err } = await watching.interrupt()
    t.equal(err.filter((line) => line.includes('is lost')).length, 1, argv.join(' '))
  }
})

t.test('an answer that may be old is said to be, once', async (t) => {
  const url = await listening(t,
    (_path, _method,
      response) => { response.writeHead(200, { 'rollcall-stale': '12' }).end('{"revision":"e.1","items":[]}') })
  for (const argv of [['get', 'services'], ['get', 'instances', '-A'], ['get', 'events'], ['get', 'endpoints']]) {
    const { err, exitCode } = await ran(url, argv)
    t.same([exitCode, err.filter((line) => line.includes('12 s'))],
      [0, ['rollcall: this node has not heard from its store for 12 s: what it says may be old']], argv.join(' '))
  }
})
