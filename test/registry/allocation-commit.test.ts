import t from 'tap'
import { RegistryError } from '../../server/errors.ts'
import { patienceMs } from '../../server/registry/commands/certain.ts'
import type { Allocator } from '../../server/registry/allocation/allocator.ts'
import { commitAllocated } from '../../server/registry/allocation/allocated-commit.ts'
import type { Need } from '../../server/model/service/needs.ts'
import type { ObjectWrite } from '../../server/store/store.ts'
import { type Node, ObjectStore, allocator, balancer, dice, give, holder, ip, planned, port, values } from './allocation-store.ts'

const clock = { now: () => 0 }

/** Writes a service with its needs, through one node. Resolves to the values that it got. */
async function write (node: Node, name: string, ...needs: Need[]): Promise<(string | number | undefined)[]> {
  const { result } = await commitAllocated({
    store: node,
    clock,
    allocator: node.allocator,
    by: 'test',
    propose: (attempt) => {
      const plan = node.allocator.plan([{ holder: holder(name), needs }], { reason: 'updated', attempt })
      const service: ObjectWrite = { type: 'put', key: `service/${name}`, body: JSON.stringify(values(plan)[0]), endsAtMs: 0, reason: 'updated' }
      return { plan, writes: [service], result: values(plan)[0] ?? [] }
    }
  })
  return result
}

const used = (of: Allocator): readonly number[] => of.state().map((pool) => pool.used)

t.test('two nodes that allocate at the same time give no value twice and lose none', async (t) => {
  const store = new ObjectStore()
  const nodes = [1, 2].map((seed) => store.node(allocator({ pools: ['p=192.0.2.0/23'], random: dice(seed) })))
  const services = nodes.flatMap((node, index) => Array.from({ length: 250 }, (_, count) => ({ node, name: `shop/n${index}-${count}` })))
  // Chunks: so many requests are under way on each node at a time.
  for (let start = 0; start < 250; start += 25) {
    const chunk = [...services.slice(start, start + 25), ...services.slice(250 + start, 275 + start)]
    await Promise.all(chunk.map(({ node, name }) => write(node, name, ip(), port(80), balancer())))
  }
  t.ok(store.conflicts > 0, 'they did meet')
  t.equal([...store.objects.keys()].filter((key) => key.startsWith('claim/')).length, 1_500)
  for (const [key, { body }] of store.objects) {
    if (!key.startsWith('service/')) continue
    const [clusterIp, nodePort, address] = JSON.parse(body) as [string, number, string]
    const [, namespace, service] = key.split('/')
    for (const claim of [`claim/ip/${clusterIp}`, `claim/port/${nodePort}`, `claim/lb/${address}`]) {
      if (store.objects.get(claim)?.body !== JSON.stringify({ namespace, service })) t.fail(`${claim} is not of ${key}`)
    }
  }
  for (const { node, name } of services) await write(node, name)
  await Promise.all(nodes.map((node) => node.sync()))
  t.equal([...store.objects.keys()].filter((key) => key.startsWith('claim/')).length, 0, 'all are free again')
  for (const node of nodes) t.same(used(node.allocator), [0, 0, 0])
})

t.test('two nodes share a range down to its last port, and then both say that it is full', async (t) => {
  const store = new ObjectStore()
  const [one, two] = [1, 2].map((seed) => store.node(allocator({ ports: '30000-30031', random: dice(seed) }))) as [Node, Node] // two seeds, two nodes
  const outcomes = await Promise.allSettled(Array.from({ length: 40 }, (_, index) => write(index % 2 === 0 ? one : two, `shop/s${index}`, port(80))))
  const got = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
  t.equal(new Set(got).size, 32)
  t.equal(got.length, 32)
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') t.match(outcome.reason, { code: 'REG_LIMIT_REACHED', errors: [{ rule: /30000-30031 is taken/ }] })
  }
})

t.test('of two nodes that are asked for one port the second names the first holder', async (t) => {
  const store = new ObjectStore()
  const [one, two] = [store.node(allocator()), store.node(allocator())]
  t.same(await write(one, 'shop/orders', port(80, 30_080)), [30_080])
  await t.rejects(write(two, 'shop/web', port(80, 30_080)), {
    code: 'REG_INVALID',
    message: 'shop/web spec.ports[0].nodePort provided port is already allocated to shop/orders, got 30080',
    errors: [{ field: 'shop/web spec.ports[0].nodePort', value: 30_080 }]
  })
  t.notOk(store.objects.has('service/shop/web'))
})

t.test('what was freed through another node a moment ago is not refused', async (t) => {
  const store = new ObjectStore()
  const [one, two] = [store.node(allocator()), store.node(allocator())]
  await write(one, 'shop/orders', port(80, 30_080))
  await two.sync()
  await write(one, 'shop/orders')
  t.same(await write(two, 'shop/web', port(80, 30_080)), [30_080])
})

t.test('a write that always meets a conflict ends when its time is up, and holds nothing back', async (t) => {
  const registry = allocator({ ports: '30000-30000' })
  let commits = 0
  let nowMs = 0
  const store = {
    commit: async () => {
      commits += 1
      nowMs += 1_000
      return { outcome: 'conflict' as const, failed: [0] }
    },
    sync: async () => undefined
  }
  const propose = () => ({ plan: planned(registry, ['shop/web', port(80)]), writes: [], result: undefined })
  await t.rejects(commitAllocated({ store, clock: { now: () => nowMs }, allocator: registry, by: 'test', propose }), { code: 'REG_CONFLICT', retryAfterSeconds: 1 })
  t.equal(commits, patienceMs / 1_000)
  await t.rejects(commitAllocated({ store, clock, allocator: registry, by: 'test', propose }), { code: 'REG_CONFLICT' }, 'also if the clock stands still')
  t.same(planned(registry, ['shop/web', port(80)]).faults, [])
})

t.test('a failing store gives back what was on its way, and its error is passed on', async (t) => {
  const registry = allocator({ ports: '30000-30000' })
  const store = { commit: async () => { throw new RegistryError('REG_STORE_UNAVAILABLE', 'away') }, sync: async () => undefined }
  const propose = () => ({ plan: planned(registry, ['shop/web', port(80)]), writes: [], result: undefined })
  await t.rejects(commitAllocated({ store, clock, allocator: registry, by: 'test', propose }), { code: 'REG_STORE_UNAVAILABLE' })
  t.same(planned(registry, ['shop/web', port(80)]).faults, [])
})

t.test('a fault is refused only when the view was proved current', async (t) => {
  const registry = allocator()
  give(registry, 'shop/orders', { kind: 'port', value: '30080' })
  let syncs = 0
  const store = { commit: async () => ({ outcome: 'committed' as const, revisions: [] }), sync: async () => { syncs += 1 } }
  const run = (need: Need): Promise<unknown> =>
    commitAllocated({ store, clock, allocator: registry, by: 'test', propose: () => ({ plan: planned(registry, ['shop/web', need]), writes: [], result: undefined }) })
  await t.rejects(run(port(80, 99)), { code: 'REG_INVALID' })
  t.equal(syncs, 1)
  await t.rejects(run(port(80, 30_080)), { code: 'REG_INVALID' })
  t.equal(syncs, 2)
})
