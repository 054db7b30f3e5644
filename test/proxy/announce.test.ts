// Who announces an address: the rules of the election as a table, what agents tell each other, what is read of interfaces.
import t from 'tap'
import type { Endpoint, ServiceEndpoints } from '../../client-sdk/src/wire.ts'
import { parseIp } from '../../server/model/address/ranges.ts'
import { agentKeys } from '../../server/model/traffic-agent.ts'
import { announcingMetadata, readSaid } from '../../server/proxy/announce/agent-metadata.ts'
import { decide, fenceMs, type View, wellMs } from '../../server/proxy/announce/election.ts'
import { announceableOf, interfaceFor, interfacesOf } from '../../server/proxy/announce/interfaces.ts'
import { announce, probe } from '../../server/proxy/announce/lan.ts'
import { Peers } from '../../server/proxy/announce/peers.ts'
import { problemOf } from '../../server/proxy/announce/problems.ts'
import { readAnnounceable } from '../../server/proxy/announce/setting.ts'
import { mayAnnounce, wantedOf } from '../../server/proxy/announce/wanted.ts'
import { WantedAddresses } from '../../server/proxy/announce/wanted-addresses.ts'
import type { Run } from '../../server/proxy/program.ts'

const address = '10.77.0.240'

interface Given { readonly announces?: string, readonly turn?: string, readonly networks?: string, readonly is?: 'live' | 'lost' | 'drained', readonly labels?: Record<string, string>, readonly zone?: string }

function agent (node: string, { announces = '', turn = '1', networks = '10.77.0.0/24', is = 'live', labels = {}, zone }: Given = {}): Endpoint {
  return {
    id: node, node, address: `10.77.0.${node.charCodeAt(0)}`, ports: [], labels: { mode: 'kernel', ...labels }, weight: 1, priority: 0, status: is === 'drained' ? 'draining' : 'up',
    metadata: { [agentKeys.announces]: announces, [agentKeys.turn]: turn, [agentKeys.announceNetworks]: networks, [agentKeys.macs]: `02:00:00:00:00:${node.charCodeAt(0).toString(16)}` },
    suspect: is === 'lost', conditions: { ready: is === 'live', serving: is !== 'lost', terminating: is === 'drained' }, ...(zone === undefined ? {} : { zone })
  }
}

function service ({ policy = 'Cluster', nodes, endpoints = [] }: { policy?: 'Cluster' | 'Local', nodes?: string, endpoints?: readonly Endpoint[] } = {}): ServiceEndpoints {
  return {
    namespace: 'shop', service: 'web', revision: 'e.1', failOpen: false, declared: true, endpoints,
    manifest: {
      apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop', ...(nodes === undefined ? {} : { annotations: { 'rollcall.dev/announce-nodes': nodes } }) },
      spec: { type: 'LoadBalancer', externalTrafficPolicy: policy, ipFamilies: ['IPv4'], sessionAffinity: 'None', ports: [{ protocol: 'TCP', port: 80, targetPort: 8080 }] },
      status: { loadBalancer: { ingress: [{ ip: address }] } }
    }
  }
}

const wanted = wantedOf(service())
/** The order of these machines for this address, by its hash. */
const [first = '', second = ''] = ['a', 'b', 'c'].filter((node) => node !== 'c').sort((one) => {
  const peers = new Peers()
  peers.replace([agent('a'), agent('b')], 0)
  return decide(address, wanted, false, view(one, peers)).action === 'take' ? -1 : 1
})

function view (node: string, peers: Peers, more: Partial<View> = {}): View {
  return { node, peers, nowMs: 0, isConfirmed: true, hasLapsed: false, isFast: false, ...more }
}

const action = (node: string, peers: Peers, isMine: boolean, more: Partial<View> = {}): string =>
  decide(address, wanted, isMine, view(node, peers, more)).action

t.test('of the machines that may, one takes an address that nobody has', async (t) => {
  const peers = new Peers()
  peers.replace([agent('a'), agent('b')], 0)
  t.same([action(first, peers, false), action(second, peers, false)], ['take', 'none'])
  t.same(action(first, peers, false, { isConfirmed: false }), 'none', 'not one that the registry may take for lost')
  t.match(decide(address, wanted, false, view(first, peers)), { isSure: false }, 'who else has it is asked first')
  t.same(decide(address, [], true, view(first, peers)).action, 'release', 'a service that is gone')
  peers.replace([agent(first, { networks: '192.168.0.0/24' }), agent(second)], 0)
  t.same([action(first, peers, false), action(second, peers, false)], ['none', 'take'], 'only one whose interface is in its network')
  t.same(action(first, peers, true), 'release')
})

t.test('who has it keeps it, until the first has been well for a while', async (t) => {
  const peers = new Peers()
  peers.replace([agent(second, { announces: address })], 0)
  t.same(action(second, peers, true), 'keep')
  peers.replace([agent(first), agent(second, { announces: address })], 1_000)
  t.same(action(first, peers, false, { nowMs: 1_000 }), 'none')
  t.same(action(second, peers, true, { nowMs: 1_000 }), 'keep')
  t.same(action(second, peers, true, { nowMs: 1_000 + wellMs }), 'release')
  peers.replace([agent(first), agent(second)], 40_000)
  t.match(decide(address, wanted, false, view(first, peers)), { action: 'take', isSure: true }, 'what was let go of in order is taken at once')
  peers.replace([agent(first), agent(second, { announces: address, is: 'drained' })], 50_000)
  t.same(action(second, peers, true, { nowMs: 50_000 }), 'release', 'a drained machine hands over at once')
  peers.replace([agent(second, { announces: address, is: 'drained' })], 50_000)
  t.same(action(second, peers, true), 'keep', 'but to nobody')
})

t.test('a lost owner keeps it behind a fence; what it had is stale when it is back', async (t) => {
  const peers = new Peers()
  peers.replace([agent('a', { announces: first === 'a' ? address : '' }), agent('b', { announces: first === 'b' ? address : '' })], 0)
  peers.replace([agent(first, { announces: address, is: 'lost' }), agent(second)], 1_000)
  t.same(decide(address, wanted, false, view(second, peers)), { action: 'take', isSure: false, fencedUntilMs: 1_000 + fenceMs })
  t.same(decide(address, wanted, false, view(second, peers, { isFast: true })), { action: 'take', isSure: true })
  peers.replace([agent(second)], 3_000)
  t.match(decide(address, wanted, false, view(second, peers)), { fencedUntilMs: 1_000 + fenceMs }, 'also when the registry has removed it')
  peers.replace([agent(first, { announces: address }), agent(second, { announces: address, turn: '2' })], 9_000)
  t.same(action(second, peers, true, { nowMs: 9_000 }), 'keep', 'who took it keeps it from one that comes back with it')
  t.same(action(first, peers, true, { nowMs: 9_000, hasLapsed: true }), 'release', 'who was lost lets go')
  peers.replace([agent(first, { announces: address, turn: '9' }), agent(second, { announces: address, turn: '2' })], 9_000)
  t.same([action(first, peers, true), action(second, peers, true)], ['keep', 'release'], 'of two that took it, the first has it')
  peers.replace([agent(first, { is: 'lost', announces: address }), agent(second)], 10_000)
  t.same(action(first, peers, true, { nowMs: 10_000 }), 'keep', 'as long as nobody else has it, an owner that the registry has lost goes on')
})

t.test('a service says which machines may', async (t) => {
  const may = (given: Parameters<typeof service>[0], peer: Given): boolean => {
    const peers = new Peers()
    peers.replace([agent('a', peer)], 0)
    const [only] = peers.all()
    const [each] = wantedOf(service(given))
    return only !== undefined && each !== undefined && mayAnnounce(each, only)
  }
  t.equal(may({}, {}), true)
  t.equal(may({ nodes: 'rack=one' }, {}), false)
  t.equal(may({ nodes: 'rack=one' }, { labels: { rack: 'one' } }), true)
  t.equal(may({ nodes: 'zone in (east,west),node!=b' }, { zone: 'east' }), true)
  t.equal(may({ nodes: '(((' }, {}), false, 'what cannot be read allows nobody')
  const here: Endpoint = { ...agent('x'), node: 'a' }
  t.equal(may({ policy: 'Local' }, {}), false)
  t.equal(may({ policy: 'Local', endpoints: [here] }, {}), true)
  t.equal(may({ policy: 'Local', endpoints: [{ ...here, node: 'b' }] }, {}), false)
})

t.test('why nobody announces an address is a sentence', async (t) => {
  const peers = new Peers()
  const of = (more: Partial<Parameters<typeof problemOf>[0]> = {}): string | undefined =>
    problemOf({ address, wanted, node: 'a', peers, foreignMac: undefined, fault: undefined, isMine: false, canTell: true, ...more })?.message
  t.equal(of(), undefined, 'before the registry knows this agent')
  peers.replace([agent('a', { networks: '' })], 0)
  t.match(of(), /no machine announces 10\.77\.0\.240: no live agent/)
  peers.replace([agent('a', { networks: '' }), agent('b')], 0)
  t.equal(of(), undefined, 'another takes it')
  t.match(of({ wanted: wantedOf(service({ policy: 'Local' })) }), /has an endpoint/)
  t.match(of({ wanted: wantedOf(service({ nodes: 'rack=one' })) }), /labels/)
  t.match(of({ foreignMac: '02:00:00:00:00:01' }), /used on the network by 02:00:00:00:00:01/)
  t.match(of({ isMine: true, canTell: false }), /neighbours are not told/)
})

t.test('what agents tell each other comes back, and anything else is left out', async (t) => {
  const [network] = interfacesOf(listed)?.[0]?.networks ?? []
  t.ok(network)
  if (network === undefined) return
  const said = { announces: [address], turn: 'x.1', networks: [network], macs: ['02:00:00:00:00:01'], problems: ['no machine announces 10.77.0.241'] }
  t.match(readSaid(announcingMetadata(said)), { announces: [address], turn: 'x.1', networks: [{ text: '10.77.0.0/24' }], macs: ['02:00:00:00:00:01'] })
  const many = Array.from({ length: 1_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
  const metadata = announcingMetadata({ ...said, announces: many, macs: many, problems: many })
  t.ok(Object.values(metadata).join('').length < 10_000, 'bounded')
  t.match(readSaid({ [agentKeys.announceNetworks]: '}; flush ruleset,10.0.0.1/8,10.0.0.0/8' }), { networks: [{ text: '10.0.0.0/8' }], announces: [] })
})

t.test('services share addresses, and lose them', async (t) => {
  const addresses = new WantedAddresses()
  addresses.put([service(), { ...service(), service: 'other' }])
  t.equal(addresses.of(address).length, 2)
  addresses.remove('shop/web')
  t.same(addresses.of(address).map((each) => each.service), ['shop/other'])
  addresses.replace([])
  t.equal(addresses.size, 0)
})

const listed = JSON.stringify([
  { ifname: 'eth0', ifindex: 2, link_type: 'ether', address: '02:00:00:00:00:01', flags: ['UP', 'LOWER_UP'], addr_info: [
    { local: '10.77.0.1', prefixlen: 24, valid_life_time: 4_294_967_295 }, { local: '10.77.0.240', prefixlen: 32, valid_life_time: 5 },
    { local: '10.77.0.9', prefixlen: 32, valid_life_time: 3_600 }, { local: 'fd77::1', prefixlen: 64, valid_life_time: 4_294_967_295 },
    { local: 'fe80::1', prefixlen: 64, valid_life_time: 4_294_967_295 }
  ] },
  { ifname: 'eth1', ifindex: 3, link_type: 'ether', address: '02:00:00:00:00:02', flags: ['UP', 'NO-CARRIER'], addr_info: [{ local: '10.78.0.1', prefixlen: 24 }] },
  { ifname: 'lo', ifindex: 1, link_type: 'loopback', address: '00:00:00:00:00:00', flags: ['UP', 'LOWER_UP'], addr_info: [{ local: '127.0.0.1', prefixlen: 8 }] }
])

t.test('interfaces, and what may be announced on them', async (t) => {
  const interfaces = interfacesOf(listed) ?? []
  t.match(interfaces, [
    { name: 'eth0', isUp: true, lent: ['10.77.0.240'], addresses: ['10.77.0.1', '10.77.0.9', 'fd77::1', 'fe80::1'], networks: [{ text: '10.77.0.0/24' }, { text: 'fd77::/64' }, { text: 'fe80::/64' }] },
    { name: 'eth1', isUp: false }
  ], 'an address with a lifetime like ours is ours')
  const on = (text: string, ip: string): string | undefined => {
    const parsed = parseIp(ip)
    const allowed = readAnnounceable(text)
    return 'problem' in parsed || allowed === undefined ? undefined : interfaceFor(parsed, interfaces, allowed)?.name
  }
  t.same(on('auto', '10.77.0.250'), 'eth0')
  t.same(on('auto', 'fd77::250'), 'eth0')
  t.same(on('auto', 'fe80::250'), undefined, 'a link is no place for a service')
  t.same(on('auto', '10.78.0.250'), undefined, 'its cable is out')
  t.same(on('auto', '192.0.2.1'), undefined, 'not a network of this machine')
  t.same(on('off', '10.77.0.250'), undefined)
  t.same(on('eth1', '10.77.0.250'), undefined)
  t.same(on('eth0=10.77.0.240/29,eth1', '10.77.0.241'), 'eth0')
  t.same(on('eth0=10.77.0.240/29', '10.77.0.250'), undefined)
  t.same(interfaces[0] === undefined ? [] : announceableOf(interfaces[0], readAnnounceable('eth0=10.0.0.0/8') ?? new Map()), [], 'a range beyond the network of the interface')
  for (const text of ['', 'eth0=', 'eth0=10.77.0.1/24', '*', 'eth 0', 'eth0,,eth1']) t.throws(() => readAnnounceable(text), Error, text)
  t.equal(interfacesOf('no'), undefined)
})

t.test('neighbours are asked and told by what there is', async (t) => {
  const [at] = interfacesOf(listed) ?? []
  if (at === undefined) return
  const calls: string[] = []
  const run: Run = async (program, args) => {
    calls.push([program, ...args.slice(program === 'perl' ? 1 : 0)].join(' '))
    if (program === 'arping' && args.includes('-D')) return { code: 1, out: 'Unicast reply from 10.77.0.240 [02:00:00:00:00:0F]  0.6ms', err: '' }
    return { code: 0, out: args.includes('probe') ? '10.77.0.240 02:00:00:00:00:0f\n' : '', err: '' }
  }
  const places = [{ address, at }, { address: 'fd77::240', at }]
  t.equal(await announce(run, 'perl', places), true)
  t.same(await probe(run, 'perl', places), new Map([[address, '02:00:00:00:00:0f']]))
  t.equal(await announce(run, 'arping', places), true)
  t.same(await probe(run, 'arping', places.slice(0, 1)), new Map([[address, '02:00:00:00:00:0f']]))
  t.equal(await probe(run, 'arping', places), undefined, 'arping knows nothing of IPv6')
  t.same([await announce(run, 'none', places), await probe(run, 'none', places)], [false, undefined])
  t.same(calls, [
    'perl announce eth0 2 02:00:00:00:00:01 10.77.0.240 fd77::240', 'perl probe 400 eth0 2 02:00:00:00:00:01 10.77.0.240 fd77::240',
    'arping -A -c 1 -I eth0 -s 10.77.0.240 10.77.0.240', 'arping -U -c 1 -I eth0 -s 10.77.0.240 10.77.0.240', 'arping -D -c 2 -w 1 -I eth0 10.77.0.240'
  ])
})
