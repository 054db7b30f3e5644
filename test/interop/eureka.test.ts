// Clients of Eureka as they are: eureka-js-client, curl as tutorials have it, Prometheus.
import { type EventEmitter, once } from 'node:events'
import { createRequire } from 'node:module'
import t from 'tap'
import { type Node, call, instancePath, startNode } from '../support/processes.ts'
import { type Closable, temporaryDirectory } from '../support/closable.ts'
import { lacking, output } from '../support/programs.ts'
import { freePort } from '../support/free-port.ts'
import { guideBlock } from './guide.ts'
import { startPeer, until } from './peers.ts'

interface Client extends EventEmitter {
  readonly logger: { level (level: number): void }
  start (done: (error: unknown) => void): void
  stop (done: (error: unknown) => void): void
  getInstancesByAppId (app: string): readonly Record<string, any>[]
  getInstancesByVipAddress (vip: string): readonly Record<string, any>[]
}

// It has no declarations.
const { Eureka } = createRequire(import.meta.url)('eureka-js-client') as { Eureka: new (config: object) => Client }

interface EurekaNode extends Node {
  readonly eureka: URL
}

async function startEureka (t: Closable, ...args: string[]): Promise<EurekaNode> {
  const node = await startNode(t, ['--data', await temporaryDirectory(t), '--eureka', '127.0.0.1:0', ...args])
  const { eureka } = JSON.parse(await node.line(/"msg":"ready"/)) as { eureka: string }
  return { ...node, eureka: new URL(eureka) }
}

/** With the base of its own documentation, asking often. */
function clientOf (t: Closable, { eureka: { hostname, port } }: EurekaNode, instance: object, shouldUseDelta: boolean): Client {
  const client = new Eureka({
    instance: {
      app: 'jqservice', hostName: 'localhost', ipAddr: '127.0.0.1', port: { $: 8080, '@enabled': true }, vipAddress: 'jq.test.something.com',
      statusPageUrl: 'http://localhost:8080/info', dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' }, ...instance
    },
    eureka: { host: hostname, port, servicePath: '/eureka/v2/apps/', heartbeatInterval: 100, registryFetchInterval: 50, maxRetries: 1, shouldUseDelta }
  })
  client.logger.level(60) // nothing
  client.on('error', () => undefined)
  t.teardown(() => { client.removeAllListeners() })
  return client
}

/** Starts or stops it, and resolves when it says that this is done. */
function told (client: Client, what: 'start' | 'stop'): Promise<void> {
  return new Promise((resolve, reject) => {
    client[what]((error) => {
      if (error === null || error === undefined) resolve()
      else reject(new Error(`${what}: ${error instanceof Error ? error.message : 'it failed'}`))
    })
  })
}

for (const shouldUseDelta of [false, true]) {
  t.test(`eureka-js-client registers, finds, is found, comes back and goes, ${shouldUseDelta ? 'by deltas' : 'by whole lists'}`, async (t) => {
    const node = await startEureka(t)
    const client = clientOf(t, node, {}, shouldUseDelta)
    const registered = once(client, 'registered')
    await told(client, 'start')
    await registered
    const path = `${node.url}${instancePath('localhost', 'jqservice', 'default')}`
    t.match((await call('GET', path)).body, { address: '127.0.0.1', ports: [{ name: 'http', port: 8080 }], source: 'eureka', lease: { ttlMs: 90_000 } })
    await once(client, 'heartbeat')

    await call('PUT', `${node.url}${instancePath('orders-1', 'orders', 'default')}`, { address: '10.0.0.7', ports: [{ name: 'http', port: 9000 }], lease: { ttlMs: 600_000 } })
    const [found] = await until('the client finds what registered natively', async () => (client.getInstancesByAppId('orders').length === 1 ? client.getInstancesByAppId('orders') : undefined))
    t.match(found, { instanceId: 'orders-1', ipAddr: '10.0.0.7', hostName: '10.0.0.7', port: { $: 9000, '@enabled': 'true' }, status: 'UP' })
    t.equal(client.getInstancesByVipAddress('orders').length, 1)
    t.equal(client.getInstancesByVipAddress('jq.test.something.com').length, 1)

    await call('PUT', `${node.url}${instancePath('orders-1', 'orders', 'default')}/override`, { status: 'draining' })
    await until('an instance that drains is not UP', async () => client.getInstancesByAppId('orders').length === 0 || (client.getInstancesByAppId('orders')[0]?.['status'] !== 'UP' ? true : undefined))
    t.pass('it is out of service')

    const again = once(client, 'registered')
    t.equal((await call('DELETE', path)).status, 204)
    await again
    t.equal((await call('GET', path)).status, 200, '404 to a heartbeat made it register again')
    await told(client, 'stop')
    t.equal((await call('GET', path)).status, 404)
  })
}

t.test('curl, as tutorials have it', { skip: lacking('curl') }, async (t) => {
  const { eureka: { origin } } = await startEureka(t)
  const curl = async (...args: string[]): Promise<string> => (await output('curl', '-s', ...args)).stdout
  const code = ['-o', '/dev/null', '-w', '%{http_code}'] as const
  const xml = '<instance><hostName>host9</hostName><app>CURL</app><ipAddr>10.0.0.9</ipAddr><status>UP</status><port enabled="true">80</port><dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo></instance>'
  t.equal(await curl(...code, '-X', 'POST', '-H', 'Content-Type: application/xml', '-d', xml, `${origin}/eureka/apps/CURL`), '204')
  t.match(await curl(`${origin}/eureka/apps/CURL`), '<application><name>CURL</name><instance><instanceId>host9</instanceId>')
  t.match(JSON.parse(await curl('-H', 'Accept: application/json', '--compressed', `${origin}/eureka/v2/apps`)), { applications: { apps__hashcode: 'UP_1_' } })
  t.equal(await curl(...code, '-X', 'PUT', `${origin}/eureka/apps/CURL/host9`), '200')
  t.equal(await curl(...code, '-X', 'PUT', `${origin}/eureka/apps/CURL/host9/status?value=OUT_OF_SERVICE`), '200')
  t.match(await curl(`${origin}/eureka/apps/CURL/host9`), '<status>OUT_OF_SERVICE</status><overriddenstatus>OUT_OF_SERVICE</overriddenstatus>')
  t.equal(await curl(...code, '-X', 'DELETE', `${origin}/eureka/apps/CURL/host9`), '200')
  t.equal(await curl(...code, `${origin}/eureka/apps/CURL`), '404')
})

t.test('Prometheus finds its targets by eureka_sd, and loses those that go', { skip: lacking('prometheus') }, async (t) => {
  const node = await startEureka(t)
  await call('PUT', `${node.url}${instancePath('orders-1', 'orders', 'default')}`, { address: '127.0.0.7', ports: [{ name: 'http', port: 9000 }], zone: 'a', lease: { ttlMs: 600_000 } })
  await fetch(`${node.eureka.origin}/eureka/apps/WEB`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instance: { app: 'WEB', instanceId: 'web:1', hostName: '127.0.0.8', ipAddr: '127.0.0.8', port: { $: 8080, '@enabled': 'true' }, dataCenterInfo: { name: 'MyOwn' }, metadata: { team: 'shop' } } })
  })
  const config = await guideBlock('eureka', 'eureka_sd_configs', { 'http://127.0.0.1:8761/eureka\'': `${node.eureka.origin}/eureka', refresh_interval: 1s` })
  const directory = await temporaryDirectory(t)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  await startPeer(t, {
    program: 'prometheus', port, config: () => config,
    args: (path) => [`--config.file=${path}`, `--storage.tsdb.path=${directory}`, `--web.listen-address=127.0.0.1:${port}`],
    isReady: async () => (await fetch(`${url}/-/ready`)).ok
  })
  const targets = async (): Promise<Record<string, any>[]> => {
    const { data } = await (await fetch(`${url}/api/v1/targets`)).json() as { data: { activeTargets: Record<string, any>[] } }
    return data.activeTargets.sort((a, b) => (a['scrapeUrl'] < b['scrapeUrl'] ? -1 : 1))
  }
  const both = await until('both are targets', async () => {
    const found = await targets()
    return found.length === 2 ? found : undefined
  })
  t.match(both, [
    { scrapeUrl: 'http://127.0.0.7:9000/metrics', labels: { app: 'ORDERS' }, discoveredLabels: {
      __meta_eureka_app_instance_id: 'orders-1', __meta_eureka_app_instance_status: 'UP', __meta_eureka_app_instance_metadata_zone: 'a', __meta_eureka_app_instance_port_enabled: 'true'
    } },
    { scrapeUrl: 'http://127.0.0.8:8080/metrics', labels: { app: 'WEB' }, discoveredLabels: {
      __meta_eureka_app_instance_metadata_team: 'shop', __meta_eureka_app_instance_vip_address: 'web', __meta_eureka_app_instance_secure_port_enabled: 'false'
    } }
  ])
  await fetch(`${node.eureka.origin}/eureka/apps/WEB/web:1`, { method: 'DELETE' })
  t.equal((await until('one is left', async () => {
    const found = await targets()
    return found.length === 1 ? found : undefined
  })).length, 1)
})
