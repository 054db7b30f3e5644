// What the commands say of the agents that carry traffic: who they are, what they carry, and what nobody does.
import t from 'tap'
import { agentKeys } from '../../server/model/traffic-agent.ts'
import type { World } from '../support/world.ts'
import { place } from './place.ts'

interface Facts {
  readonly addresses?: string
  readonly clusterIps?: string
  readonly externalIps?: string
  readonly covers?: string
  readonly announces?: string
  readonly problems?: string
  readonly status?: 'up' | 'down' | 'draining'
  readonly mode?: string
}

async function agent (world: World, node: string, { addresses = '10.77.0.1', clusterIps = 'yes', externalIps, covers, announces, problems, status = 'up', mode = 'kernel' }: Facts = {}): Promise<void> {
  await world.register(`rollcall-system/proxy/${node}`, {
    address: '10.77.0.1', ports: [], node, zone: 'east', status, labels: { mode },
    metadata: {
      [agentKeys.addresses]: addresses, [agentKeys.clusterIps]: clusterIps,
      ...(externalIps === undefined ? {} : { [agentKeys.externalIps]: externalIps }),
      ...(covers === undefined ? {} : { [agentKeys.covers]: covers }),
      ...(announces === undefined ? {} : { [agentKeys.announces]: announces }),
      ...(problems === undefined ? {} : { [agentKeys.problems]: problems })
    }
  })
}

const manifest = (name: string, spec: object): string => JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }], selector: { app: 'x' }, ...spec } })
const warnings = (err: readonly string[]): readonly string[] => err.filter((line) => /agent|rollcall proxy/.test(line))

t.test('apply says in one line which addresses no live agent carries, and why', async (t) => {
  const { world, piped } = await place(t)
  const apply = async (...manifests: readonly string[]): Promise<readonly string[]> => warnings((await piped(manifests.join('\n---\n'), 'apply', '-f', '-')).err)
  await agent(world, 'out', { status: 'down' })
  t.strictSame(await apply(manifest('a', {}), manifest('b', {})), [
    'Warning: nothing listens at the addresses and node ports of a, b: no machine runs rollcall proxy. By name callers get the endpoints'
  ], 'one that is down carries nothing that callers may count on')
  await agent(world, 'weak', { clusterIps: 'no', mode: 'userspace' })
  t.match(await apply(manifest('c', { type: 'NodePort' })), [/^Warning: no live agent carries cluster IP 10\.[\d.]+ of c \(userspace without rights carries node ports only\)$/])
  await agent(world, 'strong', { externalIps: '198.51.100.0/24' })
  t.strictSame(await apply(manifest('d', { type: 'NodePort' })), [], 'all of it is carried')
  t.strictSame(await apply(manifest('e', { externalIPs: ['198.51.100.7'] })), [])
  t.match(await apply(manifest('f', { externalIPs: ['198.51.100.8', '192.0.2.1'] })), [/^Warning: no live agent carries external IP 192\.0\.2\.1 of f \(outside of every --allow-external-ips\)$/])
  const many = Array.from({ length: 5 }, (_, index) => manifest(`m${index}`, { externalIPs: ['192.0.2.1'] }))
  t.match(await apply(...many), [/m0 .*, .*m1 .*, .*m2 .* and 2 more$/])
  t.strictSame(await apply(manifest('headless', { clusterIP: 'None' }), JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'out' }, spec: { type: 'ExternalName', externalName: 'a.example' } })), [])
})

t.test('a load-balancer address that nobody announces is warned of, unless an agent that announces will', async (t) => {
  const { world, piped, rollcall } = await place(t)
  await agent(world, 'a')
  t.match(warnings((await piped(manifest('one', { type: 'LoadBalancer' }), 'apply', '-f', '-')).err), [/load-balancer address 192\.168\.1\.240 of one \(nobody announces it: rollcall proxy --announce, /])
  t.match((await rollcall('get', 'services', '-o', 'wide')).out.join('\n'), /ANNOUNCED-BY[^]*one .*<nobody>/)
  await agent(world, 'a', { announces: '192.168.1.240' })
  t.strictSame(warnings((await piped(manifest('two', { type: 'LoadBalancer' }), 'apply', '-f', '-')).err), [])
  t.match((await rollcall('get', 'services', 'one', '-o', 'wide')).out[1], / a /)
  t.match((await rollcall('describe', 'service', 'one')).out.join('\n'), 'load-balancer address 192.168.1.240: announced by a')
  t.match((await rollcall('describe', 'service', 'two')).out.join('\n'), 'load-balancer address 192.168.1.241: by a, if it is routed there (nobody announces it')
})

t.test('get proxies, status and describe show who carries what', async (t) => {
  const { world, piped, rollcall } = await place(t)
  t.match((await rollcall('status')).out.at(-1), /^Agents: +0: no machine carries traffic/)
  t.match(await rollcall('get', 'proxies'), { exitCode: 0, out: [], err: ['No proxies.'] })
  await piped(manifest('web', { type: 'NodePort' }), 'apply', '-f', '-')
  t.match((await rollcall('describe', 'service', 'web')).out.join('\n'), /Carried: +by nobody: no machine runs an agent/)
  await agent(world, 'a', { covers: '172.17.0.0/16' })
  await agent(world, 'b', { mode: 'userspace', clusterIps: 'no', addresses: '10.77.0.2,10.77.1.2' })
  const [heading = '', ...rows] = (await rollcall('get', 'proxies', '-o', 'wide')).out
  t.match(heading, /^NODE +ZONE +MODE +ADDRESSES +REVISION +STATUS +AGE +CLUSTER-IPS +COVERS/)
  t.match(rows, [/^a +east +kernel +10\.77\.0\.1 +- +up +\d+s +yes +172\.17\.0\.0\/16/, /^b +east +userspace +10\.77\.0\.2,10\.77\.1\.2 +- +up +\d+s +no/])
  t.equal((await rollcall('get', 'proxies', 'b')).out.length, 2)
  t.match((await rollcall('get', 'proxies', '-o', 'name')).out, ['a', 'b'])
  t.match((await rollcall('status')).out.at(-1), /^Agents: +2 \(1 kernel, 1 userspace\), 0 of them suspect/)
  const text = (await rollcall('describe', 'service', 'web')).out.join('\n')
  t.match(text, /Carried: +cluster IP 10\.[\d.]+: by a\n +node port \d+: by a, b/)
})

t.test('get proxies -w has a line for each change of an agent, and for its end; with -o json the registry\'s own words', async (t) => {
  const { world, begin } = await place(t)
  await agent(world, 'a')
  await world.register('rollcall-system/other/x', { address: '10.0.0.1' })
  const [all, one, json] = [begin('get', 'proxies', '-w', '-o', 'wide'), begin('get', 'proxies', 'b', '-w'), begin('get', 'proxies', '-w', '-o', 'json')]
  await all.line(/^a +east +kernel .* up /)
  await json.line(/"id":"a"/)
  await agent(world, 'b', { mode: 'userspace', clusterIps: 'no', addresses: '10.77.0.2' })
  await all.line(/^b +east +userspace +10\.77\.0\.2 .* up .* no /)
  await one.line(/^b /)
  await agent(world, 'a', { announces: '192.168.1.240' })
  await all.line(/^a .* 192\.168\.1\.240$/)
  await world.send('DELETE', '/v1/namespaces/rollcall-system/services/proxy/instances/b')
  await all.line(/^b .* deregistered /)
  await one.line(/^b .* deregistered /)
  await json.line(/"id":"b".*"gone":"deregistered"/)
  const ended = await Promise.all([all, one, json].map((each) => each.interrupt()))
  t.same(ended.map(({ out }) => out.length), [5, 3, 4], 'a heading for those with one, and nothing of other services')
})

t.test('an address that nobody announces, or a stranger uses, has an event, and describe says why', async (t) => {
  const { world, piped, rollcall } = await place(t)
  await piped(manifest('one', { type: 'LoadBalancer' }), 'apply', '-f', '-')
  const messages = async (): Promise<string[]> => (await world.send('GET', '/v1/events?namespace=rollcall-system')).json().items.map(({ message }: { message: string }) => message)
  await agent(world, 'a', { announces: '' })
  const nobody = 'no machine announces 192.168.1.240: no live agent may announce addresses of its network'
  await agent(world, 'a', { announces: '', problems: nobody })
  t.match((await messages())[0], `by test: ${nobody}`)
  t.match((await rollcall('describe', 'service', 'one')).out.join('\n'), nobody)
  await agent(world, 'a', { announces: '192.168.1.240' })
  t.match((await messages())[0], /: it announces 192\.168\.1\.240; what it could not announce is in order again$/)
  const stranger = '192.168.1.240 is used on the network by 02:00:00:00:00:01, which is no agent\'s machine'
  await agent(world, 'a', { announces: '192.168.1.240', problems: stranger })
  t.match((await messages())[0], `: ${stranger}`)
  t.match((await rollcall('describe', 'service', 'one')).out.join('\n'), `announced by a (${stranger})`)
  await agent(world, 'a', { announces: '192.168.1.240', problems: stranger, status: 'draining' })
  t.notMatch((await messages())[0], /is used/, 'and only when that changes')
  await world.register('default/orders/x', { metadata: { [agentKeys.problems]: 'x' } })
  t.notMatch((await world.send('GET', '/v1/events?namespace=default&service=orders')).json().items[0].message, /: x/, 'of agents alone')
})

t.test('expose keeps the names that the instances have for their ports', async (t) => {
  const { world, rollcall } = await place(t)
  await world.register('default/orders/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }, { name: 'dns', port: 53, protocol: 'UDP' }, { name: 'admin', port: 9000 }] })
  const ports = async (name: string): Promise<unknown> => JSON.parse((await rollcall('get', 'service', name, '-o', 'json')).out.join('')).manifest.spec.ports
    .map(({ name: called, port, targetPort, protocol }: Record<string, unknown>) => [called, port, targetPort, protocol].join(' '))
  await rollcall('expose', 'orders', '--name', 'one', '--port', '8080')
  t.strictSame(await ports('one'), ['http 8080 8080 TCP'], 'the same number')
  await rollcall('expose', 'orders', '--name', 'two', '--port', '80', '--target-port', '8080')
  t.strictSame(await ports('two'), ['http 80 8080 TCP'], 'another number')
  await rollcall('expose', 'orders', '--name', 'three', '--port', '80', '--target-port', 'admin')
  t.strictSame(await ports('three'), ['admin 80 admin TCP'], 'by name')
  await rollcall('expose', 'orders', '--name', 'four', '--port', '53', '--protocol', 'UDP')
  t.strictSame(await ports('four'), ['dns 53 53 UDP'])
  const warned = await rollcall('expose', 'orders', '--name', 'five', '--port', '80')
  t.match(warned.err, [/^Warning: no instance says that it listens on TCP port 80: they have http:8080, dns:53\/UDP, admin:9000/])
  t.strictSame(await ports('five'), [' 80 80 TCP'])
})

t.test('expose --headless declares what answers as before: all ports, under their names, and no cluster IP', async (t) => {
  const { world, rollcall } = await place(t)
  await world.register('default/orders/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }, { name: 'admin', port: 9000 }] })
  await world.register('default/orders/b', { address: '10.0.0.2', ports: [{ name: 'http', port: 8081 }] })
  const done = await rollcall('expose', 'orders', '--headless')
  t.match(done, { exitCode: 0, out: ['service/orders created'], err: [] }, 'and nothing is warned of')
  const { manifest: { spec } } = JSON.parse((await rollcall('get', 'service', 'orders', '-o', 'json')).out.join(''))
  t.match(spec, { clusterIP: 'None', ports: [{ name: 'http', targetPort: 'http' }, { name: 'admin', targetPort: 'admin' }] })
  await world.register('default/plain/a', { address: '10.0.0.3', ports: [{ port: 80 }] })
  t.match(await rollcall('expose', 'plain', '--headless'), { exitCode: 0, err: [] })
  await world.register('default/mixed/a', { address: '10.0.0.4', ports: [{ port: 80 }, { name: 'admin', port: 81 }] })
  t.match(await rollcall('expose', 'mixed', '--headless'), { exitCode: 1, err: [/port 80 of the instances has no name/] })
  for (const flags of [['--headless', '--type', 'NodePort'], ['--headless', '--target-port', 'http'], ['--headless', '--protocol', 'UDP']]) {
    t.match(await rollcall('expose', 'plain', '--name', 'x', ...flags), { exitCode: 2 }, flags.join(' '))
  }
})
