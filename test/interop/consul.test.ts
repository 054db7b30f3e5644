// Clients of Consul as they are: npm's consul, Debian's python3-consul2, curl as tutorials have it, and the requests that Spring, Traefik,
// Prometheus and consul-template send, as tables.
import type { EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import t from 'tap'
import { type Closable, temporaryDirectory } from '../support/closable.ts'
import { type Node, call, instancePath, startNode } from '../support/processes.ts'
import { lacking, output } from '../support/programs.ts'
import { until } from './peers.ts'

// It has no declarations that a test could use.
const Consul = createRequire(import.meta.url)('consul') as new (options: object) => any

interface ConsulNode extends Node {
  readonly consul: URL
}

async function startConsul (t: Closable, ...args: string[]): Promise<ConsulNode> {
  const node = await startNode(t, ['--data', await temporaryDirectory(t), '--consul', '127.0.0.1:0', ...args])
  const { consul } = JSON.parse(await node.line(/"msg":"ready"/)) as { consul: string }
  return { ...node, consul: new URL(consul) }
}

t.test('npm consul registers, is found, warns, is maintained, watches and goes', { timeout: 60_000 }, async (t) => {
  const node = await startConsul(t)
  const consul = new Consul({ host: node.consul.hostname, port: Number(node.consul.port) })
  await consul.agent.service.register({ name: 'api', id: 'api-1', address: '10.0.0.5', port: 8080, tags: ['v1'], meta: { a: 'b' }, check: { ttl: '30s' } })
  t.match(await consul.agent.service.list(), { 'api-1': { Service: 'api', Tags: ['v1'], Meta: { a: 'b' }, Port: 8080 } })
  const watch = consul.watch({ method: consul.health.service, options: { service: 'api', passing: true }, backoffFactor: 10 }) as EventEmitter & { end (): void }
  t.teardown(() => watch.end())
  const seen: string[] = []
  watch.on('change', (entries: any[]) => { seen.push(entries.map(({ Service }) => Service.ID).join()) })
  await until('the watch begins', async () => seen[0])
  t.strictSame(seen, [''])
  for (const [act, expected] of [
    [() => consul.agent.check.pass({ id: 'service:api-1' }), 'api-1'], [() => consul.agent.check.fail({ id: 'service:api-1', note: 'no' }), ''], [() => consul.agent.check.pass('service:api-1'), 'api-1'],
    [() => consul.agent.service.maintenance({ id: 'api-1', enable: true, reason: 'disk' }), ''], [() => consul.agent.service.maintenance({ id: 'api-1', enable: false }), 'api-1'],
    [() => consul.agent.service.deregister('api-1'), '']
  ] as const) {
    const count = seen.length
    await act()
    await until(`the watch is told: ${expected}`, async () => seen[count])
    t.equal(seen.at(-1), expected)
  }
  t.match(await consul.catalog.service.list(), { consul: [] })
  t.match(await consul.catalog.datacenters(), ['dc1'])
  t.match(await consul.agent.self(), { Config: { Datacenter: 'dc1' } })
  t.match(await consul.status.leader(), /:8300$/)
  await t.rejects(consul.agent.service.deregister('nope'), { message: /not found|Unknown service ID/ })
  await t.rejects(consul.agent.check.pass('service:nope'))
  await consul.catalog.register({ node: 'db', address: '10.0.0.9', service: { service: 'pg', id: 'pg', port: 5432 }, check: { checkid: 'c', name: 'c', status: 'passing', serviceid: 'pg' } })
  t.match(await consul.health.service('pg'), [{ Node: { Node: 'db' }, Service: { ID: 'pg' } }])
  t.match(await consul.catalog.node.list(), [{ Node: 'db' }, {}])
  t.match(await consul.health.state('passing'), [{ CheckID: 'serfHealth' }])
  await consul.catalog.deregister({ node: 'db' })
  t.strictSame(await consul.health.service('pg'), [])
})

const python = '/usr/bin/python3'
const pythonModule = '/usr/lib/python3/dist-packages/consul'

t.test('python3-consul2 registers and discovers', { timeout: 60_000, skip: existsSync(pythonModule) ? false : `${pythonModule} is not there: npm run test:setup` }, async (t) => {
  const node = await startConsul(t)
  const { stdout } = await output(python, '-c', `
import consul, json
c = consul.Consul(host='${node.consul.hostname}', port=${node.consul.port})
out = []
out.append(c.agent.service.register('api', service_id='api-1', address='10.0.0.5', port=8080, tags=['v1'], check=consul.Check.ttl('30s')))
out.append(list(c.agent.services()))
out.append(len(c.health.service('api', passing=True)[1]))
out.append(c.agent.check.ttl_pass('service:api-1'))
index, found = c.health.service('api', passing=True)
out.append([int(index) > 0, found[0]['Service']['Address'], found[0]['Service']['Port'], found[0]['Service']['Tags']])
index, found = c.health.service('api', index=index, wait='1s')
out.append(len(found))
out.append(sorted(c.catalog.services()[1]))
out.append(c.agent.maintenance(True))
out.append(len(c.health.service('api', passing=True)[1]))
out.append(c.agent.maintenance(False))
out.append(c.agent.service.deregister('api-1'))
out.append(len(c.catalog.service('api')[1]))
print(json.dumps(out))
`)
  t.strictSame(JSON.parse(stdout), [true, ['api-1'], 0, true, [true, '10.0.0.5', 8080, ['v1']], 1, ['api', 'consul'], true, 0, true, true, 0])
})

t.test('curl as tutorials have it, and writes by GET as python3-consul sends them', { skip: lacking('curl') }, async (t) => {
  const { consul } = await startConsul(t)
  const curl = async (...args: string[]): Promise<string> => (await output('curl', '-s', ...args.map((arg) => arg.replace('URL', consul.origin)), '-w', ' %{http_code}')).stdout
  t.equal(await curl('-X', 'PUT', '-d', '{"Name":"web","Port":80,"Check":{"TTL":"30s"}}', 'URL/v1/agent/service/register'), ' 200')
  t.match(await curl('URL/v1/catalog/services'), /^\{"web":\[\],"consul":\[\]\} 200$/)
  t.equal(await curl('URL/v1/health/service/web?passing'), '[] 200')
  t.equal(await curl('-X', 'PUT', 'URL/v1/agent/check/pass/service:web'), ' 200')
  t.match(await curl('URL/v1/health/service/web?passing'), /"Service":"web".* 200$/)
  for (const path of ['check/pass/service:web', 'check/fail/service:web', 'service/deregister/web', 'service/maintenance/web?enable=true']) {
    t.equal(await curl(`URL/v1/agent/${path}`), 'method GET not allowed 405', path)
  }
  t.match(await curl('URL/v1/health/service/web?passing'), /"Service":"web".* 200$/, 'nothing of that was done')
  t.equal(await curl('URL/v1/kv/a'), 'Invalid URL path: not a recognized HTTP API endpoint 404')
})

t.test('what Spring, Traefik, Prometheus and consul-template ask is answered as they need it', async (t) => {
  const node = await startConsul(t)
  const ask = async (method: string, path: string, body?: object): Promise<Response> => fetch(new URL(path, node.consul), {
    method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json; charset=utf-8' } })
  })
  const spring = {
    ID: 'orders-8080', Name: 'orders', Tags: [], Address: 'host.example', Port: 8080, Meta: { secure: 'false' },
    Check: { Interval: '10s', HTTP: 'http://host.example:8080/actuator/health', Header: {} }
  }
  const sequences: readonly (readonly [client: string, method: string, path: string, body: object | undefined, status: number, wanted: unknown])[] = [
    ['Spring', 'PUT', '/v1/agent/service/register', spring, 200, ''],
    ['Spring', 'GET', '/v1/catalog/services?wait=2s&index=', undefined, 200, { orders: [] }],
    ['Spring', 'GET', '/v1/health/service/orders?passing=', undefined, 200, [{ Service: { Address: 'host.example', Port: 8080, Meta: { secure: 'false' } } }]],
    ['Spring', 'GET', '/v1/health/checks/orders', undefined, 200, [{ Status: 'passing', Name: "Service 'orders' check" }]],
    ['Spring', 'GET', '/v1/status/leader', undefined, 200, String],
    ['Spring', 'PUT', '/v1/agent/check/pass/service:gone', undefined, 404, /^Unknown check ID/],
    ['Traefik', 'GET', '/v1/catalog/services', undefined, 200, { orders: [] }],
    ['Traefik', 'GET', '/v1/health/service/orders?passing=', undefined, 200, [{ Node: { ID: String }, Service: { ID: 'orders-8080' }, Checks: [] }]],
    ['Traefik', 'GET', '/v1/health/state/any', undefined, 200, [{ CheckID: 'serfHealth' }]],
    ['Traefik', 'GET', '/v1/agent/self', undefined, 200, { Config: { Datacenter: 'dc1' } }],
    ['Prometheus', 'GET', '/v1/agent/self', undefined, 200, { Config: { Datacenter: 'dc1' } }],
    ['Prometheus', 'GET', '/v1/catalog/services?stale=&wait=120000ms', undefined, 200, { orders: [] }],
    ['Prometheus', 'GET', '/v1/health/service/orders?stale=&wait=120000ms', undefined, 200, [{ Node: { Address: '127.0.0.1', Datacenter: 'dc1', TaggedAddresses: {}, Meta: {} } }]],
    ['consul-template', 'GET', '/v1/health/service/orders?passing=1&stale=&wait=60000ms', undefined, 200, [{ Service: { ID: 'orders-8080' } }]],
    ['Spring', 'PUT', '/v1/agent/service/deregister/orders-8080', undefined, 200, '']
  ]
  for (const [client, method, path, body, status, wanted] of sequences) {
    const response = await ask(method, path, body)
    const text = await response.text()
    t.equal(response.status, status, `${client}: ${method} ${path}`)
    t.match(response.headers.get('content-type')?.startsWith('application/json') === true ? JSON.parse(text) : text, wanted, `${client}: ${path}`)
    if (method === 'GET' && /catalog|health/.test(path)) t.ok(Number(response.headers.get('x-consul-index')) > 0, `${client} needs an index`)
  }
})

t.test('a registration survives the process: it is stored before it is answered', async (t) => {
  const data = await temporaryDirectory(t)
  const first = await startNode(t, ['--data', data, '--consul', '127.0.0.1:0'])
  const { consul } = JSON.parse(await first.line(/"msg":"ready"/)) as { consul: string }
  const put = await fetch(`${consul}/v1/agent/service/register`, { method: 'PUT', body: '{"Name":"web","ID":"w","Address":"10.0.0.5"}' })
  t.equal(put.status, 200)
  await first.end('SIGKILL')
  const second = await startNode(t, ['--data', data])
  t.match((await call('GET', `${second.url}${instancePath('w', 'web', 'default')}`)).body, { address: '10.0.0.5', source: 'consul' })
})
