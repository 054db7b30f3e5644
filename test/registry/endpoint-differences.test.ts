// A service of more than 100 endpoints is told whole once, and then by what became of it.
import fc from 'fast-check'
import t from 'tap'
import type { Endpoint } from '../../client-sdk/src/wire.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { parseSelector } from '../../server/model/instance/selector.ts'
import { queryEndpoints } from '../../server/registry/catalog/endpoint-query.ts'
import { maxChangedKeys } from '../../server/registry/catalog/changed-keys.ts'
import type { EndpointsSubscription } from '../../server/registry/feed/endpoints-subscription.ts'
import { maxWholeEndpoints } from '../../server/registry/feed/told-endpoints.ts'
import { type World, tester, world } from '../support/world.ts'

const web = (port: number): string =>
  `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{port: 80, targetPort: ${port}}]}}`

/** What follows a watch by its rules alone, and says when a difference does not begin where it stands. */
class Follower {
  readonly services = new Map<string, { revision: number, endpoints: Map<string, Endpoint> }>()
  readonly kinds: string[] = []

  drain (watch: EndpointsSubscription): void {
    for (let next = watch.next(); next !== undefined; next = watch.next()) {
      if (next.type === 'reset') this.services.clear()
      if (next.type === 'endpoints-snapshot') for (const { set, chosen = set.all } of next.services) this.#whole(set.service, set.revision, chosen)
      if (next.type !== 'endpoints') continue
      this.kinds.push(next.event)
      if (next.event === 'delete') this.services.delete(next.name.service)
      if (next.event === 'put') this.#whole(next.endpoints.set.service, next.endpoints.set.revision, next.endpoints.chosen ?? next.endpoints.set.all)
      if (next.event !== 'difference') continue
      const { set, difference: { from, put, removed } } = next
      const held = this.services.get(set.service)
      if (held?.revision !== from) throw new Error(`${set.service} stands at ${held?.revision}, the difference begins at ${from}`)
      held.revision = set.revision
      for (const key of removed) held.endpoints.delete(keyOf(key))
      for (const endpoint of put) held.endpoints.set(keyOf(endpoint), endpoint)
    }
  }

  /** Ordered as the registry orders them. */
  shown (service: string): readonly Endpoint[] | undefined {
    const held = this.services.get(service)
    return held === undefined ? undefined : [...held.endpoints.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint)
  }

  #whole (service: string, revision: number, endpoints: readonly Endpoint[]): void {
    this.services.set(service, { revision, endpoints: new Map(endpoints.map((endpoint) => [keyOf(endpoint), endpoint])) })
  }
}

function keyOf ({ id, service = '' }: Pick<Endpoint, 'id' | 'service'>): string {
  return `${id} ${service}`
}

async function filled (t: Parameters<typeof world>[0], count: number): Promise<World> {
  const made = await world(t)
  for (let at = 0; at < count; at++) await made.register(`shop/orders/i${at}`, { labels: { app: 'web', version: `v${at % 3}` } })
  return made
}

const id = fc.integer({ min: 0, max: 140 }).map((at) => `i${at}`)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('register' as const), id, version: fc.constantFrom('v1', 'v2'), app: fc.constantFrom('web', 'other') }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('deregister' as const), id }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('drain' as const), id }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('declare' as const), port: fc.constantFrom(80, 81) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('take back' as const) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('pause' as const) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('read' as const), who: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cut' as const), who: fc.nat(2) }) }
)

t.test('followers that are told differences hold what the registry holds, whatever happens and however late they read', async (t) => {
  const kinds = new Set<string>()
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
    const { registry, register, clock } = await filled(t, 115)
    const core = registry.as(tester)
    const selector = parseSelector('version=v2')
    const filters = [{}, { namespace: 'shop', service: 'web' }, { selector }]
    const begin = (who: number, since?: number): EndpointsSubscription =>
      registry.watches.subscribeEndpoints(filters[who] ?? {}, since === undefined ? undefined : { epoch: undefined, revision: since }, () => undefined)
    const watches = filters.map((_filter, who) => begin(who))
    const followers = filters.map(() => new Follower())
    const read = (who: number): void => followers[who]?.drain(watches[who] as EndpointsSubscription) // one for each
    for (const change of steps) {
      const name = { namespace: 'shop', service: 'orders', id: 'id' in change ? change.id : '' }
      const isThere = registry.catalog.entry('shop', 'orders', name.id) !== undefined
      if (change.type === 'register') await register(`shop/orders/${change.id}`, { labels: { app: change.app, version: change.version } })
      if (change.type === 'deregister' && isThere) await core.deregister(name)
      if (change.type === 'drain' && isThere) await core.override(name, { status: 'draining' })
      if (change.type === 'declare') await core.apply(readManifests(web(change.port)))
      if (change.type === 'take back') await core.delete([{ kind: 'Service', namespace: 'shop', name: 'web' }], { ignoreMissing: true })
      if (change.type === 'pause') clock.hasten(20)
      if (change.type === 'read') read(change.who)
      if (change.type !== 'cut') continue
      const watch = watches[change.who] as EndpointsSubscription // one for each
      const { delivered } = watch
      registry.watches.unsubscribe(watch)
      watches[change.who] = begin(change.who, delivered === 0 ? undefined : delivered)
    }
    clock.hasten(20)
    for (const [who, follower] of followers.entries()) {
      read(who)
      for (const kind of follower.kinds) kinds.add(kind)
      for (const service of who === 1 ? ['web'] : ['orders', 'web']) {
        const set = registry.catalog.endpoints('shop', service)
        t.strictSame(follower.shown(service), set && queryEndpoints(set, { ready: 'any', ...(who === 2 ? { selector } : {}) }), `${service} of follower ${who}`)
      }
    }
    await registry.close()
  }), { numRuns: 40, seed: 16 })
  t.same([...kinds].sort(), ['delete', 'difference', 'put'], 'all of them were met')
})

t.test('up to 100 endpoints a service is told whole, above it by the difference, and what was missed by far whole again', async (t) => {
  const { registry, register, clock } = await filled(t, maxWholeEndpoints)
  const watch = registry.watches.subscribeEndpoints({}, undefined, () => undefined)
  const follower = new Follower()
  const told = (): string[] => {
    clock.hasten(20)
    follower.drain(watch)
    return follower.kinds.splice(0)
  }
  told()
  await register('shop/orders/i1', { weight: 7 })
  t.same(told(), ['put'])
  await register('shop/orders/new', {})
  t.same(told(), ['put'], 'the first whole one above the limit')
  await register('shop/orders/i2', { weight: 7 })
  t.same(told(), ['difference'])
  for (let at = 0; at < 60; at++) await register(`shop/orders/i${at}`, { weight: 8 })
  t.same(told(), ['put'], 'more than half of it is better told whole')
  await registry.as(tester).deregister({ namespace: 'shop', service: 'orders', id: 'new' })
  t.same(told(), ['put'], 'small again')
})

t.test('changes that nobody asks about are forgotten, and told whole', async (t) => {
  const { registry, register, clock } = await filled(t, maxWholeEndpoints + 1)
  const watch = registry.watches.subscribeEndpoints({}, undefined, () => undefined)
  const follower = new Follower()
  follower.drain(watch)
  for (let round = 0; round <= maxChangedKeys; round++) await register('shop/orders/i1', { weight: round })
  clock.hasten(20)
  follower.drain(watch)
  t.same(follower.kinds.splice(0), ['put'])
  await register('shop/orders/i1', { weight: 1 })
  clock.hasten(20)
  follower.drain(watch)
  t.same(follower.kinds, ['difference'], 'from there on it is remembered again')
})
