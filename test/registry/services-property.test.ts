import t from 'tap'
import fc from 'fast-check'
import type { EndpointSet } from '../../server/model/instance/endpoints.ts'
import { serviceEndpoints } from '../../server/model/service/endpoints.ts'
import { selects } from '../../server/model/service/selection.ts'
import type { Registry } from '../../server/registry/registry.ts'
import { apply, service } from '../support/declared.ts'
import { world, tester } from '../support/world.ts'

const ids = ['a', 'b', 'c'] as const
const labels = fc.record({ app: fc.constantFrom('x', 'y'), tier: fc.constantFrom('1', '2') }, { requiredKeys: [] })
const selector = fc.record({ app: fc.constantFrom('x', 'y'), tier: fc.constantFrom('1', '2'), 'rollcall.dev/service': fc.constantFrom('one', 'two') }, { requiredKeys: [] })
  .filter((map) => Object.keys(map).length > 0)
const instance = { of: fc.constantFrom('one', 'two'), id: fc.constantFrom(...ids) }
const step = fc.oneof(
  fc.record({ type: fc.constant('register' as const), ...instance, labels, family: fc.constantFrom('10.0.0.1', 'fd00::1') }),
  fc.record({ type: fc.constant('relabel' as const), ...instance, labels }),
  fc.record({ type: fc.constant('deregister' as const), ...instance }),
  fc.record({ type: fc.constant('drain' as const), ...instance }),
  fc.record({ type: fc.constant('declare' as const), name: fc.constantFrom('s1', 's2', 'one'), selector, targetPort: fc.constantFrom('80', 'http') }),
  fc.record({ type: fc.constant('remove' as const), name: fc.constantFrom('s1', 's2', 'one') })
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

async function take (registry: Registry, change: Step): Promise<void> {
  const { catalog } = registry
  if (change.type === 'declare') {
    const text = service(change.name, `selector: ${JSON.stringify(change.selector)}, ports: [{ port: 80, targetPort: ${change.targetPort} }]`)
    await apply(registry, text)
    return
  }
  if (change.type === 'remove') {
    await registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name: change.name }], { ignoreMissing: true })
    return
  }
  const name = { namespace: 'shop', service: change.of, id: change.id }
  if (change.type === 'register') {
    await registry.as(tester).register(name, { labels: change.labels, address: change.family, ports: [{ name: 'http', port: 8080 }] })
  } else if (catalog.entry('shop', change.of, change.id) !== undefined) {
    if (change.type === 'relabel') await registry.as(tester).patch(name, { labels: { app: null, tier: null, ...change.labels } })
    else if (change.type === 'drain') await registry.as(tester).override(name, { status: 'draining' })
    else await registry.as(tester).deregister(name)
  }
}

function shownOf ({ all, answered, failOpen, leaseMs, revision, size, ready }: EndpointSet): object {
  return { all, answered, failOpen, leaseMs, revision, size, ready }
}

t.test('endpoints kept up change by change equal those computed from scratch, after any sequence', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const { registry } = await world(t)
    const watched = new Set<string>()
    const watch = registry.watches.subscribe({ namespace: 'shop', service: 's1' }, undefined, () => undefined)
    for (const change of steps) {
      await take(registry, change)
      const all = ['one', 'two'].flatMap((group) => [...registry.catalog.registered('shop', group)?.instances ?? []])
      for (const declared of registry.catalog.declaredServices('shop')) {
        const scratch = serviceEndpoints(declared.manifest, all, declared.revision)
        t.strictSame(shownOf(declared.endpoints), shownOf(scratch))
        t.strictSame(declared.instances.map(({ service, id }) => `${service}/${id}`).sort(), all.filter((one) => selects(declared.manifest, one)).map(({ service, id }) => `${service}/${id}`).sort())
      }
      for (let next = watch.next(); next !== undefined; next = watch.next()) {
        if (next.type === 'snapshot') {
          watched.clear()
          for (const { service, id } of next.instances) watched.add(`${service}/${id}`)
        } else if (next.type === 'change' && next.kind === 'instance') {
          const key = `${next.instance.service}/${next.instance.id}`
          if (next.event === 'put') watched.add(key)
          else watched.delete(key)
        }
      }
      t.strictSame([...watched].sort(), (registry.catalog.service('shop', 's1')?.instances ?? []).map(({ service, id }) => `${service}/${id}`).sort())
    }
    await registry.close()
  }), { numRuns: 60, seed: 3 })
})
