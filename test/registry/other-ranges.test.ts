// Rule: ranges are flags of one node, and what was given is everybody's. A value stays with its service until the service lets it go.
import t from 'tap'
import { Registry as PromRegistry } from 'prom-client'
import { claimKey, type ClaimTarget } from '../../server/registry/allocation/claims.ts'
import { RegistryMetrics } from '../../server/registry/metrics.ts'
import { Registry, type RegistryOptions } from '../../server/registry/registry.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { RedisServer, noRedis } from '../support/redis-server.ts'
import { allocation, apply, service, stored } from '../support/declared.ts'
import { type Closable } from '../support/closable.ts'
import { tester, world } from '../support/world.ts'

const skip = noRedis

interface Node {
  readonly registry: Registry
  readonly lines: string[]
}

async function nodes (t: Closable, ...options: (Partial<RegistryOptions>)[]): Promise<Node[]> {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const made = options.map((each): Node => {
    const lines: string[] = []
    const log = { info: (line: string) => { lines.push(line) }, warn: (line: string) => { lines.push(line) } }
    return { lines, registry: new Registry({ store: createRedisStore({ url: server.url, timeouts: { commandMs: 30_000 } }), log, ...each }) }
  })
  for (const { registry } of made) {
    await registry.open()
    t.teardown(() => registry.close())
  }
  return made
}

async function two (t: Closable, one: Partial<RegistryOptions>, other: Partial<RegistryOptions>): Promise<[Node, Node]> {
  const [first, second] = await nodes(t, one, other)
  if (first === undefined || second === undefined) throw new Error('two nodes were asked for')
  return [first, second]
}

/** Resolves when a change that the node heard makes it true. */
function until ({ registry }: Node, holds: () => boolean): Promise<void> {
  if (holds()) return Promise.resolve()
  return new Promise((resolve) => {
    const stop = registry.feed.listen({ changed: () => {
      if (!holds()) return
      stop()
      resolve()
    } })
  })
}

const has = ({ registry }: Node, target: ClaimTarget): boolean => registry.catalog.object(claimKey(target)) !== undefined
const ingress = ({ registry }: Node, name: string): (string | undefined)[] => stored(registry, name).status?.loadBalancer.ingress?.map(({ ip }) => ip) ?? []
const wide = allocation(['lan=192.168.1.240-192.168.1.250', '2001:db8::/120'], '30000-30099', ['10.96.0.0/16', 'fd00::/108'])
const other = allocation([], '31000-31099', ['10.100.0.0/16'])
const ports = 'ports: [{ port: 80 }]'
const balanced = (name: string, more = '', annotations = ''): string =>
  service(name, `type: LoadBalancer, selector: { a: b }, ${ports}${more}`, annotations === '' ? '' : `, annotations: { ${annotations} }`)

t.test('a service keeps every address, port and family through a node with other ranges, which warns, and through a change of something else', { skip }, async (t) => {
  const [a, b] = await two(t, wide, other)
  const specs = [
    ['one', `type: LoadBalancer, selector: { a: b }, ${ports}`],
    ['local', `type: LoadBalancer, externalTrafficPolicy: Local, selector: { a: b }, ${ports}`],
    ['both', `type: LoadBalancer, ipFamilyPolicy: RequireDualStack, selector: { a: b }, ${ports}`],
    ['prefers', `ipFamilyPolicy: PreferDualStack, selector: { a: b }, ${ports}`],
    ['six', `type: NodePort, ipFamilies: [IPv6], selector: { a: b }, ${ports}`],
    ['asks', `type: LoadBalancer, loadBalancerIP: 192.168.1.250, selector: { a: b }, ports: [{ port: 80, nodePort: 30007 }]`],
    ['headless', `clusterIP: None, ipFamilyPolicy: PreferDualStack, selector: { a: b }, ${ports}`]
  ] as const
  for (const [name, spec] of specs) {
    await apply(a.registry, service(name, spec))
    await b.registry.store.sync()
    const before = stored(b.registry, name)
    const claims = [...b.registry.feed.heldObjects()].map(({ key }) => key).sort()
    const [again] = await apply(b.registry, service(name, spec))
    t.equal(again?.outcome, 'unchanged', name)
    t.same(stored(b.registry, name), before)
    t.equal(again?.warnings.some((text) => /is in no (?:range|pool) of this node.*: the service keeps it/.test(text)), name !== 'headless', `${name}: ${String(again?.warnings)}`)
    await apply(b.registry, service(name, spec, ', labels: { seen: twice }'))
    t.same([stored(b.registry, name).spec, stored(b.registry, name).status], [before.spec, before.status])
    t.same([...b.registry.feed.heldObjects()].map(({ key }) => key).sort(), claims, 'and every claim')
    const [back] = await apply(a.registry, service(name, spec, ', labels: { seen: twice }'))
    t.same([back?.outcome, back?.warnings], ['unchanged', []], 'where it fits nobody is warned')
  }
  const outside = b.registry.services.pools().filter(({ name }) => name === '(outside)')
  t.match(outside, [
    { kind: 'cluster-ip', used: 8, free: 0, outside: Array },
    { kind: 'node-port', used: 6, outside: Array },
    { kind: 'load-balancer', used: 5, outside: ['192.168.1.240', '192.168.1.241', '192.168.1.242', '2001:db8::', '192.168.1.250'] }
  ])
  t.same(a.registry.services.pools().filter(({ name }) => name === '(outside)'), [])
})

t.test('a type that needs more takes that from the node it is applied through, and what it had stays', { skip }, async (t) => {
  const [a, b] = await two(t, wide, other)
  await apply(a.registry, service('web', `selector: { a: b }, ipFamilyPolicy: PreferDualStack, ${ports}`))
  await b.registry.store.sync()
  const { clusterIPs } = stored(b.registry, 'web').spec
  t.equal(clusterIPs?.length, 2)
  await apply(b.registry, service('web', `type: NodePort, ipFamilyPolicy: RequireDualStack, selector: { a: b }, ${ports}`))
  t.same(stored(b.registry, 'web').spec.clusterIPs, clusterIPs)
  t.match(String(stored(b.registry, 'web').spec.ports?.[0]?.nodePort), /^310/)
  await apply(b.registry, service('web', `selector: { a: b }, ipFamilyPolicy: SingleStack, ${ports}`))
  await a.registry.store.sync()
  t.notOk(has(a, { kind: 'ip', value: clusterIPs?.[1] ?? '' }), 'what the service lets go is free, whatever the ranges')
  await b.registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name: 'web' }])
  await a.registry.store.sync()
  t.notOk(has(a, { kind: 'ip', value: clusterIPs?.[0] ?? '' }))
})

t.test('a load balancer that wants what this node cannot give keeps its address until a node gives the new one', { skip }, async (t) => {
  const [a, b] = await two(t, allocation(['lan=192.168.1.240-192.168.1.250', 'dmz=192.0.2.10-192.0.2.19', 'auto=false']), allocation())
  await apply(a.registry, balanced('web'))
  await apply(a.registry, balanced('api'))
  await b.registry.store.sync()
  const gives = until(a, () => ingress(a, 'web')[0] === '192.0.2.10')
  const [moved] = await apply(b.registry, balanced('web', '', 'rollcall.dev/load-balancer-pool: dmz'))
  t.match(moved?.manifest.kind === 'Service' && moved.manifest.status?.loadBalancer.ingress, [{ ip: '192.168.1.240' }], 'the one it has')
  t.match(moved?.warnings, [/the load-balancer address is not changed: there is no pool dmz.*it keeps 192\.168\.1\.240/, /192\.168\.1\.240 is in no pool of this node/])
  await gives
  t.equal(stored(a.registry, 'web').status?.conditions, undefined)
  t.notOk(has(a, { kind: 'lb', value: '192.168.1.240' }), 'the old one is free now')
  const gets = until(a, () => ingress(a, 'api')[0] === '192.168.1.245')
  const [asked] = await apply(b.registry, balanced('api', ', loadBalancerIP: 192.168.1.245'))
  t.match(asked?.manifest.kind === 'Service' && asked.manifest.status?.loadBalancer.ingress, [{ ip: '192.168.1.241' }])
  await gets
  t.notOk(has(a, { kind: 'lb', value: '192.168.1.241' }))
})

t.test('a pool that is full takes no address away either, and two services still swap theirs in one write', async (t) => {
  const { registry } = await world(t, allocation(['lan=192.168.1.240-192.168.1.241', 'dmz=192.0.2.10-192.0.2.10']))
  const dmz = 'rollcall.dev/load-balancer-pool: dmz'
  await apply(registry, [balanced('full', '', dmz), balanced('web'), balanced('api')].join('---\n'))
  await apply(registry, balanced('web', '', dmz))
  t.match(stored(registry, 'web').status, {
    loadBalancer: { ingress: [{ ip: '192.168.1.240' }] }, conditions: [{ reason: 'Moving', message: 'every IPv4 address of dmz is taken; it keeps 192.168.1.240' }]
  })
  const { revision } = registry.feed
  t.match(await apply(registry, balanced('web', '', dmz)), [{ outcome: 'unchanged' }])
  t.equal(registry.feed.revision, revision)
  await apply(registry, balanced('web'))
  t.equal(stored(registry, 'web').status?.conditions, undefined, 'it does not want another one any more')
  await apply(registry, [balanced('web', ', loadBalancerIP: 192.168.1.241'), balanced('api', ', loadBalancerIP: 192.168.1.240')].join('---\n'))
  t.match(['web', 'api'].map((name) => stored(registry, name).status?.loadBalancer.ingress), [[{ ip: '192.168.1.241' }], [{ ip: '192.168.1.240' }]])
})

t.test('nodes tell each other their ranges, and a difference is in the log, the metrics and the numbers, on both sides, while it lasts', { skip }, async (t) => {
  const [a, b] = await two(t, { ...wide, node: 'a' }, { ...other, node: 'b' })
  const metrics = new PromRegistry()
  new RegistryMetrics(metrics).observe(b.registry)
  const gauge = async (): Promise<string | undefined> => /^rollcall_nodes_with_other_ranges (\d+)$/m.exec(await metrics.metrics())?.[1]
  await Promise.all([until(a, () => a.registry.services.nodeRanges.count === 2), until(b, () => b.registry.services.nodeRanges.count === 2)])
  t.match(b.registry.as(tester).numbers().ranges, { nodes: 2, different: [
    { node: 'a', setting: 'service-cidr', here: '10.100.0.0/16', there: '10.96.0.0/16 fd00::/108' },
    { node: 'a', setting: 'node-port-range', here: '31000-31099', there: '30000-30099' },
    { node: 'a', setting: 'load-balancer-pool', here: '', there: 'lan=192.168.1.240-192.168.1.250,2001:db8::/120' }
  ] })
  t.equal(await gauge(), '1')
  t.match(b.lines.filter((line) => line.includes('load-balancer-pool')), [/^node "a" has another --load-balancer-pool than this one: lan=\S+ there, none here;/])
  t.match(a.lines.filter((line) => line.includes('load-balancer-pool')), [/^node "b" has another --load-balancer-pool than this one: none there, lan=\S+ here;/])
  await apply(a.registry, balanced('web'))
  await b.registry.store.sync()
  t.match((await apply(b.registry, balanced('web')))[0]?.warnings.join('\n'), /load-balancer address 192\.168\.1\.240 is in no pool of this node, but of node "a": the service keeps it/)
  t.same((await b.registry.as(tester).events({ limit: 100 })).changes.filter(({ target }) => target.service !== 'web'), [], 'no event of anybody')
  t.same(b.registry.unreadable.list(), [])
  const gone = until(b, () => b.registry.services.nodeRanges.count === 1)
  await a.registry.close()
  await gone
  t.equal(await gauge(), '0')
  t.equal(b.lines.at(-1), 'all nodes have the ranges of this one')
})

t.test('a node that ended without a word is forgotten, and nodes with the same ranges differ in nothing', { skip }, async (t) => {
  const [a, b] = await two(t, { ...wide, node: 'same' }, { ...wide, node: 'same' })
  await until(b, () => b.registry.services.nodeRanges.count === 2)
  t.same(b.registry.services.nodeRanges.differences(), [])
  const body = JSON.stringify({ node: 'dead', 'service-cidr': ['10.1.0.0/16'], 'node-port-range': ['1-9'], 'load-balancer-pool': [] })
  const forgotten = until(a, () => a.registry.services.nodeRanges.differing === 1).then(() => until(a, () => a.registry.services.nodeRanges.differing === 0))
  await b.registry.store.commit([{ type: 'put', key: 'node/dead', body, endsAtMs: Date.now() + 300, reason: 'declared' }], 'test')
  await forgotten
  t.same([...b.registry.feed.heldObjects()].filter(({ key, endsAtMs }) => key.startsWith('node/') && endsAtMs === 0), [], 'each of them ends by itself')
})

t.test('the only node of a data file publishes no ranges', async (t) => {
  const { registry, clock } = await world(t, { ...wide, node: 'alone' })
  clock.advance(1_000_000)
  await registry.store.sync()
  t.same([...registry.feed.heldObjects()], [])
  t.same(registry.as(tester).numbers().ranges, { nodes: 1, different: [] })
})

t.test('the ranges of other nodes are bounded, and unreadable ones are ignored', async (t) => {
  const { registry } = await world(t, wide)
  const said = (node: string, pools: string[]): string => JSON.stringify({ node, 'service-cidr': ['10.96.0.0/16'], 'node-port-range': ['30000-30099'], 'load-balancer-pool': pools })
  await registry.store.commit([
    { type: 'put', key: 'node/odd', body: said('odd', ['no pool at all']), endsAtMs: 0, reason: 'declared' },
    { type: 'put', key: 'node/broken', body: '{"node":1}', endsAtMs: 0, reason: 'declared' }
  ], 'test')
  t.equal(registry.services.nodeRanges.count, 2)
  t.match(registry.services.nodeRanges.differences(), [{}, { setting: 'load-balancer-pool', there: 'no pool at all' }])
  t.same(registry.unreadable.list().map(({ key }) => key), ['node/broken'])
  await registry.store.commit(Array.from({ length: 300 }, (_, index) => ({ type: 'put' as const, key: `node/n${index}`, body: said(`n${index}`, []), endsAtMs: 0, reason: 'declared' as const })), 'test')
  t.equal(registry.services.nodeRanges.count, 257)
})
