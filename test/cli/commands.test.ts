import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { processTerminal } from '../../server/cli/terminal.ts'
import { run } from '../../server/cli/run.ts'
import { createShell, filledShell, now } from './helper.ts'

t.test('get services shows how many instances of each are ready', async (t) => {
  const { rollcall } = filledShell()
  t.same(await rollcall('get', 'services'), {
    exitCode: 0,
    out: [
      'NAME     TYPE       CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE   READY',
      'orders   headless   None         <none>        <none>    5m    1/3'
    ],
    err: []
  })
})

t.test('get instances shows address, ports, status and age, with -o wide also weight, zone, node, version and labels', async (t) => {
  const { rollcall } = filledShell()
  t.same((await rollcall('get', 'instances')).out, [
    'NAME       SERVICE   ADDRESS       PORTS              STATUS         READY   AGE',
    'orders-1   orders    10.0.0.1      http:8080          up             true    5m',
    'orders-2   orders    2001:db8::2   http:8080,53/UDP   up (suspect)   false   5m',
    'orders-3   orders    10.0.0.3      -                  draining       false   5m'
  ])
  const [heading, first] = (await rollcall('get', 'instances', '-o', 'wide')).out
  t.match(heading, /AGE {3}WEIGHT {3}ZONE {3}NODE {3}VERSION {3}LABELS$/)
  t.match(first, /5m {4}100 {6}a {6}- {6}1\.2\.3 {5}version=v1$/)
})

t.test('get endpoints shows who may be called, of one service or of all', async (t) => {
  const { rollcall } = filledShell()
  const table = ['NAME       SERVICE   ADDRESS    PORTS       READY   STATUS', 'orders-1   orders    10.0.0.1   http:8080   true    up']
  t.same((await rollcall('get', 'endpoints', 'orders')).out, table)
  t.same((await rollcall('get', 'ep')).out, table)
  t.equal((await rollcall('get', 'endpoints', 'orders', '--ready', 'any')).out.length, 4)
})

t.test('-A shows every namespace, and says which', async (t) => {
  const { rollcall } = filledShell()
  t.same((await rollcall('get', 'services', '-A')).out, [
    'NAMESPACE   NAME       TYPE       CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE   READY',
    'default     orders     headless   None         <none>        <none>    5m    1/3',
    'shop        payments   headless   None         <none>        <none>    5m    1/1'
  ])
  t.same((await rollcall('get', 'namespaces')).out, ['NAME      SERVICES   INSTANCES', 'default   1          3', 'shop      1          1'])
})

t.test('the namespace comes from -n, else from ROLLCALL_NAMESPACE, else it is default', async (t) => {
  const { rollcall } = filledShell({ env: { ROLLCALL_NAMESPACE: 'shop' } })
  t.same((await rollcall('get', 'instances', '-o', 'name')).out, ['payments/p-1'])
  t.equal((await rollcall('get', 'instances', '-n', 'default', '-o', 'name')).out.length, 3)
})

t.test('selector and status narrow a list', async (t) => {
  const { rollcall } = filledShell()
  t.same((await rollcall('get', 'instances', '-l', 'version=v1', '-o', 'name')).out, ['orders/orders-1'])
  t.same((await rollcall('get', 'instances', '--status', 'draining', '-o', 'name')).out, ['orders/orders-3'])
})

t.test('a long list is read page by page', async (t) => {
  const { registry, rollcall } = createShell()
  for (let n = 0; n < 1_200; n++) registry.register('default', 'many', `m-${n}`)
  t.equal((await rollcall('get', 'instances', '-o', 'name')).out.length, 1_200)
})

t.test('-o json and -o yaml show the answer of the registry', async (t) => {
  const { rollcall, registry } = filledShell()
  const json = JSON.parse((await rollcall('get', 'instances', 'orders', '-o', 'json')).out.join('\n'))
  t.equal(json.revision, registry.revision)
  t.same(json.items.map((item: { id: string }) => item.id), ['orders-1', 'orders-2', 'orders-3'])
  const yaml = (await rollcall('get', 'services', '-o', 'yaml')).out
  t.ok(yaml.includes('    name: orders'))
  t.ok(yaml.includes('      ready: 1'))
})

t.test('an empty list is said on standard error and is no failure; an unknown name is one', async (t) => {
  const { rollcall } = createShell()
  t.same(await rollcall('get', 'services'), { exitCode: 0, out: [], err: ['No services in namespace default.'] })
  const unknown = await rollcall('get', 'service', 'orders')
  t.equal(unknown.exitCode, 1)
  t.match(unknown.err.join(), /REG_(NAMESPACE|SERVICE)_NOT_FOUND/)
  t.equal((await rollcall('get', 'instances', 'orders')).exitCode, 1)
})

t.test('when every instance of a service is suspect, that they are answered all the same is said', async (t) => {
  const { rollcall, registry } = createShell()
  registry.register('default', 'orders', 'o-1', { address: '10.0.0.1', ports: [{ port: 1 }] })
  registry.suspect({ namespace: 'default', service: 'orders', id: 'o-1' })
  const { out, err } = await rollcall('resolve', 'orders')
  t.same(out, ['10.0.0.1:1'])
  t.match(err.join(), /fail open/)
})

t.test('resolve prints a line for each port of each endpoint', async (t) => {
  const { rollcall, registry } = filledShell()
  registry.suspect({ namespace: 'default', service: 'orders', id: 'orders-2' }, false)
  const resolved = async (...argv: string[]): Promise<string[]> => (await rollcall('resolve', ...argv)).out
  t.same(await resolved('orders'), ['10.0.0.1:8080', '[2001:db8::2]:8080', '[2001:db8::2]:53'])
  t.same(await resolved('_http._tcp.orders'), ['10.0.0.1:8080', '[2001:db8::2]:8080'])
  t.same(await resolved('orders.default.svc.cluster.local', '-p', '53'), ['[2001:db8::2]:53'])
  t.same(await resolved('payments.shop'), ['10.0.0.9:443'])
  t.same(await resolved('payments', '-n', 'shop'), ['10.0.0.9:443'])
  t.match(await resolved('payments.shop.svc', '-o', 'json'), ['{'])
})

t.test('resolve fails when no instance serves the name', async (t) => {
  const { rollcall, registry } = filledShell()
  registry.register('default', 'sleepy', 's-1', { status: 'starting' })
  t.match(await rollcall('resolve', 'sleepy'), { exitCode: 1, out: [], err: ['rollcall: no instance serves sleepy'] })
  t.match(await rollcall('resolve', 'nobody'), { exitCode: 1 })
})

t.test('describe instance says why it is in or out', async (t) => {
  const shell = filledShell()
  const { rollcall, registry } = shell
  const at = new Date(now - 60_000).toISOString()
  shell.events = [
    { revision: 'e.5', at, reason: 'suspect', namespace: 'default', service: 'orders', id: 'orders-2', by: 'node-a', message: 'its lease ran out' },
    { revision: 'e.1', at, reason: 'registered', namespace: 'default', service: 'orders', id: 'orders-1', by: 'node-a', message: '' }
  ]
  const { out } = await rollcall('describe', 'instance', 'orders/orders-2')
  t.ok(out.includes('Ready:       false: its lease ran out or its session broke'))
  t.ok(out.includes('Labels:      <none>'))
  t.ok(out.some((line) => /^1m|60s +suspect +orders-2 +node-a +its lease ran out$/.test(line)))
  t.notOk(out.some((line) => line.includes('registered')), 'events of others are not shown')
  registry.override({ namespace: 'default', service: 'orders', id: 'orders-1' }, { status: 'down' })
  t.ok((await rollcall('describe', 'instance', 'orders/orders-1')).out.includes('Override:    down by test: test'))
})

t.test('describe service counts its instances and lists them', async (t) => {
  const { rollcall } = filledShell()
  const { out } = await rollcall('describe', 'svc', 'orders')
  t.ok(out.includes('Instances:  3 (2 up, 1 draining)'))
  t.ok(out.includes('Endpoints:  1'))
  t.ok(out.some((line) => line.startsWith('orders-3')))
})

t.test('register sends what the flags say, and names the instance after machine and port', async (t) => {
  const { rollcall, registry } = createShell()
  const { exitCode, out, err } = await rollcall('register', 'orders', '--port', 'http:8080', '-p', 'dns:53/udp', '--address', '10.0.0.7', '-l', 'version=v2',
    '--label', 'tier=', '--metadata', 'note=a=b', '--weight', '5', '--priority', '1', '--zone', 'a', '--version', '1.0', '--ttl', '1m', '--generation', 'g1', '--status', 'starting')
  t.equal(exitCode, 0)
  t.match(registry.instances[0], {
    namespace: 'default', service: 'orders', id: 'machine-8080', address: '10.0.0.7', generation: 'g1', weight: 5, priority: 1, zone: 'a', version: '1.0', status: 'starting',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }, { name: 'dns', port: 53, protocol: 'UDP' }],
    labels: { version: 'v2', tier: '' }, metadata: { note: 'a=b' }, lease: { ttlMs: 60_000 }
  })
  t.same(out, ['orders/machine-8080 in default is starting at 10.0.0.7 http:8080,dns:53/UDP, generation g1'])
  t.match(err.join(), /suspect in 1m unless it is renewed: rollcall heartbeat orders\/machine-8080/)
})

t.test('heartbeat and deregister name an instance as SERVICE/ID', async (t) => {
  const { rollcall, registry, sent } = filledShell()
  t.same((await rollcall('heartbeat', 'orders/orders-1', '--status', 'warning')).out, ['orders/orders-1 is renewed'])
  t.match(sent[0], { method: 'PUT', path: '/v1/namespaces/default/services/orders/instances/orders-1/heartbeat', body: { status: 'warning' } })
  t.match(await rollcall('heartbeat', 'orders/nobody'), { exitCode: 1 })
  t.match(await rollcall('deregister', 'orders/orders-1', '--generation', 'another'), { exitCode: 1, err: [/REG_GENERATION_SUPERSEDED/] })
  t.equal((await rollcall('deregister', 'orders/orders-1')).exitCode, 0)
  t.notOk(registry.instances.some(({ id }) => id === 'orders-1'))
  t.match(await rollcall('deregister', 'orders/orders-1'), { exitCode: 1, err: [/REG_INSTANCE_NOT_FOUND/] })
})

t.test('drain says who, why and until when; undrain takes it back', async (t) => {
  const { rollcall, sent } = filledShell()
  const { out } = await rollcall('drain', 'orders/orders-1', '--reason', 'disk full', '--for', '10m')
  t.same(sent[0]?.body, { status: 'draining', author: 'ann', reason: 'disk full', until: '2026-11-20T12:10:00.000Z' })
  t.same(out, ['orders/orders-1 is draining (override) until 2026-11-20T12:10:00.000Z'])
  t.match((await rollcall('get', 'instances', 'orders/orders-1')).out[1], /draining \(override\)/)
  await rollcall('undrain', 'orders/orders-1')
  t.match((await rollcall('get', 'instances', 'orders/orders-1')).out[1], /up {7}true|up {5,}true/)
  await rollcall('drain', 'orders/orders-1', '--down')
  t.match(sent.at(-1)?.body, { status: 'down', reason: '' })
})

t.test('get -w goes on with a line for each change until it is interrupted', async (t) => {
  const { begin, registry } = filledShell()
  const watching = begin('get', 'instances', '-w')
  await watching.line(/^orders-3/)
  registry.register('default', 'orders', 'orders-4', { address: '10.0.0.4' })
  await watching.line(/^orders-4 .* up /)
  registry.expire({ namespace: 'default', service: 'orders', id: 'orders-2' })
  await watching.line(/^orders-2 .* expired +false/)
  const { exitCode, out } = await watching.interrupt()
  t.equal(exitCode, 0)
  t.equal(out.filter((line) => line.startsWith('NAME')).length, 1)
  t.equal(out.length, 6)
})

t.test('watch shows each change and its reason', async (t) => {
  const { begin, registry } = filledShell()
  const watching = begin('watch', 'payments', '-n', 'shop')
  const everything = begin('watch', '-A', '-o', 'json')
  await watching.line(/present +shop\/payments\/p-1 +10\.0\.0\.9 +443 +up$/)
  await everything.line(/^\{"type":"snapshot"/)
  registry.deregister({ namespace: 'shop', service: 'payments', id: 'p-1' })
  await watching.line(/deregistered +shop\/payments\/p-1/)
  await everything.line(/^\{"type":"delete".*"reason":"deregistered"/)
  t.equal((await watching.interrupt()).exitCode, 0)
  t.equal((await everything.interrupt()).exitCode, 0)
})

t.test('register --keep keeps an instance until it is interrupted, also through a registry that forgets', async (t) => {
  const { begin, registry, clock } = createShell()
  const keeping = begin('register', 'orders', '--port', '8080', '--keep', '--ttl', '1m', '--registry', 'http://registry.test')
  await keeping.line(/^orders\/machine-8080 in default is up/)
  registry.expire({ namespace: 'default', service: 'orders', id: 'machine-8080' })
  await clock.advance(60_000)
  await keeping.line(/orders\/machine-8080 is registered again/)
  t.match(registry.instances, [{ id: 'machine-8080', lease: { ttlMs: 60_000 }, ports: [{ port: 8080 }] }])
  t.match(await keeping.interrupt(), { exitCode: 0, err: [/registered again/, /is deregistered/] })
  t.same(registry.instances, [])
})

t.test('register --keep ends with a failure when another process takes the id', async (t) => {
  const { begin, registry, clock } = createShell()
  const keeping = begin('register', 'orders', '--port', '8080', '--keep')
  await keeping.line(/in default is up/)
  registry.register('default', 'orders', 'machine-8080', { generation: 'another' })
  await clock.advance(15_000)
  t.match(await keeping.ended, { exitCode: 1, err: [/another process has registered orders\/machine-8080/] })
  t.match(registry.instances, [{ generation: 'another' }])
})

t.test('register --keep that is refused ends at once', async (t) => {
  const { rollcall, registry } = createShell()
  registry.refuse(400, 'REG_INVALID')
  t.match(await rollcall('register', 'orders', '--address', 'nonsense', '--keep'), { exitCode: 1, err: [/REG_INVALID/] })
})

t.test('a wrong command line is exit code 2, one sentence, and where to look', async (t) => {
  const { rollcall } = createShell()
  const table: [string[], RegExp][] = [
    [['gte'], /"gte" is not a known command: did you mean get\?/],
    [['--address', 'x', 'get'], /must stand after a command/],
    [['get'], /what to get is missing/],
    [['get', 'instnaces'], /did you mean instances\?/],
    [['get', 'services', 'a', 'b'], /"b" is one argument too many/],
    [['get', 'services', '--statsu', 'up'], /--statsu is not a known flag: did you mean --status\?/],
    [['get', 'services', '--status', 'up'], /--status is not for services/],
    [['get', 'instances', '--status', 'fine'], /--status must be one of starting, up/],
    [['get', 'instances', '-o', 'xml'], /--output must be one of table, wide, json, yaml, name/],
    [['get', 'instances', '-A', '-n', 'x'], /exclude each other/],
    [['get', 'instances', '-A', 'orders'], /a NAME is in one namespace/],
    [['get', 'namespaces', '-w'], /cannot be watched/],
    [['get', 'instances', '-w', '-o', 'yaml'], /-w goes with table, wide and json/],
    [['get', 'instances', '-w', '--status', 'up'], /--status does not go with -w/],
    [['get', 'instances', 'orders/x', '-w'], /-w watches a service/],
    [['get', 'services', '-n', 'Shop'], /namespace must be an RFC 1123 label/],
    [['describe', 'instance'], /its name is missing/],
    [['describe', 'pod', 'x'], /"pod" is not a known kind/],
    [['describe', 'instance', 'orders'], /an instance is named SERVICE\/ID/],
    [['register'], /SERVICE is missing/],
    [['register', 'orders', '-p', '0'], /--port must be NUMBER/],
    [['register', 'orders', '-p', '8080/ICMP'], /--port must be NUMBER/],
    [['register', 'orders', '-l', 'version'], /--label must be KEY=VALUE/],
    [['register', 'orders', '-l', 'a=1', '-l', 'a=2'], /--label a is given twice/],
    [['register', 'orders', '--ttl', '15'], /--ttl must be a duration with its unit/],
    [['register', 'orders', '--weight', 'much'], /--weight must be a whole number/],
    [['resolve', 'a.b.c'], /a name is SERVICE/],
    [['resolve', '_http.orders'], /_port must be followed by _tcp, _udp or _sctp/],
    [['completion', 'fish'], /must be bash or zsh/],
    [['version', 'x'], /one argument too many/],
    [['get', 'services', '--address', 'ftp://x'], /--address/],
    [['get', 'services', '--token-file', '/nowhere'], /--token-file must name a file that can be read/]
  ]
  for (const [argv, message] of table) {
    const { exitCode, out, err } = await rollcall(...argv)
    t.equal(exitCode, 2, argv.join(' '))
    t.match(err[0], message)
    t.match(err[1], /^See: rollcall .*--help$/)
    t.same(out, [])
  }
})

t.test('every command has its help, with examples', async (t) => {
  const { rollcall } = createShell()
  const { exitCode, out } = await rollcall('--help')
  t.equal(exitCode, 0)
  const names = out.slice(out.indexOf('Commands:') + 1, out.indexOf('Examples:') - 1).map((line) => line.trim().split(' ')[0] ?? '')
  t.ok(names.includes('serve'))
  for (const name of names.filter((name) => name !== 'serve')) {
    const help = await rollcall(name, '--help')
    t.equal(help.exitCode, 0)
    t.match(help.out.join('\n'), new RegExp(`Usage: rollcall ${name}[^]*Flags:[^]*Examples:\n  rollcall ${name}`))
    t.same(await rollcall('help', name), help)
  }
  t.match(await rollcall(), { exitCode: 2, out: [] }, 'without a command the overview is an error')
  t.match(await rollcall('--version'), { exitCode: 0, out: [/^rollcall \d+\.\d+\.\d+ \(Node \d+/] })
})

t.test('a registry that does not answer is exit code 3, and every address is named', async (t) => {
  const { rollcall, registry } = createShell({ env: { ROLLCALL_ADDRESS: 'http://a.test:1,http://b.test:2' } })
  registry.down()
  const { exitCode, err } = await rollcall('get', 'services')
  t.equal(exitCode, 3)
  t.match(err.at(-1), /cannot reach the registry at http:\/\/a\.test:1 or http:\/\/b\.test:2 .*ECONNREFUSED/)
  t.match(await rollcall('get', 'instances', '-w'), { exitCode: 3 })
  t.match(await rollcall('watch', '--address', 'http://c.test'), { exitCode: 3, err: [/http:\/\/c\.test/] })
})

t.test('the token is sent along: flag, then file, then variable', async (t) => {
  const shell = filledShell({ env: { ROLLCALL_TOKEN: 'from-variable' }, files: { '/t': 'from-file\n' } })
  const token = async (...argv: string[]): Promise<string | undefined> => {
    await shell.rollcall('get', 'services', ...argv)
    return shell.registry.requests.at(-1)?.headers['authorization']
  }
  t.equal(await token(), 'Bearer from-variable')
  t.equal(await token('--token-file', '/t'), 'Bearer from-file')
  t.equal(await token('--token-file', '/t', '--token', 'from-flag'), 'Bearer from-flag')
})

t.test('metadata cannot steer the terminal', async (t) => {
  const { rollcall, registry } = createShell()
  registry.register('default', 'evil', 'e-1', { metadata: { note: '\u001b[2J\r\nReady: true\u202e' } })
  const text = (await rollcall('describe', 'instance', 'evil/e-1')).out.join('\n')
  t.match(text, /note=\\u001b\[2J\\u000d\\u000aReady: true\\u202e/)
  t.notMatch(text, /\u001b/)
})

t.test('a terminal gets colours, and only the cells, not their padding', async (t) => {
  const { rollcall } = filledShell({ colours: true })
  const { out } = await rollcall('get', 'instances')
  t.match(out[1], /\u001b\[32mup\u001b\[39m {13}/)
  t.match(out[1]?.replaceAll(/\u001b\[\d+m/g, ''), /^orders-1 {3}orders {4}10\.0\.0\.1 /)
})

t.test('something that is no registry is a failure that says so', async (t) => {
  const server = createServer((_request, response) => { response.setHeader('content-type', 'text/html').end('<h1>It works</h1>') })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const { port } = server.address() as AddressInfo
  const err: string[] = []
  const terminal = { ...processTerminal(), out: () => {}, err: (text: string) => { err.push(text) } }
  t.equal(await run(['get', 'services', '--address', `http://127.0.0.1:${port}`], terminal), 1)
  t.match(err.join(), /REGISTRY_BAD_ANSWER/)
})
