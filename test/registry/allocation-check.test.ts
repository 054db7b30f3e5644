import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import fc from 'fast-check'
import { claimBody, claimKey } from '../../server/registry/allocation/claims.ts'
import { RegistryError } from '../../server/errors.ts'
import type { Registry } from '../../server/registry/registry.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import type { ObjectWrite } from '../../server/store/store.ts'
import { allocation, apply, service } from '../support/declared.ts'
import { type World, world, tester } from '../support/world.ts'

const nothing = { NotAllocated: 0, AlreadyAllocated: 0, OutOfRange: 0, Unused: 0 }
const node = (name: string, port: number): string => service(name, `type: NodePort, selector: { a: b }, ports: [{ port: 80, nodePort: ${port} }]`)
const key = (port: number): string => claimKey({ kind: 'port', value: String(port) })
const claim = (port: number, holder: string): ObjectWrite =>
  ({ type: 'put', key: key(port), body: claimBody({ namespace: 'shop', service: holder }), endsAtMs: 0, reason: 'recovered' })
const drop = (port: number): ObjectWrite => ({ type: 'delete', key: key(port), reason: 'recovered' })
const usedPorts = (registry: Registry): number | undefined => registry.services.pools().find(({ kind }) => kind === 'node-port')?.used

/** Lets one round pass. The store answers within the turns of the loop that are given. */
async function round ({ clock, registry }: World): Promise<void> {
  clock.advance(250_000)
  await registry.store.sync()
  for (let turn = 0; turn < 5; turn++) await setImmediate()
}

t.test('a claim that no service uses is told once, and freed after three looks in a row', async (t) => {
  const at = await world(t)
  const { registry, warnings } = at
  await apply(registry, node('web', 30_001))
  await registry.store.commit([claim(30_002, 'gone')], 'test')
  await round(at)
  t.same([registry.services.allocationFindings(), warnings], [nothing, []], 'one look may fall between two changes')
  await round(at)
  t.same(registry.services.allocationFindings(), { ...nothing, Unused: 1 })
  t.equal(usedPorts(registry), 2)
  await round(at)
  t.equal(usedPorts(registry), 1)
  await round(at)
  t.same(registry.services.allocationFindings(), nothing)
  t.same(warnings, ['node port 30002 is allocated to shop/gone, which does not use it'])
})

t.test('a claim that a service lacks is made, and what two have or no range holds is told', async (t) => {
  const directory = t.testdir()
  const open = (ports: string): Promise<World> =>
    world(t, { ...allocation([], ports), store: createSqliteStore({ directory, now: () => Date.now(), holdMs: 0 }) })
  const before = await open('30000-30099')
  await apply(before.registry, node('bare', 30_001))
  await apply(before.registry, node('robbed', 30_002))
  await apply(before.registry, node('far', 30_050))
  await before.registry.store.commit([drop(30_001), claim(30_002, 'bare')], 'test')
  await before.registry.close()
  const after = await open('30000-30009')
  const { registry, warnings } = after
  t.same(registry.services.allocationFindings(), { NotAllocated: 1, AlreadyAllocated: 1, OutOfRange: 1, Unused: 1 })
  t.match(warnings.sort(), [
    'node port 30001 of shop/bare was not allocated to it',
    'node port 30002 is allocated to shop/bare, which does not use it',
    'node port 30002 of shop/robbed is allocated to shop/bare: recreate one of the two',
    /node port 30050 of shop\/far is in no range of this node/
  ])
  await round(after)
  while (registry.catalog.object(key(30_001)) === undefined) await setImmediate() // a file is on disk when the disk says so
  t.match(registry.catalog.object(key(30_001)), { body: claimBody({ namespace: 'shop', service: 'bare' }) })
  t.equal(warnings.length, 4, 'nothing is told twice')
})

t.test('what fits is not even looked at again', async (t) => {
  const at = await world(t)
  let syncs = 0
  const { store } = at.registry
  const sync = store.sync.bind(store)
  store.sync = () => {
    syncs += 1
    return sync()
  }
  await apply(at.registry, node('web', 30_001))
  at.clock.advance(250_000)
  t.equal(syncs, 1)
  at.clock.advance(2_000_000)
  t.equal(syncs, 1)
})

t.test('no sequence of applies and deletes leaves anything that does not fit', async (t) => {
  const spec = fc.record({
    type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName, externalName: db.example.org'),
    ports: fc.constantFrom('', ', nodePort: 30001', ', nodePort: 30002', ', protocol: UDP'),
    more: fc.constantFrom('', ', loadBalancerIP: 192.0.2.11', ', externalTrafficPolicy: Local', ', allocateLoadBalancerNodePorts: false', ', clusterIP: None', ', clusterIP: 10.96.0.9', ', loadBalancerClass: example.org/other', ', ipFamilyPolicy: PreferDualStack', ', ipFamilyPolicy: SingleStack', ', ipFamilies: [IPv6]')
  })
  const step = fc.record({ name: fc.constantFrom('a', 'b', 'c'), spec: fc.option(spec) })
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
    const at = await world(t, allocation(['public=192.0.2.10-192.0.2.11', '2001:db8::/127'], '30000-30009', ['10.96.0.0/12', 'fd00::/108']))
    const { registry } = at
    for (const { name, spec } of steps) {
      const done = spec === null
        ? registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name }], { ignoreMissing: true })
        : apply(registry, service(name, `type: ${spec.type}, selector: { a: b }, ports: [{ port: 80${spec.ports} }]${spec.more}`))
      await done.catch((error: unknown) => { if (!(error instanceof RegistryError)) throw error }) // refused: fine
    }
    await round(at)
    await round(at)
    t.same([registry.services.allocationFindings(), at.warnings], [nothing, []])
    await registry.close()
  }), { numRuns: 60, seed: 7 })
})
