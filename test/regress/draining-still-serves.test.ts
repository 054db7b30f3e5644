// Symptom: the last instance of a service was drained for a deployment, and its service had no endpoint any more although the process
// still served: `serving` was false while draining, and a suspect instance would have been answered before it.
import t from 'tap'
import { apply, service } from '../support/declared.ts'
import { world } from '../support/world.ts'

t.test('the last instance is answered while it drains, by the implicit and by a declared service, in the slices as serving', async (t) => {
  const { registry, register, clock } = await world(t)
  await apply(registry, service('web', 'selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }]'))
  await register('going', { labels: { app: 'web' }, status: 'draining', lease: { ttlMs: 600_000 } })
  await register('silent', { labels: { app: 'web' }, lease: { ttlMs: 1_000 } })
  await registry.sweep()
  clock.jump(1_100)
  await registry.sweep()
  for (const name of ['orders', 'web']) {
    const set = registry.catalog.endpoints('shop', name)
    t.same(set?.answered.map(({ id }) => id), ['going'], name)
    t.equal(set?.failOpen, false)
  }
  const [slice] = registry.services.slices('shop', 'web')
  t.same(slice?.endpoints.map(({ conditions, targetRef }) => [targetRef?.name, conditions]), [
    ['orders/going', { ready: false, serving: true, terminating: true }], ['orders/silent', { ready: false, serving: false, terminating: false }]
  ])
})
