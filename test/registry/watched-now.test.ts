// The snapshot of a watch is of one revision, however long it is made, and others go on meanwhile.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { Instance } from '../../client-sdk/src/wire.ts'
import { parseSelector } from '../../server/model/instance/selector.ts'
import type { Delivery, WatchFilter } from '../../server/registry/core.ts'
import { WatchHub } from '../../server/registry/feed/watch-hub.ts'
import { PlayedFeed } from '../support/played-feed.ts'
import { drain, short } from '../support/deliveries.ts'

/** A view of many instances, every third of them `v=1`. */
function large (count: number): PlayedFeed {
  const played = new PlayedFeed().load()
  for (let n = 0; n < count; n++) {
    played.register(`space-${n % 2}/service-${n % 7}/id-${n}`, { address: '10.0.0.1', labels: { v: String(n % 3) } })
  }
  return played
}

const filters: readonly WatchFilter[] = [
  { selector: parseSelector('v=1') }, { selector: parseSelector('v!=1') }, { namespace: 'space-1', selector: parseSelector('!canary') }, {}, { namespace: 'space-0' },
  { service: 'service-3' }, { namespace: 'space-1', service: 'service-3', selector: parseSelector('v=1') }
]

const names = (instances: readonly Instance[]): string[] => instances.map(({ namespace, service, id }) => `${namespace}/${service}/${id}`).sort()

function expected ({ feed }: PlayedFeed, { namespace, service, selector }: WatchFilter): string[] {
  const all = [...feed.heldInstances()].map(({ key, body }) => ({ key, v: (JSON.parse(body) as { labels: { v: string } }).labels.v }))
  const takes = (v: string): boolean => selector === undefined || selector.text === '!canary' || (selector.text === 'v=1') === (v === '1')
  return all.filter(({ key, v }) => {
    const [ns, name] = key.split('/')
    return (namespace ?? ns) === ns && (service ?? name) === name && takes(v)
  }).map(({ key }) => key).sort()
}

t.test('a large snapshot is made in slices, of one revision, and what changes meanwhile follows it', async (t) => {
  const played = large(30_000)
  const hub = new WatchHub(played.feed, played.clock)
  for (const filter of filters) {
    let woken = 0
    const watch = hub.subscribe(filter, undefined, () => woken++)
    const before = expected(played, filter)
    const { revision } = played.feed
    const first = watch.next()
    // Others come and go while it is made.
    played.register('space-1/service-3/new', { address: '10.0.0.2', labels: { v: '1' } }).deregister('space-1/service-3/id-3').register('space-1/service-3/id-3', { address: '10.0.0.1', labels: { v: '0' } })
    const told: Delivery[] = first === undefined ? [] : [first]
    while (told.length === 0) {
      await setImmediate()
      told.push(...drain(watch))
    }
    const [snapshot] = told
    if (snapshot?.type !== 'snapshot') throw new Error(`no ${snapshot?.type}`)
    t.equal(snapshot.revision, revision)
    t.same(names(snapshot.instances), before)
    t.equal(woken > 0, first === undefined || woken > 0)
    const rest = [...told.slice(1), ...drain(watch)]
    const held = new Set(before)
    for (const each of rest) {
      if (each.type !== 'change' || each.kind !== 'instance') throw new Error(`no ${each.type}`)
      const { namespace, service, id } = each.instance
      if (each.event === 'put') held.add(`${namespace}/${service}/${id}`)
      else held.delete(`${namespace}/${service}/${id}`)
    }
    t.same([...held].sort(), expected(played, filter), JSON.stringify(filter.selector?.text))
    hub.unsubscribe(watch)
    played.deregister('space-1/service-3/new')
  }
})

t.test('the loop goes round while the snapshot of a selector is made', async (t) => {
  const played = large(30_000)
  const hub = new WatchHub(played.feed, played.clock)
  const watch = hub.subscribe({ selector: parseSelector('v!=1') }, undefined, () => undefined)
  t.equal(watch.next(), undefined, 'it is not made at once')
  hub.unsubscribe(watch)
  const other = hub.subscribe({ selector: parseSelector('v!=1') }, undefined, () => undefined)
  t.equal(other.next(), undefined)
  other.reset('the registry loaded its data anew')
  t.equal(other.next(), undefined, 'it begins anew')
  let told: Delivery | undefined
  while ((told = other.next()) === undefined) await setImmediate()
  t.equal(told.type, 'snapshot', 'nothing was told before: there is nothing to forget')
})

t.test('a watch that fell behind while its snapshot was made is told so', async (t) => {
  const played = large(30_000)
  const hub = new WatchHub(played.feed, played.clock)
  const watch = hub.subscribe({ selector: parseSelector('v!=1') }, undefined, () => undefined)
  t.equal(watch.next(), undefined)
  for (let n = 0; n < 1_100; n++) played.register('space-0/service-0/id-0', { address: '10.0.0.1', labels: { v: '0' }, weight: n })
  const told: string[] = []
  while (told.length < 3) {
    const next = watch.next()
    if (next === undefined) await setImmediate()
    else told.push(next.type === 'snapshot' ? 'snapshot' : short(next))
  }
  t.same(told, ['snapshot', 'reset the reader is too slow', 'snapshot'])
})
