import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import type { Registry } from '../../server/registry/registry.ts'
import { allocation, apply, service, stored, stream } from '../support/declared.ts'
import { world, tester } from '../support/world.ts'

const balanced = (name: string, more = ''): string => service(name, `type: LoadBalancer, selector: { a: b }, ports: [{ port: 80 }]${more}`)
const address = (registry: Registry, name: string): string | undefined => stored(registry, name).status?.loadBalancer.ingress?.[0]?.ip
const remove = (registry: Registry, name: string): Promise<unknown> => registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name }])

/** Resolves when the registry changed a service by itself. */
function given (registry: Registry, name: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = registry.feed.listen({ changed: ({ kind, target, by }) => {
      if (kind !== 'service' || target.service !== name || by !== 'registry') return
      stop()
      resolve()
    } })
  })
}

t.test('a load balancer that waits gets the address that a deleted one had, and loses its condition', async (t) => {
  const { registry, clock } = await world(t, allocation(['public=192.0.2.10-192.0.2.10']))
  await apply(registry, stream(balanced('first'), balanced('second'), balanced('third')))
  t.same(['first', 'second', 'third'].map((name) => address(registry, name)), ['192.0.2.10', undefined, undefined])
  t.match(stored(registry, 'second').status?.conditions, [{ status: 'False', message: /is taken/ }])
  t.equal(registry.services.waitingBalancers, 2)
  const { generation } = stored(registry, 'second').metadata
  const done = given(registry, 'second')
  await remove(registry, 'first')
  clock.advance(1_000)
  await done
  t.same(['second', 'third'].map((name) => address(registry, name)), ['192.0.2.10', undefined], 'who waits longest is first')
  t.equal(stored(registry, 'second').status?.conditions, undefined)
  t.equal(stored(registry, 'second').metadata.generation, generation, 'nobody said anything else of it')
  t.equal(registry.services.waitingBalancers, 1)
})

t.test('an address that is given up by a change of the type goes to who waits, one that is asked for by value too', async (t) => {
  const { registry, clock } = await world(t, allocation(['public=192.0.2.10-192.0.2.11']))
  await apply(registry, stream(balanced('one'), balanced('two'), balanced('three')))
  const first = given(registry, 'three')
  await apply(registry, service('one', 'type: ClusterIP, selector: { a: b }, ports: [{ port: 80 }]'))
  clock.advance(1_000)
  await first
  t.equal(address(registry, 'three'), '192.0.2.10')
})

t.test('what waits when a node starts gets an address of the pools that it has now, if nobody has it', async (t) => {
  const directory = t.testdir()
  const open = (pools: string[]): ReturnType<typeof world> =>
    world(t, { ...allocation(pools), store: createSqliteStore({ directory, now: () => Date.now(), holdMs: 0 }) })
  const before = await open([])
  await apply(before.registry, stream(balanced('asks', ', loadBalancerIP: 192.0.2.10'), balanced('twin', ', loadBalancerIP: 192.0.2.10'), balanced('any'), balanced('foreign', ', loadBalancerClass: example.org/other')))
  t.equal(before.registry.services.waitingBalancers, 3)
  await before.registry.close()
  const { registry, clock } = await open(['public=192.0.2.10-192.0.2.11'])
  const done = given(registry, 'any')
  clock.advance(1_000)
  await done
  t.same(['asks', 'twin', 'any', 'foreign'].map((name) => address(registry, name)), ['192.0.2.10', undefined, '192.0.2.11', undefined])
  t.equal(registry.services.waitingBalancers, 1)
})

t.test('an attempt that can give nothing writes nothing and is not repeated', async (t) => {
  const { registry, clock } = await world(t, allocation(['public=192.0.2.10-192.0.2.10']))
  await apply(registry, stream(balanced('first'), balanced('second')))
  const { revision } = registry.feed
  const timers = clock.waiting
  clock.advance(200) // before the first sweep
  await setImmediate()
  t.equal(clock.waiting, timers - 2, 'the attempt was made, and the look at ingresses after the load: no other waits')
  t.equal(registry.feed.revision, revision)
})

t.test('who can be given nothing does not stand before the others, however many they are', async (t) => {
  const { registry, clock } = await world(t, allocation(['public=192.0.2.0-192.0.2.0']))
  await apply(registry, balanced('first'))
  await apply(registry, stream(...Array.from({ length: 450 }, (_, index) => balanced(`s${index}`, ', loadBalancerIP: 203.0.113.1')), balanced('last')))
  t.equal(registry.services.waitingBalancers, 451)
  await remove(registry, 'first')
  let isGiven = false
  const done = given(registry, 'last').then(() => { isGiven = true })
  while (!isGiven) { // others have their turn between two batches
    clock.advance(10)
    await setImmediate()
  }
  await done
  t.equal(address(registry, 'last'), '192.0.2.0')
})
