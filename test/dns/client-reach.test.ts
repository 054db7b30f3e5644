// A cluster IP is answered to clients that an agent carries, the endpoints to everybody else: no name leads nowhere.
import fc from 'fast-check'
import t from 'tap'
import { ClientReach } from '../../server/dns/protect/client-reach.ts'
import { dnsCore } from '../../server/dns/server.ts'
import type { Responder } from '../../server/dns/responder.ts'
import { zoneRecords } from '../../server/dns/transfer/zone-content.ts'
import { Zone } from '../../server/dns/names/zone.ts'
import { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { agentKeys } from '../../server/model/traffic-agent.ts'
import { UdpClient, codec, question, text } from '../support/dns-client.ts'
import { PlayedFeed, responderOf, serve } from '../support/played-feed.ts'
import { type Step, hostnames, namespaces, play, services, step } from './steps.ts'

const zone = 'cluster.local'
const front = `front.shop.svc.${zone}`

interface AgentFacts {
  readonly addresses?: string
  readonly clusterIps?: string
  readonly covers?: string
  readonly status?: 'up' | 'draining' | 'down' | 'starting' | 'warning'
  readonly suspect?: boolean
}

function agent (world: PlayedFeed, node: string, { addresses = '', clusterIps = 'yes', covers = '', status = 'up', suspect = false }: AgentFacts): PlayedFeed {
  return world.register(`rollcall-system/proxy/${node}`, {
    address: '10.77.0.1', node, status, suspect, labels: { mode: 'kernel' },
    metadata: { [agentKeys.addresses]: addresses, [agentKeys.clusterIps]: clusterIps, [agentKeys.covers]: covers }
  })
}

function reachOf (t: { teardown (end: () => void): void }, world: PlayedFeed, own = { node: 'here', addresses: ['127.0.0.1', '10.77.0.9'] }): ClientReach {
  const reach = new ClientReach({ source: world.feed, ownMachine: () => own, now: () => 0 })
  t.teardown(() => reach.close())
  return reach
}

t.test('who is carried: on the machine of an agent, or in a network that one covers', (t) => {
  const world = new PlayedFeed().load()
  agent(world, 'a', { addresses: '10.77.0.1,fd77::1', covers: '172.17.0.0/16, 10.244.0.0/16' })
  agent(world, 'b', { addresses: '10.77.0.2', clusterIps: 'no' })
  agent(world, 'c', { addresses: '10.77.0.3', status: 'draining' })
  agent(world, 'd', { addresses: '10.77.0.4', suspect: true })
  agent(world, 'e', { addresses: '10.77.0.5', status: 'down' })
  agent(world, 'f', { addresses: '10.77.0.6', status: 'warning' })
  agent(world, 'g', { addresses: 'nonsense, 10.77.0.7/24, }{, 10.77.0.8', covers: 'all, 0.0.0.0/33, 10.1.2.3/8' })
  const reach = reachOf(t, world)
  const rows: readonly (readonly [client: string, isCarried: boolean, why: RegExp])[] = [
    ['10.77.0.1', true, /an address of a, which runs an agent/],
    ['::ffff:10.77.0.1', true, /an address of a/],
    ['fd77::1', true, /an address of a/],
    ['fd77:0::0001', true, /an address of a/],
    ['172.17.3.4', true, /in 172\.17\.0\.0\/16, which the agent of a covers/],
    ['10.244.0.9', true, /covers/],
    ['10.77.0.2', false, /runs no agent that carries cluster IPs/],
    ['10.77.0.3', false, /runs no agent/],
    ['10.77.0.4', true, /an address of d/],
    ['10.77.0.5', false, /runs no agent/],
    ['10.77.0.6', true, /an address of f/],
    ['10.77.0.7', false, /runs no agent/],
    ['10.77.0.8', true, /an address of g/],
    ['10.77.0.100', false, /rollcall proxy --covers/],
    ['127.0.0.1', false, /runs no agent/],
    ['10.77.0.9', false, /runs no agent/],
    ['fe80::1%eth0', false, /runs no agent/],
    ['not an address', false, /no address/]
  ]
  for (const [client, isCarried, why] of rows) {
    t.equal(reach.reaches(client), isCarried, client)
    t.equal(reach.reaches(client), isCarried, `${client} again`)
    t.match(reach.explain(client), { clusterIps: isCarried, reason: why }, client)
  }
  t.end()
})

t.test('a client of this node\'s own machine is carried if that runs an agent, by whichever address it asks', (t) => {
  const world = agent(new PlayedFeed().load(), 'a', { addresses: '10.77.0.9' })
  const reach = reachOf(t, world)
  for (const client of ['127.0.0.1', '127.0.0.53', '::1', '::ffff:127.0.0.1', '10.77.0.9']) t.ok(reach.reaches(client), client)
  t.match(reach.explain('127.0.0.1').reason, 'is this machine, which runs an agent (a)')
  const alone = reachOf(t, agent(new PlayedFeed().load(), 'here', {}))
  t.ok(alone.reaches('127.0.0.1'), 'a machine without an address that others reach is known by its name')
  t.notOk(reachOf(t, agent(new PlayedFeed().load(), 'there', {})).reaches('127.0.0.1'), 'another one is not')
  t.end()
})

t.test('what is known of a client follows each agent, at once', (t) => {
  const world = new PlayedFeed().load()
  const reach = reachOf(t, world)
  t.notOk(reach.reaches('10.77.0.1'))
  t.match(reach.explain('10.77.0.1').reason, 'no machine runs an agent')
  agent(world, 'a', { addresses: '10.77.0.1' })
  t.ok(reach.reaches('10.77.0.1'), 'it came')
  agent(world, 'a', { addresses: '10.77.0.11' })
  t.notOk(reach.reaches('10.77.0.1'), 'its machine has another address')
  t.ok(reach.reaches('10.77.0.11'))
  world.suspect('rollcall-system/proxy/a')
  t.ok(reach.reaches('10.77.0.11'), 'a suspect one still carries')
  world.deregister('rollcall-system/proxy/a')
  t.notOk(reach.reaches('10.77.0.11'), 'it went')
  agent(world, 'a', { covers: '10.77.0.0/24' }).resynchronise()
  t.ok(reach.reaches('10.77.0.200'), 'after a resynchronisation')
  world.reload(() => false)
  t.notOk(reach.reaches('10.77.0.200'), 'after one that lost it')
  t.end()
})

function shop (): PlayedFeed {
  return new PlayedFeed().load()
    .register('shop/pods/a', { address: '10.1.0.1', hostname: 'pod-0', labels: { app: 'web' }, ports: [{ name: 'web', port: 8080 }] })
    .register('shop/pods/b', { address: 'fd00::2', labels: { app: 'web' }, ports: [{ name: 'web', port: 8081 }] })
    .declare('shop/front', { clusterIP: '10.96.7.11', clusterIPs: ['10.96.7.11'], selector: { app: 'web' }, ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'web' }] })
    .declare('shop/idle', { clusterIP: '10.96.7.12', clusterIPs: ['10.96.7.12'], selector: { app: 'none' }, ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'web' }] })
    .declare('shop/alias', { type: 'ExternalName', externalName: front })
}

t.test('the same question of both kinds of clients has an answer for each, in turn', async (t) => {
  const world = shop()
  const server = await serve(t, world, { clusterIps: 'auto' })
  const client = new UdpClient(t, server)
  const data = async (name: string, type: string): Promise<string[]> => text((await client.query(name, type)).answers).map((line) => line.split(' ').slice(3).join(' ')).sort()
  for (const isCarried of [false, true, false, true]) {
    if (isCarried) agent(world, 'a', { covers: '127.0.0.0/8' })
    else if (world.feed.catalog.entry('rollcall-system', 'proxy', 'a') !== undefined) world.deregister('rollcall-system/proxy/a')
    const says = isCarried ? 'carried' : 'not carried'
    t.strictSame(await data(front, 'A'), isCarried ? ['10.96.7.11'] : ['10.1.0.1'], says)
    t.strictSame(await data(front, 'AAAA'), isCarried ? [] : ['fd00::2'], says)
    t.strictSame(await data(front, 'SRV'), isCarried ? [`0 100 80 ${front}`] : [`0 100 8080 pod-0.${front}`, `0 100 8081 fd00--2.${front}`], says)
    t.strictSame(await data(`_http._tcp.${front}`, 'SRV'), isCarried ? [`0 100 80 ${front}`] : [`0 100 8080 pod-0.${front}`, `0 100 8081 fd00--2.${front}`], says)
    t.strictSame(await data(`alias.shop.svc.${zone}`, 'A'), isCarried ? ['10.96.7.11', front] : ['10.1.0.1', front], `${says}, through an alias`)
    t.strictSame(await data(`pod-0.${front}`, 'A'), ['10.1.0.1'], 'who names an endpoint gets it in any case')
    t.strictSame(await data(`pods.shop.svc.${zone}`, 'A'), ['10.1.0.1'], 'and a service without a cluster IP is what it was')
    t.equal((await client.query(`idle.shop.svc.${zone}`, 'A')).rcode, isCarried ? 'NOERROR' : 'NXDOMAIN', 'of no endpoint there is no name')
  }
})

t.test('with `always` every client gets the cluster IP, as the specification says', async (t) => {
  const client = new UdpClient(t, await serve(t, shop(), { clusterIps: 'always' }))
  t.strictSame(text((await client.query(front, 'A')).answers), [`${front} 5 A 10.96.7.11`])
})

t.test('the reasons say which it is and why, for the client that asks and for any other', async (t) => {
  const world = agent(shop(), 'a', { addresses: '10.77.0.1' })
  const core = dnsCore({ source: world.feed, clock: world.clock, clusterIps: 'auto' }, ['127.0.0.1'])
  t.teardown(() => core.close())
  const { desk } = core
  const trace = async (client: string): Promise<string> => (await desk.explain({ name: `${front}.`, type: 'A', client })).trace.map(({ rule, message }) => `${rule}: ${message}`).join('\n')
  const carried = await trace('10.77.0.1')
  t.match(carried, 'shop/front is declared (ClusterIP): found by its cluster IPs 10.96.7.11')
  t.match(carried, 'reach: --dns-cluster-ip auto: 10.77.0.1 is an address of a, which runs an agent')
  const other = await trace('10.77.0.100')
  t.match(other, 'its cluster IPs 10.96.7.11 are of no use to this client, which gets the endpoints')
  t.match(other, 'reach: --dns-cluster-ip auto: the machine of 10.77.0.100 runs no agent')
  t.notMatch((await desk.explain({ name: `pods.shop.svc.${zone}.`, type: 'A', client: '10.77.0.1' })).trace, [{ rule: 'reach' }], 'not of a service without cluster IPs')
})

/** Every name that the steps can lead to. */
const names: readonly (readonly [name: string, type: string])[] = namespaces.flatMap((namespace) => [
  ...['_services._dns-sd._udp', '_http._tcp', '_dns._udp'].map((label) => [`${label}.${namespace}.svc.${zone}`, 'PTR'] as const),
  ...services.flatMap((service) => {
    const base = `${service}.${namespace}.svc.${zone}`
    return [
      ...['A', 'AAAA', 'SRV', 'ANY', 'TYPE65', 'TYPE64', 'TXT'].map((type) => [base, type] as const),
      ...['_http._tcp', '_dns._udp', '_none._tcp'].flatMap((port) => ['SRV', 'A', 'ANY'].map((type) => [`${port}.${base}`, type] as const)),
      ...['_tcp', '_udp', '_sctp'].map((protocol) => [`${protocol}.${base}`, 'A'] as const),
      ...[...hostnames, '10-0-0-1'].flatMap((host) => ['A', 'AAAA', 'ANY'].map((type) => [`${host}.${base}`, type] as const)),
      ...['SRV', 'TXT'].map((type) => [`${service}._http._tcp.${namespace}.svc.${zone}`, type] as const)
    ]
  })
])

function answers (responder: Responder, address: string): (name: string, type: string) => string {
  const writer = new MessageWriter(65_535)
  return (name, type) => {
    const length = responder.respond(question(name, type), { transport: 'tcp', address }, writer)
    if (typeof length !== 'number') throw new Error('the answer came later')
    const { rcode, answers: found, authorities, additionals } = codec.decode(writer.bytes.subarray(0, length))
    return JSON.stringify([rcode, ...[found, authorities, additionals].map((records) => records.map((record) => JSON.stringify(record)).sort())])
  }
}

t.test('a client that nobody carries is answered as if the service were headless, whatever the question; a carried one as the specification says', (t) => {
  const asHeadless = (one: Step): Step => (one.does === 'declare' ? { ...one, does: 'headless' } : one)
  fc.assert(fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
    const world = play(agent(new PlayedFeed().load(), 'a', { addresses: '10.77.0.1' }), steps)
    const headless = play(agent(new PlayedFeed().load(), 'a', { addresses: '10.77.0.1' }), steps.map(asHeadless))
    const clientReach = new ClientReach({ source: world.feed, ownMachine: () => ({ node: '', addresses: [] }) })
    const responder = responderOf(world, { clientReach })
    const [other, carried] = [answers(responder, '10.77.0.100'), answers(responder, '10.77.0.1')]
    const [likeHeadless, byLetter] = [answers(responderOf(headless), '10.77.0.100'), answers(responderOf(world), '10.77.0.100')]
    for (const round of ['first', 'again']) {
      for (const [name, type] of names) {
        for (const [found, wanted, who] of [[other, likeHeadless, 'not carried'], [carried, byLetter, 'carried']] as const) {
          if (found(name, type) !== wanted(name, type)) throw new Error(`${name} ${type}, ${who}, ${round}: ${found(name, type)} is not ${wanted(name, type)}`)
        }
      }
    }
    clientReach.close()
    responder.close()
  }), { numRuns: 60 })
  t.end()
})

t.test('a zone that is transferred holds the endpoints with `auto`: its secondaries do not know who asks', (t) => {
  const at = new Zone(zone, { ttlSeconds: 5, addresses: [] })
  const has = (clusterIps: boolean, address: readonly number[]): boolean =>
    [...zoneRecords(at, shop().feed, { ttlSeconds: 5, zones: [at], clusterIps })].some((record) => record.subarray(-4).equals(Buffer.from(address)))
  t.strictSame([has(true, [10, 96, 7, 11]), has(false, [10, 96, 7, 11])], [true, false])
  t.end()
})
