// What an agent makes of bad input: a condition or a sentence for each, and the other services go on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import fc from 'fast-check'
import t from 'tap'
import type { Endpoint, ServiceEndpoints } from '../../client-sdk/src/wire.ts'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { createTestRegistry } from '../../client-sdk/src/testing.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { readServiceCidrs } from '../../server/model/address/ranges.ts'
import type { Service, ServiceSpec } from '../../server/model/service/types.ts'
import { Agent } from '../../server/proxy/agent.ts'
import { noTraffic } from '../../server/proxy/traffic-counts.ts'
import type { BackEnd, FrontEndChanges } from '../../server/proxy/back-end.ts'
import type { FrontEnd } from '../../server/proxy/front-end.ts'
import { HealthCheckPorts } from '../../server/proxy/health-check-ports.ts'
import { LocalListeners, placesOf } from '../../server/proxy/kernel/local-listeners.ts'
import { RulesetState } from '../../server/proxy/kernel/ruleset-state.ts'
import type { Machine } from '../../server/proxy/machine.ts'
import { readState, writeState } from '../../server/proxy/state-file.ts'
import { TrafficState, maxFrontEnds, maxMachineEndpoints } from '../../server/proxy/traffic-state.ts'
import { HandClock } from '../support/hand-clock.ts'

const machine: Machine = {
  node: 'a', addresses: new Set(['10.77.0.1']), nodeAddresses: ['10.77.0.1'], serviceRanges: readServiceCidrs(['10.96.0.0/12', 'fd00:96::/112']), externalRanges: []
}

function endpoint (address: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    id: address, address, ports: [{ name: '', port: 8080, protocol: 'TCP' }], labels: {}, metadata: {}, weight: 1, priority: 0, status: 'up', suspect: false,
    conditions: { ready: true, serving: true, terminating: false }, ...more
  }
}

function service (name: string, clusterIP: string, spec: Partial<ServiceSpec> = {}, endpoints: readonly Endpoint[] = [endpoint('10.0.0.1')]): ServiceEndpoints {
  const manifest: Service = {
    apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' },
    spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'], sessionAffinity: 'None', ports: [{ protocol: 'TCP', port: 80, targetPort: 8080 }], ...spec }
  }
  return { namespace: 'shop', service: name, revision: 'e.1', failOpen: false, declared: true, endpoints, manifest }
}

const reasons = (state: TrafficState): Record<string, string> => Object.fromEntries(state.conditions().map(({ service: of, reason }) => [of, reason]))
const carriedNames = (state: TrafficState): string[] => Array.from(state.all(), ({ service: of }) => of).sort()

t.test('a service that cannot be read has a condition, and the others are carried', (t) => {
  const state = new TrafficState(machine)
  const bad: readonly (readonly [name: string, given: unknown])[] = [
    ['protocol', service('protocol', '10.96.1.1', { ports: [{ protocol: 'TCP } flush ruleset' as 'TCP', port: 80, targetPort: 1 }] })],
    ['port', service('port', '10.96.1.2', { ports: [{ protocol: 'TCP', port: 70_000, targetPort: 1 }] })],
    ['node-port', service('node-port', '10.96.1.3', { ports: [{ protocol: 'TCP', port: 80, targetPort: 1, nodePort: '80; drop' as unknown as number }] })],
    ['ports', service('ports', '10.96.1.4', { ports: 7 as never })],
    ['addresses', service('addresses', '10.96.1.5', { clusterIPs: {} as never })],
    ['families', service('families', '10.96.1.7', { ipFamilies: 4 as never })]
  ]
  state.replace([service('good', '10.96.0.1'), ...bad.map(([, given]) => given as ServiceEndpoints), service('last', '10.96.0.2')])
  t.strictSame(carriedNames(state), ['shop/good', 'shop/last'])
  for (const name of ['protocol', 'port', 'node-port', 'ports', 'addresses', 'families']) t.equal(reasons(state)[`shop/${name}`], 'Unreadable', name)
  t.match(state.conditions().map(({ message }) => message).join('\n'), /the protocol "TCP } flush ruleset", which is none of TCP, UDP and SCTP/)
  t.end()
})

t.test('endpoints that no traffic is ever sent to are refused, IPv6 ones too, and the rest of the service goes on', (t) => {
  const refused = ['::1', '::', 'fe80::1', 'ff02::1', 'fd00:96::9']
  const state = new TrafficState(machine)
  state.put(service('six', 'fd00:96::1', { ipFamilies: ['IPv6'] }, [...refused, '2001:db8::7'].map((address) => endpoint(address))))
  t.strictSame([...state.all()].flatMap(({ outside }) => outside.targets.map(({ address }) => address)), ['2001:db8::7'])
  t.equal(reasons(state)['shop/six'], 'EndpointRefused')
  state.put(service('four', '10.96.0.4', {}, ['127.0.0.9', '169.254.1.1', '224.0.0.1', '255.255.255.255', '240.0.0.1', '0.0.0.0', '10.96.0.9', 'host.example'].map((address) => endpoint(address))))
  t.strictSame([...state.all()].filter(({ service: of }) => of === 'shop/four').flatMap(({ outside }) => outside.targets), [])
  t.end()
})

t.test('a machine that is full says so, and takes what waited when there is room', (t) => {
  const state = new TrafficState({ ...machine, nodeAddresses: [] })
  const many = Array.from({ length: maxFrontEnds }, (_, index) => service(`s${index}`, `10.97.${index >> 8}.${index & 255}`))
  state.replace([...many, service('late', '10.96.0.1')])
  t.equal(state.frontEnds, maxFrontEnds)
  t.match(state.conditions(), [{ service: 'shop/late', reason: 'TooLarge', message: /carries 10000 addresses and ports already, of 10000/ }])
  state.remove('shop/s7')
  t.strictSame(state.conditions(), [])
  t.ok(carriedNames(state).includes('shop/late'))
  const full = new TrafficState(machine)
  const crowd = Array.from({ length: 4_000 }, (_, index) => endpoint(`10.1.${index >> 8}.${index & 255}`))
  const crowds = Array.from({ length: Math.ceil(maxMachineEndpoints / crowd.length) + 1 }, (_, index) => service(`c${index}`, `10.96.1.${index}`, {}, crowd))
  full.replace(crowds)
  t.match(full.conditions(), [{ reason: 'TooLarge', message: /endpoints already, of 50000/ }])
  full.remove('shop/c0')
  full.remove('shop/c1')
  t.strictSame(full.conditions(), [], 'the same for endpoints')
  t.end()
})

t.test('no text of a manifest reaches nft: whatever is in it, the ruleset is made of numbers, addresses and words of our own', (t) => {
  const hostile = fc.constantFrom('} flush ruleset', 'tcp\nadd table ip x', '10.0.0.1 : drop', '"', '$(id)', '0x1f', '-1', 'accept', '10.0.0.1/8 }', '1e3', '::ffff:10.0.0.1', '010.0.0.1')
  const value = fc.oneof(hostile, fc.string(), fc.integer(), fc.constant(null), fc.constant([]), fc.constant({}), fc.double())
  const spec = fc.record({
    type: fc.oneof(fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'), value), clusterIPs: fc.array(fc.oneof(fc.constant('10.96.0.9'), value), { maxLength: 2 }),
    ports: fc.array(fc.record({ name: value, protocol: fc.oneof(fc.constantFrom('TCP', 'UDP'), value), port: fc.oneof(fc.constant(80), value), nodePort: fc.oneof(fc.constant(30_080), value) }), { maxLength: 2 }),
    sessionAffinity: fc.oneof(fc.constant('ClientIP'), value), sessionAffinityConfig: fc.oneof(fc.record({ clientIP: fc.record({ timeoutSeconds: value }) }), value),
    externalTrafficPolicy: fc.oneof(fc.constant('Local'), value), loadBalancerSourceRanges: fc.oneof(fc.array(fc.oneof(fc.constant('10.0.0.0/8'), value), { maxLength: 3 }), value),
    externalIPs: fc.array(value, { maxLength: 2 }), ipFamilies: fc.oneof(fc.constant(['IPv4', 'IPv6']), value)
  })
  const endpoints = fc.array(fc.record({
    address: fc.oneof(fc.constant('10.0.0.1'), value), port: fc.oneof(fc.constant(8_080), value), name: value, weight: fc.oneof(fc.constant(1), fc.nat(9)), node: value, zone: value
  }), { maxLength: 3 })
  const ours = /^(?:(?:add|delete) (?:table|element|chain|rule) |add (?:map|set) ip6? rollcall-sticky [a-z0-9-]+ \{ |add counter ip6? rollcall-sticky connections$|flush (?:table|map|set|chain) ip6? rollcall-sticky(?: [a-z0-9-]+)?$|table |[ {}]|$)/
  const element = /^(?:add|delete) element ip6? rollcall(?:-sticky)? [a-z-]+ \{ [0-9a-f.:/, -]*(?:(?:tcp|udp|sctp|goto|drop|accept|no-endpoints|inside|outside|keep|hide|random|sticky|draw|go)[0-9a-f.:/, -]*)* \}$/
  fc.assert(fc.property(spec, endpoints, fc.constantFrom('10.96.0.9', '} drop'), (given, targets, name) => {
    const state = new TrafficState({ ...machine, externalRanges: readServiceCidrs(['0.0.0.0/0']) })
    const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: name }, spec: given, status: { loadBalancer: { ingress: [{ ip: name }] } } }
    state.put({
      namespace: 'shop', service: name, revision: 'e.1', failOpen: false, declared: true, manifest: manifest as unknown as Service,
      endpoints: targets.map(({ address, port, name: called, ...rest }) => ({ ...endpoint(''), address, ...rest, ports: [{ name: called, port, protocol: 'TCP' }] } as unknown as Endpoint))
    })
    const rules = new RulesetState({ clusterRanges: machine.serviceRanges, markBit: 0x8000, hasSctp: true })
    rules.change(state.takeChanges())
    for (const line of rules.whole().split('\n')) {
      if (!ours.test(line)) throw new Error(`a line of somebody else: ${line}`)
      if (line.includes(' element ') && !element.test(line)) throw new Error(`an element with a text in it: ${line}`)
    }
  }), { numRuns: 1_000 })
  t.end()
})

t.test('a local program that listens on a node port is said', async (t) => {
  const tcp = `  sl  local_address rem_address   st
   0: 0100007F:7531 00000000:0000 0A 00000000:00000000
   1: 01004D0A:7580 00000000:0000 0A 00000000:00000000
   2: 01004D0A:7581 00000000:0000 01 00000000:00000000
   3: nonsense`
  const tcp6 = '  sl\n   0: 00000000000000000000000000000000:7582 00000000000000000000000000000000:0000 0A\n'
  t.strictSame([...placesOf(tcp, '0A')], ['127.0.0.1 30001', '10.77.0.1 30080'])
  t.strictSame([...placesOf(tcp6, '0A')], [':: 30082'])
  const texts: Record<string, string> = { '/proc/net/tcp': tcp, '/proc/net/tcp6': tcp6 }
  const listeners = new LocalListeners(async (path) => texts[path] ?? '')
  const nodePort = (port: number): FrontEnd => {
    const none = { targets: [], whenNone: 'refuse', keepSource: false } as const
    return { family: 4, address: '10.77.0.1', port, transport: 'tcp', kind: 'node-port', service: `shop/s${port}`, outside: none, inside: none }
  }
  const changes = (...ports: readonly number[]): FrontEndChanges => new Map(ports.map((port) => [String(port), nodePort(port)]))
  await listeners.change(changes(30_001, 30_080, 30_081, 30_082))
  t.match(listeners.conditions, [{ service: 'shop/s30080', reason: 'NodePortTaken', message: /a program of this machine listens on port 30080/ }, { service: 'shop/s30082' }])
  t.equal(listeners.conditions.length, 2, 'not one at loopback, and not a connection')
  texts['/proc/net/tcp'] = ''
  await listeners.look()
  t.match(listeners.conditions, [{ service: 'shop/s30082' }])
  await listeners.change(new Map([['30082', undefined]]))
  t.strictSame(listeners.conditions, [])
})

t.test('a damaged state file is a sentence, and not used', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-state-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'state')
  t.equal(readState(path), undefined, 'there is none')
  await writeState(path, { revision: 'e.7', services: [service('web', '10.96.0.1')] })
  t.match(readState(path), { revision: 'e.7', services: [{ service: 'web' }] })
  const damaged: readonly (readonly [text: string, sentence: RegExp])[] = [
    ['', /does not begin with/], ['something else', /does not begin with/], ['rollcall-proxy 1\nabc\n{}', /is damaged: its checksum does not fit/]
  ]
  for (const [text, sentence] of damaged) {
    writeFileSync(path, text)
    t.throws(() => readState(path), { message: sentence })
  }
  for (const other of [{}, null, { revision: 'e.1', services: {} }, { revision: 'e.1', services: [null] }, { revision: 'e.1', services: [{ namespace: 'a', service: 'b' }] }]) {
    await writeState(path, other as never)
    t.throws(() => readState(path), { message: /another version of this program/ }, JSON.stringify(other))
  }
})

t.test('a registry that answers nonsense ends nothing: the last state stands, and the next good word is taken', async (t) => {
  const registry = createTestRegistry()
  const client = new Rollcall({ ...registry.options, signals: false, warn: null })
  t.teardown(() => client.close())
  let told: PromiseWithResolvers<void> | undefined
  const shown = new Set<string>()
  const apply = async (changes: FrontEndChanges): Promise<void> => {
    for (const [key, frontEnd] of changes) if (frontEnd === undefined) shown.delete(key); else shown.add(key)
    told?.resolve()
  }
  const backEnd: BackEnd = {
    name: 'kernel', carriesClusterIps: true, start: apply, apply, check: async () => undefined, conditions: () => [],
    counts: async () => noTraffic(), stop: async () => undefined, clean: async () => undefined
  }
  const clock = new HandClock()
  const agent = new Agent({
    machine: { ...machine, nodeAddresses: [] }, backEnd, clock, log: { info: () => undefined, warn: () => undefined },
    readMachine: () => ({ ...machine, nodeAddresses: [] }),
    healthChecks: new HealthCheckPorts({ guard: standaloneGuard, isHealthy: () => true })
  })
  const inForce = async (events: readonly Parameters<Agent['take']>[0][]): Promise<string[]> => {
    told = Promise.withResolvers()
    for (const event of events) void agent.take(event)
    clock.advance(10)
    await told.promise
    return [...shown].sort()
  }
  t.strictSame(await inForce([{ type: 'endpoints-snapshot', revision: 'e.1', services: [service('web', '10.96.0.1')] } as never]), ['10.96.0.1 tcp 80'])
  const odd = { namespace: 'shop', service: 'odd', revision: 'e.2', failOpen: false, declared: true, endpoints: [], manifest: { metadata: null, spec: null } }
  t.strictSame(await inForce([
    { type: 'endpoints', revision: 'e.2', endpoints: odd } as never, { type: 'endpoints', revision: 'e.3', endpoints: service('db', '10.96.0.2') } as never
  ]), ['10.96.0.1 tcp 80', '10.96.0.2 tcp 80'])
  t.match(agent.status.conditions, [{ service: 'shop/odd', reason: 'Unreadable' }])
  await agent.stop()
  const watch = client.watch({ view: 'endpoints', namespace: '*' })
  t.match((await watch.next()).value, { type: 'endpoints-snapshot' })
  registry.broadcast('no json')
  registry.register('shop', 'web', 'a', { address: '10.0.0.1', ports: [{ port: 80 }] })
  let event = (await watch.next()).value
  while (event !== undefined && event.type !== 'endpoints' && event.type !== 'endpoints-snapshot') event = (await watch.next()).value
  t.match(JSON.stringify(event), '10.0.0.1', 'the feed goes on after a frame that is none')
  await watch.return()
})
