import { Resolver } from 'node:dns/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import type { ServerFrame } from '../../client-sdk/src/wire.ts'
import { RedisServer, noRedis } from '../support/redis-server.ts'
import { UdpClient, opt } from '../support/dns-client.ts'
import { type Node, call, endpointsPath, instancePath, startNode } from '../support/processes.ts'

async function resolve4 (node: Node, name: string): Promise<string[]> {
  const resolver = new Resolver()
  resolver.setServers([`${node.dnsHost}:${node.dnsPort}`])
  return (await resolver.resolve4(name)).toSorted()
}

/** The frames of a watch on shop/orders, one after the other. */
function watch (t: { teardown (callback: () => unknown): void }, node: Node): { next (): Promise<ServerFrame> } {
  const socket = new WebSocket(`${node.url.replace('http', 'ws')}/v1/watch`)
  t.teardown(() => socket.terminate())
  const frames: ServerFrame[] = []
  const waiting: ((frame: ServerFrame) => void)[] = []
  socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', id: 1, namespace: 'shop', service: 'orders' })))
  socket.on('error', () => undefined)
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as ServerFrame
    if (frame.type === 'hello' || frame.type === 'ping') return
    const first = waiting.shift()
    if (first === undefined) frames.push(frame)
    else first(frame)
  })
  return { next: () => new Promise((resolve) => {
    const frame = frames.shift()
    if (frame === undefined) waiting.push(resolve)
    else resolve(frame)
  }) }
}

t.test('what is registered on one node is found on the other, by REST, watch and DNS, and either may die', { skip: noRedis }, async (t) => {
  const redis = await RedisServer.start()
  t.teardown(() => redis.dispose())
  const [a, b] = await Promise.all([startNode(t, ['--redis', redis.url, '--node', 'a']), startNode(t, ['--redis', redis.url, '--node', 'b'])])
  const watched = watch(t, b)

  const registered = await call('PUT', a.url + instancePath('one'), { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }], lease: { ttlMs: 60_000 } })
  t.equal(registered.status, 201)
  const revision = registered.headers.get('rollcall-revision') ?? ''
  const read = await call('GET', `${b.url}${endpointsPath()}?minRevision=${revision}`)
  t.same(read.body.endpoints.map((endpoint: { address: string }) => endpoint.address), ['10.0.0.1'])
  t.same(await resolve4(b, 'orders.shop.svc.cluster.local'), ['10.0.0.1'])
  const snapshot = await watched.next()
  if (snapshot.type === 'snapshot' && 'instances' in snapshot && snapshot.instances.length === 0) t.match(await watched.next(), { type: 'change', event: 'put', instance: { id: 'one' } })
  else t.match(snapshot, { type: 'snapshot', instances: [{ id: 'one' }] })

  await call('PUT', a.url + instancePath('two'), { address: '10.0.0.2', lease: { ttlMs: 60_000 } })
  t.match(await watched.next(), { type: 'change', event: 'put', reason: 'registered', instance: { id: 'two', address: '10.0.0.2' } })

  const beat = await call('POST', `${b.url}/v1/heartbeats`, { leases: [{ namespace: 'shop', service: 'orders', id: 'two' }] })
  t.match(beat.body, { renewed: 1, unknown: [], superseded: [], stored: true }, 'a heartbeat may go to any node')

  await a.end('SIGKILL')
  t.equal((await call('PUT', b.url + instancePath('three'), { address: '10.0.0.3', lease: { ttlMs: 60_000 } })).status, 201)
  t.match(await watched.next(), { type: 'change', instance: { id: 'three' } })
  t.same(await resolve4(b, 'orders.shop.svc.cluster.local'), ['10.0.0.1', '10.0.0.2', '10.0.0.3'])

  const again = await startNode(t, ['--redis', redis.url, '--node', 'a'])
  await b.end('SIGKILL')
  t.equal((await call('DELETE', again.url + instancePath('one'))).status, 204)
  t.same(await resolve4(again, 'orders.shop.svc.cluster.local'), ['10.0.0.2', '10.0.0.3'])
  t.equal(await again.end('SIGTERM'), 0)
})

t.test('a DNS cookie of one node is good at the other, and its secret is nowhere to be read', { skip: noRedis }, async (t) => {
  const redis = await RedisServer.start()
  t.teardown(() => redis.dispose())
  const nodes = await Promise.all(['a', 'b'].map((name) => startNode(t, ['--redis', redis.url, '--node', name])))
  const [a, b] = nodes.map((node) => new UdpClient(t, { port: node.dnsPort, address: node.dnsHost }))
  const cookieFrom = async (client: UdpClient | undefined, cookie: Buffer): Promise<Buffer | undefined> =>
    opt(await client?.query('cluster.local', 'SOA', { edns: { options: [{ code: 10, data: cookie }] } }) ?? t.fail('no client') as never)?.options?.[0]?.data
  const given = await cookieFrom(a, Buffer.from('2464c4abcf10c957', 'hex')) ?? Buffer.alloc(0)
  t.equal(given.length, 24)
  t.same(await cookieFrom(b, given), given, 'the other knows it as its own')
  for (const { url, lines } of nodes) {
    t.same((await call('GET', `${url}/v1/events`)).body.items, [], 'its making is no event')
    t.same((await call('GET', `${url}/v1/namespaces`)).body.items, [])
    t.notMatch(lines.join('\n'), /[0-9a-f]{32}/, 'no line of the log has a key')
  }
})
