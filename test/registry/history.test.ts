// What is older than the changes that a node remembers is read from the store's log: whatever happened, and wherever a watch left off, it gets to
// what is there now, or begins anew.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import type { Instance } from '../../client-sdk/src/wire.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { parseSelector } from '../../server/model/instance/selector.ts'
import { cursorText, parseCursor, type Delivery, type EndpointsDelivery, type EndpointSet, type WatchFilter } from '../../server/registry/core.ts'
import type { Followed } from '../../server/registry/feed/subscription.ts'
import { Registry } from '../../server/registry/registry.ts'
import type { Store } from '../../server/store/store.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { drain, short } from '../support/deliveries.ts'
import { HandClock } from '../support/hand-clock.ts'
import { tester, world } from '../support/world.ts'

const since = (registry: Registry, revision: number) => parseCursor(cursorText(registry.feed.epoch, revision), 'since')

/** Everything that a watch hands out until it has what the node has, without the bookmark at the end. */
async function whole<Handed extends { readonly type: string }> ({ feed, watches }: Registry, watch: Followed<Handed>): Promise<Handed[]> {
  const handed: Handed[] = []
  for (;;) {
    const next = watch.next() ?? watch.bookmark()
    if (next !== undefined && next.type !== 'bookmark') handed.push(next)
    else if (watch.delivered < feed.revision) await setImmediate()
    else {
      watches.unsubscribe(watch)
      return handed
    }
  }
}

// One after the other ----------------------------------------------------------------------------------------------------

/** A registry whose node remembers few changes. `reads` are the readings of the log, which wait while the gate is closed. */
async function forgetful (t: Parameters<typeof world>[0], { ringLimit = 3, log = true } = {}) {
  const reads: number[] = []
  const gate = { isClosed: false, waiting: [] as (() => void)[] }
  const clock = new HandClock()
  const store = createSqliteStore({ directory: ':memory:', now: () => clock.now(), holdMs: 0 })
  const readLog: Store['readLog'] = async (from, limit) => {
    reads.push('after' in from ? from.after : -from.before)
    if (gate.isClosed) await new Promise<void>((resolve) => { gate.waiting.push(resolve) })
    return log ? store.readLog(from, limit) : []
  }
  const made = await world(t, { store: new Proxy(store, { get: (of, name) => {
    if (name === 'readLog') return readLog
    const value: unknown = Reflect.get(of, name)
    return typeof value === 'function' ? value.bind(of) as unknown : value
  } }), ringLimit, clock })
  return { ...made, reads, gate }
}

t.test('a watch that comes back with an old cursor gets what came since from the log, and then what comes', async (t) => {
  const { registry, access, register, reads, gate } = await forgetful(t)
  const { revision } = registry.feed
  for (const id of ['a', 'b', 'c', 'd', 'e']) await register(id)
  await access.deregister({ namespace: 'shop', service: 'orders', id: 'a' })
  gate.isClosed = true
  let woken = 0
  const watch = registry.watches.subscribe({ namespace: 'shop' }, since(registry, revision), () => woken++)
  t.equal(watch.next(), undefined, 'nothing is told before what came before it')
  t.equal(watch.bookmark(), undefined)
  await register('f')
  t.equal(watch.next(), undefined)
  const before = woken
  for (const open of gate.waiting) open()
  gate.isClosed = false
  t.same((await whole(registry, watch)).map(short), ['put a registered', 'put b registered', 'put c registered', 'put d registered', 'put e registered', 'delete a deregistered', 'put f registered'])
  t.ok(woken > before)
  t.same(reads, [revision], 'one page')
  t.end()
})

t.test('a thousand watches that come back cost two readings', async (t) => {
  const { registry, access, register, reads } = await forgetful(t)
  const { revision } = registry.feed
  for (const id of ['a', 'b', 'c', 'd', 'e']) await register(id)
  const watches = Array.from({ length: 1_000 }, () => access.watch({ namespace: 'shop' }, since(registry, revision), () => undefined))
  for (const watch of watches) {
    const told: string[] = []
    while (told.length < 5) {
      const next = watch.next()
      if (next === undefined) await setImmediate()
      else told.push(short(next))
    }
    t.equal(told[0], 'put a registered')
    watch.close()
  }
  t.same(reads, [revision, revision])
})

t.test('who gives up while the log is read gets nothing, and the others go on', async (t) => {
  const { registry, access, register, gate } = await forgetful(t)
  const { revision } = registry.feed
  for (const id of ['a', 'b', 'c', 'd', 'e']) await register(id)
  gate.isClosed = true
  let woken = 0
  const gone = access.watch({}, since(registry, revision), () => woken++)
  const other = registry.watches.subscribe({}, since(registry, revision), () => undefined)
  gone.close()
  gate.isClosed = false
  for (const open of gate.waiting) open()
  await register('f')
  t.equal((await whole(registry, other)).length, 6)
  t.equal(woken, 0)
})

t.test('what the log has not any more is a reset, also when it goes while others read', async (t) => {
  const { registry, register } = await forgetful(t, { log: false })
  const { revision } = registry.feed
  for (const id of ['a', 'b', 'c', 'd', 'e']) await register(id)
  t.same((await whole(registry, registry.watches.subscribe({ namespace: 'shop' }, since(registry, revision), () => undefined))).map(short), ['reset too old', 'snapshot a,b,c,d,e'])
  const endpoints = await whole(registry, registry.watches.subscribeEndpoints({ namespace: 'shop' }, since(registry, revision), () => undefined))
  t.same(endpoints.map(({ type }) => type), ['reset', 'endpoints-snapshot'])
})

t.test('a watch that was away for more changes than it may queue begins anew', async (t) => {
  const { registry, register } = await forgetful(t)
  const { revision } = registry.feed
  for (let n = 0; n < 1_005; n++) await register('a', { address: '10.0.0.1', weight: n })
  t.same((await whole(registry, registry.watches.subscribe({}, since(registry, revision), () => undefined))).map(short), ['reset the reader is too slow', 'snapshot a'])
  t.equal((await whole(registry, registry.watches.subscribeEndpoints({}, since(registry, revision), () => undefined))).length, 1, 'of endpoints each service is told once')
})

t.test('events go on in the log, page by page, each once', async (t) => {
  const { registry, access, register } = await forgetful(t)
  for (let n = 0; n < 20; n++) await register(`id-${n}`)
  await access.deregister({ namespace: 'shop', service: 'orders', id: 'id-0' })
  const seen: string[] = []
  let before: number | undefined
  let pages = 0
  do {
    const { changes, next } = await access.events({ limit: 6, before })
    seen.push(...changes.map(({ event, target, instance }) => `${event} ${target.id} ${instance?.address}`))
    before = next
    pages++
  } while (before !== undefined)
  t.equal(pages, 4)
  t.same(seen, ['delete id-0 10.0.0.1', ...Array.from({ length: 20 }, (_, n) => `put id-${19 - n} 10.0.0.1`)])
  t.same((await access.events({ limit: 5, id: 'id-0' })).changes.map(({ reason }) => reason), ['deregistered', 'registered'])
  await registry.close()
  const cut = await access.events({ limit: 6 })
  t.same([cut.changes.length, cut.isCut], [3, true], 'without the store there is what the node remembers')
})

// Whatever happens -------------------------------------------------------------------------------------------------------

const ids = ['a', 'b', 'c']
const services = ['orders', 'web']
const manifests: Readonly<Record<string, string>> = {
  picks1: '{ apiVersion: v1, kind: Service, metadata: { name: picks, namespace: shop }, spec: { clusterIP: None, selector: { v: "1" } } }',
  picks2: '{ apiVersion: v1, kind: Service, metadata: { name: picks, namespace: shop, annotations: { a: b } }, spec: { clusterIP: None, selector: { v: "2" } } }',
  web: '{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: shop }, spec: { clusterIP: None, selector: { v: "1" } } }',
  made: '{ apiVersion: v1, kind: Service, metadata: { name: made, namespace: shop }, spec: { clusterIP: None } }',
  slice: '{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: made-1, namespace: shop, labels: { kubernetes.io/service-name: made } }, addressType: IPv4, endpoints: [{ addresses: [10.9.0.1] }] }',
  moved: '{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: made-1, namespace: shop, labels: { kubernetes.io/service-name: web } }, addressType: IPv4, endpoints: [{ addresses: [10.9.0.1] }] }'
}
const names = [
  { kind: 'Service', namespace: 'shop', name: 'picks' }, { kind: 'Service', namespace: 'shop', name: 'web' }, { kind: 'Service', namespace: 'shop', name: 'made' },
  { kind: 'EndpointSlice', namespace: 'shop', name: 'made-1' }
] as const

const instance = { id: fc.constantFrom(...ids), service: fc.constantFrom(...services) }
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('register' as const), ...instance, v: fc.constantFrom('1', '2'), weight: fc.nat({ max: 3 }), generation: fc.constantFrom('g1', 'g2') }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('deregister' as const), ...instance }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('override' as const), ...instance, isSet: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('declare' as const), which: fc.constantFrom(...Object.keys(manifests)) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), name: fc.constantFrom(...names) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('lapse' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('restart' as const) }) }
)
type Step = typeof step extends fc.Arbitrary<infer Each> ? Each : never

const filters: readonly WatchFilter[] = [
  {}, { namespace: 'shop' }, { namespace: 'shop', service: 'orders' }, { service: 'web' }, { namespace: 'shop', service: 'picks' }, { selector: parseSelector('v=1') },
  { namespace: 'shop', service: 'web', selector: parseSelector('v!=1') }
]

async function act (registry: Registry, clock: HandClock, step: Step): Promise<void> {
  const access = registry.as(tester)
  switch (step.type) {
    case 'register': {
      const { service, id, v, weight, generation } = step
      await access.register({ namespace: 'shop', service, id }, { address: '10.0.0.1', labels: { v }, weight, generation })
      return
    }
    case 'deregister': await access.deregister({ namespace: 'shop', service: step.service, id: step.id }).catch(expected); return
    case 'override': {
      const name = { namespace: 'shop', service: step.service, id: step.id }
      await (step.isSet ? access.override(name, { status: 'draining' }) : access.removeOverride(name)).catch(expected)
      return
    }
    case 'declare': await access.apply(readManifests(manifests[step.which] ?? '')); return
    case 'remove': await access.delete([step.name], { ignoreMissing: true }); return
    case 'lapse':
      clock.advance(20_000)
      await registry.sweep()
      return
    case 'restart':
  }
}

function expected (error: unknown): void {
  if (!(error instanceof Error && 'code' in error && /NOT_FOUND$/.test(String(error.code)))) throw error
}

type Held = ReadonlyMap<string, string>

/** Without what a restart alone changes. */
const instanceText = ({ revision: _revision, ...rest }: Instance): string => JSON.stringify(rest)
const endpointsText = (set: EndpointSet): string => JSON.stringify([...set.all].map(({ ...endpoint }) => endpoint))

function heldInstances (registry: Registry, filter: WatchFilter): Held {
  const [snapshot] = drain(registry.watches.subscribe(filter, undefined, () => undefined))
  return after(new Map(), snapshot === undefined ? [] : [snapshot])
}

function after (held: Held, deliveries: readonly Delivery[]): Held {
  const next = new Map(held)
  for (const delivery of deliveries) {
    if (delivery.type === 'reset') next.clear()
    if (delivery.type === 'snapshot') {
      next.clear()
      for (const each of delivery.instances) next.set(`${each.service}/${each.id}`, instanceText(each))
      for (const { metadata: { name }, spec } of delivery.services ?? []) next.set(name, JSON.stringify(spec))
    }
    if (delivery.type !== 'change') continue
    const key = delivery.kind === 'instance' ? `${delivery.instance.service}/${delivery.instance.id}` : delivery.service.metadata.name
    if (delivery.event === 'delete') next.delete(key)
    else next.set(key, delivery.kind === 'instance' ? instanceText(delivery.instance) : JSON.stringify(delivery.service.spec))
  }
  return next
}

function heldEndpoints (registry: Registry): Held {
  const { catalog } = registry
  return new Map(catalog.namespaces().flatMap((namespace) => catalog.services(namespace).flatMap((name) => {
    const set = catalog.service(namespace, name)?.endpoints
    return set === undefined ? [] : [[name, endpointsText(set)] as const]
  })))
}

function afterEndpoints (held: Held, deliveries: readonly EndpointsDelivery[]): Held {
  const next = new Map(held)
  for (const delivery of deliveries) {
    if (delivery.type === 'reset') next.clear()
    if (delivery.type === 'endpoints-snapshot') for (const { set } of delivery.services) next.set(set.service, endpointsText(set))
    if (delivery.type !== 'endpoints') continue
    if (delivery.event === 'delete') next.delete(delivery.name.service)
    else if (delivery.event === 'put') next.set(delivery.endpoints.set.service, endpointsText(delivery.endpoints.set))
    else throw new Error('no service here is large')
  }
  return next
}

const sorted = (held: Held): string => JSON.stringify([...held].sort())

/** @returns how many watches were resumed, and how many began anew */
async function play (steps: readonly Step[], maxLogLength: number | undefined): Promise<{ resumed: number, reset: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-history-'))
  const clock = new HandClock().letMomentsPass()
  const open = async (): Promise<Registry> => {
    const store = createSqliteStore({ directory, now: () => clock.now(), holdMs: 0, ...(maxLogLength === undefined ? {} : { maxLogLength }) })
    const registry = new Registry({ store, clock, protection: { holdMs: 0 }, random: () => 0.5, ringLimit: 2 })
    await registry.open()
    return registry
  }
  let registry = await open()
  const counts = { resumed: 0, reset: 0 }
  try {
    const past: { readonly revision: number, readonly instances: readonly Held[], readonly endpoints: Held }[] = []
    for (const step of steps) {
      past.push({ revision: registry.feed.revision, instances: filters.map((filter) => heldInstances(registry, filter)), endpoints: heldEndpoints(registry) })
      await act(registry, clock, step)
      if (step.type !== 'restart') continue
      await registry.close()
      registry = await open()
    }
    for (const { revision, instances, endpoints } of past) {
      if (revision === registry.feed.revision) continue
      const cursor = since(registry, revision)
      for (const [index, filter] of filters.entries()) {
        const deliveries = await whole(registry, registry.watches.subscribe(filter, cursor, () => undefined))
        const revisions = deliveries.map((delivery) => delivery.revision)
        if (JSON.stringify(revisions) !== JSON.stringify(revisions.toSorted((a, b) => a - b))) throw new Error(`out of order: ${revisions.join()}`)
        counts[deliveries[0]?.type === 'reset' ? 'reset' : 'resumed']++
        const found = sorted(after(instances[index] ?? new Map<string, string>(), deliveries))
        const wanted = sorted(heldInstances(registry, filter))
        if (found !== wanted) throw new Error(`watch ${index} since ${revision}: found ${found}, wanted ${wanted}; ${deliveries.map(short).join(', ')}`)
      }
      const deliveries = await whole(registry, registry.watches.subscribeEndpoints({}, cursor, () => undefined))
      counts[deliveries[0]?.type === 'reset' ? 'reset' : 'resumed']++
      const found = sorted(afterEndpoints(endpoints, deliveries))
      const wanted = sorted(heldEndpoints(registry))
      if (found !== wanted) throw new Error(`endpoints since ${revision}: found ${found}, wanted ${wanted}`)
    }
  } finally {
    await registry.close()
    rmSync(directory, { recursive: true, force: true })
  }
  return counts
}

t.test('from wherever a watch left off, restarts or not, it gets to what is there now', async (t) => {
  const sums = { resumed: 0, reset: 0 }
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
    const { resumed, reset } = await play(steps, undefined)
    sums.resumed += resumed
    sums.reset += reset
  }), { numRuns: 20 })
  t.ok(sums.resumed > sums.reset, `${sums.resumed} resumed, ${sums.reset} began anew`)
})

t.test('the same with a log that has forgotten most of it', async (t) => {
  const sums = { resumed: 0, reset: 0 }
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
    const { resumed, reset } = await play(steps, 6)
    sums.resumed += resumed
    sums.reset += reset
  }), { numRuns: 20 })
  t.ok(sums.resumed > 0 && sums.reset > 0, `${sums.resumed} resumed, ${sums.reset} began anew`)
})
