import t from 'tap'
import fc from 'fast-check'
import { type ClaimTarget, claimKey, claimOf, claimTarget } from '../../server/registry/allocation/claims.ts'
import type { Need } from '../../server/model/service/needs.ts'
import { repair } from '../../server/registry/allocation/repair.ts'
import { allocator, balancer, check, dice, give, holder, ip, planned, port, shortly, values } from './allocation-store.ts'

const portOf = (value: number): ClaimTarget => ({ kind: 'port', value: String(value) })
const ipOf = (value: string): ClaimTarget => ({ kind: 'ip', value })
const lbOf = (value: string): ClaimTarget => ({ kind: 'lb', value })

t.test('the key of a claim reads back as what it takes', async (t) => {
  for (const target of [ipOf('10.96.0.7'), ipOf('fd00::7'), portOf(30_080), lbOf('192.0.2.10'), lbOf('2001:db8::1')]) {
    t.same(claimTarget(claimKey(target)), target)
  }
  for (const key of ['override/shop/orders/a', 'claim/ip', 'claim/lb/', 'claim/lb/public/192.0.2.1', 'claim/other/1', 'claim/ip/a/b']) t.equal(claimTarget(key), undefined, key)
  t.equal(claimOf({ key: 'override/shop/orders/a', revision: 1, body: '{}' }), undefined)
})

t.test('a service gets what it asks for, in either band, and each claim expects that nobody has it', async (t) => {
  const plan = planned(allocator({ cidrs: ['10.96.0.0/12', 'fd00::/108'] }), ['shop/orders', ip('10.96.0.10'), ip('FD00::0:7', 'IPv6'), port(80, 30_008), port(81, 30_200), check(30_300)])
  t.same(plan.faults, [])
  t.same(values(plan), [['10.96.0.10', 'fd00::7', 30_008, 30_200, 30_300]])
  t.same(shortly(plan), ['+claim/ip/10.96.0.10', '+claim/ip/fd00::7', '+claim/port/30008', '+claim/port/30200', '+claim/port/30300'])
  t.ok(plan.writes.every(({ type, expected }) => type === 'put' && expected === 0))
  t.match(plan.writes[0], { body: '{"namespace":"shop","service":"orders"}', endsAtMs: 0, reason: 'updated' })
})

t.test('what is asked for is refused with the rule, and the holder if there is one', async (t) => {
  const registry = allocator({ cidrs: ['10.96.0.0/24'], pools: ['public=192.0.2.10-192.0.2.12'] })
  give(registry, 'shop/orders', ipOf('10.96.0.7'), portOf(30_080), lbOf('192.0.2.10'))
  const rows: readonly [Need, object][] = [
    [port(80, 30_080), { kind: 'taken', field: 'spec.ports[0].nodePort', value: 30_080, rule: 'provided port is already allocated to shop/orders', holder: holder('shop/orders') }],
    [check(30_080), { kind: 'taken', field: 'spec.healthCheckNodePort', rule: 'provided port is already allocated to shop/orders' }],
    [port(80, 80), { kind: 'outside', rule: 'provided port is not in the valid range. The range of valid ports is 30000-32767' }],
    [port(80, -1), { kind: 'outside' }],
    [ip('10.96.0.7'), { kind: 'taken', value: '10.96.0.7', rule: 'failed to allocate IP 10.96.0.7: provided IP is already allocated to shop/orders' }],
    [ip('10.97.0.7'), { kind: 'outside', rule: 'failed to allocate IP 10.97.0.7: provided IP is not in the valid range. The range of valid IPs is 10.96.0.0/24' }],
    [ip('10.96.0.0'), { kind: 'outside' }],
    [ip('10.96.0.255'), { kind: 'outside' }],
    [ip('10.96.0'), { kind: 'unreadable', rule: 'must be an IPv4 or IPv6 address' }],
    [ip('fd00::1'), { kind: 'outside', rule: /must be an IPv4 address/ }],
    [ip('fd00::1', 'IPv6'), { kind: 'noRange', rule: /no IPv6 range/ }],
    [ip(undefined, 'IPv6'), { kind: 'noRange' }],
    [balancer({ requested: '192.0.2.10' }), { kind: 'taken', rule: 'failed to allocate IP 192.0.2.10: provided IP is already allocated to shop/orders' }]
  ]
  for (const [need, fault] of rows) {
    const plan = planned(registry, ['shop/web', need, port(90, 30_500)])
    t.match(plan.faults, [fault], JSON.stringify(need))
    t.equal(plan.faults.length, 1)
    t.same(plan.writes, [], 'nothing is claimed')
    t.match(registry.check(holder('shop/web'), need), [fault])
    t.same(values(plan), [[30_500]])
  }
})

t.test('two fields of one service do not get one number', async (t) => {
  const registry = allocator()
  for (const need of [port(81, 30_080), check(30_080)]) {
    t.match(planned(registry, ['shop/web', port(80, 30_080), need]).faults, [
      { kind: 'twice', key: need.key, rule: 'provided port is already allocated to another field of the same service' }
    ])
  }
  const three = values(planned(registry, ['shop/web', port(80), port(81), check()]))[0]
  t.equal(new Set(three).size, 3)
})

t.test('an update keeps what it names, releases what it gives up, and claims only what is new', async (t) => {
  const registry = allocator({ pools: ['public=192.0.2.10-192.0.2.12'] })
  give(registry, 'shop/orders', ipOf('10.96.0.7'), portOf(30_080), portOf(30_081), lbOf('192.0.2.11'))
  const same = planned(registry, ['shop/orders', ip('10.96.0.7'), port(80, 30_080), port(81, 30_081), balancer({ requested: '192.0.2.11' })])
  t.same(same.writes, [])
  const left = planned(registry, ['shop/orders', ip(), port(80, 30_080), port(81, 30_099), balancer()])
  t.same(values(left), [[30_080, '10.96.0.7', '192.0.2.11', 30_099]], 'addresses are kept without being named')
  t.same(shortly(left), ['+claim/port/30099', '-claim/port/30081'])
  t.match(left.writes.find(({ type }) => type === 'delete'), { expected: 1 })
  t.same(shortly(planned(registry, ['shop/orders'])), ['-claim/ip/10.96.0.7', '-claim/lb/192.0.2.11', '-claim/port/30080', '-claim/port/30081'])
  t.same(values(planned(registry, ['shop/orders', balancer({ requested: '192.0.2.12' })])), [['192.0.2.12']], 'a named address replaces the one it has')
})

t.test('services of one write do not take from each other', async (t) => {
  const registry = allocator({ ports: '30000-30003' })
  const plan = planned(registry, ['a/one', port(1)], ['a/two', port(1), port(2)], ['a/three', port(1, 30_002)])
  t.same(plan.faults, [])
  t.equal(values(plan)[2]?.[0], 30_002, 'what is asked for goes before what is chosen')
  t.equal(new Set(values(plan).flat()).size, 4)
  t.match(planned(registry, ['a/one', port(1, 30_001)], ['a/two', port(1, 30_001)]).faults, [
    { kind: 'twice', of: holder('a/two'), holder: holder('a/one'), rule: 'provided port is asked for by a/one in the same write' }
  ])
  t.match(planned(registry, ['a/one'], ['a/one']).faults, [{ kind: 'twice', field: 'metadata.name' }])
  t.match(planned(registry, ['a/one', port(1), port(2), port(3)], ['a/two', port(1), port(2)]).faults, [
    { kind: 'full', of: holder('a/two'), rule: /30000-30003 is taken/ }
  ])
  t.match(registry.state()[1], { used: 0, free: 4 }, 'a plan changes nothing')
})

t.test('what one service of a write gives up another may have', async (t) => {
  const registry = allocator({ ports: '30000-30001' })
  give(registry, 'a/old', portOf(30_000), portOf(30_001))
  const moved = planned(registry, ['a/new', port(1, 30_000)], ['a/old', port(1, 30_001)])
  t.same(moved.faults, [])
  t.match(moved.writes, [{ type: 'put', key: 'claim/port/30000', expected: 1, body: '{"namespace":"a","service":"new"}' }], 'one write, no gap')
  t.same(moved.writes.length, 1)
  const chosen = planned(registry, ['a/new', port(1), port(2)], ['a/old'])
  t.same(values(chosen)[0]?.sort(), [30_000, 30_001])
  t.match(registry.state()[1], { used: 2, free: 0 })
  t.same(planned(registry, ['a/new', port(1)]).faults.map(({ kind }) => kind), ['full'])
})

t.test('load balancers get the first free address of the automatic pools, or of the pool they name', async (t) => {
  const registry = allocator({ pools: ['lab=198.51.100.0/30', 'auto=false', 'public=192.0.2.10-192.0.2.11', '2001:db8::/127', 'more=203.0.113.0/31'] })
  const got = (...needs: Need[]): unknown => values(planned(registry, ['shop/web', ...needs]))[0]
  t.same(got(...['a', 'b', 'c', 'd', 'e'].map((key) => balancer({ key }))), ['192.0.2.10', '192.0.2.11', '203.0.113.0', '203.0.113.1', 'pending'])
  t.same(got(balancer({ pool: 'lab' }), balancer({ family: 'IPv6' }), balancer({ key: 'other', pool: 'more' })), ['198.51.100.0', '2001:db8::', '203.0.113.0'])
  t.same(got(balancer({ requested: '198.51.100.3' })), ['198.51.100.3'], 'an address may be asked for in any pool')
  t.same(shortly(planned(registry, ['shop/web', balancer({ requested: '198.51.100.3' })])), ['+claim/lb/198.51.100.3'])
  const pending: readonly [Need, RegExp][] = [
    [balancer({ requested: '10.0.0.1' }), /10\.0\.0\.1 is in no pool/],
    [balancer({ requested: '192.0.2.10', pool: 'lab' }), /in no pool of the name lab/],
    [balancer({ requested: 'my-static-ip' }), /must be an IPv4 or IPv6 address, got "my-static-ip"/],
    [balancer({ pool: 'nowhere' }), /no pool nowhere/],
    [balancer({ pool: 'lab', family: 'IPv6' }), /no pool lab with IPv6/]
  ]
  for (const [need, reason] of pending) {
    const plan = planned(registry, ['shop/web', need])
    t.same(plan.faults, [])
    t.match(plan.results[0]?.pending.get(need.key), reason)
  }
  t.match(planned(allocator(), ['shop/web', balancer()]).results[0]?.pending.get('loadBalancer/IPv4'), /configure one/)
})

t.test('a load-balancer address stays when its pool is renamed', async (t) => {
  const registry = allocator({ pools: ['fresh=192.0.2.10-192.0.2.20'] })
  give(registry, 'shop/web', lbOf('192.0.2.12'), lbOf('198.51.100.7'))
  const renamed = planned(registry, ['shop/web', balancer()])
  t.same(values(renamed), [['192.0.2.12']])
  t.same(shortly(renamed), ['-claim/lb/198.51.100.7'])
  t.match(planned(registry, ['shop/other', balancer({ requested: '192.0.2.12' })]).faults, [{ kind: 'taken', holder: holder('shop/web') }],
    'one address is one address, whatever its pool was called')
  t.match(planned(allocator({ pools: ['new=192.0.2.12-192.0.2.12'] }), ['shop/web', balancer()]).writes, [{ key: 'claim/lb/192.0.2.12', expected: 0 }], 'nodes with other names for it claim the same key')
})

t.test('an update of something else keeps values that do not fit any more', async (t) => {
  const registry = allocator({ ports: '31000-31999', pools: ['public=192.0.2.10-192.0.2.20'] })
  give(registry, 'shop/orders', portOf(30_080), ipOf('10.0.0.9'), lbOf('192.0.2.12'))
  const keeping = (name: string, kept: Record<string, string | number>): ReturnType<typeof planned> =>
    registry.plan([{ holder: holder(name), needs: [port(81)], kept: new Map(Object.entries(kept)) }], { reason: 'updated' })
  const port81 = /^\+claim\/port\/31/
  t.match(shortly(keeping('shop/orders', { 'nodePort/80/30080': 30_080, 'clusterIP/IPv4': '10.0.0.9', 'loadBalancer/IPv4': '192.0.2.12' })), [port81], 'held, though out of range')
  t.match(shortly(keeping('shop/web', { 'nodePort/80/30090': 30_090, 'nodePort/80/x': 30_090, 'clusterIP/IPv4': '10.96.0.9', 'loadBalancer/IPv4': '192.0.2.13' })),
    ['+claim/ip/10.96.0.9', '+claim/lb/192.0.2.13', '+claim/port/30090', port81], 'a missing claim is made good')
  const damaged = keeping('shop/web', { healthCheckNodePort: 30_080, 'loadBalancer/IPv4': '192.0.2.12' })
  t.same(damaged.faults, [])
  t.match(shortly(damaged), [port81], 'what is another\'s by the claims is left alone')
  const gone = keeping('shop/orders', { 'loadBalancer/IPv4': '198.51.100.7' })
  t.equal(gone.results[0]?.pending.size, 0)
  t.match(shortly(gone), ['+claim/lb/198.51.100.7', port81, '-claim/ip/10.0.0.9', '-claim/lb/192.0.2.12', '-claim/port/30080'], 'in no pool of this node, and the service\'s all the same')
  t.match(planned(registry, ['shop/web', port(80, 31_005)], ['shop/api', port(80, 31_005)]).faults, [{ kind: 'twice' }])
  t.match(registry.plan([
    { holder: holder('shop/web'), needs: [], kept: new Map([['nodePort/80', 31_005]]) },
    { holder: holder('shop/api'), needs: [port(80, 31_005)] }
  ], { reason: 'updated' }).faults, [{ kind: 'twice', of: holder('shop/api') }])
})

t.test('a value on its way to the store is not chosen again, but may be asked for', async (t) => {
  const registry = allocator({ ports: '30000-30001', pools: ['public=192.0.2.10-192.0.2.11'] })
  const first = planned(registry, ['a/one', port(1), balancer()])
  const letGo = registry.hold(first)
  const second = planned(registry, ['a/two', port(1), balancer()])
  t.same(values(second)[0]?.[1], '192.0.2.11')
  t.not(values(second)[0]?.[0], values(first)[0]?.[0], 'the other port')
  t.same(planned(registry, ['a/two', port(1, Number(values(first)[0]?.[0]))]).faults, [])
  letGo()
  letGo()
  t.same(values(planned(registry, ['a/two', balancer()])), [['192.0.2.10']])
})

t.test('the state of each pool counts what is taken, by band', async (t) => {
  const registry = allocator({ cidrs: ['fd00::/64', '10.96.0.0/24'], pools: ['public=192.0.2.10-192.0.2.19', '2001:db8::/127', 'auto=false'] })
  give(registry, 'shop/a', ipOf('10.96.0.1'), ipOf('10.96.0.200'), ipOf('fd00::ffff:ffff:ffff:ffff'), portOf(30_000), portOf(30_086), portOf(99), lbOf('192.0.2.10'))
  registry.taken({ key: 'override/shop/a/b', revision: 1, body: '{}' })
  t.match(registry.state(), [
    { kind: 'cluster-ip', name: 'ipv6', ranges: ['fd00::/64'], used: 1, bands: { static: { size: 256, used: 0 } } },
    { kind: 'cluster-ip', name: 'ipv4', size: 254, used: 2, free: 252, bands: { static: { size: 16, used: 1 }, dynamic: { size: 238, used: 1 } } },
    { kind: 'node-port', name: 'node-ports', ranges: ['30000-32767'], size: 2_768, used: 2, free: 2_766, bands: { static: { size: 86, used: 1 }, dynamic: { size: 2_682, used: 1 } } },
    { kind: 'load-balancer', name: 'public', autoAssign: false, ranges: ['192.0.2.10-192.0.2.19', '2001:db8::/127'], size: 12, used: 1, free: 11 }
  ])
  t.notOk(registry.state()[3]?.bands)
  registry.freed(claimKey(ipOf('10.96.0.1')))
  registry.freed(claimKey(ipOf('10.96.0.1')))
  registry.freed('override/shop/a/b')
  t.match(registry.state()[1], { used: 1, bands: { static: { used: 0 } } })
  registry.load([])
  t.same(registry.state().map(({ used }) => used), [0, 0, 0, 0])
  t.equal(registry.holderOf(portOf(30_000)), undefined)
})

t.test('the same claim again, or in other hands, is counted once', async (t) => {
  const registry = allocator()
  give(registry, 'shop/a', portOf(30_000))
  give(registry, 'shop/b', portOf(30_000))
  give(registry, 'shop/b', portOf(30_000))
  t.match(registry.state()[1], { used: 1 })
  t.same(registry.holderOf(portOf(30_000)), holder('shop/b'))
  t.same(registry.heldBy(holder('shop/a')), [])
  registry.freed(claimKey(portOf(30_000)))
  t.match(registry.state()[1], { used: 0 })
})

t.test('any order of taking and giving back ends without a value in two hands, none lost, and the last free one found', async () => {
  const step = fc.record({ service: fc.nat(7), ports: fc.nat(3), asks: fc.option(fc.nat(11)), balancer: fc.boolean(), ip: fc.boolean() })
  fc.assert(fc.property(fc.nat(), fc.array(step, { maxLength: 60 }), (seed, steps) => {
    const registry = allocator({ cidrs: ['10.0.0.0/29'], ports: '30000-30011', pools: ['p=192.0.2.0/30', 'q=192.0.2.8/31'], random: dice(seed) })
    const model = new Map<string, string>()
    let revision = 0
    for (const { service, ports, asks, balancer: wantsBalancer, ip: wantsIp } of steps) {
      const name = `shop/s${service}`
      const needs: Need[] = Array.from({ length: ports }, (_, index) => port(index + 1))
      if (asks !== null) needs.push(port(99, 30_000 + asks))
      if (wantsBalancer) needs.push(balancer())
      if (wantsIp) needs.push(ip())
      const plan = planned(registry, [name, ...needs])
      const others = (prefix: string): number => [...model].filter(([key, owner]) => key.startsWith(prefix) && owner !== name).length
      const isTaken = asks !== null && (model.get(`claim/port/${30_000 + asks}`) ?? name) !== name
      const isFull = others('claim/port/') + ports + (asks === null || isTaken ? 0 : 1) > 12 || (wantsIp && others('claim/ip/') === 6)
      if ((plan.faults.length > 0) !== (isTaken || isFull)) return false
      if (wantsBalancer && (plan.results[0]?.pending.size === 1) !== (others('claim/lb/') === 6)) return false
      for (const write of plan.writes) {
        revision += 1
        if (write.type === 'put') {
          if (model.has(write.key)) return false
          model.set(write.key, name)
          registry.taken({ key: write.key, revision, body: write.body })
        } else {
          if (model.get(write.key) !== name) return false
          model.delete(write.key)
          registry.freed(write.key)
        }
      }
      if (plan.faults.length === 0) {
        const held = registry.heldBy(holder(name)).length
        if (held !== plan.results[0]?.values.size) return false
      }
      if (registry.state().reduce((sum, { used }) => sum + used, 0) !== model.size) return false
    }
    return true
  }), { numRuns: 300 })
})

t.test('repair tells what does not fit, and changes no service', async (t) => {
  const registry = allocator({ cidrs: ['10.96.0.0/24'] })
  give(registry, 'shop/fine', portOf(30_001))
  give(registry, 'shop/owner', portOf(30_002))
  give(registry, 'shop/gone', ipOf('10.96.0.9'))
  give(registry, 'shop/far', ipOf('10.97.0.9'))
  const findings = repair([
    { holder: holder('shop/fine'), target: portOf(30_001) },
    { holder: holder('shop/fine'), target: portOf(30_001) },
    { holder: holder('shop/owner'), target: portOf(30_002) },
    { holder: holder('shop/thief'), target: portOf(30_002) },
    { holder: holder('shop/bare'), target: portOf(30_003) },
    { holder: holder('shop/twin'), target: portOf(30_003) },
    { holder: holder('shop/far'), target: ipOf('10.97.0.9') }
  ], registry.claims(), (target) => (registry.inRange(target) ? undefined : registry.placeOf(target)), 'recovered')
  t.match(findings, [
    { kind: 'AlreadyAllocated', holder: holder('shop/thief'), text: 'node port 30002 of shop/thief is allocated to shop/owner: recreate one of the two' },
    { kind: 'NotAllocated', holder: holder('shop/bare'), text: 'node port 30003 of shop/bare was not allocated to it', write: { type: 'put', key: 'claim/port/30003', expected: 0 } },
    { kind: 'AlreadyAllocated', holder: holder('shop/twin'), text: /allocated to shop\/bare/ },
    { kind: 'OutOfRange', holder: holder('shop/far'), text: /10\.97\.0\.9 of shop\/far is in no range of this node: the service keeps it/ },
    { kind: 'Unused', holder: holder('shop/gone'), write: { type: 'delete', key: 'claim/ip/10.96.0.9', expected: 1 } }
  ])
  t.equal(findings.length, 5)
  t.same(repair([], [], () => undefined, 'recovered'), [])
})
